"""From settings to an `EventLog` whose tables stay in Spark or PostgreSQL."""

import datetime as dt
from typing import Any

import ibis

from churnlab.events.accounting import last_day, report_of
from churnlab.events.cleaning import history
from churnlab.events.cleaning.clean import (
    REASON,
    account,
    counts_of,
    drops_unknown,
    enforce,
    in_its_unit,
    reasoned,
    repeats,
)
from churnlab.events.cleaning.customers import by_customer, count_days
from churnlab.events.cleaning.orders import settled
from churnlab.events.cleaning.staging import HASH, Staged
from churnlab.events.config import DataConfig
from churnlab.events.log import EVENTS, EventLog
from churnlab.events.schema import time_column
from churnlab.events.warehouse.engines import Engine, connect
from churnlab.events.warehouse.typed import stage_there
from churnlab.runs.hashing import content_hash


def read_there(config: DataConfig, as_of: dt.date | None) -> EventLog:
    """Read and check the tables of a configuration where they are.

    Only counts, days and aggregates come here.

    config: With `engine` spark or postgres.
    as_of: Last known day; default: the last day in the logs.
    Raises UsageError: The engine is not installed.
    Raises DataError: Whatever is wrong with the data.
    """
    used = {n: t for n, t in config.tables.items() if t.given}
    engine = connect(config)
    try:
        staged = [stage_there(engine, n, t, config.time_zone) for n, t in used.items()]
        for one in staged:
            if one.table == "purchases":
                _settle(engine, one, config)
        cutoff = as_of or last_day(engine.backend, staged)
        early = None
        if config.history_from is not None:
            since = dt.date.fromisoformat(config.history_from)
            found = history.find_unknown(engine.backend, staged, since, cutoff)
            early = engine.keep(history.TABLE, found)
        hashes = {s.table: _hash(engine, s) for s in staged}
        reports, clean, people = {}, {}, {}
        for one in staged:
            dropped, kept = _clean(engine, one, config, cutoff, early)
            own = None
            if one.table in EVENTS:
                people[one.table] = own = engine.keep(f"people_{one.table}", by_customer(kept))
            reports[one.table] = account(kept, own, one, dropped, cutoff)
            clean[one.table] = kept
        if early is not None and config.unknown_beginning == "model":
            clean[history.TABLE] = early
        engine.let_go([*clean, *(f"people_{name}" for name in people)])
        counts = count_days(clean["purchases"]) if "purchases" in clean else (0, 0)
        given = as_of is not None
        report = report_of(clean, people, config, reports, hashes, cutoff, given, counts)
        engine.let_go(clean)
    except BaseException:
        engine.close()
        raise
    return EventLog(
        cutoff, config.time_zone, report, hashes, config.purchase_unit, _clean=clean, engine=engine
    )


def _settle(engine: Engine, staged: Staged, config: DataConfig) -> None:
    """Apply what orders say; the lines of an order stand by time, then by what they hold."""
    table = engine.backend.table(staged.name)
    line = ibis.literal(0)
    if "order_id" in table.columns:
        order = ibis.coalesce(table.order_id, table[HASH].cast("string"))
        window = ibis.window(group_by=order, order_by=[time_column("purchases"), HASH])
        line = ibis.row_number().over(window)
    changed = settled(table.mutate(_line=line), staged, config.purchases)
    if changed is not None:
        engine.keep("settled_purchases", changed)
        staged.name = engine.named("settled_purchases")


def _clean(
    engine: Engine, staged: Staged, config: DataConfig, as_of: dt.date, early: Any | None
) -> tuple[dict[str, int], Any]:
    in_its_unit(engine.backend, staged)
    raw = engine.backend.table(staged.name)
    table = reasoned(raw, staged.table, config, as_of, early if drops_unknown(config) else None)
    if config.duplicates != "keep" or staged.table == "members":
        again = ibis.ifelse(repeats(table, staged.table), "duplicate", ibis.null("string"))
        table = table.mutate(**{REASON: ibis.coalesce(table[REASON], again)})
    own = [c for c in table.columns if not c.startswith("_")]
    judged = engine.keep(f"judged_{staged.table}", table.select(*own, REASON))
    dropped = counts_of(judged, config)
    enforce(engine.backend, staged, config, dropped)
    return dropped, engine.keep(staged.table, judged.filter(judged[REASON].isnull()).drop(REASON))


def _hash(engine: Engine, staged: Staged) -> str:
    """Return a hash of the rows whatever their order."""
    table = engine.backend.table(staged.name)
    high, low = table[HASH] // 2**32, table[HASH] % 2**32
    found = table.aggregate(n=table.count(), high=high.sum(), low=low.sum()).to_pyarrow()
    return content_hash([[engine.name, *(str(found[c][0].as_py()) for c in found.column_names)]])
