"""Risk: requirement P1, twins, relations, and independence of order, chunks and threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnlab.errors import UsageError
from churnlab.posterior import RiskConfig, Rows, personal_window, rhythm_days, risk_summary
from churnlab.posterior.risk import mean_and_interval, risk_curve
from churnlab.posterior.silence import stream

BASES = ("p_alive", "personal_cycles", "fixed_days")
#: P1: (14-day buyer, 60-day buyer) by basis, fixed window of 30 days.
P1 = {
    "mbg_nbd": {
        "p_alive": (0.261, 0.162), "personal_cycles": (0.385, 0.323), "fixed_days": (0.387, 0.704),
    },
    "pareto_nbd": {
        "p_alive": (0.165, 0.061), "personal_cycles": (0.312, 0.276), "fixed_days": (0.330, 0.687),
    },
}  # fmt: skip


def _two_buyers() -> Rows:
    return Rows(np.zeros(2, np.int64), np.array([30.0, 7.0]), np.full(2, 420.0), np.full(2, 460.0))


@pytest.mark.parametrize("model", P1)
@pytest.mark.parametrize("basis", BASES)
def test_p1_a_personal_threshold(model, basis, make_draws):
    draws, rows = make_draws(model, 1, spread=0.0), _two_buyers()
    risk = risk_summary(draws, rows, RiskConfig(basis=basis, horizon_days=30)).mean
    often, seldom = P1[model][basis]
    assert (risk[0] > risk[1]) == (often > seldom)
    if basis == "personal_cycles":
        # the table's figures were made with windows not yet rounded up to whole days
        theta = draws.theta[:, 0, :].T
        window = 2 * rhythm_days(draws, rows)
        risk = draws.likelihood.p_no_purchase(theta, *rows[1:], window)
    assert np.round(risk, 3) == pytest.approx((often, seldom), abs=1e-9)


SHAPES = {
    "uniform": lambda rng, size: rng.random(size),
    "many far out": lambda rng, size: np.exp(4 * rng.standard_t(2, size)),
    "three values": lambda rng, size: rng.integers(0, 3, size).astype(float),
    "zero but for some": lambda rng, size: rng.random(size) * (rng.random(size) < 0.06),
    "one value": lambda rng, size: np.full(size, 0.3),
    "rising": lambda rng, size: np.sort(rng.random(size), axis=1),
    "next to each other": lambda rng, size: 1.0 + rng.integers(0, 9, size) * 2.0**-52,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_draws", [1, 2, 3, 21, 41, 63, 64, 65, 333, 2000])
def test_mean_and_interval_are_numpys(shape, n_draws):
    values = SHAPES[shape](np.random.default_rng(n_draws), (20, n_draws))
    mean, *tails = mean_and_interval(values)
    assert np.array_equal(mean, values.mean(axis=1))  # to the bit: dates are found by that mean
    np.testing.assert_allclose(tails, np.quantile(values, (0.05, 0.95), axis=1), rtol=1e-12)


def test_a_row_with_nan_has_no_interval_and_harms_no_other():
    values = np.random.default_rng(1).random((3, 100))
    whole = mean_and_interval(values)
    values[1, 7] = np.nan
    holed = mean_and_interval(values)
    assert np.isnan(holed[:, 1]).all()
    assert np.array_equal(holed[:, [0, 2]], whole[:, [0, 2]])


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k"])
@pytest.mark.parametrize("basis", BASES)
def test_summary_is_the_loop_over_draws(model, basis, make_draws, make_rows):
    draws, rows = make_draws(model, 101), make_rows(25)
    config = RiskConfig(basis=basis, horizon_days=45, cycles=1.5)
    got = risk_summary(draws, rows, config, threshold=0.4)
    likelihood = draws.likelihood
    for i, (x, t_x, T) in enumerate(zip(*rows[1:], strict=True)):
        thetas = [draws.theta[d, 0] for d in range(draws.n_draws)]
        rates = [(th[0] + draws.k * x) / (draws.k * (th[1] + t_x)) for th in thetas]
        window = np.ceil(min(max(1.5 / np.mean(rates), 14), 182))
        H = {"p_alive": None, "personal_cycles": window, "fixed_days": 45.0}[basis]
        risks = [
            1 - likelihood.p_alive(th, x, t_x, T)
            if H is None
            else likelihood.p_no_purchase(th, x, t_x, T, H)
            for th in thetas
        ]
        assert got.mean[i] == pytest.approx(np.mean(risks), abs=1e-9)
        assert got.q05[i] == pytest.approx(np.quantile(risks, 0.05), abs=1e-9)
        assert got.q95[i] == pytest.approx(np.quantile(risks, 0.95), abs=1e-9)
        assert got.above[i] == pytest.approx(np.mean(np.array(risks) >= 0.4), abs=1e-12)


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd", "bg_cnbd_k"])
def test_order_chunks_and_threads_change_nothing(model, make_draws, make_rows, monkeypatch):
    draws, rows = make_draws(model, 64), make_rows(80)
    config = RiskConfig(basis="personal_cycles")
    whole = risk_summary(draws, rows, config, threads=1)
    monkeypatch.setattr(stream, "SMALL_ELEMENTS", 0)
    order = np.random.default_rng(3).permutation(len(rows.x))
    shuffled = risk_summary(draws, Rows(*(v[order] for v in rows)), config, threads=3)
    np.testing.assert_array_equal(np.array(shuffled[:3]), np.array(whole[:3])[:, order])
    monkeypatch.setattr(stream, "CHUNK_ELEMENTS", 200)
    small = risk_summary(draws, rows, config, threads=2)
    np.testing.assert_array_equal(np.array(small[:3]), np.array(whole[:3]))


@pytest.mark.parametrize(("most", "threaded"), [(80 * 64, False), (80 * 64 - 1, True)])
def test_small_work_starts_no_threads(most, threaded, make_draws, make_rows, monkeypatch):
    monkeypatch.setattr(stream, "SMALL_ELEMENTS", most)
    draws, rows = make_draws("mbg_nbd", 64), make_rows(80)
    seen = set()
    stream.for_each_run(
        draws, rows.group, rows.x, 9e3, lambda *_: seen.add(threading.current_thread())
    )
    assert (threading.main_thread() not in seen) == threaded


@given(
    x=st.integers(0, 60),
    gap=st.floats(1, 60),
    days=st.lists(st.integers(0, 3000), min_size=2, max_size=6),
    basis=st.sampled_from(BASES),
    model=st.sampled_from(["mbg_nbd", "pareto_nbd", "bg_nbd"]),
)
def test_longer_silence_never_lowers_risk(x, gap, days, basis, model, make_draws):
    draws = make_draws(model, 20)
    curve = risk_curve(draws, x, round(x * gap), sorted(days), RiskConfig(basis=basis))
    assert (np.diff(curve.mean) >= -1e-10).all()


def test_first_purchase_risk_rises_except_under_bg(make_draws):
    days = np.array([1.0, 60.0, 300.0])
    for model in ("mbg_nbd", "pareto_nbd"):
        assert (np.diff(risk_curve(make_draws(model, 20), 0, 0, days).mean) > 0.05).all()
    assert risk_curve(make_draws("bg_nbd", 20), 0, 0, days).mean.tolist() == [0.0, 0.0, 0.0]


def test_risk_later_is_risk_at_a_greater_age(make_draws, make_rows):
    draws, rows = make_draws("mbg_nbd", 20), make_rows(20)
    later = risk_summary(draws, rows, days_later=31)
    older = risk_summary(draws, rows._replace(T=rows.T + 31))
    np.testing.assert_array_equal(later.mean, older.mean)


def test_personal_windows_are_whole_days_between_14_and_182():
    assert personal_window([3.0, 15.2, 500.0], 2.0).tolist() == [14.0, 31.0, 182.0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"basis": "alive"}, "p_alive"),
        ({"horizon_days": 0}, "horizon_days"),
        ({"cycles": 0.0}, "cycles"),
        ({"due_window_days": -3}, "due_window_days"),
    ],
)
def test_settings_refuse_what_makes_no_sense(values, words):
    with pytest.raises(UsageError, match=words):
        RiskConfig(**values)


def test_groups_use_their_own_draws(make_draws, make_rows):
    rows = make_rows(20)
    a, b = make_draws("mbg_nbd", 30), make_draws("mbg_nbd", 30, spread=0.3)
    both = type(a)("mbg_nbd", 1, np.concatenate([a.theta, b.theta], axis=1), ("a", "b"))
    codes = np.arange(20) % 2
    got = risk_summary(both, rows._replace(group=codes)).mean
    expected = np.where(codes == 0, risk_summary(a, rows).mean, risk_summary(b, rows).mean)
    np.testing.assert_array_equal(got, expected)
    with pytest.raises(UsageError, match="Group codes"):
        risk_summary(both, rows._replace(group=codes + 1))
