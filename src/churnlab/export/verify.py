"""`verify`: whether a bundle is whole, consistent, and means the same in SQL as in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.bundle import PurchaseRule, ScoringBundle
from churnlab.bundle.document import Bundle
from churnlab.bundle.reading import bundle_path, load_bundle
from churnlab.bundle.rules import rules_of
from churnlab.errors import UsageError, VerificationError
from churnlab.export import arrow
from churnlab.export.publish import locate
from churnlab.export.sql import SummarySource, score_sql
from churnlab.models import Array
from churnlab.posterior import Measure, RiskConfig, risk_summary
from churnlab.posterior.dates import falls_first
from churnlab.posterior.settings import LAST_DAY
from churnlab.runs.folder import file_hash
from churnlab.summary import Cells
from churnlab.vocabulary import ALL_CODES, FAR_DATE

#: SQL and Python may differ by this much.
TOLERANCE = 1e-9
#: Distinct rows that are recomputed in SQL; all are recomputed in Python.
SQL_ROWS = 5_000
_FAR = np.datetime64(FAR_DATE, "D")


def verify(path: str | Path, *, sql: bool = True) -> dict[str, Any]:
    """Check a bundle: schema, rules between fields, hashes, tables, dates, SQL against Python.

    Parameters
    ----------
    path : path
        A bundle.json, or the folder of an export.
    sql : bool
        Also run the scoring SQL in DuckDB.

    Returns
    -------
    dict
        `status` ("ok"), `bundle_id`, `calibration`, `checks` (name, status, detail).

    Raises
    ------
    VerificationError
        At the first fault, naming the place.
    """
    bundle, folder = load_bundle(path), bundle_path(path).parent
    rules = rules_of(bundle)
    report = [_entry("schema", bundle.schema_version), _entry("fields", "rules between fields")]
    _check_files(folder, bundle)
    report.append(_entry("files", f"{len(bundle.files)} files match their hashes"))
    frames = _read_tables(folder, bundle)
    _check_rows(frames, bundle)
    report.append(_entry("tables", f"{len(frames)} tables: columns, types, keys, ids"))
    report.append(_entry("dates", _check_scores(frames, rules)))
    report.append(_entry("sql text", _check_sql_text(folder, bundle, rules)))
    if sql and bundle.sql.dialects:
        report.append(_entry("sql against python", _check_sql(frames, rules)))
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
    for i, entry in enumerate(bundle.files):
        path, where = locate(folder, bundle.bundle_id, entry.name), f"files[{i}] {entry.name}"
        try:
            size, found = path.stat().st_size, file_hash(path)
        except OSError as error:
            raise VerificationError(
                f"{where}: cannot be read ({error.strerror}); copy the whole export."
            ) from error
        if size != entry.bytes or found != entry.sha256:
            raise VerificationError(
                f"{where}: {size} bytes with hash {found[:12]}...; the bundle names "
                f"{entry.bytes} bytes with {entry.sha256[:12]}.... The file was changed; "
                "take it from the export again."
            )


def _read_tables(folder: Path, bundle: Bundle) -> dict[str, pd.DataFrame]:
    frames = {}
    for entry in bundle.files:
        table = arrow.spec(entry.name)
        if table is None or not entry.name.endswith((".parquet", ".csv")):
            continue
        path = locate(folder, bundle.bundle_id, entry.name)
        read = arrow.read_table if entry.name.endswith(".parquet") else arrow.read_csv
        frame = read(path, table)
        if len(frame) != entry.rows:
            raise VerificationError(
                f"{entry.name}: {len(frame)} rows; the bundle names {entry.rows}."
            )
        if entry.name == f"{table.name}.parquet":
            frames[table.name] = frame
    return frames


def _check_rows(frames: Mapping[str, pd.DataFrame], bundle: Bundle) -> None:
    """Rules between the tables and the bundle."""
    customers = frames["customer_thresholds"]
    _same_values(customers["bundle_id"], {bundle.bundle_id}, "customer_thresholds.bundle_id")
    known = {
        "segment_code": set(ALL_CODES),
        "action_id": {a.action_id for a in bundle.actions},
    }
    known["rule_id"] = {r.rule_id for r in bundle.nday_rules}
    known["journey_id"] = {j.journey_id for j in bundle.journeys}
    for name, frame in frames.items():
        for column, allowed in known.items():
            if column in frame.columns:
                _same_values(frame[column], allowed, f"{name}.{column}")
    states = customers["purchase_state"] + "." + customers["visit_state"]
    _all(states.eq(customers["segment_code"]), customers, "segment_code", "is not its two states")
    member = frames["segment_membership"].set_index("customer_id")["segment_code"]
    same = member.reindex(customers["customer_id"]).to_numpy() == customers["segment_code"]
    _all(same, customers, "segment_code", "differs from segment_membership")
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
    for low, high in (("visit_risk_date", "visit_inactive_date"), ("due_q10", "due_date"),
                      ("due_date", "due_q90"), ("cycle_q05", "cycle_days"),
                      ("cycle_days", "cycle_q95")):  # fmt: skip
        fine = ~(customers[low] > customers[high])
        _all(fine, customers, low, f"lies above {high}")


def _same_values(values: pd.Series, allowed: set[str], where: str) -> None:
    strange = set(values.dropna().unique()) - allowed
    if strange:
        raise VerificationError(f"{where}: {sorted(strange)[0]!r} is not known to the bundle.")


def _all(fine: Any, customers: pd.DataFrame, column: str, what: str) -> None:
    bad = np.flatnonzero(~np.asarray(fine, bool))
    if bad.size:
        raise VerificationError(
            f"customer_thresholds.{column}: customer {customers['customer_id'].iloc[bad[0]]!r} "
            f"{what} ({bad.size} rows). Take the table from the export again."
        )


def _aligned(
    frames: Mapping[str, pd.DataFrame], rules: ScoringBundle
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Thresholds of the purchasers joined to what they rest on, and their group codes."""
    summary, customers = frames["customer_summary"], frames["customer_thresholds"]
    joined = customers.merge(summary, on="customer_id", how="inner", validate="one_to_one")
    bought = customers["purchase_state"].ne("none").sum()
    if len(joined) != len(summary) or bought != len(summary):
        raise VerificationError(
            f"customer_summary has {len(summary)} purchasers, customer_thresholds {bought}; "
            "they must be the same customers."
        )
    draws = rules.purchases.draws
    _same_values(joined["grp"], set(draws.groups), "customer_summary.grp")
    of, names = pd.factorize(joined["grp"])
    return joined, draws.codes_of(list(names))[of]


def _risk_on(
    rule: PurchaseRule,
    key: tuple[NDArray[np.int64], Array, Array],
    T: Array,
    risk: Measure | None = None,
) -> Array:
    """Mean risk (or another measure) of each row at age T, per distinct cell."""
    group, x, t_x = key
    cells, of = Cells.collapse(x, t_x, T, group=group, groups=rule.draws.groups)
    return risk_summary(rule.draws, cells, risk or rule.risk).mean[of]


def _check_scores(frames: Mapping[str, pd.DataFrame], rules: ScoringBundle) -> str:
    """Risk, P(alive), states and dates of every purchaser, recomputed from the bundle's draws."""
    rows, group = _aligned(frames, rules)
    rule = rules.purchases
    x, t_x, T = (rows[c].to_numpy(np.float64) for c in ("x", "t_x", "T"))
    _all(np.isfinite(t_x) & (t_x >= 0) & (t_x <= T) & ((x > 0) == (t_x > 0)), rows, "customer_id",
         "has impossible x, t_x, T")  # fmt: skip
    key = (group, x, t_x)
    _close(_risk_on(rule, key, T), rows, "purchase_risk")
    _close(1 - _risk_on(rule, key, T, RiskConfig()), rows, "p_alive")
    value, first = rule.inside()
    cut = np.where(x > 0, value, first)
    dates = rows["at_risk_date"].to_numpy().astype("datetime64[D]")
    last = rows["last_purchase_at"].to_numpy().astype("datetime64[D]")
    day = np.datetime64(rules.as_of, "D")
    _all(last == day - (T - t_x).astype("timedelta64[D]"), rows, "valid_for_last_purchase_at",
         "does not fit to as_of, t_x and T")  # fmt: skip
    _check_dates(rules, key, dates, last, cut, rows)
    kind = np.where(x > 0, "repeat", "first")
    state = np.char.add(kind, np.where(dates <= day, "_risk", "_active"))
    _all(rows["purchase_state"].to_numpy().astype(str) == state, rows, "purchase_state",
         "does not follow from at_risk_date")  # fmt: skip
    return f"{len(rows)} purchasers: risk, P(alive), state and at_risk_date recomputed"


def _check_dates(
    rules: ScoringBundle,
    key: tuple[NDArray[np.int64], Array, Array],
    dates: NDArray[np.datetime64],
    last: NDArray[np.datetime64],
    cut: Array,
    rows: pd.DataFrame,
) -> None:
    """X1: at the threshold or above on the date, below it the day before (unless that is day 1)."""
    rule, t_x = rules.purchases, key[2]
    days = (dates - last).astype(np.int64)
    never = dates == _FAR
    _all((days >= 1) | never, rows, "at_risk_date", "is not after the last purchase")
    at = np.where(never, LAST_DAY, days).astype(float)
    measure = rule.state.measure
    on = _risk_on(rule, key, t_x + at, measure)
    before = _risk_on(rule, key, t_x + np.maximum(at - 1, 0), measure)
    _all(np.where(never, on < cut + TOLERANCE, on >= cut - TOLERANCE), rows, "at_risk_date",
         "has a date that its risk does not bear out")  # fmt: skip
    _all(never | (days <= 1) | (before < cut + TOLERANCE), rows, "at_risk_date",
         "was at risk the day before its date already")  # fmt: skip


def _close(values: Array, rows: pd.DataFrame, column: str) -> None:
    off = np.abs(values - rows[column].to_numpy(np.float64))
    _all(off <= TOLERANCE, rows, column, "differs from the score of the bundle's draws")


def _check_sql_text(folder: Path, bundle: Bundle, rules: ScoringBundle) -> str:
    """The scoring SQL is what this bundle generates, to the letter up to SQLGlot's version."""
    from churnlab.export.export import sql_files

    try:
        expected = sql_files(rules, bundle.sql.model_dump(by_alias=True))
    except UsageError as error:
        raise VerificationError(f"sql: {error}") from error
    for name, text in expected.items():
        found = locate(folder, bundle.bundle_id, name).read_text(encoding="utf-8", errors="replace")
        if found.split() != text.split():
            raise VerificationError(
                f"{name}: is not the SQL that this bundle generates; export again."
            )
    return f"{len(expected)} statements are those of the bundle"


def _check_sql(frames: Mapping[str, pd.DataFrame], rules: ScoringBundle) -> str:
    """Run the DuckDB SQL on the shipped rows, at the cutoff and around `at_risk_date`."""
    rows, _ = _aligned(frames, rules)
    some = rows.drop_duplicates(["grp", "x", "t_x", "T"])
    if len(some) > SQL_ROWS:
        some = some.iloc[np.linspace(0, len(some) - 1, SQL_ROWS).round().astype(int)]
    found = run_summary_sql(some, rules)
    for column in ("purchase_risk", "p_alive"):
        off = np.abs(found[column].to_numpy() - some[column].to_numpy())
        _all(off <= TOLERANCE, some, column, "differs between SQL and Python")
    same = found["purchase_state"].to_numpy() == some["purchase_state"].to_numpy()
    _all(same, some, "purchase_state", "differs between SQL and Python")
    _check_sql_dates(some, rules)
    return f"{len(some)} distinct rows agree to {TOLERANCE:g}, dates included"


def _check_sql_dates(some: pd.DataFrame, rules: ScoringBundle) -> None:
    """At risk by SQL on `at_risk_date`, not the day before."""
    if falls_first(rules.purchases.draws.k, rules.purchases.state.measure):
        return
    dates = some["at_risk_date"].to_numpy().astype("datetime64[D]")
    days = (dates - some["last_purchase_at"].to_numpy().astype("datetime64[D]")).astype(float)
    dated = some[dates != _FAR].assign(T=(some["t_x"] + days)[dates != _FAR])
    for shift, suffix in ((0, "_risk"), (1, "_active")):
        moved = dated.assign(T=dated["T"] - shift)
        state = run_summary_sql(moved, rules)["purchase_state"].astype("str")
        _all(state.str.endswith(suffix), moved, "at_risk_date", "is not where SQL has it")


def run_summary_sql(rows: pd.DataFrame, rules: ScoringBundle) -> pd.DataFrame:
    """Score rows (`customer_id, x, t_x, T, grp`) with the DuckDB SQL, in their order."""
    import duckdb

    labelled = replace(rules, group_columns=("grp",))
    with duckdb.connect() as connection:
        connection.register("customer_summary", rows[["customer_id", "x", "t_x", "T", "grp"]])
        result = connection.execute(score_sql(labelled, "duckdb", SummarySource())).df()
    return result.set_index("customer_id").reindex(rows["customer_id"]).reset_index()
