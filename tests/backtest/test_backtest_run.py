"""Runs as a whole: the same twice, resumed from the cache, refused or degraded with reasons."""

from __future__ import annotations

import datetime as dt
import importlib
from types import SimpleNamespace

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
from churnlab.backtest.report.data import best_cost_curve
from churnlab.backtest.report.text import cost_claim
from churnlab.backtest.run import _shortfalls
from churnlab.backtest.threshold import _judged, _target
from churnlab.config import to_settings
from churnlab.config.compose import compose
from churnlab.errors import DataError
from churnlab.origins.cache import FitCache
from churnlab.posterior import RiskConfig, customers_table
from churnlab.rules import CostRatioRule, FixedRule
from churnlab.rules.threshold import CapacityRule, PrecisionRule
from churnlab.summary import summarise

from .conftest import simulate_log

LIMITS = Limits(least_purchasers=200, least_events=50)
#: What the tests' decisions are paid in.
COSTS = {"contact_cost": 1.0, "save_probability": 0.05, "value_per_customer": 40.0}
RULES = {"cost_ratio": CostRatioRule(**COSTS), "top": CapacityRule(share=0.3), "half": FixedRule()}


def _split(**fields):
    base = {"origins": 2, "horizon_days": [45], "limits": LIMITS, "replicates": 30}
    return SplitConfig(**{**base, **fields})


@pytest.fixture(scope="module")
def twice(small_log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    said = []
    runs = [
        run_backtest(
            small_log,
            candidates=["mbg_nbd", "gradient_boosting"],
            split=_split(cycles=[2.0], warmup=0, compare_to=["hiatus"]),
            rules=RULES,
            draws=200,
            cache_dir=folder,
            keep_predictions=True,
            progress=lambda text, done: said.append((text, done)),
        )
        for _ in range(2)
    ]
    return runs, said


def test_two_runs_give_identical_tables(twice):
    (one, other), _ = twice
    assert set(one.tables) == {
        "scores", "differences", "rules", "calibration", "curves", "tracking", "predictions",
    }  # fmt: skip
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)
    assert one.answers == other.answers


def test_finished_fits_are_found_again(twice):
    (one, other), _ = twice
    assert one.summary["fits"]["made"] > 0
    assert other.summary["fits"]["made"] == one.summary["fits"]["kept"] == 0
    made, kept = one.summary["forecasts"]["made"], other.summary["fits"]["kept"]
    assert other.summary["forecasts"] == {"made": 0, "kept": made}
    assert kept == 1  # weekly purchases are followed by the model itself
    assert other.lines[-1] == (
        f"{made} of {made} forecasts and 1 of 1 fits are those of an earlier run (cache_dir)"
    )
    assert not any("earlier run" in line for line in one.lines)


def test_a_changed_log_is_fitted_anew(tmp_path):
    for seed, made in ((1, True), (1, False), (2, True)):
        log = simulate_log(300, 250, seed)
        result = run_backtest(
            log,
            candidates=["mbg_nbd_ml"],
            split=_split(origins=1, horizon_days=[30], warmup=0, counts=False),
            cache_dir=tmp_path,
        )
        assert (result.summary["fits"]["made"] > 0) is made


def test_progress_names_origin_and_candidate_and_never_falls(twice):
    _, said = twice
    half = said[: len(said) // 2]
    shares = [done for _, done in half]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any("mbg_nbd" in text and "s left" in text and "origin 2020" in text for text, _ in half)


def test_every_variant_rule_and_slice_is_there(twice):
    (result, _), _ = twice
    scores = result.scores
    assert set(scores["variant"]) == {"plain", "recalibrated", "p_alive"}
    assert set(scores["target"]) == {"45d", "2 cycles"}
    assert set(scores["slice"]) == {"all", "frequency", "age"}
    whole = scores[(scores["slice"] == "all") & (scores["metric"] == "brier")]
    assert ((whole["q05"] <= whole["value"]) & (whole["value"] <= whole["q95"])).all()
    rules = result.rules
    assert set(rules["rule"]) == {"cost_ratio", "top", "half", "own_cutoff"}
    learnt = rules[(rules["basis"] == "p_alive") & (rules["rule"] == "cost_ratio")]
    assert (learnt["learnt_until"] != "").any()
    told = learnt[learnt["learnt_until"] != ""]
    assert (told["learnt_until"] <= told["origin"]).all()
    top = rules[(rules["rule"] == "top") & (rules["candidate"] == "mbg_nbd")]
    assert top["flagged_share"].max() < 0.5


def test_candidates_are_held_against_the_bars_and_against_themselves(twice):
    (result, _), _ = twice
    rows = result.differences.query("metric == 'brier' and target == '45d' and origin == 'all'")
    bars = rows[rows["candidate"] == "mbg_nbd"].groupby("variant")["baseline"].agg(set)
    assert bars["plain"] == {"recency_logistic", "hiatus"}
    assert bars["recalibrated"] == {"recency_logistic", "hiatus", "itself"}
    row = rows.query("candidate == 'mbg_nbd' and baseline == 'itself'").iloc[0]
    at = {"target": "45d", "origin": result.summary["origins"][-1]}
    mapped = result.score("brier", "mbg_nbd", variant="recalibrated", **at)
    assert row["difference"] == pytest.approx(mapped - result.score("brier", "mbg_nbd", **at))


def test_crps_and_expectation_of_the_bayesian_model_are_scored(twice):
    (result, _), _ = twice
    assert (
        0
        < result.score("crps", "mbg_nbd", target="45d")
        < result.score("mae", "mbg_nbd", target="45d")
    )


def test_the_headline_compares_candidates_on_the_same_origins(twice):
    (result, _), _ = twice
    table = result.headline()
    assert all(len(set(rows["origins"])) == 1 for _, rows in table.groupby("target"))
    last = {"target": "45d", "origin": result.summary["origins"][-1]}
    row = table.query("target == '45d' and candidate == 'mbg_nbd' and variant == 'plain'").iloc[0]
    assert row["brier"] == result.score("brier", "mbg_nbd", **last)


def test_predictions_reproduce_the_scores(twice):
    (result, _), _ = twice
    rows = result.predictions.query("candidate == 'mbg_nbd' and variant == 'plain'")
    rows = rows[(rows["target"] == "45d") & (rows["origin"] == result.summary["origins"][-1])]
    brier = np.mean((rows["risk"] - rows["no_purchase"]) ** 2)
    origin = result.summary["origins"][-1]
    assert result.score("brier", "mbg_nbd", target="45d", origin=origin) == pytest.approx(brier)


def test_too_few_customers_or_events_are_refused(small_log):
    with pytest.raises(DataError, match="a backtest needs at least 5000"):
        run_backtest(small_log, split=_split(limits=Limits(least_purchasers=5000)))
    limits = Limits(least_purchasers=100, least_events=100000)
    with pytest.raises(DataError, match=r"each needs at least 100000"):
        run_backtest(small_log, split=_split(limits=limits))


def _of_another_key(file, folder):
    cache = FitCache(folder / "other")
    cache.get({"b": 1}, lambda: ({"theta": np.zeros(3)}, {"k": 2}))
    return next(cache.folder.glob("*.npz")).read_bytes()


@pytest.mark.parametrize(
    "break_it",
    [
        lambda file, folder: b"broken",
        lambda file, folder: file.read_bytes()[:-30],
        lambda file, folder: file.read_bytes().replace(np.arange(3.0).tobytes(), bytes(24)),
        _of_another_key,
    ],
    ids=["broken", "cut", "altered", "foreign"],
)
def test_a_cache_entry_that_is_not_what_was_stored_is_made_again(tmp_path, break_it):
    def make():
        return {"theta": np.arange(3.0)}, {"k": 1}

    cache = FitCache(tmp_path)
    cache.get({"a": 1}, make)
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(break_it(file, tmp_path))
    again = FitCache(tmp_path)
    arrays, note = again.get({"a": 1}, make)
    assert again.made["fits"] == len(again.notes) == 1
    assert arrays["theta"].tolist() == [0, 1, 2]
    assert note == {"k": 1}


@pytest.mark.parametrize("basis", ["p_alive", "fixed_days", "personal_cycles"])
def test_a_threshold_is_calibrated_on_earlier_origins(small_log, basis):
    risk = RiskConfig(basis=basis, horizon_days=60)
    chosen = calibrate_threshold(
        small_log,
        rule=CostRatioRule(learn="always", **COSTS),
        risk=risk,
        model="mbg_nbd_ml",
        seed=2,
    )
    assert 0 < chosen.value < 1
    assert chosen.low <= chosen.value <= chosen.high
    assert chosen.learnt_until <= small_log.as_of
    assert chosen.basis == basis
    assert chosen.extra_cost_lower >= 0
    assert chosen.extra_cost_higher >= 0
    again = calibrate_threshold(
        small_log,
        rule=CostRatioRule(learn="always", **COSTS),
        risk=risk,
        model="mbg_nbd_ml",
        seed=2,
    )
    assert again == chosen


def test_own_rhythms_of_a_threshold_are_those_of_the_customers_table(small_log):
    """Learnt on the window that it is used on: not the pooled rhythm of a backtest's labels."""
    candidate, context = candidate_named("mbg_nbd"), Context(seed=1, counts=False)
    panel, origin = Panel.from_log(small_log, []), dt.date(2020, 10, 1)
    past = panel.until(origin)
    target = _target(RiskConfig(basis="personal_cycles"), candidate, context)
    draws, _ = candidate.learn(past, context)
    summary = summarise(small_log, origin)
    table = customers_table(summary, draws, RiskConfig(basis="personal_cycles"))
    own = table.set_index("customer_id").loc[panel.ids[past.customer], "horizon_days"]
    assert target.windows(past).tolist() == own.tolist()
    assert (target.windows(past) != Target("personal_cycles", 2.0).windows(past)).mean() > 0.2


def test_a_threshold_never_sees_later_days(small_log):
    risk, day = RiskConfig(horizon_days=60), dt.date(2020, 10, 1)
    known = small_log.until(day)
    one = calibrate_threshold(known, rule=CostRatioRule(**COSTS), risk=risk, model="mbg_nbd_ml")
    assert one.learnt_until <= day


@pytest.mark.parametrize("rule", [CostRatioRule(**COSTS), PrecisionRule(), FixedRule(value=0.3)])
def test_with_too_short_a_history_nothing_is_learnt_and_it_is_said(small_log, rule):
    risk = RiskConfig(horizon_days=399)
    chosen = calibrate_threshold(small_log, rule=rule, risk=risk, model="mbg_nbd_ml")
    assert chosen.value == {"fixed": 0.3, "cost_ratio": 0.5, "precision": 0.9}[rule.name]
    assert chosen.low is None
    assert chosen.learnt_until is None
    assert "too short for an earlier origin" in " ".join(chosen.notes)


def test_capacity_has_nothing_to_choose_from_in_too_short_a_history(small_log):
    with pytest.raises(DataError, match="rule=overdue"):
        calibrate_threshold(
            small_log, rule=CapacityRule(), risk=RiskConfig(horizon_days=399), model="mbg_nbd_ml"
        )


def test_without_stated_costs_decisions_are_counted_and_not_priced(small_log):
    split = SplitConfig(origins=2, horizon_days=[60], warmup=0, counts=False, replicates=40)
    result = run_backtest(small_log, candidates=["mbg_nbd_ml", "hiatus"], split=split)
    assert result.summary["costs"] is None
    assert set(result.rules["rule"]) == {"own_cutoff", "calibrated", "fixed"}
    assert result.rules["cost_per_customer"].isna().all()
    known = result.rules.dropna(subset=["flagged_share"])
    assert known["precision"].notna().all()
    assert "cost" not in set(result.differences["metric"])
    assert not any(a["metric"] == "cost" for a in result.summary["comparisons"])
    noted = [n for d in result.summary["degradations"] for n in [d["reason"]] if "hiatus" in n]
    assert any("fewest wrong flags" in n for n in noted)


def test_notes_that_differ_in_numbers_or_brackets_alone_are_said_once():
    def entry(day, target, note, variant="plain"):
        truth = SimpleNamespace(origin=dt.date(2024, 1, day), target=SimpleNamespace(label=target))
        return SimpleNamespace(truth=truth, candidate="bg_nbd", variant=variant, notes=(note,))

    rows = _shortfalls(
        [
            entry(1, "30d", "runs off to 3.4e+03 (below 50)"),
            entry(9, "30d", "runs off to 7,012.5 (below 50)"),
            entry(9, "90d", "runs off to 7,012.5 (below 50)", "recalibrated"),
            entry(1, "90d", "runs off to 3.4e+03 (along a -> 2)"),
            entry(1, "30d", "few repeaters (in a (b), c)"),
            entry(2, "30d", "few repeaters (in c)"),
        ]
    )
    assert [(r["target"], r["reason"]) for r in rows] == [
        ("30d, 90d", "bg_nbd: runs off to 7,012.5 (below 50) (3 times, the last at 2024-01-09)"),
        ("30d", "bg_nbd: few repeaters (in c) (2 times, the last at 2024-01-02)"),
    ]


def test_the_cost_figure_and_its_claim_are_of_one_decision():
    """The cheapest of the first target, among decisions that all origins have."""
    rows = [
        ("30d", "mbg", "fixed_days", "cost_ratio", "o1", 0.30, 0.4),
        ("30d", "mbg", "fixed_days", "cost_ratio", "o2", 0.20, 0.6),
        ("30d", "bg", "fixed_days", "cost_ratio", "o1", 0.31, 0.4),
        ("30d", "bg", "fixed_days", "cost_ratio", "o2", 0.21, 0.4),
        ("30d", "bg", "p_alive", "cost_ratio", "o2", 0.10, 0.4),  # nothing to learn from at o1
        ("30d", "bg", "p_alive", "cost_ratio", "o1", np.nan, np.nan),
        ("30d", "hiatus", "idle_days", "own_cutoff", "o2", 0.05, 40.0),
        ("90d", "bg", "fixed_days", "cost_ratio", "o2", 0.01, 0.4),
    ]
    names = ["target", "candidate", "basis", "rule", "origin", "cost_per_customer", "threshold"]
    rules = pd.DataFrame(rows, columns=names).assign(
        variant="plain", threshold_low=np.nan, threshold_high=np.nan
    )
    curves = rules[["target", "candidate", "variant", "basis", "threshold", "cost_per_customer"]]
    found = best_cost_curve(curves.dropna(), rules, [])
    assert found.chosen == 0.6
    assert found.cost.tolist() == [0.30, 0.20]
    claim = cost_claim(rules, [], "en")
    assert "no purchase in 30 days: mbg (cost_ratio on fixed_days), 0.2500 per customer" in claim
    assert "mbg" in cost_claim(rules, [], "ko")
    # A twin that another package computes is no contender of the answer, nor of the figure.
    answer = {"metric": "cost", "target": "30d", "best": "bg", "variant": "plain", "value": 0.26}
    answer |= {"basis": "fixed_days", "rule": "cost_ratio"}
    assert best_cost_curve(curves.dropna(), rules, [answer]).cost.tolist() == [0.26]
    assert "bg (cost_ratio on fixed_days), 0.2600 per" in cost_claim(rules, [answer], "en")


def test_predictions_are_kept_from_the_command_line(small_log, monkeypatch):
    asked = {}

    def run(log, **settings):
        asked.update(settings)
        raise StopIteration

    command = importlib.import_module("churnlab.workflows.backtest")
    monkeypatch.setattr(command, "run_backtest", run)
    for typed, kept in ([], False), (["keep_predictions=true"], True):
        settings = to_settings(compose("backtest", typed))
        with pytest.raises(StopIteration):
            command.backtest(small_log, settings)
        assert asked["keep_predictions"] is kept


def test_one_time_buyers_of_bg_are_judged_by_its_kin_where_a_cut_is_learnt(small_log):
    """As in the customers' table: BG's own P(alive) is 1 for all of them."""
    panel, origin = Panel.from_log(small_log, []), dt.date(2020, 10, 1)
    past, target, context = panel.until(origin), Target("fixed_days", 60.0), Context(counts=False)
    bg, mbg = (candidate_named(f"{name}_nbd_ml") for name in ("bg", "mbg"))
    own, kin = (one.forecast(past, target, context) for one in (bg, mbg))
    judged, once = _judged(bg, past, target, context), past.x == 0
    assert (own.p_alive[once] == 1).all()
    for name in ("p_alive", "risk"):
        found = getattr(judged, name)
        assert (found[once] == getattr(kin, name)[once]).all()
        assert (found[~once] == getattr(own, name)[~once]).all()
    assert _judged(mbg, past, target, context).p_alive is not None
