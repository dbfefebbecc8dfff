"""What another seed would move, from the halves of one fit's draws."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

import churnlab as cl
from churnlab.inference import fit_population
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig, StateCut, at_risk_days, keys_of, monte_carlo
from churnlab.posterior.settings import LATE
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


@pytest.fixture(scope="module")
def cdnow_cells():
    return cl.summarise(cl.load_cdnow()).cells


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


@pytest.mark.parametrize(("model", "k"), [("mbg_nbd", 1), ("pareto_nbd", 1), ("mbg_cnbd_k", 2)])
def test_another_seed_moves_no_date_of_cdnow_by_more_than_a_day(cdnow_cells, model, k):
    """All pairs of four seeds: few dates move at all, unless they lie on the edge of a day."""
    keys = keys_of(rows_of(cdnow_cells))
    fits = [fit_population(cdnow_cells, model=model, k=k, seed=seed).draws for seed in range(1, 5)]
    days = [at_risk_days(f, keys, LATE.measure, LATE.value)[keys.of] for f in fits]
    gaps = [abs(one - other) for one, other in combinations(days, 2)]
    share = cdnow_cells.weight / cdnow_cells.n_customers
    assert max(share @ (gap > 1) for gap in gaps) == 0
    bought_again = share * (cdnow_cells.x > 0)
    assert max(bought_again @ (gap > 0) for gap in gaps) < 0.1
    told = monte_carlo(fits[0], cdnow_cells, LATE)
    assert told.dates_beyond_one_day <= 0.01
    assert told.states_moved <= 0.01
