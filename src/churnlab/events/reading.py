"""From settings, paths or frames to a checked `EventLog`."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from churnlab.errors import UsageError, nearest
from churnlab.events import embedded, engine
from churnlab.events.clean import clean
from churnlab.events.complaints import no_readable_time
from churnlab.events.config import DataConfig, SourceTable
from churnlab.events.formats.times import parse_day
from churnlab.events.log import EVENTS, EventLog
from churnlab.events.members import members_report, type_attributes
from churnlab.events.report import DataReport, TableReport
from churnlab.events.sources import Source, from_connection, from_files, from_frame
from churnlab.events.staging import DATE, Staged, stage

type Frame = pd.DataFrame | pa.Table
type Given = str | PathLike[str] | pd.DataFrame | None


def open_log(config: DataConfig, as_of: dt.date | str | None = None) -> EventLog:
    """Read and check the tables that a configuration names.

    Parameters
    ----------
    config : DataConfig
        Files, a connection, or the name of embedded data.
    as_of : date or ISO text, optional
        Last known day, inclusive and complete; default: the last day in the logs.

    Raises
    ------
    UsageError
        No table named, or simulated data asked for by name.
    DataError
        Whatever is wrong with the data (docs/data.md).
    """
    if config.name == "syn_shop":
        raise UsageError(
            "data=syn_shop is simulated: use the commands, or "
            "log_from_frames(simulate_shop(config, rng).frames(), ...)."
        )
    frames: dict[str, Frame] = {}
    if config.name in embedded.READERS:
        config, frames = embedded.load(config)
    return _read(config, frames, parse_day(as_of))


def read_events(
    purchases: Given = None,
    visits: Given = None,
    members: Given = None,
    treatments: Given = None,
    *,
    columns: Mapping[str, Any] | None = None,
    time_zone: str = "UTC",
    as_of: dt.date | str | None = None,
    where: Mapping[str, str] | None = None,
    time_format: str | Mapping[str, str] | None = None,
    **options: Any,
) -> EventLog:
    """Read and check event logs from files or frames.

    Parameters
    ----------
    purchases, visits, members, treatments : path, glob or pandas frame, optional
        At least purchases or visits.
    columns : mapping, optional
        Canonical name to yours: for purchases, ``{"customer_id": "user_id"}``; or by table,
        ``{"purchases": {...}, "members": {...}}``. A member's further names are attributes.
    time_zone : str
        IANA name; naive times are local to it, offsets are converted.
    as_of : date or ISO text, optional
        Last known day, inclusive and complete; default: the last day in the logs.
    where : mapping, optional
        SQL condition by table.
    time_format : str or mapping, optional
        strptime format (or `epoch_s`, ...) of every table, or by table.
    **options
        `returns`, `on_bad_rows`, `max_bad_share`, `duplicates`, `purchase_unit`, `connection`:
        see `DataConfig`.

    Raises
    ------
    UsageError, DataError
        As `open_log`.

    Examples
    --------
    >>> import pandas as pd
    >>> orders = pd.DataFrame({"user": ["a", "a"], "day": ["2020-01-01", "2020-02-01"]})
    >>> log = read_events(orders, columns={"customer_id": "user", "event_at": "day"})
    >>> len(log.days())
    2
    """
    given = {"purchases": purchases, "visits": visits, "members": members, "treatments": treatments}
    config = DataConfig(time_zone=time_zone, **_options(options))
    mappings = _by_table(columns)
    frames: dict[str, Frame] = {}
    for name, value in given.items():
        if value is None:
            continue
        formats = time_format.get(name) if isinstance(time_format, Mapping) else time_format
        settings = {"where": (where or {}).get(name), "time_format": formats}
        table = _with_columns(name, config.tables[name], mappings.get(name, {}), settings)
        if isinstance(value, (pd.DataFrame, pa.Table)):
            frames[name] = value
        else:
            table.path = fspath(value)
        setattr(config, name, table)
    return _read(config, frames, parse_day(as_of))


def log_from_frames(
    frames: Mapping[str, pd.DataFrame],
    *,
    time_zone: str = "UTC",
    as_of: dt.date | str | None = None,
    **options: Any,
) -> EventLog:
    """Read and check frames that have the canonical columns already (simulated shops, tests)."""
    return read_events(**frames, time_zone=time_zone, as_of=as_of, **options)  # type: ignore[arg-type]


def _options(options: dict[str, Any]) -> dict[str, Any]:
    tables = {"purchases", "visits", "members", "treatments"}
    known = {f.name for f in dataclasses.fields(DataConfig)} - tables
    for name in options:
        if name not in known:
            raise UsageError(
                f"unknown option {name!r}.{nearest(name, known)} "
                f"Expected one of: {', '.join(sorted(known))}."
            )
    return options


def _by_table(columns: Mapping[str, Any] | None) -> dict[str, Mapping[str, str]]:
    if not columns:
        return {}
    if all(isinstance(v, Mapping) for v in columns.values()):
        return dict(columns)
    return {"purchases": columns}


def _with_columns(
    name: str, default: SourceTable, mapping: Mapping[str, str], settings: dict[str, Any]
) -> SourceTable:
    own = {f.name for f in dataclasses.fields(default)} - {"path", "table", "attributes"}
    values: dict[str, Any] = {k: v for k, v in mapping.items() if k in own}
    others: dict[str, Any] = {k: v for k, v in mapping.items() if k not in own}
    if name == "members":
        values["attributes"] = others.pop("attributes", None) or others
    elif others:
        wrong = next(iter(others))
        raise UsageError(
            f"{name} has no column {wrong!r} to map.{nearest(wrong, own)} "
            f"Expected canonical names on the left: {', '.join(sorted(own - set(settings)))}."
        )
    return dataclasses.replace(default, **{**settings, **values})


def _read(config: DataConfig, frames: Mapping[str, Frame], as_of: dt.date | None) -> EventLog:
    used = {n: t for n, t in config.tables.items() if t.given or n in frames}
    if not set(used) & set(EVENTS):
        raise UsageError(
            "no purchases and no visits given; expected data.purchases.path=FILE (CSV or Parquet), "
            "or embedded data: data=cdnow."
        )
    backend = engine.connect()
    staged = [
        stage(backend, _source(backend, n, t, config, frames), t, config.time_zone)
        for n, t in used.items()
    ]
    cutoff = as_of or _last_day(backend, staged)
    reports = {s.table: clean(backend, s, config, cutoff) for s in staged}
    for s in staged:
        backend.drop_view(s.source.view)
    _drop_raw(backend, staged)
    if "members" in reports:
        type_attributes(backend, config.time_zone)
    hashes = {s.table: s.source.hash for s in staged}
    report = _report(backend, config, reports, hashes, cutoff, as_of is not None)
    return EventLog(
        cutoff, config.time_zone, report, hashes, config.purchase_unit, _backend=backend
    )


def _source(
    backend: Backend, name: str, table: SourceTable, config: DataConfig, frames: Mapping[str, Frame]
) -> Source:
    if name in frames:
        return from_frame(backend, name, table, frames[name])
    if table.table is not None:
        return from_connection(backend, name, table, str(config.connection))
    return from_files(backend, name, table)


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


def _last_day(backend: Backend, staged: list[Staged]) -> dt.date:
    """Return the last readable day of purchases and visits.

    Members and treatments do not count: their tables may run ahead of the events, and a day of
    which the events are not complete is not a last known day.
    """
    days = [s.days[1] for s in staged if s.table in EVENTS and s.days is not None]
    if days:
        return max(days)
    raise no_readable_time(backend, next(s for s in staged if s.table in EVENTS))


def _report(
    backend: Backend,
    config: DataConfig,
    tables: dict[str, TableReport],
    hashes: dict[str, str],
    as_of: dt.date,
    given: bool,
) -> DataReport:
    events = {n: backend.table(n) for n in EVENTS if n in tables}
    members = backend.table("members") if "members" in tables else None
    days, several = _purchase_days(events.get("purchases"))
    return DataReport(
        name=config.name,
        as_of=as_of,
        as_of_given=given,
        time_zone=config.time_zone,
        returns=config.returns or "drop",
        duplicates=config.duplicates or "drop",
        purchase_unit=config.purchase_unit,
        tables=tables,
        members=members_report(events, members),
        purchase_days=days,
        days_with_several=several,
        hashes=hashes,
        notes=_notes(config, tables, as_of, given),
    )


def _purchase_days(purchases: Any | None) -> tuple[int, int]:
    if purchases is None:
        return 0, 0
    per_day = purchases.group_by(["customer_id", DATE]).aggregate(n=purchases.count())
    found = per_day.aggregate(days=per_day.count(), several=(per_day.n > 1).sum()).to_pyarrow()
    return int(found["days"][0].as_py()), int(found["several"][0].as_py() or 0)


def _notes(
    config: DataConfig, tables: dict[str, TableReport], as_of: dt.date, given: bool
) -> list[str]:
    notes = []
    if not given and as_of > dt.date.today():
        notes.append(f"the last day in the logs, {as_of}, lies in the future: give as_of")
    spans = {n: t.last_day for n, t in tables.items() if n in EVENTS and t.last_day}
    if len(spans) == 2 and abs((spans["purchases"] - spans["visits"]).days) > 7:
        notes.append(
            f"purchases end on {spans['purchases']} and visits on {spans['visits']}: whichever "
            "ends first looks like silence up to as_of"
        )
    members = tables.get("members")
    if members is not None and members.dropped["duplicate"]:
        notes.append(
            f"{members.dropped['duplicate']:,} further rows of members already listed: the row "
            "with the earliest signup counts"
        )
    return notes
