"""The time that is left until the next purchase: its law, and levels that earlier returns teach."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.errors import UsageError
from churnlab.events import log_from_frames
from churnlab.fitting.next_purchase import LACK, PRIOR_RETURNS, QUANTILES, _gaps, learn_levels
from churnlab.fitting.sample import Sample
from churnlab.models.draws import PopulationDraws
from churnlab.posterior.dates import due_days, next_days, share_by
from churnlab.posterior.silence.stream import Rows, keys_of
from churnlab.simulate import simulate_btyd
from churnlab.summary import summarise
from churnlab.summary.calendar import number

MBG = (1.2, 60.0, 0.8, 3.0)
ROWS = Rows(
    np.zeros(4, np.int64),
    np.array([0.0, 1.0, 5.0, 5.0]),
    np.array([0.0, 40.0, 300.0, 300.0]),
    np.array([10.0, 90.0, 300.0, 420.0]),
)


def draws_of(model="mbg_nbd", theta=MBG, k=1) -> PopulationDraws:
    rng = np.random.default_rng(1)
    many = np.array(theta) * np.exp(rng.normal(0, 0.05, (40, 1, len(theta))))
    return PopulationDraws(model, k, many)


@pytest.mark.parametrize(
    ("model", "theta", "k"),
    [("mbg_nbd", MBG, 1), ("pareto_nbd", (1.2, 60.0, 0.7, 200.0), 1), ("mbg_cnbd_k", MBG, 3)],
)
def test_quantiles_are_those_of_the_formula(model, theta, k):
    draws = draws_of(model, theta, k)
    within = 200.0
    found = next_days(draws, ROWS, within=within)

    def back(h):
        args = (draws.theta_rows(), ROWS.x, ROWS.t_x, ROWS.T, h)
        return 1 - draws.likelihood.p_no_purchase(*args).mean(axis=0)

    for level, days in zip(QUANTILES, found, strict=True):
        np.testing.assert_allclose(back(days) / back(within), level, atol=2e-5)
        np.testing.assert_allclose(share_by(draws, ROWS, days, within), level, atol=2e-5)


def test_it_is_the_due_date_on_the_day_of_purchase_and_the_silence_counts_later():
    draws = draws_of()
    due = due_days(draws, keys_of(ROWS), within=365)
    left = next_days(draws, ROWS, within=365.0)
    assert left[:, 2] == pytest.approx(due[:, keys_of(ROWS).of[2]], rel=1e-3)
    assert (left[:, 3] > left[:, 2] * 1.1).all()  # the same customer, four months later


def log_of(days=1500, n=2000, seed=3, **how):
    rng = np.random.default_rng(seed)
    log = simulate_btyd("mbg_nbd", MBG, n, days, rng, inflow_days=days // 2, **how)
    return log.purchases, log.as_of


def coverage(purchases: pd.DataFrame, as_of, within: int) -> tuple[float, float]:
    """Share of the returns of the last `within` days inside plain and learnt 80% intervals."""
    origin = as_of - pd.Timedelta(days=within).to_pytimedelta()
    past = purchases[purchases["event_at"].dt.date <= origin]
    plain = cl.ModelConfig(calendar=None)  # the misfit is what is to be learnt
    fit = cl.fit(summarise(log_from_frames({"purchases": past}, as_of=str(origin))), model=plain)
    later = purchases[purchases["event_at"].dt.date > origin]
    back = later.groupby("customer_id")["event_at"].min()
    people = fit.data.customers
    wait = (people["customer_id"].map(back) - pd.Timestamp(origin)).dt.days
    cells = fit.data.cells
    found = []
    for levels in (QUANTILES, fit.next_levels(within).levels):
        days = next_days(fit.draws, Rows(cells.group, cells.x, cells.t_x, cells.T),
                         within=float(within), levels=levels)[:, people["cell"]]  # fmt: skip
        inside = (wait >= np.ceil(days[1])) & (wait <= np.floor(days[2]))
        found.append(float(inside[wait.notna()].mean()))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("how", "plain"),
    [
        ({}, (0.75, 0.85)),
        ({"gap_shape": 0.35}, (0.60, 0.75)),
        ({"daily_rate": 1 + 0.7 * np.cos(2 * np.pi * np.arange(1500) / 365.25)}, (0.6, 0.85)),
    ],
    ids=["as the model has it", "bursts", "season"],
)
def test_learnt_intervals_cover_four_fifths(how, plain):
    before, after = coverage(*log_of(**how), within=365)
    assert plain[0] <= before <= plain[1]
    assert 0.75 <= after <= 0.85


def test_due_dates_learn_from_earlier_gaps_and_the_table_takes_what_they_taught():
    """Bursts: plain 80% intervals from the purchase on miss many gaps of the coming year."""
    purchases, as_of = log_of(gap_shape=0.35, n=1000)
    origin = as_of - pd.Timedelta(days=365).to_pytimedelta()
    whole = summarise(log_from_frames({"purchases": purchases}, as_of=str(as_of)))
    past = purchases[purchases["event_at"].dt.date <= origin]
    fit = cl.fit(summarise(log_from_frames({"purchases": past}, as_of=str(origin))))
    learnt = fit.next_levels(due=True).levels
    rows, waited, size = _gaps(whole, Sample.of(whole, 1), fit.draws, number(origin), 365)
    reached = share_by(fit.draws, rows, waited - 0.5, size)
    plain, held = (((reached >= q[1]) & (reached <= q[2])).mean() for q in (QUANTILES, learnt))
    assert plain < 0.72
    assert 0.75 <= held <= 0.85
    stated = fit.customers(risk=cl.RiskConfig(due_levels=list(learnt)))
    pd.testing.assert_frame_equal(fit.customers(), stated)
    as_modelled = fit.customers(risk=cl.RiskConfig(due_levels=list(QUANTILES)))
    assert (as_modelled["due_q90"] < stated["due_q90"]).mean() > 0.9


@pytest.mark.parametrize("levels", [[0.5, 0.1], [0.1, 0.5, 0.9], [0.5, 0.0, 0.9], [0.5, 0.1, 1.0]])
def test_levels_are_a_median_between_its_ends(levels):
    with pytest.raises(UsageError, match="median, low and high end"):
        cl.RiskConfig(due_levels=levels)


def test_levels_are_learnt_from_two_windows_of_history_on():
    purchases, as_of = log_of(days=500, n=800)
    summary = summarise(log_from_frames({"purchases": purchases}, as_of=str(as_of)))
    fit = cl.fit(summary)
    span = int(summary.customers["T"].max())
    for due in (False, True):
        learnt = fit.next_levels(span // 2 + LACK, due=due)
        plain = fit.next_levels(span // 2 + LACK + 1, due=due)
        assert learnt.returns > 0
        assert (plain.levels, plain.returns) == (QUANTILES, 0)


def test_without_dates_nothing_is_learnt():
    purchases, as_of = log_of(days=500, n=300)
    summary = summarise(log_from_frames({"purchases": purchases}, as_of=str(as_of)))
    bare = dataclasses.replace(summary, histories=None)
    assert learn_levels(bare, Sample.of(bare, 1), draws_of(), 100).returns == 0


def test_uniform_returns_stand_beside_those_seen():
    """One return that the model put at its very end moves no level by more than its share."""
    purchases, as_of = log_of(days=500, n=300)
    summary = summarise(log_from_frames({"purchases": purchases}, as_of=str(as_of)))
    sample = Sample.of(summary, 1)
    one = Sample(
        sample.people.iloc[:1], np.zeros(2, np.int64), sample.first[0] + np.array([0, 400])
    )
    within = int((summary.customers["T"].iloc[0] - 1) // 2)
    found = learn_levels(summary, one, draws_of(), within)
    assert found.returns <= 1
    np.testing.assert_allclose(found.levels, QUANTILES, atol=1.01 / PRIOR_RETURNS)


def test_the_table_counts_from_the_cutoff():
    purchases, as_of = log_of(days=400, n=300)
    summary = summarise(log_from_frames({"purchases": purchases}, as_of=str(as_of)))
    table = cl.fit(summary).customers()
    low, middle, high = (table[f"next_purchase_{q}"] for q in ("q10", "q50", "q90"))
    assert (low > pd.Timestamp(as_of)).all()
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert (high <= pd.Timestamp(as_of) + pd.Timedelta(days=365)).all()
