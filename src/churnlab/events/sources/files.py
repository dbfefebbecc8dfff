"""From a path to SQL that reads it: globs, kinds of file, and plain errors."""

import glob
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyarrow import ArrowException
from pyarrow.parquet import ParquetFile

from churnlab.engine import literal
from churnlab.errors import DataError, nearest
from churnlab.events.sources.encodings import open_bytes, whole
from churnlab.events.sources.workbooks import MAGIC as WORKBOOKS
from churnlab.runs.hashing import content_hash, file_hash

_HEAD = 1 << 16
READABLE = (".csv", ".parquet", ".gz", ".tsv", ".txt", ".xlsx", ".xls")
_MAGIC = {
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"<!DOCTYPE": "a web page",
    b"\x28\xb5\x2f\xfd": "compressed with zstd (unpack it, or compress it with gzip)",
    b"\xfd7zXZ": "compressed with xz (unpack it, or compress it with gzip)",
    b"BZh91AY&SY": "compressed with bzip2 (unpack it, or compress it with gzip)",
}
#: Most bytes that a page's header takes up to its checksum, and what they look like with one: field
#: by field the type of a 32-bit number, then its digits of seven bits, the last below 128.
_PAGE_HEAD = 24
_CHECKED_PAGE = re.compile(rb"(?s)(?:\x15[\x80-\xff]*[\x00-\x7f]){3}\x15")
_JSON = re.compile(rb'^(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*["}]')


@dataclass(frozen=True)
class Files:
    """The files behind one path, or behind a list of them.

    table: The table they feed; used in messages.
    paths: Sorted; one for a plain path, several for a glob.
    kind: `csv`, `parquet` or `workbook`.
    """

    table: str
    paths: tuple[Path, ...]
    kind: str

    def parquet_sql(self) -> str:
        """Return a SELECT that reads Parquet files, joined by column name."""
        listed = ", ".join(literal(glob.escape(str(p))) for p in self.paths)
        return f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"

    def check_pages(self) -> None:
        """Hold the checksums of Parquet pages, where the writer wrote some; DuckDB does not.

        Raises DataError: A page is not what was written.
        """
        for path in self.paths:
            try:
                file = ParquetFile(path, page_checksum_verification=True)
                for _ in file.iter_batches() if _has_checksums(file, path) else ():
                    pass
            except (OSError, ArrowException) as error:
                if "checksum" in str(error):  # what else it has, DuckDB judges
                    raise DataError(
                        f"{self.table}: {path} is not what was written ({error}); nothing of it is "
                        "used. Fetch it again."
                    ) from error

    def hash(self) -> str:
        """Return a SHA-256 of the contents, whatever the names and places of the files."""
        hashes = [file_hash(p) for p in self.paths]
        return hashes[0] if len(hashes) == 1 else content_hash(sorted(hashes))


def _has_checksums(file: ParquetFile, path: Path) -> bool:
    """Whether the first page of some column has a checksum: without one nothing is read twice.

    A page's header is Thrift's compact protocol: three whole numbers (kind and two sizes), then,
    as the fourth field, the checksum.
    """
    if not file.num_row_groups:
        return False
    group = file.metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    with path.open("rb") as opened:
        for column in columns:
            opened.seek(
                min(p for p in (column.dictionary_page_offset, column.data_page_offset) if p)
            )
            head = opened.read(_PAGE_HEAD)
            if _CHECKED_PAGE.match(head):
                return True
    return False


def resolve(table: str, given: Sequence[str]) -> Files:
    """Find the files of paths or globs and see what kind they are.

    Raises DataError: Nothing there, a folder, an empty or unreadable file, or different kinds
        together.
    """
    paths = list(dict.fromkeys(p for path in given for p in _existing(table, path)))
    kinds = {p: _kind(table, p) for p in paths}
    if len(set(kinds.values())) > 1:
        raise DataError(
            f"{table}: {', '.join(given)} matches files of several kinds "
            f"({', '.join(sorted(set(kinds.values())))}); expected one kind. Narrow the glob."
        )
    return Files(table, tuple(paths), kinds[paths[0]])


def _existing(table: str, path: str) -> list[Path]:
    plain = Path(path).expanduser()
    if plain.is_dir():
        raise DataError(
            f"{table}: {path} is a folder; expected a file or a glob such as {path.rstrip('/')}"
            "/*.parquet."
        )
    if plain.is_file():
        return [plain]
    if plain.exists():
        raise DataError(
            f"{table}: {path} is a pipe or a device, which may never end; expected a file. Write "
            "what comes out of it into one."
        )
    if glob.has_magic(path):
        names = glob.glob(str(plain), recursive=True)  # noqa: PTH207 (also absolute patterns)
        found = sorted(p for p in map(Path, names) if p.is_file())
        if not found:
            raise DataError(f"{table}: no file matches {path}; check the folder and the pattern.")
        return found
    here = plain.parent.iterdir() if plain.parent.is_dir() else ()
    beside = [p.name for p in here if p.suffix.lower() in READABLE]
    where = "" if plain.parent.is_dir() else f" (there is no folder {plain.parent} either)"
    raise DataError(
        f"{table}: no file {path}{where}.{nearest(plain.name, beside)} "
        "Expected a CSV, Parquet or Excel file, or a glob."
    )


def _head(table: str, path: Path) -> bytes:
    with whole(table, path), open_bytes(path) as file:
        return file.read(_HEAD)


def _kind(table: str, path: Path) -> str:
    head = _head(table, path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if not head:
        raise DataError(f"{table}: {path} is empty (0 bytes); expected a CSV or Parquet file.")
    if head.startswith(WORKBOOKS):
        if zipfile.is_zipfile(path) and not _is_office(path):
            raise DataError(f"{table}: {path} is a zip archive; unpack it first.")
        return "workbook"
    what = next((w for magic, w in _MAGIC.items() if head.startswith(magic)), None)
    if what is None and path.suffix in (".parquet", ".pq"):
        what = "not Parquet, in spite of its name"
    if _JSON.match(head):
        raise DataError(
            f"{table}: {path} is JSON; expected CSV, Parquet or xlsx. Write it anew as a table, "
            "for instance with pandas: read_json(FILE, lines=True).to_parquet(FILE)."
        )
    if what is not None:
        raise DataError(f"{table}: {path} is {what}; expected CSV, Parquet or xlsx.")
    return "csv"


def _is_office(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return True  # whoever reads workbooks says what is wrong with it
    return bool({"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & inside)
