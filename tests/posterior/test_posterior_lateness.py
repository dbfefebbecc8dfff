"""Late by the own rhythm: the definition day by day, its floors, its interval, P(alive) on it."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.errors import UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import (
    Lateness,
    RiskConfig,
    Rows,
    StateCut,
    at_risk_days,
    customers_table,
    keys_of,
    rhythm_days,
    risk_summary,
)
from churnlab.posterior.risk import risk_curve
from churnlab.posterior.settings import EARLIEST_LATE_DAY, LAST_DAY, NEVER
from churnlab.posterior.states import state_days
from churnlab.summary import Summary

MODELS = [("bg_nbd", 1), ("mbg_nbd", 1), ("pareto_nbd", 1), ("mbg_cnbd_k", 4)]


def _key(x: float, t_x: float) -> Rows:
    return Rows(np.zeros(1, np.int64), *(np.array([v]) for v in (x, t_x, t_x)))


def _back(draws: PopulationDraws, x: float, t_x: float, h: np.ndarray) -> np.ndarray:
    """P(next purchase within h of the last), per draw and h, from the model's own formula."""
    theta = draws.theta[:, 0, :].T[:, :, None]
    return 1 - draws.likelihood.p_no_purchase(theta, x, t_x, t_x, h)


@pytest.mark.parametrize(("model", "k"), MODELS)
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_day_is_the_first_of_a_daily_scan_of_the_definition(
    model, k, level, make_draws, make_rows
):
    draws, measure = make_draws(model, 16, spread=0.15, k=k), Lateness(window_cycles=4.0)
    keys = keys_of(make_rows(9))
    got = at_risk_days(draws, keys, measure, level)
    rhythm = rhythm_days(draws, Rows(keys.group, keys.x, keys.t_x, keys.t_x))
    days = np.arange(1.0, 1001.0)
    for day, x, t_x, own in zip(got, keys.x, keys.t_x, rhythm, strict=True):
        whole = _back(draws, x, t_x, np.array([4.0 * own])).mean(axis=0)
        late = _back(draws, x, t_x, days).mean(axis=0) / whole >= level
        late &= days >= max(own, EARLIEST_LATE_DAY)
        assert day == (days[late.argmax()] if late.any() else NEVER)


def test_nobody_is_late_before_one_own_rhythm_where_dropout_is_fast():
    """Pareto/NBD, lifetimes of a few days: who comes back does so within half a rhythm."""
    draws = PopulationDraws("pareto_nbd", 1, np.array([[[8.0, 400.0, 8.0, 40.0]]]))
    keys = keys_of(_key(2.0, 10.0))
    rhythm = float(rhythm_days(draws, _key(2.0, 10.0))[0])
    share = _back(draws, 2.0, 10.0, np.array([np.ceil(rhythm) - 1, 6 * rhythm])).ravel()
    assert share[0] / share[1] > 0.8  # the quantile alone would call the day before late
    day = int(at_risk_days(draws, keys, Lateness(), 0.8)[0])
    assert day == int(np.ceil(rhythm))


def test_nobody_is_late_on_the_day_after_a_purchase():
    """Several purchases a day by rate: the quantile and the rhythm lie within the first day."""
    draws = PopulationDraws("mbg_nbd", 1, np.array([[[50.0, 10.0, 1.0, 9.0]]]))
    keys = keys_of(_key(0.0, 0.0))
    assert rhythm_days(draws, _key(0.0, 0.0))[0] < 0.5
    assert at_risk_days(draws, keys, Lateness(), 0.8).tolist() == [EARLIEST_LATE_DAY]
    assert risk_curve(draws, 0.0, 0.0, [1, 2], Lateness()).mean.tolist() == [0.0, 1.0]
    bare = risk_curve(draws, 0.0, 0.0, [0, 1], Lateness(least_cycles=0.0)).mean
    assert bare[0] == 0.0
    assert 0.8 < bare[1] < 1.0


@pytest.mark.parametrize(("model", "k"), MODELS)
def test_the_interval_is_that_of_each_draws_own_date(model, k, make_draws):
    draws, cut = make_draws(model, 40, spread=0.2, k=k), StateCut(Lateness(), 0.8, 0.8)
    for x, t_x in ((0.0, 0.0), (4.0, 120.0)):
        keys = keys_of(_key(x, t_x))
        days = np.arange(1.0, LAST_DAY)
        rhythm = float(rhythm_days(draws, _key(x, t_x))[0])
        whole = _back(draws, x, t_x, np.array([6.0 * rhythm]))
        late = (_back(draws, x, t_x, days[:1500]) / whole >= 0.8) & (days[:1500] >= rhythm)
        own = np.sort(days[late.argmax(axis=1)])
        day = at_risk_days(draws, keys, *cut)
        found = state_days(draws, keys, cut, day)
        # 2 of 40 draws are 5%, 38 are 95%
        assert (found.q05[0], found.q95[0]) == (own[1], own[37])
        assert found.q05[0] <= day[0] <= found.q95[0]


def test_p_alive_on_the_date_is_the_personal_threshold(make_draws, make_rows):
    draws, rows = make_draws("mbg_nbd", 40), make_rows(40)
    summary = Summary.from_arrays(*rows[1:], as_of="2024-06-30")
    table = customers_table(summary, draws)
    day = (table["at_risk_date"] - table["last_purchase_at"]).dt.days.to_numpy()
    there = risk_summary(draws, rows._replace(T=rows.t_x + day), RiskConfig())
    np.testing.assert_allclose(table["p_alive_at_risk"], 1 - there.mean, rtol=1e-12)
    late = table["at_risk_date"] <= np.datetime64("2024-06-30")
    silent = table["days_since_last"] > 0
    # P(alive) falls with silence: late is P(alive) at or below the own threshold
    assert (late == (table["p_alive"] <= table["p_alive_at_risk"] + 1e-12))[silent].all()
    assert 0 < late.sum() < len(table)


def test_forty_days_are_late_for_the_fortnightly_buyer_only(make_draws):
    """The example of the product: x = 30 and x = 7 in 420 days, then 40 days of silence."""
    for model in ("mbg_nbd", "pareto_nbd"):
        draws = make_draws(model, 40)
        rows = Rows(np.zeros(2, np.int64), *np.array([[7, 30], [420, 420], [460, 460]], float))
        a, b = at_risk_days(draws, keys_of(rows), Lateness(), 0.8)[keys_of(rows).of]
        assert b <= 40 < a
        late = risk_summary(draws, rows, Lateness()).mean
        assert late[1] >= 0.8 > late[0]


def test_mean_lateness_is_a_ratio_of_means(make_draws):
    """Draws with many who come back weigh more: the mean of the draws' ratios is another number."""
    draws = make_draws("mbg_nbd", 40, spread=0.4)
    got = risk_curve(draws, 1.0, 30.0, [80.0], Lateness())
    window = 6.0 * rhythm_days(draws, _key(1.0, 30.0))
    back, whole = (_back(draws, 1.0, 30.0, np.atleast_1d(h)) for h in (80.0, window))
    assert got.mean[0] == pytest.approx(back.mean() / whole.mean(), rel=1e-12)
    assert got.mean[0] != pytest.approx((back / whole).mean(), rel=1e-4)


def test_windows_that_end_before_anybody_can_be_late_are_refused():
    assert Lateness(window_cycles=1.01).window_cycles == 1.01
    for bad in (1.0, -2.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="greater than 1 own rhythm"):
            Lateness(window_cycles=bad)
