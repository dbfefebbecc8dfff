"""Amounts and residual value: formulas, simulated truth, and relations that must hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.errors import UsageError
from churnlab.models import gamma_gamma
from churnlab.models.draws import SpendDraws
from churnlab.posterior import ValueConfig, value_table
from churnlab.posterior.counts import expected_purchases
from churnlab.posterior.worth.amounts import expected_amounts
from churnlab.posterior.worth.value import discounted_purchases
from churnlab.simulate.btyd import simulate_btyd
from churnlab.spend import fit_spend
from churnlab.summary import SpendSummary, Summary

MODELS = ["bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k"]
TRUTH = (3.4, 4.8, 37.4)
SPEND = SpendDraws(np.tile(TRUTH, (50, 1)), np.ones(50))


@pytest.mark.parametrize(
    ("model", "horizon"),
    [("bg_nbd", 120), ("mbg_nbd", 120), ("pareto_nbd", 365), ("mbg_cnbd_k", 20)],
)
def test_discounted_purchases_are_the_sum_over_days(model, horizon, make_draws, make_rows):
    draws, rows = make_draws(model, n=2), make_rows(12)
    value = ValueConfig(horizon_days=horizon, discount_rate=0.25)
    found = discounted_purchases(draws, rows, value).purchases
    theta = draws.theta[:, 0].T[:, :, None]
    ends = np.arange(horizon + 1.0)
    grown = np.array(
        [draws.likelihood.expected_purchases(theta, *rows[1:], t).mean(axis=0) for t in ends]
    )
    brute = np.diff(grown, axis=0).T @ value.discount(ends[1:] - 0.5)
    # a day has its middle's discount here, and the day after a purchase is bent (Erlang)
    np.testing.assert_allclose(found, brute, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_without_discount_they_are_the_expected_purchases(model, make_draws, make_rows):
    draws, rows = make_draws(model, n=20), make_rows(20)
    found = discounted_purchases(draws, rows, ValueConfig(horizon_days=120, discount_rate=0.0))
    np.testing.assert_allclose(
        found.purchases, expected_purchases(draws, rows, 120).mean, rtol=1e-12
    )
    # a first purchase is needed for a second: E[N] >= P(N >= 1)
    assert np.all(found.purchases >= found.returns)
    assert np.all((found.returns > 0) & (found.returns < 1))


def test_amount_interval_is_the_inverse_gamma_of_known_parameters():
    from scipy import stats

    p, q, gamma = TRUTH
    n, mean = np.array([0.0, 1.0, 8.0]), np.array([0.0, 90.0, 20.0])
    found = expected_amounts(SPEND, n, mean)
    np.testing.assert_allclose(
        found.mean, gamma_gamma.expected_amount(np.array(TRUTH), n, mean), rtol=1e-12
    )
    law = stats.invgamma(q + p * n, scale=p * (gamma + n * mean))
    # strata of 1/400 put the 5% point between two neighbours: within 1% of the quantile
    np.testing.assert_allclose(found.q05, law.ppf(0.05), rtol=0.01)
    np.testing.assert_allclose(found.q95, law.ppf(0.95), rtol=0.015)


def test_zero_amounts_scale_the_expectation():
    half = SpendDraws(SPEND.theta, np.full(50, 0.5))
    n, mean = np.array([0.0, 3.0]), np.array([0.0, 50.0])
    whole, part = (expected_amounts(s, n, mean) for s in (SPEND, half))
    np.testing.assert_allclose(part, np.array(whole) / 2, rtol=1e-12)


class World(NamedTuple):
    """Customers with a known future."""

    summary: Summary
    amounts: SpendSummary
    own_mean: np.ndarray
    realised: np.ndarray
    """Discounted amounts of the purchases in the year after the cutoff."""


def world(n_customers: int, seed: int, model: str = "mbg_nbd", zeros: float = 0.0) -> World:
    """Simulate 900 days of customers who come in the first 300; the cutoff is day 535."""
    rng = np.random.default_rng(seed)
    theta = (1.2, 40.0, 0.9, 400.0 if model == "pareto_nbd" else 6.0)
    log = simulate_btyd(model, theta, n_customers, 900, rng, inflow_days=300)
    events = log.purchases.sort_values(["customer_id", "event_at"], ignore_index=True)
    p, q, gamma = TRUTH
    ids = log.truth["customer_id"].sort_values(ignore_index=True)
    nu = pd.Series(rng.gamma(q, 1 / gamma, n_customers), index=ids)
    amount = rng.gamma(p, 1 / nu[events["customer_id"]].to_numpy())
    events["amount"] = np.where(rng.random(len(events)) < zeros, 0.0, amount)
    cutoff = pd.Timestamp(log.as_of) - pd.Timedelta(days=365)
    known = events["event_at"] <= cutoff
    past, coming = events[known], events[~known]
    people = past.groupby("customer_id")["event_at"].agg(["count", "min", "max"])
    days = [(people["max"] - people["min"]).dt.days, (cutoff - people["min"]).dt.days]
    summary = Summary.from_arrays(
        people["count"] - 1, *days, as_of=cutoff, customer_id=people.index.to_numpy()
    )
    ahead = (coming["event_at"] - cutoff).dt.days.to_numpy()
    worth = coming["amount"] * ValueConfig().discount(ahead - 0.5)
    realised = worth.groupby(coming["customer_id"]).sum().reindex(people.index).fillna(0.0)
    return World(
        summary,
        SpendSummary.from_amounts(past["customer_id"], past["amount"]),
        (p / nu[people.index]).to_numpy(),
        realised.to_numpy(),
    )


class Found(NamedTuple):
    """How often intervals held the truth, and how totals compare."""

    amounts: float
    worth: float
    missed_below: int
    with_low: int
    high_side: float
    total: float

    def low_side_is_right(self) -> bool:
        """Whether at most 5% of the customers with a positive q05 lie below it, and three errors.

        By counts: few have one (200 to 650 of 8,000), so the error is that of their number.
        """
        n = self.with_low
        return self.missed_below <= 0.05 * n + 3 * np.sqrt(0.05 * 0.95 * n)


def coverage(n_customers: int, seed: int, model: str = "mbg_nbd", zeros: float = 0.0) -> Found:
    """Fit both models to a world and count."""
    known = world(n_customers, seed, model, zeros)
    fit = cl.fit(known.summary, model=model, draws=400, seed=1)
    spend = fit_spend(known.amounts, draws=400, seed=1)
    table = fit.residual_value(spend)
    own = known.own_mean * (1 - zeros)
    low, high = (table[f"amount_per_purchase_{q}"].to_numpy() for q in ("q05", "q95"))
    bottom, top = (table[f"residual_value_{q}"].to_numpy() for q in ("q05", "q95"))
    busy = bottom > 0
    return Found(
        np.mean((low <= own) & (own <= high)),
        np.mean((bottom <= known.realised) & (known.realised <= top)),
        np.sum(known.realised[busy] < bottom[busy]),
        np.sum(busy),
        np.mean(known.realised > top),
        table["residual_value"].sum() / known.realised.sum(),
    )


def test_intervals_hold_the_simulated_truth_in_short():
    found = coverage(800, 3)
    # 800 customers: Monte Carlo error of a share of .9 is .011
    assert 0.87 <= found.amounts <= 0.93
    # values have an atom at 0, so that the closed interval may hold more than nine in ten
    assert found.worth >= 0.87
    assert found.high_side <= 0.08
    assert found.low_side_is_right(), found
    assert 0.9 <= found.total <= 1.1  # realised sums of 800 customers vary by about 4%


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mbg_nbd", "bg_nbd", "pareto_nbd"])
@pytest.mark.parametrize("zeros", [0.0, 0.2])
def test_intervals_hold_the_simulated_truth(model, zeros):
    found = [coverage(2000, 20261127 + seed, model, zeros) for seed in range(4)]
    amounts, worth, _, _, high, total = np.mean(found, axis=0)
    assert 0.87 <= amounts <= 0.92, amounts
    assert worth >= 0.88, worth
    below, with_low = (
        sum(getattr(f, name) for f in found) for name in ("missed_below", "with_low")
    )
    assert found[0]._replace(missed_below=below, with_low=with_low).low_side_is_right(), found
    # no more than 5% above, and three Monte Carlo errors of .0025, with the day grid
    assert high <= 0.065
    assert 0.96 <= total <= 1.04, total


@pytest.fixture(scope="module")
def small() -> tuple[World, cl.Fit, cl.SpendFit]:
    known = world(150, 9, zeros=0.1)
    return known, cl.fit(known.summary, draws=200), fit_spend(known.amounts, draws=200)


def test_the_simulated_futures_average_to_the_stated_mean(small):
    from churnlab.posterior.worth.amounts import VALUE_DRAWS, SpendLatents
    from churnlab.posterior.worth.value import _Futures

    known, fit, spend = small
    n, mean = known.amounts.of(known.summary.customers["customer_id"])
    value = ValueConfig(discount_rate=2.0)  # heavy, so that a lost discount shows
    latents = SpendLatents(spend.draws)
    futures = _Futures(known.summary, fit.draws, value, latents, n, mean, 1)
    total = np.zeros(VALUE_DRAWS)
    cell = known.summary.customers["cell"].to_numpy()
    for at in range(len(futures.rows.x)):
        rng = np.random.default_rng([5, at])
        x = futures.rows.x[at]
        process = fit.draws.likelihood.process(futures.draws.theta[:, 0].T, x, 2000.0)(x)
        alive = futures._alive(process, np.array([at]), rng)
        worth = np.where(alive, futures._worth(process, np.array([at]), rng), 0.0)
        people = np.flatnonzero(cell == at)
        nu = latents.inverse_nu(n[people], mean[people])
        total += (worth * (nu.gamma + nu.total[:, None]) / nu.standard[nu.size]).sum(axis=0)
    stated = fit.residual_value(spend, value)["residual_value"].sum()
    error = total.std() / np.sqrt(VALUE_DRAWS)
    assert abs(total.mean() - stated) < 4 * error
    assert error < 0.02 * stated


def test_discounted_sums_of_gammas_are_nearly_a_gamma():
    """Moments matched by `_worth` against plain sums, at a discount of 50% over three years."""
    rng = np.random.default_rng(4)
    times = np.array([10.0, 200.0, 500.0, 1000.0])
    d = ValueConfig(discount_rate=0.5).discount(times)
    exact = rng.gamma(3.4, 1.0, (200_000, 4)) @ d
    once, twice = d.sum(), (d**2).sum()
    matched = twice / once * rng.standard_gamma(3.4 * once**2 / twice, 200_000)
    levels = [0.05, 0.5, 0.95]
    # Monte Carlo error of these quantiles is about .3%
    np.testing.assert_allclose(np.quantile(matched, levels), np.quantile(exact, levels), rtol=0.01)


def test_prices_times_100_give_values_times_100(small):
    known, fit, spend = small
    people = known.amounts.customers
    cents = SpendSummary(
        people.assign(
            mean_amount=people["mean_amount"] * 100,
            sum_log_amount=people["sum_log_amount"] + people["n_amounts"] * np.log(100),
        )
    )
    plain = fit.residual_value(spend).set_index("customer_id")
    scaled = fit.residual_value(fit_spend(cents, draws=200)).set_index("customer_id")
    # 1e-4: the two modes agree to 1e-7 of a posterior deviation; gammas are drawn from it
    np.testing.assert_allclose(scaled / 100, plain, rtol=1e-4)


def test_order_of_customers_and_threads_change_nothing(small):
    known, fit, spend = small
    people = known.summary.customers
    shuffled = people.sample(frac=1, random_state=1)
    again = Summary.from_arrays(
        shuffled["x"], shuffled["t_x"], shuffled["T"], as_of=known.summary.as_of,
        customer_id=shuffled["customer_id"].to_numpy(),
    )  # fmt: skip
    args = {"amounts": known.amounts, "spend": spend.draws}
    one = value_table(known.summary, fit.draws, ValueConfig(), **args)
    two = value_table(again, fit.draws, ValueConfig(), threads=1, **args)
    two = two.set_index("customer_id").loc[one["customer_id"]].reset_index()
    pd.testing.assert_frame_equal(one, two, rtol=1e-12)


def test_a_stated_worth_serves_everybody_and_scales(small):
    known, fit, _ = small
    table = fit.residual_value(value=ValueConfig(per_purchase=10.0))
    assert table.attrs["worth"] == "value.per_purchase"
    assert "amount_per_purchase" not in table.columns
    double = fit.residual_value(value=ValueConfig(per_purchase=20.0))
    np.testing.assert_allclose(
        double.drop(columns="customer_id"), 2 * table.drop(columns="customer_id"), rtol=1e-12
    )
    coming = discounted_purchases(fit.draws, known.summary.cells, ValueConfig())
    cell = known.summary.customers["cell"].to_numpy()
    np.testing.assert_allclose(table["residual_value"], 10 * coming.purchases[cell], rtol=1e-12)


def test_margin_discount_and_horizon_do_what_they_say(small):
    _, fit, spend = small

    def total(**options):
        return fit.residual_value(spend, ValueConfig(**options))["residual_value"].sum()

    assert total(margin_rate=0.3) == pytest.approx(0.3 * total(), rel=1e-12)
    assert total(discount_rate=0.5) < total() < total(discount_rate=0.0)
    assert total(horizon_days=90) < total() < total(horizon_days=730)


def test_the_customers_table_carries_value_before_the_groups(small):
    known, fit, spend = small
    plain, valued = fit.customers(), fit.customers(spend=spend)
    assert list(valued.columns[: len(plain.columns)]) == list(plain.columns)
    assert list(valued.columns[len(plain.columns) :]) == [
        "amount_per_purchase", "amount_per_purchase_q05", "amount_per_purchase_q95",
        "residual_value", "residual_value_q05", "residual_value_q95", "residual_value_if_returns",
    ]  # fmt: skip
    worth = valued.set_index("customer_id")
    assert (worth["residual_value_if_returns"] >= worth["residual_value"]).all()
    grouped = known.summary.customers.assign(group=np.where(np.arange(len(plain)) % 2, "a", "b"))
    summary = Summary.from_arrays(
        grouped["x"], grouped["t_x"], grouped["T"], as_of=known.summary.as_of,
        customer_id=grouped["customer_id"], group=grouped["group"],
    )  # fmt: skip
    by_group = cl.Fit(summary, fit.population).customers(value=ValueConfig(per_purchase=1.0))
    assert by_group.columns[-1] == "group"


def test_a_customer_without_amounts_has_the_populations(small):
    known, fit, spend = small
    ids = known.summary.customers["customer_id"]
    fewer = SpendSummary(known.amounts.customers[lambda t: t["customer_id"] != ids[0]])
    table = value_table(
        known.summary, fit.draws, ValueConfig(), amounts=fewer, spend=spend.draws
    ).set_index("customer_id")
    nobody = expected_amounts(spend.draws, np.zeros(1), np.zeros(1))
    assert table.loc[ids[0], "amount_per_purchase"] == pytest.approx(nobody.mean[0], rel=1e-12)


def test_what_cannot_be_valued_says_why(small):
    known, fit, spend = small
    with pytest.raises(UsageError, match=r"needs amounts .* or value\.per_purchase"):
        fit.residual_value()
    later = SpendSummary(known.amounts.customers, as_of=pd.Timestamp("2030-01-01").date())
    with pytest.raises(UsageError, match="amounts are those up to 2030-01-01"):
        value_table(known.summary, fit.draws, ValueConfig(), amounts=later, spend=spend.draws)
    for wrong in (
        {"horizon_days": 0}, {"discount_rate": -0.1}, {"margin_rate": 0.0}, {"per_purchase": -5.0},
        {"horizon_days": 99999},
    ):  # fmt: skip
        with pytest.raises(UsageError, match=next(iter(wrong))):
            ValueConfig(**wrong)


@pytest.mark.parametrize("model", ["mbg_nbd", "bg_nbd"])
def test_what_a_table_knows_of_being_alive_gives_the_same_value(model, small, monkeypatch):
    from churnlab.posterior import counts

    known, _, spend = small
    fit = cl.fit(known.summary, model=model, draws=400)
    assert fit.draws.n_draws > counts.COUNT_DRAWS  # else P(alive) of all draws is nobody's matter
    table = fit.customer_table()
    plain = fit.residual_value(spend)
    asked, mean_alive = [], counts.mean_alive
    monkeypatch.setattr(
        counts, "mean_alive", lambda p, *rows: asked.append(p.n_draws) or mean_alive(p, *rows)
    )
    valued = fit.with_value(table, spend).frame(plain.columns)
    pd.testing.assert_frame_equal(valued, plain, rtol=0, atol=0)
    assert set(asked) == {counts.COUNT_DRAWS}  # never of all draws again
    assert fit.with_value(table) is table
