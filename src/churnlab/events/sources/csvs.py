"""The form of a CSV: names, delimiter and quotes, seen from its first lines.

DuckDB's own sniffer is not used: on a ragged file it silently skips lines.
"""

from __future__ import annotations

import csv
import glob
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from churnlab.errors import DataError
from churnlab.events.engine import literal
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

    Raises
    ------
    DataError
        Names that occur twice.
    """
    with open_bytes(path) as file:
        text = file.read(_HEAD).decode("utf-8-sig", errors="ignore")
    hint = _HINT.match(text)
    text = text[hint.end() :] if hint else text
    choices = [hint[1]] if hint else _DELIMITERS
    header, delimiter, quote = _best(text, choices)
    names = [n.strip() or f"column{i + 1}" for i, n in enumerate(header)]
    lowered = [n.lower() for n in names]
    twice = sorted({n for n in names if lowered.count(n.lower()) > 1})
    if twice:
        raise DataError(
            f"{table}: {label} has columns of the same name (upper and lower case count as "
            f"the same): {', '.join(twice)}. Rename them."
        )
    return Form(names, delimiter, quote, 1 if hint else 0)


def _best(text: str, delimiters: Sequence[str]) -> tuple[list[str], str, str]:
    """Return header, delimiter and quote: the most columns, of which the lines below have as many.

    A header that contains another delimiter inside its names would win by its number alone.
    """
    quote = "'" if text.lstrip().startswith("'") else '"'
    found: tuple[tuple[float, int], list[str], str] = ((0.0, 0), [], ",")
    for delimiter in delimiters:
        lines = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
        )
        header, below = (lines[0] if lines else []), [r for r in lines[1:-1] if r]
        equal = sum(len(r) == len(header) for r in below) / len(below) if below else 1.0
        score = (equal if len(header) > 1 else 0.0, len(header))
        if score > found[0] or not found[1]:
            found = (score, header, delimiter)
    return found[1], found[2], quote


def select(table: str, path: Path, label: str) -> str:
    """Return SQL that reads a UTF-8 CSV; every column is text.

    Raises
    ------
    DataError
        As `form`.
    """
    found = form(table, path, label)
    columns = ", ".join(f"{literal(n)}: 'VARCHAR'" for n in found.names)
    quote = literal(found.quote)
    return (
        f"SELECT * FROM read_csv([{literal(glob.escape(str(path)))}], auto_detect = false, "
        f"columns = {{{columns}}}, header = true, skip = {found.skip}, "
        f"delim = {literal(found.delimiter)}, quote = {quote}, escape = {quote})"
    )
