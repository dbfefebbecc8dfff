"""Numbers behind the figures of a fit: silence curves, shrinkage, predictive checks, cost."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.posterior.silence.stream import rows_of
from churnlab.summary import Clock, Summary
from churnlab.summary.calendar import number
from churnlab.summary.customers import JOINED
from churnlab.types import Array, Ints

#: Columns of the customers table that pages show: a large one is not read whole.
SHOWN: Final = (
    "customer_id", "x", "t_x", "last_purchase_at", "days_since_last", "rhythm_days", "p_alive",
    "p_alive_q05", "p_alive_q95", "p_return_year", "cycle_days", "at_risk_date",
    "expected_purchases", "residual_value",
)  # fmt: skip


class SilenceCurve(NamedTuple):
    """A probability against days of silence: mean over draws and 90% interval, shape (day,)."""

    days: Array
    mean: Array
    q05: Array
    q95: Array


def three_customers(customers: pd.DataFrame, *, least_gaps: int = 3) -> pd.DataFrame:
    """Return a fast, a middling and a slow buyer: rhythms at the 10th, 50th, 90th percentile.

    Buyers with at least `least_gaps` repeat purchases are looked at first, because their rhythm
    is their own; where there are fewer than three of them, whoever bought most often.
    """
    known = customers[customers["x"] >= least_gaps]
    if len(known) < 3:
        known = customers.nlargest(min(3, len(customers)), "x", keep="first")
    ordered = known.sort_values(["rhythm_days", "customer_id"]).reset_index(drop=True)
    rows = np.unique(np.round(np.array([0.1, 0.5, 0.9]) * (len(ordered) - 1)).astype(int))
    return ordered.iloc[rows].reset_index(drop=True)


def p_alive_of(
    draws: PopulationDraws, summary: Summary, person: pd.Series, days: Array
) -> SilenceCurve:
    """Return P(alive) of one of a summary's customers, in their group and on the summary's clock.

    person: A row of `summary.customers`.
    days (day,): Whole days of silence.
    """
    cells, cell = summary.cells, [int(person["cell"])]
    rows = rows_of(cells, draws).at(np.array(cell))
    silence = days
    if summary.clock is not None:
        silence = summary.clock.ahead(person["last_purchase_at"].date(), days)
    theta = draws.theta_rows(rows.group)
    value = draws.likelihood.p_alive(theta, rows.x[0], rows.t_x[0], rows.t_x[0] + silence)
    return _summarised(days, value)


def silence_curves(
    draws: PopulationDraws, person: Any, days: Array, horizon_days: int, fit: Mapping[str, Any]
) -> tuple[SilenceCurve, SilenceCurve]:
    """Return P(alive) and P(no purchase in the next `horizon_days`) of one customer.

    person: A row of the customers table, with the columns of the fit's groups.
    days (day,): Whole days of silence.
    fit: ``fit.json``: whose groups and clock these are.
    Raises UsageError: A group that the fit has not seen; a fit with covariates, whose profiles the
        customers table does not name.
    """
    name = JOINED.join(str(getattr(person, column)) for column in fit["group_columns"])
    group = draws.codes_of([name])
    t_x, silence, horizon = float(person.t_x), days, np.asarray(float(horizon_days))
    if (clock := Clock.of_fit(fit)) is not None:
        last = number(person.last_purchase_at.date())
        silence = clock.ahead(np.asarray(last), days)
        horizon = clock.ahead(last + days.astype(np.int64), horizon_days)
        t_x = float(clock.ahead(np.asarray(last - round(t_x)), round(t_x)))
    theta, likelihood = draws.theta_rows(group), draws.likelihood
    alive = likelihood.p_alive(theta, person.x, t_x, t_x + silence)
    risk = likelihood.p_no_purchase(theta, person.x, t_x, t_x + silence, horizon)
    return _summarised(days, alive), _summarised(days, risk)


def _summarised(days: Array, value: Array) -> SilenceCurve:
    low, high = np.quantile(value, [0.05, 0.95], axis=0)
    return SilenceCurve(days, value.mean(axis=0), low, high)


def shrinkage(customers: pd.DataFrame) -> pd.DataFrame:
    """Return the mean gap observed beside the posterior cycle of every repeat customer."""
    repeat = customers[customers["x"] > 0]
    return pd.DataFrame(
        {
            "x": repeat["x"],
            "mean_gap_days": repeat["t_x"] / repeat["x"],
            "cycle_days": repeat["cycle_days"],
        }
    ).reset_index(drop=True)


def predictive(counts: Mapping[str, Array]) -> pd.DataFrame:
    """Return customers by repeat purchases: in the data, expected before it, and after it.

    counts: `observed` (1, count), `prior` and `posterior` (draw, count), as
        `inference.load_predictive` reads them.
    Returns: One row per number of repeat purchases (the last: that many or more): `repeats`,
        `observed`, and `prior` and `posterior` with `_q05`, `_q50`, `_q95` over draws.
    """
    observed = counts["observed"][0]
    columns: dict[str, Any] = {"repeats": np.arange(len(observed)), "observed": observed}
    for name in ("prior", "posterior"):
        quantiles = np.quantile(counts[name], [0.05, 0.5, 0.95], axis=0)
        columns |= {f"{name}_{q}": v for q, v in zip(("q05", "q50", "q95"), quantiles, strict=True)}
    return pd.DataFrame(columns)


def cost_curve(threshold: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return the cost curve stored with a threshold, or None where nothing was learnt."""
    return pd.DataFrame(threshold["curve"]) if threshold.get("curve") else None


def interval(threshold: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the threshold's 90% interval, or None where it has none."""
    low, high = threshold.get("low"), threshold.get("high")
    return None if low is None or high is None else (float(low), float(high))


def repeats_by_week(draws: PopulationDraws, summary: Summary) -> pd.DataFrame:
    """Return cumulative repeat purchases since the first customer's first week.

    Returns: ``candidate`` (the model), ``week``, ``cumulative_actual``, and what the model expects
        of customers who began when these did, ``cumulative_expected`` with its 90% interval over
        the posterior, ``cumulative_q05``, ``cumulative_q95``.
    Raises UsageError: The summary was made from arrays.
    """
    if summary.purchase_days is None:
        raise UsageError("tracking needs the day of every purchase; fit summarise(log).")
    people = summary.customers
    end = np.datetime64(summary.as_of, "D").astype(np.int64)
    first = end - people["T"].to_numpy().round().astype(np.int64)
    start = int(first.min())
    weeks = np.arange(1, (end - start) // 7 + 1)
    until = start + 7 * weeks
    days = summary.purchase_days()
    actual = np.searchsorted(days, until) - np.searchsorted(np.sort(first), until)
    group = summary.cells.group[people["cell"].to_numpy()]
    expected = np.zeros((draws.n_draws, len(weeks)))
    time = _plain if summary.clock is None else summary.clock.time
    now = time(until)
    ages = np.arange(np.ceil(time([end])[0] - time([start])[0]) + 2)
    for code in np.unique(group):
        began, n = np.unique(first[group == code], return_counts=True)
        theta = draws.theta[:, code if len(draws.groups) > 1 else 0].T[:, :, None]
        bought = draws.likelihood.expected_new(theta, ages)  # (draw, age)
        # how many customers are how old at each week's end; who comes later has bought nothing
        at = time(began)
        old = [_by_age(np.maximum(one - at, 0.0), n, len(ages)) for one in now]
        expected += bought @ np.stack(old, axis=1)
    low, high = np.quantile(expected, [0.05, 0.95], axis=0)
    return pd.DataFrame(
        {
            "candidate": draws.model,
            "week": weeks,
            "cumulative_actual": actual,
            "cumulative_expected": expected.mean(axis=0),
            "cumulative_q05": low,
            "cumulative_q95": high,
        }
    )


def _plain(days: ArrayLike) -> Array:
    return np.asarray(days, np.float64)


def _by_age(age: Array, n: Ints, size: int) -> Array:
    """Return `n` customers counted by whole ages; who lies between two is shared by both."""
    low = np.floor(age).astype(np.int64)
    part = age - low
    return np.bincount(low, n * (1 - part), size) + np.bincount(low + 1, n * part, size)


def alive_matrix(
    draws: PopulationDraws, summary: Summary, side: int
) -> tuple[NDArray[np.int64], Array, Array]:
    """Return repeat purchases (row,), days of silence (column,) and P(alive) (row, column).

    Of a customer as old as the oldest, of any group (each draw is of one, as often as it has
    customers); as many purchases as 99% of the customers have at most.
    """
    people = summary.customers
    age = float(summary.cells.T.max())
    most = int(np.quantile(people["x"], 0.99))
    x = np.unique(np.linspace(0, max(most, 1), min(side, most + 1)).round().astype(np.int64))
    silence = np.linspace(0.0, age, side)
    t_x = np.where(x[:, None] > 0, age - silence[None, :], 0.0)
    share = summary.cells.weight / summary.cells.weight.sum()
    code = np.random.default_rng(0).choice(
        rows_of(summary.cells, draws).group, draws.n_draws, p=share
    )
    theta = draws.theta_by_code[np.arange(draws.n_draws), code].T[:, :, None]
    T = np.where(x[:, None] > 0, age, silence[None, :])
    shape = (len(x), side)
    rows = [np.broadcast_to(v, shape).ravel() for v in (x[:, None].astype(float), t_x, T)]
    return x, silence, draws.likelihood.p_alive(theta, *rows).mean(axis=0).reshape(shape)
