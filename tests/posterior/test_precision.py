"""What another seed would move, from the halves of one fit's draws."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import (
    LATE,
    RiskConfig,
    StateCut,
    at_risk_days,
    keys_of,
    monte_carlo,
)
from churnlab.posterior.silence.stream import rows_of

THETA = (0.5, 43.0, 0.9, 1.6)


def cells(x, t_x, T, weight):
    values = (np.asarray(v, float) for v in (x, t_x, T, weight))
    columns = dict(zip(("x", "t_x", "T", "weight"), values, strict=True))
    return SimpleNamespace(group=np.zeros(len(columns["x"]), np.int64), **columns)


def draws_of(paces):
    theta = np.tile(np.array(THETA), (len(paces), 1, 1))
    theta[:, 0, 1] *= paces
    return PopulationDraws("mbg_nbd", 1, theta)


def test_equal_halves_move_nothing():
    some = cells([0, 2, 5], [0, 60, 90], [50, 200, 100], [3, 2, 1])
    found = monte_carlo(draws_of(np.tile([0.9, 1.1], 20)), some, LATE)
    assert found == (0.0, 0.0, 0, 0.0)


def test_unequal_halves_are_counted_by_customers():
    """First half slower by a tenth: each cell's days under either half, weighted by hand."""
    paces = np.repeat([1.1, 1.0], 20)
    some = cells([0, 2, 5, 9], [0, 60, 90, 30], [50, 200, 100, 31], [3, 2, 1, 4])
    keys = keys_of(rows_of(some))
    days = [
        at_risk_days(draws_of(half), keys, LATE.measure, LATE.value, LATE.first_value)[keys.of]
        for half in (paces[:20], paces[20:])
    ]
    gap, silence = abs(days[0] - days[1]), some.T - some.t_x
    found = monte_carlo(draws_of(paces), some, LATE)
    assert found.dates_moved == pytest.approx(some.weight[gap > 0].sum() / 10)
    assert found.dates_beyond_one_day == pytest.approx(some.weight[gap > 1].sum() / 10)
    assert 0 < found.dates_beyond_one_day <= found.dates_moved
    assert found.largest_days == gap.max()
    differ = (days[0] <= silence) != (days[1] <= silence)
    assert found.states_moved == pytest.approx(some.weight[differ].sum() / 10)


def test_a_date_that_never_comes_is_no_day():
    cut = StateCut(RiskConfig(), 0.6, 0.6)
    found = monte_carlo(draws_of(np.repeat([1.0, 1e3], 20)), cells([0], [0], [50], [1]), cut)
    assert found.largest_days > 1000


def test_halves_of_cdnow_bound_what_seeds_move():
    """Dates of seed 1 and 2 are within a day for 99% of the customers, and fit says so."""
    summary = cl.summarise(cl.load_cdnow())
    fits = [cl.fit(summary, seed=seed) for seed in (1, 2)]
    dates = [pd.to_datetime(f.customers()["at_risk_date"]) for f in fits]
    moved = (dates[0] - dates[1]).dt.days.abs()
    assert (moved > 1).mean() <= 0.01
    told = monte_carlo(fits[0].draws, summary.cells, LATE)
    assert (moved > 0).mean() <= told.dates_moved + 0.05
    assert (moved > 1).mean() <= told.dates_beyond_one_day + 0.01
