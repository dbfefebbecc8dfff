"""Candidates with groups: three poolings on one panel, held out."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from churnlab.backtest import (
    Context,
    Panel,
    SplitConfig,
    Target,
    calibrate_threshold,
    candidate_named,
    run_backtest,
)
from churnlab.backtest.config import Limits
from churnlab.backtest.scores.tracking import weekly_expected
from churnlab.candidates import known_candidates
from churnlab.candidates.pooling import PoolingCandidate
from churnlab.errors import DataError, FitRefusedError, UsageError
from churnlab.events import EventLog, read_events
from churnlab.fitting import ModelConfig
from churnlab.forecast.closed_forms import Rows, risk_and_alive
from churnlab.models.draws import PopulationDraws
from churnlab.origins.cache import FitCache
from churnlab.posterior import RiskConfig
from churnlab.rules import CostRatioRule
from churnlab.simulate import simulate_btyd
from churnlab.summary import summarise

START, DAYS = dt.date(2021, 1, 1), 360
ORIGIN = dt.date(2021, 9, 30)
TARGET = Target("fixed_days", 80.0)
LIGHT = Context(draws=200, counts=False, score_draws=32)
POOLINGS = ("partial", "none", "complete")


class Shop(NamedTuple):
    """A simulated log of groups, and each customer's true probability of the label."""

    log: EventLog
    quiet: pd.Series


def simulated(seed: int, sizes: list[int], spread: float) -> Shop:
    """Groups whose mean rates and dropout odds differ by `spread` (sd of their logs)."""
    rng = np.random.default_rng(seed)
    purchases, truths = [], []
    for g, size in enumerate(sizes):
        rate, odds = np.exp(spread * rng.standard_normal(2))
        theta = (1.2, 30.0 / rate, 0.8 * odds, 3.0)
        one = simulate_btyd(
            "mbg_nbd", theta, size, DAYS, rng, start=START, inflow_days=200, prefix=f"g{g}_"
        )
        purchases.append(one.purchases)
        truths.append(one.truth.assign(shop=f"shop {g}", kind="even" if g % 2 == 0 else "odd"))
    truth = pd.concat(truths, ignore_index=True)
    members = truth[["customer_id", "first_purchase_at", "shop", "kind"]]
    members = members.rename(columns={"first_purchase_at": "signed_up_at"})
    alive = ~(truth["ended_at"] <= pd.Timestamp(ORIGIN))
    quiet = np.where(alive, np.exp(-truth["rate_per_day"] * TARGET.length), 1.0)
    log = read_events(purchases=pd.concat(purchases), members=members, as_of=one.as_of)
    return Shop(log, pd.Series(quiet, index=truth["customer_id"]))


def learnt(past, name, context=LIGHT):
    return candidate_named(name).learn(past, context)  # type: ignore[attr-defined]


def losses(shop: Shop) -> pd.Series:
    """Expected log loss of the label under each pooling.

    The expectation is over the label given the customer's true rate and dropout: it takes the
    coin toss out of the held-out score, and with it most of the noise.
    """
    panel, context = Panel.from_log(shop.log, "shop"), Context(draws=1000, counts=False)
    past = panel.until(ORIGIN)
    quiet = shop.quiet[panel.ids[past.customer]].to_numpy()
    found = {}
    for how in POOLINGS:
        risk = candidate_named(f"mbg_nbd+{how}").forecast(past, TARGET, context).risk
        found[how] = -(quiet * np.log(risk) + (1 - quiet) * np.log1p(-risk)).mean()
    return pd.Series(found)


@pytest.fixture(scope="module")
def log() -> EventLog:
    return simulated(3, [300, 60, 20, 12], 0.6).log


@pytest.fixture(scope="module")
def panel(log) -> Panel:
    return Panel.from_log(log, "shop")


@pytest.fixture(scope="module")
def partial(panel) -> tuple[Context, PopulationDraws]:
    """A fit of the panel's groups, and the context whose cache holds it."""
    context = Context(draws=200, counts=False, score_draws=32)
    return context, learnt(panel.until(ORIGIN), "mbg_nbd+partial", context)[0]


def with_extra(log: EventLog, days: list[str], shop: str) -> EventLog:
    """Add one customer of a shop of its own."""
    rows = pd.DataFrame({"customer_id": "new", "event_at": pd.to_datetime(days)})
    purchases = pd.concat([log.frame("purchases")[["customer_id", "event_at"]], rows])
    one = pd.DataFrame({"customer_id": ["new"], "signed_up_at": rows["event_at"][:1], "shop": shop})
    members = pd.concat([log.members(), one], ignore_index=True)
    return read_events(purchases=purchases, members=members, as_of=log.as_of)


@pytest.mark.parametrize(
    "name", ["mbg_nbd+partail", "mbg_nbd_ml+partial", "recency+none", "mbg_nbd@month+partial"]
)
def test_unknown_poolings_are_unknown_candidates(name):
    with pytest.raises(UsageError, match="is unknown"):
        candidate_named(name)


def test_every_model_pools_and_an_erlang_shape_may_be_fixed():
    assert candidate_named("pareto_nbd+partial_all").pooling == {  # type: ignore[attr-defined]
        "pooling": "partial",
        "group_effects": "all",
    }
    assert candidate_named("mbg_cnbd_2+none").k == 2  # type: ignore[attr-defined]
    assert {"bg_nbd+partial", "mbg_cnbd_k+none"} <= set(known_candidates())


@pytest.mark.parametrize("how", ["partial", "none"])
def test_pooling_without_groups_says_what_to_do(log, how):
    past = Panel.from_log(log).until(ORIGIN)
    with pytest.raises(UsageError, match=r"split\.group is not set; name a column of members"):
        learnt(past, f"mbg_nbd+{how}")


def test_complete_pooling_is_the_plain_model_and_its_fit(panel):
    past, context = panel.until(ORIGIN), Context(draws=200, counts=False)
    plain, complete = (
        candidate_named(n).forecast(past, TARGET, context) for n in ("mbg_nbd", "mbg_nbd+complete")
    )
    np.testing.assert_array_equal(plain.risk, complete.risk)
    assert (context.cache.made["fits"], context.cache.hits["fits"]) == (1, 1)


@pytest.mark.parametrize("how", ["partial", "none"])
def test_one_group_equals_the_pooled_model(log, how):
    members = log.members().assign(shop="the only one")
    purchases = log.frame("purchases")[["customer_id", "event_at"]]
    one = read_events(purchases=purchases, members=members, as_of=log.as_of)
    past = Panel.from_log(one, "shop").until(ORIGIN)
    plain = candidate_named("mbg_nbd").forecast(past, TARGET, LIGHT)
    alone = candidate_named(f"mbg_nbd+{how}").forecast(past, TARGET, LIGHT)
    np.testing.assert_array_equal(plain.risk, alone.risk)
    np.testing.assert_array_equal(plain.expected, alone.expected)


def test_each_customer_is_forecast_by_the_draws_of_their_group(panel, partial):
    context, draws = partial
    past = panel.until(ORIGIN)
    forecast = candidate_named("mbg_nbd+partial").forecast(past, TARGET, context)
    few = draws.thin(32)
    codes = few.codes_of(panel.events.group_names)[past.group]
    assert len(np.unique(codes)) == 4
    theta = few.theta_rows(codes)
    direct = few.likelihood.p_no_purchase(theta, past.x, past.t_x, past.T, TARGET.length)
    np.testing.assert_allclose(forecast.risk, direct.mean(axis=0), rtol=1e-6)
    weekly = weekly_expected(past, few, 4)
    mean = few.likelihood.expected_purchases(theta, past.x, past.t_x, past.T, 28.0)
    np.testing.assert_allclose(weekly.sum(axis=1), mean.sum(axis=1), rtol=1e-6)


def test_a_group_that_the_fit_has_not_seen_is_drawn_from_the_population(log, panel, partial):
    _, draws = partial
    later = with_extra(log, ["2021-10-05", "2021-10-20"], "shop of tomorrow")
    past = Panel.from_log(later, "shop").until(dt.date(2021, 11, 1))
    new = np.flatnonzero(np.array(past.group_names)[past.group] == "shop of tomorrow")
    assert len(new) == 1
    windows = np.full(past.n, 80)
    risk, _ = risk_and_alive(Rows(past, windows, None, draws), draws)
    theta, x, t_x, T = draws.unseen.T[:, :, None], past.x[new], past.t_x[new], past.T[new]
    direct = draws.likelihood.p_no_purchase(theta, x, t_x, T, 80.0).mean()
    assert risk[new] == pytest.approx(direct, rel=1e-6)
    alone = replace(draws, unseen=None)
    with pytest.raises(UsageError, match="knows no group 'shop of tomorrow'"):
        Rows(past, windows, None, alone)


def test_the_cache_keeps_the_unseen_and_tells_poolings_apart(panel, tmp_path):
    past = panel.until(ORIGIN)
    made, found = (
        learnt(past, "mbg_nbd+partial", Context(draws=200, cache=FitCache(tmp_path)))[0]
        for _ in range(2)
    )
    assert found.unseen.shape == (200, 4)
    np.testing.assert_array_equal(made.unseen, found.unseen)
    keys = [
        candidate_named(f"mbg_nbd+{how}").key(LIGHT)  # type: ignore[attr-defined]
        for how in ("partial", "partial_all", "none", "complete")
    ]
    assert len({str(k) for k in keys}) == 4


def test_a_refused_fit_is_not_made_again():
    cache, made = FitCache(), []

    def make():
        made.append(1)
        raise FitRefusedError("too few")

    for _ in range(2):
        with pytest.raises(FitRefusedError, match="too few"):
            cache.get({"a": 1}, make)
    assert (len(made), cache.made["fits"]) == (1, 0)


@pytest.mark.parametrize("how", ["partial", "none"])
def test_what_is_learnt_does_not_change_with_the_future(log, panel, how):
    """A shop that opens after the origin is no group at the origin."""
    whole = Panel.from_log(with_extra(log, ["2021-10-05"], "a shop of tomorrow"), "shop")
    cut = Panel.from_log(log.until(ORIGIN), "shop")
    assert len(whole.events.group_names) == 5
    early, late = (
        candidate_named(f"mbg_nbd+{how}").forecast(p.until(ORIGIN), TARGET, LIGHT)
        for p in (cut, whole)
    )
    np.testing.assert_array_equal(early.risk, late.risk)
    assert late.seen_until == ORIGIN


def test_a_group_that_cannot_stand_alone_is_refused_and_the_run_goes_on(log):
    tiny = with_extra(log, ["2021-04-05", "2021-05-05"], "kiosk")
    split = SplitConfig(
        origins=[ORIGIN.isoformat()], horizon_days=[80], warmup=0, recalibration="none",
        group=["kind", "shop"], counts=False, replicates=20, compare_to=["mbg_nbd+complete"],
        limits=Limits(least_purchasers=100, least_events=20),
    )  # fmt: skip
    names = [f"mbg_nbd+{how}" for how in POOLINGS]
    result = run_backtest(tiny, candidates=names, split=split, draws=300)
    (refused,) = result.summary["refused_fits"]
    assert "mbg_nbd+none: Group 'unknown | kiosk' cannot be fitted alone" in refused
    assert {"mbg_nbd+partial", "mbg_nbd+complete"} <= set(result.scores["candidate"])
    assert "mbg_nbd+none" not in set(result.scores["candidate"])
    pair = result.differences.query("candidate == 'mbg_nbd+partial' and metric == 'brier'")
    assert "mbg_nbd+complete" in set(pair["baseline"])
    assert "unknown | kiosk" in set(result.scores.query("slice == 'group'")["level"])


@pytest.mark.parametrize("columns", ["shop", ["kind", "shop"], "signup_month"])
def test_the_panel_and_the_summary_group_alike(log, columns):
    past = Panel.from_log(log, columns).until(log.as_of)
    summary = summarise(log, group=columns)
    assert past.group_names == summary.cells.groups
    codes = summary.cells.group[summary.customers["cell"]]
    np.testing.assert_array_equal(past.group, codes)


def test_a_threshold_is_learnt_on_the_model_with_its_groups(log):
    options = {
        "rule": CostRatioRule(learn="always", cost_contact_wasted=1.0, cost_churn_missed=1.0),
        "risk": RiskConfig(horizon_days=60),
        "seed": 2,
    }
    asked = []
    context = Context(draws=200, counts=False, score_draws=32, report=asked.append)
    fitted = []
    found = calibrate_threshold(
        log,
        model="mbg_nbd+partial",
        group=["shop"],
        context=replace(context, report=fitted.append),
        **options,
    )
    plain = calibrate_threshold(log, model="mbg_nbd", context=context, **options)
    assert len(fitted) == len(asked) > 0
    assert found.learnt_until == plain.learnt_until
    assert found.value != plain.value
    assert not found.notes or "without groups" not in found.notes[-1]


def test_where_groups_cannot_be_fitted_the_threshold_is_the_plain_models(log, monkeypatch):
    def refuse(self, past, context):
        raise FitRefusedError("no")

    options = {
        "rule": CostRatioRule(learn="always", cost_contact_wasted=1.0, cost_churn_missed=1.0),
        "risk": RiskConfig(horizon_days=60),
        "seed": 2,
    }
    context = Context(draws=200, counts=False, score_draws=32)
    plain = calibrate_threshold(log, model="mbg_nbd", context=context, **options)
    monkeypatch.setattr(PoolingCandidate, "learn", refuse)
    found = calibrate_threshold(
        log, model="mbg_nbd+partial", group=["shop"], context=context, **options
    )
    assert "learnt without groups" in found.notes[-1]
    assert found.value == pytest.approx(plain.value, abs=0.05)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "mbg_nbd@auto"), ({"calendar": None}, "mbg_nbd"),
        ({"group": "shop"}, "mbg_nbd+partial"),
        ({"calendar": "month"}, "mbg_nbd@month"), ({"name": "ggom_nbd"}, "ggom_nbd@auto"),
        ({"group": ["shop"], "group_effects": "all"}, "mbg_nbd+partial_all"),
        ({"group": "shop", "pooling": "none"}, "mbg_nbd+none"),
        ({"group": "shop", "pooling": "none", "group_effects": "all"}, "mbg_nbd+none"),
        ({"group": "shop", "pooling": "complete"}, "mbg_nbd+complete"),
        ({"group": "shop", "calendar": "month"}, "mbg_nbd@month"),
    ],
)  # fmt: skip
def test_every_model_configuration_has_a_candidate(asked, name):
    assert ModelConfig(**asked).candidate == name
    assert candidate_named(name).name == name


def test_a_missing_column_is_said_plainly(log):
    with pytest.raises(DataError, match="no column 'shops'; they have"):
        Panel.from_log(log, ["kind", "shops"])
    with pytest.raises(UsageError, match=r"split\.group must be a column"):
        SplitConfig(group=[1])


def scores(seeds: range, sizes: list[int], spread: float) -> pd.DataFrame:
    return pd.DataFrame([losses(simulated(seed, sizes, spread)) for seed in seeds])


def test_groups_that_do_not_differ_are_forecast_as_one():
    """Short form of the next: partial pooling stays with complete pooling, far from none."""
    found = scores(range(2), [60] * 5, 0.0).mean()
    assert abs(found["partial"] - found["complete"]) < 0.3 * (found["none"] - found["complete"])


def test_large_groups_speak_for_themselves():
    found = scores(range(1, 2), [800] * 5, 0.6).mean()
    assert abs(found["partial"] - found["none"]) < 0.1 * (found["complete"] - found["none"])


@pytest.mark.slow
def test_over_many_shops_partial_pooling_is_at_least_as_good_as_the_better_of_the_others():
    """Moderate spread; the paired differences are judged by their spread between shops."""
    found = scores(range(16), [25] * 10, 0.5)
    better = found[["none", "complete"]].mean().idxmin()
    gain = found[better] - found["partial"]
    print(found.mean(), gain.mean(), gain.sem())
    assert gain.mean() > -2 * gain.sem()
    for other in ("none", "complete"):  # and it does gain on each: the test has power
        one = found[other] - found["partial"]
        assert one.mean() > 0


@pytest.mark.slow
def test_over_many_shops_partial_pooling_meets_its_two_limits():
    alike = scores(range(6), [60] * 6, 0.0)
    loss = alike["partial"] - alike["complete"]
    print(alike.mean(), loss.mean(), loss.sem())
    assert loss.mean() < 0.2 * (alike["none"] - alike["complete"]).mean()
    large = scores(range(3), [800] * 5, 0.6)
    apart = (large["partial"] - large["none"]).abs()
    print(large.mean(), apart.mean())
    assert apart.mean() < 0.05 * (large["complete"] - large["none"]).mean()
