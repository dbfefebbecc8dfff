"""Dates: against a scan of every day, and against the risk on the day and the day before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from churnlab.errors import UsageError
from churnlab.posterior import (
    RiskConfig,
    Rows,
    at_risk_days,
    keys_of,
    risk_summary,
    rows_of,
    to_dates,
)
from churnlab.posterior.dates import due_days, whole_due_days
from churnlab.posterior.risk import risk_curve
from churnlab.posterior.settings import LAST_DAY, NEVER
from churnlab.posterior.silence import stream

BASES = ("p_alive", "personal_cycles", "fixed_days")
SETTINGS = [(basis, cut) for basis in BASES for cut in (0.3, 0.6, 0.9)]


def _scan(draws, x, t_x, config, threshold):
    """Return the date by looking at every day of ten years."""
    risk = risk_curve(draws, x, t_x, np.arange(1, LAST_DAY + 1), config).mean
    below = np.flatnonzero(risk < threshold)
    if not below.size:
        return 1
    return NEVER if below[-1] == LAST_DAY - 1 else int(below[-1]) + 2


@pytest.mark.parametrize(
    ("model", "k"),
    [("bg_nbd", 1), ("mbg_nbd", 1), ("pareto_nbd", 1), ("bg_cnbd_k", 2), ("mbg_cnbd_k", 4)],
)
def test_at_risk_day_is_the_last_crossing_of_a_daily_scan(model, k, make_draws, make_rows):
    draws = make_draws(model, 40, spread=0.15, k=k)
    keys = keys_of(make_rows(12))
    for basis, cut in SETTINGS:
        config = RiskConfig(basis=basis, horizon_days=45)
        got = at_risk_days(draws, keys, config, cut)
        slow = [_scan(draws, x, t, config, cut) for x, t in zip(keys.x, keys.t_x, strict=True)]
        assert got.tolist() == slow


def test_windowed_risk_of_regular_buyers_falls_before_it_rises(make_draws):
    """The case that makes the last crossing necessary: above, below, above again."""
    draws = make_draws("mbg_cnbd_k", 40, k=6)
    config = RiskConfig(basis="fixed_days", horizon_days=20)
    risk = risk_curve(draws, 10, 300, np.arange(1, 400), config).mean
    cut = (risk[0] + risk.min()) / 2
    assert risk[0] > cut > risk.min()
    keys = keys_of(Rows(np.zeros(1, np.int64), *(np.array([v]) for v in (10.0, 300.0, 301.0))))
    day = int(at_risk_days(draws, keys, config, cut)[0])
    assert day > risk.argmin() + 1
    assert risk[day - 1] >= cut > risk[day - 2]


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k"])
@pytest.mark.parametrize("basis", BASES)
def test_x1_dates_agree_with_the_risk_of_the_day_and_the_day_before_on_cdnow(
    model, basis, cdnow, make_draws
):
    draws, config = make_draws(model, 60), RiskConfig(basis=basis)
    rows = rows_of(cdnow.cells)
    keys = keys_of(rows)
    cut = 0.8 if basis == "fixed_days" else 0.5
    days = at_risk_days(draws, keys, config, cut)[keys.of]
    found = days != NEVER
    on_day = risk_summary(draws, rows._replace(T=rows.t_x + days), config).mean
    before = risk_summary(draws, rows._replace(T=rows.t_x + np.maximum(days - 1, 0)), config).mean
    far = risk_summary(draws, rows._replace(T=rows.t_x + LAST_DAY), config).mean
    assert (on_day[found] >= cut).all()
    assert (before[found & (days > 1)] < cut).all()
    assert (far[~found] < cut).all()
    # the state today is at risk exactly when the date has come
    if model != "mbg_cnbd_k" or basis == "p_alive":
        silence = rows.T - rows.t_x
        today = risk_summary(draws, rows, config).mean
        some = silence >= 1
        assert ((today >= cut) == (found & (silence >= days)))[some].all()


def test_the_fall_is_found_where_bisection_alone_would_step_over_it(make_draws):
    """Slow regular buyers: the days below the cut lie between the first probes of a bisection."""
    draws = make_draws("mbg_cnbd_k", 20, k=8)
    config = RiskConfig(basis="fixed_days", horizon_days=150)
    for gap in (150.0, 300.0, 600.0, 800.0):
        risk = risk_curve(draws, 6, 6 * gap, np.arange(1, LAST_DAY + 1), config).mean
        cut = risk.min() + 0.1 * (risk[0] - risk.min())
        one = (np.array([v]) for v in (6.0, 6 * gap, 6 * gap))
        keys = keys_of(Rows(np.zeros(1, np.int64), *one))
        expected = np.flatnonzero(risk < cut)[-1] + 2
        assert at_risk_days(draws, keys, config, cut).tolist() == [expected]


def test_first_purchasers_may_have_a_threshold_of_their_own(make_draws):
    draws = make_draws("mbg_nbd", 40)
    keys = keys_of(Rows(np.zeros(2, np.int64), *np.array([[0, 3], [0, 90], [5, 99]], float)))
    same = at_risk_days(draws, keys, RiskConfig(), 0.5)
    lower = at_risk_days(draws, keys, RiskConfig(), 0.5, 0.4)
    assert lower[1] == same[1]
    assert lower[0] < same[0]


def test_bg_never_puts_a_first_purchaser_at_risk_by_p_alive(make_draws):
    keys = keys_of(Rows(np.zeros(1, np.int64), *(np.array([v]) for v in (0.0, 0.0, 800.0))))
    assert at_risk_days(make_draws("bg_nbd", 40), keys, RiskConfig(), 0.01).tolist() == [NEVER]


def test_dates_know_nothing_of_the_cutoff_order_or_chunks(make_draws, make_rows, monkeypatch):
    draws, rows = make_draws("pareto_nbd", 40), make_rows(40)
    keys = keys_of(rows)
    days = at_risk_days(draws, keys, RiskConfig(), 0.5)[keys.of]
    due = due_days(draws, keys)[:, keys.of]
    order = np.random.default_rng(1).permutation(40)
    later = Rows(*(v[order] for v in rows._replace(T=rows.T + 200)))
    monkeypatch.setattr(stream, "CHUNK_ELEMENTS", 100)
    again = keys_of(later)
    assert at_risk_days(draws, again, RiskConfig(), 0.5)[again.of].tolist() == days[order].tolist()
    # tables of Q span the ages asked for, so Q agrees to 1e-12 and a root to a thousandth of a day
    np.testing.assert_allclose(due_days(draws, again)[:, again.of], due[:, order], atol=2e-3)


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k"])
def test_due_days_solve_their_definition(model, make_draws, make_rows):
    draws, keys = make_draws(model, 40, spread=0.15), keys_of(make_rows(12))
    likelihood, theta = draws.likelihood, draws.theta[:, 0, :].T
    due = due_days(draws, keys, within=200, levels=(0.1, 0.5, 0.9))
    for i, (x, t_x) in enumerate(zip(keys.x, keys.t_x, strict=True)):

        def bought(h, x=x, t_x=t_x):
            return np.mean(1 - likelihood.p_no_purchase(theta, x, t_x, t_x, h))

        for q, h in zip((0.1, 0.5, 0.9), due[:, i], strict=True):
            slow = brentq(lambda d, q=q: bought(d) - q * bought(200.0), 1e-6, 200.0)
            assert h == pytest.approx(slow, abs=0.01)


def test_due_intervals_hold_the_whole_days_inside_and_the_due_date():
    days = np.array([[20.4, 0.2, 3.6], [2.2, 0.1, 3.4], [50.9, 0.7, 3.9]])
    assert whole_due_days(days).T.tolist() == [[20, 3, 50], [1, 1, 1], [4, 4, 4]]


def test_dates_hold_year_9999_and_survive_parquet(tmp_path):
    last = np.array(["2024-02-28", "2024-12-31"], "datetime64[s]")
    dates = to_dates(last, np.array([1, NEVER]))
    assert dates.astype("datetime64[D]").astype(str).tolist() == ["2024-02-29", "9999-12-31"]
    assert to_dates(last, np.array([1.4, 2.6])).astype("datetime64[D]").astype(str).tolist() == [
        "2024-02-29",
        "2025-01-03",
    ]
    pd.DataFrame({"date": dates}).to_parquet(tmp_path / "t.parquet")
    back = pd.read_parquet(tmp_path / "t.parquet")["date"]
    assert back.dt.strftime("%Y-%m-%d").tolist() == ["2024-02-29", "9999-12-31"]


@pytest.mark.parametrize("value", [0.0, 1.0, -0.2, float("nan")])
def test_thresholds_outside_0_and_1_are_refused(value, make_draws, make_rows):
    with pytest.raises(UsageError, match="between 0 and 1"):
        at_risk_days(make_draws("mbg_nbd", 5), keys_of(make_rows(10)), RiskConfig(), value)
