"""P2 and P13 as simulations on the day grid: a short form here, the long one with `-m slow`."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.inference import fit_population
from churnlab.posterior import Rows, keys_of
from churnlab.posterior.cycles import rate_quantiles
from churnlab.posterior.dates import due_days, whole_due_days
from churnlab.simulate.btyd import simulate_btyd
from churnlab.summary import Summary

#: Purchases every few weeks, days; gaps well above a day, as the models ask for.
THETA = {
    "bg_nbd": (1.2, 40.0, 0.9, 6.0),
    "mbg_nbd": (1.2, 40.0, 0.9, 6.0),
    "pareto_nbd": (1.2, 40.0, 0.9, 400.0),
}


def _days(log):
    """Return customer code and day number of each purchase-day, sorted, and the last day."""
    code = log.purchases["customer_id"].astype("category").cat.codes.to_numpy().astype(np.int64)
    at = log.purchases["event_at"].to_numpy().astype("datetime64[D]").astype(np.int64)
    order = np.lexsort((at, code))
    return code[order], at[order], (np.datetime64(log.as_of) - np.datetime64(0, "D")).astype(int)


def _summary(code, day, as_of) -> Summary:
    starts = np.flatnonzero(np.r_[True, np.diff(code) > 0])
    ends = np.r_[starts[1:], len(code)]
    first, last = day[starts], day[ends - 1]
    when = np.datetime64(int(as_of), "D").astype(str)
    return Summary.from_arrays(ends - starts - 1, last - first, as_of - first, as_of=when)


def _cycle_coverage(model: str, n: int, seed: int) -> tuple[float, float]:
    """Return coverage of the 90% interval over all customers, and over those who bought once."""
    log = simulate_btyd(model, THETA[model], n, 540, np.random.default_rng(seed))
    code, day, as_of = _days(log)
    summary = _summary(code, day, as_of)
    draws = fit_population(summary.cells, model=model, draws=200, seed=1).draws
    rate = rate_quantiles(draws, summary.cells)
    cell = summary.customers["cell"].to_numpy()
    truth = 1 / log.truth.sort_values("customer_id")["purchase_days_per_day"].to_numpy()
    low, high = 1 / rate.q95[cell], 1 / rate.q05[cell]
    inside = (low <= truth) & (truth <= high)
    once = summary.customers["x"].to_numpy() == 0
    assert once.sum() > 0.05 * n
    assert np.median((high / low)[once]) > np.median((high / low)[~once])  # wider
    return float(inside.mean()), float(inside[once].mean())


def _due_coverage(model: str, n: int, seed: int, window: int = 180) -> tuple[float, int]:
    """Return coverage of [due_q10, due_q90] over all purchases, and their number."""
    log = simulate_btyd(model, THETA[model], n, 900, np.random.default_rng(seed), inflow_days=300)
    code, day, as_of = _days(log)
    draws = fit_population(_summary(code, day, as_of).cells, model=model, draws=200, seed=1).draws
    starts = np.flatnonzero(np.r_[True, np.diff(code) > 0])
    which = np.cumsum(np.r_[True, np.diff(code) > 0]) - 1
    x, t_x = np.arange(len(code)) - starts[which], day - day[starts][which]
    gap = np.r_[np.diff(day), 0]
    bought = np.r_[np.diff(code) == 0, False] & (gap <= window)
    use = bought & (day + window <= as_of)
    rows = Rows(np.zeros(use.sum(), np.int64), *(v[use].astype(float) for v in (x, t_x, t_x)))
    keys = keys_of(rows)
    _, low, high = whole_due_days(due_days(draws, keys, within=window))[:, keys.of]
    inside = (low <= gap[use]) & (gap[use] <= high)
    return float(inside.mean()), int(use.sum())


@pytest.mark.parametrize("model", ["mbg_nbd"])
def test_p2_cycle_interval_holds_the_truth(model):
    assert all(0.85 <= share <= 0.95 for share in _cycle_coverage(model, 3000, 1))


@pytest.mark.parametrize("model", ["mbg_nbd"])
def test_p13_due_interval_holds_the_next_purchase(model):
    coverage, n = _due_coverage(model, 1500, 2)
    assert n > 3000
    assert 0.75 <= coverage <= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("model", list(THETA))
@pytest.mark.parametrize("seed", range(3))
def test_p2_long(model, seed):
    assert all(0.85 <= share <= 0.95 for share in _cycle_coverage(model, 20_000, 10 + seed))


@pytest.mark.slow
@pytest.mark.parametrize("model", list(THETA))
@pytest.mark.parametrize("seed", range(3))
def test_p13_long(model, seed):
    coverage, _ = _due_coverage(model, 8_000, 20 + seed)
    assert 0.75 <= coverage <= 0.85
