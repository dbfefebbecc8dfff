"""Guards: what has seen the future is an error, and no registered candidate has."""

from __future__ import annotations

import datetime as dt
import importlib
import sys
from dataclasses import replace

import numpy as np
import pytest

from churnlab.backtest import (
    Candidate,
    Context,
    Forecast,
    Panel,
    SplitConfig,
    Target,
    candidate_named,
    run_backtest,
)
from churnlab.backtest.config import Limits
from churnlab.candidates import known_candidates
from churnlab.errors import UsageError, VerificationError
from churnlab.models import REGISTRY
from churnlab.origins.guards import LeakageError

SPLIT = SplitConfig(
    origins=["2020-10-01"], horizon_days=[60], limits=Limits(least_purchasers=100), replicates=20
)
ORIGIN = dt.date(2020, 10, 1)


class Clairvoyant(Candidate):
    """Learns from the whole log, future included, and says so."""

    name = "clairvoyant"
    kind = "comparator"

    def __init__(self, log, seen_until):
        self.panel, self.seen_until = Panel.from_log(log), seen_until

    def forecast(self, past, target, context):
        came = self.panel.counts(past, target.windows(past))
        risk = np.where(came == 0, 0.9, 0.1)
        return Forecast(risk, self.seen_until, risk=risk)


def test_a_deliberately_leaky_candidate_is_caught(small_log):
    leaky = Clairvoyant(small_log, small_log.as_of)
    with pytest.raises(LeakageError, match="clairvoyant has seen data until 2021-02-03, after"):
        run_backtest(small_log, candidates=[leaky], split=SPLIT)


def test_a_candidate_that_does_not_say_what_it_has_seen_is_caught(small_log):
    with pytest.raises(LeakageError, match="does not say which days it has seen"):
        run_backtest(small_log, candidates=[Clairvoyant(small_log, None)], split=SPLIT)


def test_a_forecast_out_of_range_is_caught(small_log):
    class Wild(Candidate):
        name, kind = "wild", "comparator"

        def forecast(self, past, target, context):
            return Forecast(past.idle, past.origin, risk=past.idle)

    with pytest.raises(VerificationError, match=r"wild: risk leaves \[0, 1\]"):
        run_backtest(small_log, candidates=[Wild()], split=SPLIT)


FAST = [n for n in known_candidates() if n.endswith(("_nbd_ml", "lifetimes_bg_nbd"))] + [
    "mbg_nbd", "mbg_cnbd_2_ml", "recency", "recency_logistic", "hiatus", "personal_ratio", "rfm",
    "majority", "gradient_boosting", "stacked",
]  # fmt: skip


CASES = [(n, Target("fixed_days", 60.0)) for n in FAST] + [
    (n, Target("personal_cycles", 2.0)) for n in ("mbg_nbd_ml", "hiatus", "gradient_boosting")
]


@pytest.mark.parametrize(("name", "target"), CASES, ids=lambda v: getattr(v, "label", v))
def test_no_candidate_changes_when_the_future_is_taken_away(small_log, name, target):
    """Forecasts at an origin are the same from the whole log and from the log up to the origin.

    A new candidate joins by its name above.
    """
    context = Context(seed=3, draws=200)
    made = [
        candidate_named(name).forecast(Panel.from_log(log).until(ORIGIN), target, context)
        for log in (small_log, small_log.until(ORIGIN))
    ]
    assert made[0].seen_until <= ORIGIN
    for what in ("score", "risk", "p_alive", "expected", "flag"):
        one, other = getattr(made[0], what), getattr(made[1], what)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)


def test_recalibration_waits_until_earlier_outcomes_are_known(small_log):
    """Origins 20 days apart, windows of 45: only the fourth knows the outcomes of the first."""
    limits = Limits(least_purchasers=100)
    split = SplitConfig(
        origins=4, step_days=20, horizon_days=[45], warmup=0, limits=limits, replicates=20,
        counts=False,
    )  # fmt: skip
    result = run_backtest(small_log, candidates=["mbg_nbd_ml"], split=split)
    rows = result.scores.query("variant == 'recalibrated'")
    assert set(rows["origin"]) == {result.summary["origins"][-1]}


def test_the_peer_with_random_starts_follows_the_seed(small_log):
    past = Panel.from_log(small_log).until(ORIGIN)
    cells = past.cells
    few = np.arange(150)
    cells = replace(cells, **{n: v[few] for n, v in vars(cells).items() if n != "groups"})
    candidate = candidate_named("lifetimes_pareto_nbd")
    first, second, other = (candidate.fit(cells, Context(seed=s))[0].theta for s in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_peers_need_no_setuptools(monkeypatch):
    """Of lifetimes only `lifetimes.datasets` imports `pkg_resources`: nobody here needs it."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("lifetimes", "pkg_resources")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pkg_resources", None)
    module = importlib.import_module("lifetimes")
    fitters = {f for model in REGISTRY.values() if (f := model.lifetimes_fitter)}
    assert fitters
    assert all(hasattr(module, name) for name in fitters)
    assert "lifetimes.datasets" not in sys.modules


def test_unknown_candidates_are_said_plainly(small_log):
    with pytest.raises(UsageError, match="Did you mean 'mbg_nbd'"):
        run_backtest(small_log, candidates=["mbg_ndb"], split=SPLIT)
