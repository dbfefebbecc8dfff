"""The form of a CSV: names, delimiter and quotes, seen from its first lines.

DuckDB's own sniffer is not used: on a ragged file it silently skips lines.
"""

import csv
import glob
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from churnlab.engine import literal
from churnlab.events.checks import distinct
from churnlab.events.sources.encodings import open_bytes

_HEAD = 1 << 16
_DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01", "\x1f", ":")
#: Excel's hint at the delimiter, on a line of its own.
_HINT = re.compile(r'^"?sep=(.)"?\r?\n', re.IGNORECASE)


class Form(NamedTuple):
    """How a CSV is written."""

    names: list[str]
    delimiter: str
    quote: str
    skip: int
    """Lines before the header."""


def form(table: str, path: Path, label: str) -> Form:
    """Return the form of a UTF-8 CSV.

    Raises DataError: Names that occur twice.
    """
    with open_bytes(path) as file:
        text = file.read(_HEAD).decode("utf-8-sig", errors="ignore")
    hint = _HINT.match(text)
    text = text[hint.end() :] if hint else text
    choices = [hint[1]] if hint else _DELIMITERS
    header, delimiter, quote, above = _best(text, choices)
    names = [n.strip() or f"column{i + 1}" for i, n in enumerate(header)]
    distinct(table, label, names)
    return Form(names, delimiter, quote, above + (1 if hint else 0))


def _best(text: str, delimiters: Sequence[str]) -> tuple[list[str], str, str, int]:
    """Return header, delimiter, quote and lines above the header.

    The delimiter gives the most columns of which the lines below have as many; a header that
    contains another delimiter inside its names would win by its number alone. The header is the
    first line that says something in two cells: titles stand above.
    """
    quote = "'" if text.lstrip().startswith("'") else '"'
    found: tuple[tuple[float, ...], list[str], str, int] = ((0.0, 0, 0), [], ",", 0)
    for delimiter in delimiters:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
        lines = [(reader.line_num, line) for line in reader]
        start = next((i for i, (_, r) in enumerate(lines) if sum(map(bool, r)) > 1), 0)
        header = lines[start][1] if lines else []
        below = [r for _, r in lines[start + 1 : -1] if r]
        equal = sum(len(r) == len(header) for r in below) / len(below) if below else 1.0
        # A wrong delimiter finds titles, too: times are parted by colons below any header.
        good = 0.0 if len(header) < 2 else 0.9 * equal if start else equal
        score = (good, -start, len(header))
        if score > found[0] or not found[1]:
            found = (score, header, delimiter, lines[start - 1][0] if start else 0)
    return found[1], found[2], quote, found[3]


def select(table: str, path: Path, label: str) -> tuple[str, int]:
    """Return SQL that reads a UTF-8 CSV, with every column text, and how many lines it leaves out.

    Raises DataError: As `form`.
    """
    found = form(table, path, label)
    columns = ", ".join(f"{literal(n)}: 'VARCHAR'" for n in found.names)
    quote = literal(found.quote)
    sql = (
        f"SELECT * FROM read_csv([{literal(glob.escape(str(path)))}], auto_detect = false, "
        f"columns = {{{columns}}}, header = true, skip = {found.skip}, "
        f"delim = {literal(found.delimiter)}, quote = {quote}, escape = {quote})"
    )
    return sql, found.skip
