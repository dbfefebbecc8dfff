"""Looking at one source as a whole: its columns, how full they are, what they can be read as."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ibis.backends.duckdb import Backend

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events.cleaning.orders import repeated_totals
from churnlab.events.sources.views import Source, reading_error
from churnlab.formats.amounts import PLAIN, decide, read_number
from churnlab.formats.detect import ENOUGH, Candidate, candidates
from churnlab.formats.text import read_text, strip
from churnlab.formats.times import OFFSET, read_time


class Fill(NamedTuple):
    """How full a column is."""

    said: int
    """Values that are not blank."""
    distinct: int


class Times(NamedTuple):
    """How a column reads as times."""

    time_format: str | None
    first: dt.datetime
    last: dt.datetime
    rivals: tuple[Candidate, ...] = ()
    """Formats that read as much; more than one is a question."""
    zoned: bool = False

    @property
    def has_clock(self) -> bool:
        """Whether the first or last time is not midnight."""
        return any(t.time() != dt.time() for t in (self.first, self.last))


@dataclass(frozen=True)
class Looked:
    """One source, taken into memory as it is.

    source: Where it came from.
    settings: What says where it lies: path and sheet, or table.
    rows: Rows read.
    fills: Column -> how full it is.
    """

    backend: Backend
    source: Source
    settings: dict[str, Any]
    table: str
    rows: int
    fills: dict[str, Fill]

    @property
    def names(self) -> list[str]:
        """The source's columns, without those that say nothing."""
        return [n for n, fill in self.fills.items() if fill.said]

    @property
    def expression(self) -> Any:
        """The rows as an Ibis table."""
        return self.backend.table(self.table)

    def share(self, name: str) -> float:
        """Return the share of rows in which a column says something."""
        return self.fills[name].said / max(self.rows, 1)

    def times(self, name: str, zone: str = "UTC") -> Times | None:
        """Return how a column reads as times, or None where it does not."""
        table, kind = self.expression, self.source.columns[name]
        number = kind.is_numeric() and not kind.is_boolean()
        if not (kind.is_timestamp() or kind.is_date() or kind.is_string() or number):
            return None
        if not number and (not kind.is_string() or self._has_years(name)):
            read = read_time(table[name], zone, None, name)
            found = table.aggregate(
                n=read.local.count(),
                first=read.local.min(),
                last=read.local.max(),
                zoned=(read.kind == OFFSET).sum(),
            ).to_pyarrow()
            n, first, last, zoned = (found[c][0].as_py() for c in found.column_names)
            if n and n >= ENOUGH * self.fills[name].said and first != last:
                return Times(None, first, last, zoned=bool(zoned))
        best = candidates(table, name, zone)
        if not best or best[0].first == best[0].last:
            return None
        rivals = tuple(c for c in best if c.n == best[0].n)
        zoned = "%z" in best[0].time_format or best[0].time_format.startswith("epoch")
        return Times(best[0].time_format, best[0].first, best[0].last, rivals, zoned)

    def with_clock(self, day: str, clock: str) -> tuple[Looked, str]:
        """Return the source with one more column, named as the expression that joins two.

        day, clock: Columns of days (a time of day of its own is cut off), and of times of day.
        """
        kind, name = self.source.columns[day], engine.identifier(day)
        if not kind.is_string():
            name = f"CAST({name} AS DATE)"
        elif self.count(f"strpos({name}, ':') > 0"):
            name = f"split_part({name}, ' ', 1)"
        joined = f"{name} || ' ' || {engine.identifier(clock)}"
        view = f"{self.table}_clock"
        sql = f"CREATE VIEW {view} AS SELECT *, {joined} AS {engine.identifier(joined)} FROM "
        self.backend.raw_sql(sql + self.table)
        columns = self.source.columns | {joined: self.backend.table(view)[joined].type()}
        source = replace(self.source, columns=columns)
        fills = self.fills | {joined: self.fills[day]}
        return replace(self, source=source, table=view, fills=fills), joined

    def count(self, condition: str) -> int:
        """Return in how many rows an SQL condition holds."""
        sql = f"SELECT count(*) FILTER (WHERE {condition}) FROM {self.table}"
        return int(engine.rows(self.backend, sql)[0][0])

    def is_clock(self, name: str) -> bool:
        """Whether a column holds times of day, and nothing else."""
        text = f"trim(CAST({engine.identifier(name)} AS VARCHAR))"
        n = self.count(f"regexp_matches({text}, '^\\d{{1,2}}:\\d{{2}}(:\\d{{2}})?')")
        return n > 0 and n >= ENOUGH * self.fills[name].said

    def _has_years(self, name: str) -> bool:
        """Whether any text begins as ISO times do; reading all of it as times costs far more."""
        sql = f"SELECT bool_or(regexp_matches({engine.identifier(name)}, '^\\s*\\d{{4}}[-/]')) "
        return bool(engine.rows(self.backend, f"{sql} FROM {self.table}")[0][0])

    def number_problem(self, name: str) -> str | None:
        """Return what stands against reading a column as amounts, or None."""
        table, kind = self.expression, self.source.columns[name]
        if kind.is_boolean() or not (kind.is_numeric() or kind.is_string()):
            return "it holds no numbers"
        try:
            marks = decide(table, name, name, None) if kind.is_string() else PLAIN
        except DataError as error:
            return str(error)
        if marks.decimal is None:
            return "a comma or point before three digits can be either mark"
        value, _ = read_number(table[name], marks)
        n = int(value.count().to_pyarrow().as_py())
        return None if n and n >= ENOUGH * self.fills[name].said else "it holds no numbers"

    def repeated_totals(self, order_id: str, amount: str) -> str | None:
        """Return what says that every line repeats its order's total, or None."""
        table, cell = self.expression, self.expression[amount]
        marks = decide(table, amount, amount, None) if cell.type().is_string() else PLAIN
        number, _ = read_number(cell, marks)
        return repeated_totals(table.select(order_id=read_text(table[order_id]), amount=number))

    def is_whole(self, name: str) -> bool:
        """Whether a column of numbers has no fractions."""
        text = f"CAST({engine.identifier(name)} AS VARCHAR)"
        return not self.count(f"regexp_matches({text}, '[.,]\\d*[1-9]|[.,]\\d\\d$')")

    def is_of_the_line(self, price: str, count: str, item: str) -> bool:
        """Whether a price is that of all pieces of a line: within goods it grows with their number.

        Of goods that come in several quantities, the price of one is the same in all of them.
        """
        table = self.expression
        read = {}
        for key, name in (("price", price), ("count", count)):
            text = table[name].type().is_string()
            marks = decide(table, name, name, None) if text else PLAIN
            read[key] = read_number(table[name], marks)[0]
        rows = table.select(item=read_text(table[item]), **read)
        rows = rows.filter((rows.price > 0) & (rows["count"] > 0))
        goods = rows.group_by("item").aggregate(
            several=rows["count"].nunique(),
            own=rows.price.ln().std(how="pop"),
            each=(rows.price.ln() - rows["count"].ln()).std(how="pop"),
        )
        goods = goods.filter(goods.several > 1)
        found = goods.aggregate(own=goods.own.mean(), each=goods.each.mean()).to_pyarrow()
        own, each = (found[c][0].as_py() for c in found.column_names)
        return own is not None and each < own / 2

    def values(self, name: str, most: int = 30) -> list[tuple[str, int]]:
        """Return the commonest values of a column that are not blank, with counts."""
        sql = (
            f"SELECT v, count(*) AS n FROM (SELECT trim(CAST({engine.identifier(name)} AS "
            f"VARCHAR)) AS v FROM {self.table}) WHERE v <> '' GROUP BY v ORDER BY n DESC, v "
            f"LIMIT {most}"
        )
        return [(str(v), int(n)) for v, n in engine.rows(self.backend, sql)]

    def without(self, name: str, order_id: str | None) -> int:
        """Count the rows that say nothing in a column, nor do the other lines of their order."""
        column = f"nullif(trim(CAST({engine.identifier(name)} AS VARCHAR)), '')"
        within = "" if order_id is None else f"PARTITION BY {engine.identifier(order_id)}"
        whole = f"max({column}) OVER ({within})" if order_id is not None else column
        sql = f"SELECT count(*) FILTER (WHERE {column} IS NULL AND w IS NULL) FROM "
        sql += f"(SELECT *, {whole} AS w FROM {self.table})"
        return int(engine.rows(self.backend, sql)[0][0])

    def repeated(self) -> tuple[int, int]:
        """Return rows that repeat another in every column, and rows that are there once."""
        sql = (
            "SELECT coalesce(sum(n - 1), 0), count(*) FILTER (WHERE n = 1) FROM (SELECT count(*) "
            f"AS n FROM {self.table} AS whole_row GROUP BY hash(whole_row))"
        )
        repeated, once = engine.rows(self.backend, sql)[0]
        return int(repeated), int(once)

    def in_order(self, name: str, time_format: str) -> float:
        """Return the share of neighbouring rows in order of time; exports are mostly sorted."""
        time = read_time(self.expression[name], "UTC", time_format, name).local
        known = self.expression.select(t=time).to_pyarrow()["t"].drop_null().to_pylist()
        steps = [(b > a) - (b < a) for a, b in pairwise(known)]
        moved = [s for s in steps if s]
        up = sum(s > 0 for s in moved) / len(moved) if moved else 0.0
        return max(up, 1 - up)


def look(backend: Backend, source: Source, settings: dict[str, Any]) -> Looked:
    """Take a source into memory and count its columns. Raises DataError: It cannot be read."""
    table = f"looked_{source.table}"
    engine.close_off(backend, source.files)
    try:
        backend.raw_sql(f"CREATE TABLE {table} AS SELECT * FROM {source.raw}")
    except engine.DuckDBError as error:
        raise reading_error(source.table, Path(source.label), error) from error
    expression = backend.table(table)
    counted: dict[str, Any] = {"rows": expression.count()}
    for i, name in enumerate(source.columns):
        text = strip(expression[name].cast("string"))
        counted |= {f"n{i}": text.count(), f"d{i}": text.nunique()}
    found = {
        k: int(v[0] or 0)
        for k, v in expression.aggregate(**counted).to_pyarrow().to_pydict().items()
    }
    fills = {n: Fill(found[f"n{i}"], found[f"d{i}"]) for i, n in enumerate(source.columns)}
    return Looked(backend, source, settings, table, found["rows"], fills)


def shown(path: Path) -> str:
    """Return a path as it is written into settings: relative where it lies below this folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path.resolve())
