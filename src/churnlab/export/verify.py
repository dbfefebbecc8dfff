"""`verify`: whether a bundle is whole, consistent, and means the same in SQL as in Python."""

import datetime as dt
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from churnlab.bundle import ScoringBundle
from churnlab.bundle.document import SQL_EDITION, Bundle
from churnlab.bundle.reading import bundle_path, load_bundle, locate
from churnlab.bundle.rules import rules_of
from churnlab.bundle.score import FORECAST
from churnlab.errors import UsageError, VerificationError
from churnlab.events.ids import looked_up
from churnlab.export.recompute import aligned, check_scores, check_sql, hold, refuse_unknown
from churnlab.export.tables import files
from churnlab.forecast.stack import Stack
from churnlab.runs.hashing import file_hash
from churnlab.vocabulary import ALL_CODES

#: A table of a bundle may take so much memory: some ten million customers.
MAX_TABLE_GB = 2.0
#: Tables that are kept while a bundle is verified; the others are let go of once they are read.
_HELD = ("customer_thresholds", "customer_summary", "segment_membership", "segment_share")


def verify(
    path: str | Path, *, sql: bool = True, max_table_gb: float | None = MAX_TABLE_GB
) -> dict[str, Any]:
    """Check a bundle: schema, rules between fields, hashes, tables, dates, SQL against Python.

    path: A bundle.json, or the folder of an export.
    sql: Also run the scoring SQL in DuckDB.
    max_table_gb: Most memory that one table may take; None for a bundle that was just written here.
    Returns: `status` ("ok"), `bundle_id`, `calibration`, `checks` (name, status, detail).
    Raises VerificationError: At the first fault, naming the place.
    """
    bundle, folder = load_bundle(path), bundle_path(path).parent
    rules = rules_of(bundle)
    report = [_entry("schema", bundle.schema_version), _entry("fields", "rules between fields")]
    _check_files(folder, bundle)
    report.append(_entry("files", f"{len(bundle.files)} files match their hashes"))
    limit = None if max_table_gb is None else int(max_table_gb * 1e9)
    frames, n_tables = _read_tables(folder, bundle, limit)
    _check_rows(frames, bundle)
    report.append(_entry("tables", f"{n_tables} tables: columns, types, keys, ids"))
    report.append(_entry("forecast", _check_forecast(frames["customer_thresholds"], rules.stack)))
    rows, group = aligned(frames, rules)
    del frames
    report.append(_entry("dates", check_scores(rows, group, rules)))
    report.append(_entry("sql text", _check_sql_text(folder, bundle, rules)))
    if sql and bundle.sql.dialects:
        report.append(_entry("sql against python", check_sql(rows, rules)))
    return {
        "status": "ok",
        "bundle_id": rules.bundle_id,
        "calibration": bundle.calibration.status,
        "verified_at": dt.datetime.now(dt.UTC).isoformat(),
        "checks": report,
    }


def _entry(name: str, detail: str) -> dict[str, str]:
    return {"name": name, "status": "ok", "detail": detail}


def _check_files(folder: Path, bundle: Bundle) -> None:
    def stated(name: str) -> tuple[int, str] | OSError:
        path = locate(folder, bundle.bundle_id, name)
        try:
            return path.stat().st_size, file_hash(path)
        except OSError as error:
            return error

    with ThreadPoolExecutor() as pool:
        everything = list(pool.map(stated, (entry.name for entry in bundle.files)))
    for i, (entry, known) in enumerate(zip(bundle.files, everything, strict=True)):
        where = f"files[{i}] {entry.name}"
        if isinstance(known, OSError):
            raise VerificationError(
                f"{where}: cannot be read ({known.strerror}); copy the whole export."
            ) from known
        size, found = known
        if size != entry.bytes or found != entry.sha256:
            raise VerificationError(
                f"{where}: {size} bytes with hash {found[:12]}...; the bundle names "
                f"{entry.bytes} bytes with {entry.sha256[:12]}.... The file was changed; "
                "take it from the export again."
            )


def _read_tables(
    folder: Path, bundle: Bundle, max_bytes: int | None
) -> tuple[dict[str, pd.DataFrame], int]:
    """Read and check each table; return those that others are held against, and how many."""
    frames, n_tables = {}, 0
    for entry in bundle.files:
        table = files.spec(entry.name)
        if table is None or not entry.name.endswith((".parquet", ".csv")):
            continue
        path = locate(folder, bundle.bundle_id, entry.name)
        if entry.name.endswith(".parquet"):
            frame = files.read_table(path, table, max_bytes)
        else:
            frame = files.read_csv(path, table, max_bytes, guarded=bundle.csv_guarded)
        if len(frame) != entry.rows:
            raise VerificationError(
                f"{entry.name}: {len(frame)} rows; the bundle names {entry.rows}."
            )
        if entry.name == f"{table.name}.parquet":
            n_tables += 1
            _check_names(table.name, frame, bundle)
            if table.name in _HELD:
                frames[table.name] = frame
    return frames, n_tables


def _check_names(name: str, frame: pd.DataFrame, bundle: Bundle) -> None:
    """Refuse names that the bundle does not know."""
    known = {
        "segment_code": set(ALL_CODES),
        "action_id": {a.action_id for a in bundle.actions},
        "rule_id": {r.rule_id for r in bundle.nday_rules},
        "journey_id": {j.journey_id for j in bundle.journeys},
    }
    for column, allowed in known.items():
        if column in frame.columns:
            refuse_unknown(frame[column], allowed, f"{name}.{column}")


def _check_rows(frames: Mapping[str, pd.DataFrame], bundle: Bundle) -> None:
    """Rules between the tables and the bundle."""
    customers = frames["customer_thresholds"]
    refuse_unknown(customers["bundle_id"], {bundle.bundle_id}, "customer_thresholds.bundle_id")
    states = customers["purchase_state"] + "." + customers["visit_state"]
    hold(states.eq(customers["segment_code"]), customers, "segment_code", "is not its two states")
    member = frames["segment_membership"]
    ids = customers["customer_id"], member["customer_id"]
    [code] = looked_up(*ids, member["segment_code"])
    same = customers["segment_code"].eq(pd.Series(code, customers.index))
    hold(same.fillna(False), customers, "segment_code", "differs from segment_membership")
    if len(member) != len(customers) or len(customers) != bundle.provenance.n_members:
        raise VerificationError(
            f"customer_thresholds has {len(customers)} rows, segment_membership {len(member)}, "
            f"provenance.n_members is {bundle.provenance.n_members}; all must agree."
        )
    shares = frames["segment_share"]
    if abs(shares["share"].sum() - 1) > 1e-9 or shares["n"].sum() != len(customers):
        raise VerificationError("segment_share: shares must sum to 1 and n to the members.")
    _check_order(customers)


def _check_order(customers: pd.DataFrame) -> None:
    for low, high in (
        ("visit_risk_date", "visit_inactive_date"),
        ("due_q10", "due_date"),
        ("due_date", "due_q90"),
        ("cycle_q05", "cycle_days"),
        ("cycle_days", "cycle_q95"),
    ):
        fine = ~(customers[low] > customers[high])
        hold(fine, customers, low, f"lies above {high}")


def _check_forecast(customers: pd.DataFrame, stack: Stack | None) -> str:
    """The forecast is there where its learner is, and inside its interval."""
    lacks = [name for name in FORECAST if name not in customers.columns]
    if len(lacks) == len(FORECAST) and stack is None:
        return "written before there was one"
    if lacks:
        raise VerificationError(
            f"customer_thresholds lacks {', '.join(lacks)}; expected all of {', '.join(FORECAST)}, "
            "or none of them and no forecast in the bundle. Export again."
        )
    p, low, high = (customers[name] for name in FORECAST)
    bought = customers["purchase_state"].ne("none")
    there = bought if stack is not None else ~bought & bought
    hold(p.notna().eq(there), customers, "no_purchase", "is not there exactly where it is learnt")
    fine = ~((p < 0) | (p > 1) | (low > p) | (high < p))
    hold(fine, customers, "no_purchase", "leaves its interval or [0, 1]")
    if stack is None:
        return "none: windows are the model's"
    n = len(stack.mixed.trees.roots)
    return f"{int(there.sum())} purchasers; {n} trees lead somewhere (scored from events only)"


def _check_sql_text(folder: Path, bundle: Bundle, rules: ScoringBundle) -> str:
    """The scoring SQL is what this bundle generates, whatever edition it says it is of."""
    from churnlab.export.export import sql_files

    try:
        expected = sql_files(rules, bundle.sql.model_dump(by_alias=True))
    except UsageError as error:
        raise VerificationError(f"sql: {error}") from error
    for name, text in expected.items():
        found = locate(folder, bundle.bundle_id, name).read_text(encoding="utf-8", errors="replace")
        if found.split() != text.split():
            raise VerificationError(
                f"{name}: is not the SQL that this bundle generates (edition {bundle.sql.edition}, "
                f"this churnlab writes {SQL_EDITION}); export again before it is run."
            )
    return f"{len(expected)} statements are those of the bundle"
