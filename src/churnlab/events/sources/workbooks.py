"""Excel workbooks (xlsx, xls, xlsb, ods): one sheet as an Arrow table."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnlab.errors import DataError, nearest
from churnlab.events.checks import distinct

MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def read_sheet(table: str, path: Path, sheet: str | None) -> pa.Table:
    """Return a sheet's rows; the header is its first line with two cells or more.

    table: The table that it feeds; used in messages.
    path: The workbook.
    sheet: Its name; default: the only sheet that holds anything.
    Raises DataError: No workbook, no such sheet, several sheets to choose from, a sheet without
        rows.
    """
    sheets = sheets_of(table, path)
    filled = {n: rows for n, rows in sheets.items() if rows}
    if sheet is not None and sheet not in sheets:
        raise DataError(
            f"{table}: {path} has no sheet {sheet!r}.{nearest(sheet, sheets)} "
            f"It has: {', '.join(sheets)}."
        )
    if sheet is None and len(filled) != 1:
        raise DataError(
            f"{table}: {path} has {len(filled)} sheets with rows: {', '.join(filled)}. Say which "
            f"with data.{table}.sheet."
        )
    return _table(table, path, filled.get(sheet or next(iter(filled)), []))


def sheets_of(table: str, path: Path) -> dict[str, list[list[Any]]]:
    """Return the rows of every sheet.

    Raises DataError: No workbook.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        return {n: book.get_sheet_by_name(n).to_python() for n in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        raise DataError(
            f"{table}: {path} is no Excel workbook that can be read ({error}); expected CSV, "
            "Parquet or xlsx."
        ) from error


def _table(table: str, path: Path, rows: list[list[Any]]) -> pa.Table:
    start = next((i for i, r in enumerate(rows) if sum(c != "" for c in r) > 1), 0)
    if not rows:
        raise DataError(f"{table}: {path} has no rows in this sheet; expected some.")
    names = [str(c).strip() or f"column{i + 1}" for i, c in enumerate(rows[start])]
    distinct(table, str(path), names)
    columns = zip(*rows[start + 1 :], strict=True)
    cells = dict(zip(names, columns, strict=True)) if len(rows) > start + 1 else {}
    return pa.table({n: _column(list(cells.get(n, ()))) for n in names})


def _column(cells: list[Any]) -> pa.Array:
    """Type a column where all its cells agree; otherwise it is text."""
    cells = [None if c == "" else c for c in cells]
    kinds = {type(c) for c in cells if c is not None}
    if kinds <= {dt.datetime, dt.date} and kinds:
        stamps = [dt.datetime.combine(c, dt.time()) if type(c) is dt.date else c for c in cells]
        return pa.array(stamps, pa.timestamp("us"))
    if kinds == {float} or kinds == {float, int}:
        whole = all(c is None or float(c).is_integer() for c in cells)
        fits = all(c is None or abs(c) < 2**53 for c in cells)
        return pa.array([None if c is None else int(c) for c in cells] if whole and fits else cells)
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    return pa.array([None if c is None else _text(c) for c in cells], pa.string())


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
