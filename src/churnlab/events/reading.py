"""From settings to a checked `EventLog`."""

import datetime as dt
import tempfile
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ibis.backends.duckdb import Backend

from churnlab import engine
from churnlab.errors import UsageError
from churnlab.events import embedded
from churnlab.events.accounting import last_day, report_of
from churnlab.events.cleaning import history
from churnlab.events.cleaning.clean import account, clean
from churnlab.events.cleaning.customers import by_customer
from churnlab.events.cleaning.orders import settle
from churnlab.events.cleaning.staging import DATE, Staged, stage
from churnlab.events.cleaning.unsaid import unsaid
from churnlab.events.config import DataConfig
from churnlab.events.days import EventDays
from churnlab.events.log import EVENTS, EventLog
from churnlab.events.members import type_attributes
from churnlab.events.report import TableReport
from churnlab.events.sources import Source, from_connection, from_files, from_frame
from churnlab.events.sources.connections import detach
from churnlab.events.sources.frames import is_frame
from churnlab.events.warehouse import read_there
from churnlab.formats.times import parse_day


def open_log(config: DataConfig, as_of: dt.date | str | None = None) -> EventLog:
    """Read and check the tables that a configuration names.

    config: Files, a connection, or the name of embedded data.
    as_of: Last known day, inclusive and complete; default: the last day in the logs.
    Raises UsageError: No table named, or simulated data asked for by name.
    Raises DataError: Whatever is wrong with the data (docs/data.md).
    """
    if config.name == "syn_shop":
        raise UsageError(
            "data=syn_shop is simulated: use the commands, or "
            "log_from_frames(simulate_shop(config, rng).frames(), ...)."
        )
    frames: embedded.Frames = {}
    if config.name in embedded.READERS:
        config, frames = embedded.load(config)
    return read(config, frames, parse_day(as_of))


def read(config: DataConfig, given: Mapping[str, Any], as_of: dt.date | None) -> EventLog:
    """Read and check the tables of a configuration, or what is `given` instead of their sources.

    given: Table -> a frame, or a list of paths.
    as_of: Last known day.
    """
    used = {n: t for n, t in config.tables.items() if t.given or n in given}
    if not set(used) & set(EVENTS):
        raise UsageError(
            "no purchases and no visits given; expected data.purchases.path=FILE (CSV or Parquet), "
            "or embedded data: data=cdnow."
        )
    if config.engine != "duckdb":
        return read_there(_with_paths(config, given), as_of)
    backend = engine.connect(config.memory_limit)
    with tempfile.TemporaryDirectory(prefix="churnlab-") as scratch:
        sources = [_source(backend, name, config, given, Path(scratch)) for name in used]
        engine.close_off(backend, (path for s in sources for path in s.files))
        staged = [stage(backend, s, used[s.table], config.time_zone) for s in sources]
        for s in staged:
            if s.table == "purchases":
                s.notes += unsaid(backend, s)
                settle(backend, s, config.purchases)
        cutoff = as_of or last_day(backend, staged)
        if config.history_from is not None:
            since = dt.date.fromisoformat(config.history_from)
            early = history.find_unknown(backend, staged, since, cutoff)
            backend.create_table(history.TABLE, early)
        reports, people = _cleaned(backend, staged, config, cutoff)
        if config.unknown_beginning == "drop":
            backend.drop_table(history.TABLE, force=True)
        for s in staged:
            backend.drop_view(s.source.view)
        _drop_raw(backend, staged)
        detach(backend)
    if "members" in reports:
        type_attributes(backend, config.time_zone)
    hashes = {s.table: s.source.hash for s in staged}
    kept = history.TABLE if config.unknown_beginning == "model" else None
    tables = {n: backend.table(n) for n in (*reports, kept) if n}
    kept_days: dict[Hashable, EventDays] = {}
    counts = (0, 0)
    if "purchases" in people:
        rows = tables["purchases"]
        rows = rows.select("customer_id", day=rows[DATE])
        days, several = EventDays.read(rows, people=people["purchases"])
        counts = len(days.day), several
        if config.purchase_unit != "order":
            kept_days["purchases", False] = days
    report = report_of(tables, people, config, reports, hashes, cutoff, as_of is not None, counts)
    for name in people:
        backend.drop_table(f"people_{name}")
    return EventLog(
        cutoff, config.time_zone, report, hashes, config.purchase_unit, _clean=tables,
        _kept=kept_days,
    )  # fmt: skip


def _cleaned(
    backend: Backend, staged: list[Staged], config: DataConfig, cutoff: dt.date
) -> tuple[dict[str, TableReport], dict[str, Any]]:
    """Return the account of each table, and purchases and visits by customer."""
    reports: dict[str, TableReport] = {}
    people: dict[str, Any] = {}
    for s in staged:
        dropped = clean(backend, s, config, cutoff)
        rows = backend.table(s.table)
        if s.table in EVENTS:
            people[s.table] = backend.create_table(f"people_{s.table}", by_customer(rows))
        reports[s.table] = account(rows, people.get(s.table), s, dropped, cutoff)
    return reports, people


def _with_paths(config: DataConfig, given: Mapping[str, Any]) -> DataConfig:
    """Return the settings with what Python gave as paths.

    Raises UsageError: A frame, which is here, or several paths of one table.
    """
    for name, value in given.items():
        if is_frame(value) or len(value) != 1:
            got = "a frame" if is_frame(value) else f"{len(value)} paths"
            raise UsageError(
                f"data.engine={config.engine} reads one path or table that its workers see for "
                f"{name}; got {got}. Give a glob of Parquet files, or take data.engine=duckdb."
            )
    tables: dict[str, Any] = {
        n: replace(config.tables[n], path=str(v[0])) for n, v in given.items()
    }
    return replace(config, **tables)


def _source(
    backend: Backend, name: str, config: DataConfig, given: Mapping[str, Any], scratch: Path
) -> Source:
    table = config.tables[name]
    if name in given and is_frame(given[name]):
        return from_frame(backend, name, table, given[name])
    if table.table is not None:
        return from_connection(backend, name, table, str(config.connection))
    return from_files(backend, name, table, given.get(name) or [str(table.path)], scratch)


def _drop_raw(backend: Backend, staged: list[Staged]) -> None:
    """Let go of the sources: views stay open on files, frames hold memory."""
    for s in staged:
        kind = engine.rows(
            backend,
            "SELECT table_type FROM information_schema.tables "
            f"WHERE table_name = {engine.literal(s.source.raw)}",
        )
        drop = "VIEW" if kind and kind[0][0] == "VIEW" else "TABLE"
        backend.raw_sql(f"DROP {drop} IF EXISTS {engine.identifier(s.source.raw)}")
