"""From a path to SQL that reads it: globs, kinds of file, CSV headers, and plain errors."""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
from dataclasses import dataclass
from pathlib import Path

from churnlab.errors import DataError, nearest
from churnlab.events.engine import literal
from churnlab.runs.folder import content_hash, file_hash

_HEAD = 1 << 16
_DELIMITERS = (",", ";", "\t", "|")
_MAGIC = {
    b"PK\x03\x04": "a zip archive or Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class Files:
    """The files behind one path.

    Attributes
    ----------
    table : str
        The table they feed; used in messages.
    paths : tuple of Path
        Sorted; one for a plain path, several for a glob.
    kind : str
        `csv` or `parquet`.
    """

    table: str
    paths: tuple[Path, ...]
    kind: str

    def sql(self) -> str:
        """Return a SELECT that reads the files; every column of a CSV is text."""
        if self.kind == "parquet":
            listed = ", ".join(literal(glob.escape(str(p))) for p in self.paths)
            return f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"
        return " UNION ALL BY NAME ".join(_csv_sql(self.table, p) for p in self.paths)

    def hash(self) -> str:
        """Return a SHA-256 of the contents, whatever the names and places of the files."""
        hashes = [file_hash(p) for p in self.paths]
        return hashes[0] if len(hashes) == 1 else content_hash(sorted(hashes))


def resolve(table: str, path: str) -> Files:
    """Find the files of a path or glob and see what kind they are.

    Raises
    ------
    DataError
        Nothing there, a folder, an empty or unreadable file, or different kinds together.
    """
    paths = _existing(table, path)
    kinds = {p: _kind(table, p) for p in paths}
    if len(set(kinds.values())) > 1:
        raise DataError(
            f"{table}: {path} matches CSV and Parquet files; expected one kind. Narrow the glob."
        )
    return Files(table, tuple(paths), kinds[paths[0]])


def _existing(table: str, path: str) -> list[Path]:
    plain = Path(path).expanduser()
    if plain.is_dir():
        raise DataError(
            f"{table}: {path} is a folder; expected a file or a glob such as {path.rstrip('/')}"
            "/*.parquet."
        )
    if plain.exists():
        return [plain]
    if glob.has_magic(path):
        names = glob.glob(str(plain), recursive=True)  # noqa: PTH207 (also absolute patterns)
        found = sorted(p for p in map(Path, names) if p.is_file())
        if not found:
            raise DataError(f"{table}: no file matches {path}; check the folder and the pattern.")
        return found
    here = plain.parent.iterdir() if plain.parent.is_dir() else ()
    beside = [p.name for p in here if p.suffix.lower() in (".csv", ".parquet", ".gz", ".tsv")]
    where = "" if plain.parent.is_dir() else f" (there is no folder {plain.parent} either)"
    raise DataError(
        f"{table}: no file {path}{where}.{nearest(plain.name, beside)} "
        "Expected a CSV or Parquet file, or a glob."
    )


def _head(table: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(_HEAD)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                return packed.read(_HEAD)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{table}: {path} cannot be read ({reason}).") from error
    return start


def _kind(table: str, path: Path) -> str:
    head = _head(table, path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if not head:
        raise DataError(f"{table}: {path} is empty (0 bytes); expected a CSV or Parquet file.")
    what = next((w for magic, w in _MAGIC.items() if head.startswith(magic)), None)
    if what is None and path.suffix in (".parquet", ".pq"):
        what = "not Parquet, in spite of its name"
    if what is None and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        what = "a binary file" if b"\x00" in head else None
    if what is not None:
        raise DataError(f"{table}: {path} is {what}; expected CSV (UTF-8 text) or Parquet.")
    return "csv"


def _csv_sql(table: str, path: Path) -> str:
    names, delimiter = csv_header(table, path)
    columns = ", ".join(f"{literal(n)}: 'VARCHAR'" for n in names)
    return (
        f"SELECT * FROM read_csv([{literal(glob.escape(str(path)))}], auto_detect = false, "
        f"columns = {{{columns}}}, header = true, delim = {literal(delimiter)}, "
        f"quote = '\"', escape = '\"')"
    )


def csv_header(table: str, path: Path) -> tuple[list[str], str]:
    """Return the column names of a CSV and its delimiter, read from the first line.

    DuckDB's own sniffer is not used: on a ragged file it silently skips lines.

    Raises
    ------
    DataError
        Text that is not UTF-8, or names that occur twice.
    """
    text = decode(table, path, _head(table, path))
    best: list[str] = []
    chosen = ","
    for delimiter in _DELIMITERS:
        names = next(csv.reader(text.splitlines(keepends=True), delimiter=delimiter), [])
        if len(names) > len(best):
            best, chosen = names, delimiter
    names = [n.strip() or f"column{i + 1}" for i, n in enumerate(best)]
    lowered = [n.lower() for n in names]
    twice = sorted({n for n in names if lowered.count(n.lower()) > 1})
    if twice:
        raise DataError(
            f"{table}: {path.name} has columns of the same name (upper and lower case count as "
            f"the same): {', '.join(twice)}. Rename them."
        )
    return names, chosen


def decode(table: str, path: Path, head: bytes) -> str:
    """Decode the beginning of a text file as UTF-8, or say which encoding it seems to have."""
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        raise encoding_error(table, path, head) from error


def encoding_error(table: str, path: Path, content: bytes) -> DataError:
    """Return the error for text that is not UTF-8."""
    guess = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None
    for encoding in ("cp949", "latin-1") if guess is None else ():
        try:
            codecs.getincrementaldecoder(encoding)().decode(content)
        except UnicodeDecodeError:
            continue
        if encoding == "latin-1" and any(b < 32 and b not in (9, 10, 13) for b in content):
            break
        guess = encoding
        break
    if guess is None:
        return DataError(f"{table}: {path} is a binary file; expected CSV (UTF-8) or Parquet.")
    return DataError(
        f"{table}: {path} is not UTF-8 text; it looks like {guess}. Convert it first: "
        f"iconv -f {guess} -t utf-8 {path.name} > utf8.csv"
    )
