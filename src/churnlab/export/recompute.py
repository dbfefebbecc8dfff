"""The exported scores, recomputed: by the posterior from the bundle's draws, and by its SQL."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.bundle import PurchaseRule, ScoringBundle
from churnlab.bundle.score import BOUGHT
from churnlab.errors import VerificationError
from churnlab.events.ids import positions, text
from churnlab.export.sql import SummarySource, score_sql
from churnlab.posterior import Measure, RiskConfig, Rows, risk_summary
from churnlab.posterior.dates import falls_first
from churnlab.posterior.settings import LAST_DAY
from churnlab.summary import Cells
from churnlab.summary.cells import distinct_rows
from churnlab.types import Array
from churnlab.vocabulary import FAR_DATE

#: SQL and Python may differ by this much.
TOLERANCE = 1e-9
#: Distinct rows that are recomputed in SQL; all are recomputed in Python.
SQL_ROWS = 5_000
#: Columns of `customer_thresholds` that are held against what they rest on.
_COMPARED = ("customer_id", "purchase_state", "purchase_risk", "p_alive", "at_risk_date")
_FAR = np.datetime64(FAR_DATE, "D")


def refuse_unknown(values: pd.Series, allowed: set[str], where: str) -> None:
    """Refuse values that the bundle does not know."""
    strange = set(values.dropna().unique()) - allowed
    if strange:
        raise VerificationError(f"{where}: {sorted(strange)[0]!r} is not known to the bundle.")


def hold(fine: Any, customers: pd.DataFrame, column: str, what: str) -> None:
    """Refuse the table unless all rows are fine, naming the first customer that is not."""
    bad = np.flatnonzero(~np.asarray(fine, bool))
    if bad.size:
        raise VerificationError(
            f"customer_thresholds.{column}: customer {customers['customer_id'].iloc[bad[0]]!r} "
            f"{what} ({bad.size} rows). Take the table from the export again."
        )


def aligned(
    frames: Mapping[str, pd.DataFrame], rules: ScoringBundle
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Thresholds of the purchasers beside what they rest on, and their group codes."""
    summary, customers = frames["customer_summary"], frames["customer_thresholds"]
    at = positions(customers["customer_id"], summary["customer_id"])
    joined = customers.loc[at >= 0, list(_COMPARED)].reset_index(drop=True)
    own = summary.drop(columns="customer_id").take(at[at >= 0]).reset_index(drop=True)
    joined = pd.concat([joined, own], axis="columns")
    bought = customers["purchase_state"].ne("none").sum()
    if len(joined) != len(summary) or bought != len(summary):
        raise VerificationError(
            f"customer_summary has {len(summary)} purchasers, customer_thresholds {bought}; "
            "they must be the same customers."
        )
    draws = rules.purchases.draws
    refuse_unknown(joined["grp"], set(draws.groups), "customer_summary.grp")
    of, names = pd.factorize(joined["grp"])
    return joined, draws.codes_of(list(names))[of]


class _Key(NamedTuple):
    """What a purchaser's risk depends on, in days, (row,)."""

    group: NDArray[np.int64]
    x: Array
    t_x: Array
    first: NDArray[np.int64]
    """Day of the first purchase, since 1970-01-01."""


def _risk_on(rule: PurchaseRule, key: _Key, T: Array, risk: Measure | None = None) -> Array:
    """Mean risk (or another measure) of each row at age T, per distinct cell."""
    group, x, t_x, first = key
    if rule.clock is None:
        cells, of = Cells.collapse(x, t_x, T, group=group, groups=rule.draws.groups)
        return risk_summary(rule.draws, cells, risk or rule.risk).mean[of]
    one, of = distinct_rows(group, x, t_x, T, first)
    begin, now = first[one], first[one] + T[one].astype(np.int64)
    rows = Rows(
        group[one], x[one], rule.clock.ahead(begin, t_x[one]), rule.clock.ahead(begin, T[one])
    )
    found = risk_summary(rule.draws, rows, risk or rule.risk, ahead=partial(rule.clock.ahead, now))
    return found.mean[of]


def check_scores(rows: pd.DataFrame, group: NDArray[np.int64], rules: ScoringBundle) -> str:
    """Risk, P(alive), states and dates of purchasers, recomputed from the bundle's draws."""
    rule = rules.purchases
    x, t_x, T = (rows[c].to_numpy(np.float64) for c in ("x", "t_x", "T"))
    hold(
        np.isfinite(t_x) & (t_x >= 0) & (t_x <= T) & ((x > 0) == (t_x > 0)),
        rows,
        "customer_id",
        "has impossible x, t_x, T",
    )
    last = rows["last_purchase_at"].to_numpy().astype("datetime64[D]")
    key = _Key(group, x, t_x, last.astype(np.int64) - t_x.astype(np.int64))
    _close(_risk_on(rule, key, T), rows, "purchase_risk")
    _close(1 - _risk_on(rule, key, T, RiskConfig()), rows, "p_alive")
    value, first = rule.inside()
    cut = np.where(x > 0, value, first)
    dates = rows["at_risk_date"].to_numpy().astype("datetime64[D]")
    day = np.datetime64(rules.as_of, "D")
    hold(
        last == day - (T - t_x).astype("timedelta64[D]"),
        rows,
        "valid_for_last_purchase_at",
        "does not fit to as_of, t_x and T",
    )
    _check_dates(rules, key, dates, last, cut, rows)
    hold(
        rows["purchase_state"].array == text(BOUGHT, (x == 0) + 2 * (dates <= day)),
        rows,
        "purchase_state",
        "does not follow from at_risk_date",
    )
    return f"{len(rows)} purchasers: risk, P(alive), state and at_risk_date recomputed"


def _check_dates(
    rules: ScoringBundle,
    key: _Key,
    dates: NDArray[np.datetime64],
    last: NDArray[np.datetime64],
    cut: Array,
    rows: pd.DataFrame,
) -> None:
    """X1: at the threshold or above on the date, below it the day before (unless that is day 1)."""
    rule, t_x = rules.purchases, key.t_x
    days = (dates - last).astype(np.int64)
    never = dates == _FAR
    hold((days >= 1) | never, rows, "at_risk_date", "is not after the last purchase")
    at = np.where(never, LAST_DAY, days).astype(float)
    measure = rule.state.measure
    on = _risk_on(rule, key, t_x + at, measure)
    before = _risk_on(rule, key, t_x + np.maximum(at - 1, 0), measure)
    hold(
        np.where(never, on < cut + TOLERANCE, on >= cut - TOLERANCE),
        rows,
        "at_risk_date",
        "has a date that its risk does not bear out",
    )
    hold(
        never | (days <= 1) | (before < cut + TOLERANCE),
        rows,
        "at_risk_date",
        "was at risk the day before its date already",
    )


def _close(values: Array, rows: pd.DataFrame, column: str) -> None:
    off = np.abs(values - rows[column].to_numpy(np.float64))
    hold(off <= TOLERANCE, rows, column, "differs from the score of the bundle's draws")


def check_sql(rows: pd.DataFrame, rules: ScoringBundle) -> str:
    """Run the DuckDB SQL on the shipped rows, at the cutoff and around `at_risk_date`."""
    some = rows.drop_duplicates(["grp", "x", "t_x", "T"])
    if len(some) > SQL_ROWS:
        some = some.iloc[np.linspace(0, len(some) - 1, SQL_ROWS).round().astype(int)]
    dated = _around_dates(some, rules)
    # One statement for all: the engine's planning takes longer than its work.
    scored = run_summary_sql(pd.concat([some, *dated.values()]), rules)
    found, moved = scored.iloc[: len(some)], scored.iloc[len(some) :]
    for column in ("purchase_risk", "p_alive"):
        off = np.abs(found[column].to_numpy() - some[column].to_numpy())
        hold(off <= TOLERANCE, some, column, "differs between SQL and Python")
    same = found["purchase_state"].to_numpy() == some["purchase_state"].to_numpy()
    hold(same, some, "purchase_state", "differs between SQL and Python")
    states = moved["purchase_state"].astype("str")
    for suffix, rows in dated.items():
        own, states = states.iloc[: len(rows)], states.iloc[len(rows) :]
        hold(own.str.endswith(suffix), rows, "at_risk_date", "is not where SQL has it")
    return f"{len(some)} distinct rows agree to {TOLERANCE:g}, dates included"


def _around_dates(some: pd.DataFrame, rules: ScoringBundle) -> dict[str, pd.DataFrame]:
    """Return the rows on `at_risk_date`, when SQL must say at risk, and the day before: active."""
    if falls_first(rules.purchases.draws.k, rules.purchases.state.measure):
        return {}
    dates = some["at_risk_date"].to_numpy().astype("datetime64[D]")
    days = (dates - some["last_purchase_at"].to_numpy().astype("datetime64[D]")).astype(float)
    dated = some[dates != _FAR].assign(T=(some["t_x"] + days)[dates != _FAR])
    return {"_risk": dated, "_active": dated.assign(T=dated["T"] - 1)}


def run_summary_sql(rows: pd.DataFrame, rules: ScoringBundle) -> pd.DataFrame:
    """Score rows of `customer_summary` with the DuckDB SQL, in their order."""
    import duckdb

    labelled = replace(rules, group_columns=("grp",))
    summary = rows[["x", "t_x", "T", "grp", "last_purchase_at"]]
    summary = summary.assign(customer_id=np.arange(len(rows)).astype(str))
    with duckdb.connect(
        config={"enable_external_access": False, "autoload_known_extensions": False}
    ) as connection:
        connection.register("customer_summary", summary)
        result = connection.execute(score_sql(labelled, "duckdb", SummarySource())).df()
    result = result.set_index("customer_id").reindex(summary["customer_id"]).reset_index()
    return result.assign(customer_id=rows["customer_id"].to_numpy())
