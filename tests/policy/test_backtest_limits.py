"""What a backtest refuses, marks and lays out, at each limit's value and just beyond."""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.backtest.config import Limits, SplitConfig
from churnlab.backtest.limits import degradations, refuse_few_customers, refuse_few_events
from churnlab.backtest.report.answers import plain, sentence
from churnlab.backtest.scores import answers
from churnlab.backtest.scores.answers import _brier_answer, _cost_answer, means_table
from churnlab.backtest.splits import plan_origins
from churnlab.errors import DataError
from churnlab.origins.guards import LeakageError, assert_seen
from churnlab.origins.panel import Panel
from churnlab.origins.targets import targets
from churnlab.origins.training import training_for

DAY = dt.date(2024, 1, 1)
OK = nullcontext()


def test_the_limits_are_those_of_the_documentation() -> None:
    """docs/backtesting.md states them; changing one is a decision, not a slip."""
    stated = {"least_purchasers": 500, "least_events": 100, "history_factor": 3.0}
    assert vars(Limits()) == stated | {"least_origins": 3, "thin_cell": 50}


@pytest.mark.parametrize(("n", "refused"), [(500, False), (499, True)])
def test_too_few_purchasers(n: int, refused: bool) -> None:
    past = SimpleNamespace(n=n, origin=DAY)
    expected = pytest.raises(DataError, match="499 purchasers by 2024-01-01") if refused else OK
    with expected:
        refuse_few_customers(past, Limits())


def truth(events: int, others: int, *, origin: dt.date = DAY, scored: bool = True, cell: int = 50):  # type: ignore[no-untyped-def]
    outcome = np.repeat([1.0, 0.0], [events, others])
    target = SimpleNamespace(label="90d", reach_days=90)
    codes = np.repeat([0, 1], [cell, 1000])
    return SimpleNamespace(
        target=target, outcome=outcome, scored=scored, origin=origin,
        past=SimpleNamespace(n=events + others), slices=lambda: {"x": (codes, ("small", "large"))},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "others", "refused"),
    [((60, 40), (50, 50), False), ((60, 39), (500, 500), True), ((500, 500), (49, 50), True)],
)
def test_too_few_events_or_non_events_over_all_origins(events, others, refused) -> None:  # type: ignore[no-untyped-def]
    truths = [truth(e, o) for e, o in zip(events, others, strict=True)]
    truths.append(truth(1000, 1000, scored=False))  # a warm-up origin does not count
    with pytest.raises(DataError, match="each needs at least 100") if refused else OK:
        refuse_few_events(truths, Limits())


@pytest.mark.parametrize(
    ("days", "origins", "cell", "marked"),
    [
        (270, 3, 50, set()),
        (269, 3, 50, {"short_history"}),
        (270, 2, 50, {"few_origins"}),
        (270, 3, 49, {"thin_cells"}),
    ],
)
def test_degradations(days: int, origins: int, cell: int, marked: set[str]) -> None:
    rows = [truth(200, 200, origin=DAY + dt.timedelta(days=i), cell=cell) for i in range(origins)]
    found = degradations(rows, DAY - dt.timedelta(days=days - 1), Limits())
    assert {d["what"] for d in found} == marked


def test_what_was_learnt_may_have_seen_the_origin_and_nothing_later() -> None:
    assert_seen("a cut", DAY, DAY)
    with pytest.raises(LeakageError, match="until 2024-01-02, after the origin 2024-01-01"):
        assert_seen("a cut", DAY + dt.timedelta(days=1), DAY)
    with pytest.raises(LeakageError, match="does not say which days it has seen"):
        assert_seen("a cut", None, DAY)


def panel(customers: int, days: int, *, start: int = 0) -> Panel:
    """Everybody buys on the first day; the first customer on every day, too."""
    first = [(f"c{i:04d}", start) for i in range(customers)]
    rows = sorted({*first, *(("c0000", d) for d in range(days))})
    frame = pd.DataFrame(rows, columns=["customer_id", "offset"])
    frame["day"] = pd.Timestamp(DAY) + pd.to_timedelta(frame.pop("offset"), unit="D")
    return Panel.from_log(cl.read_events(purchases=frame.rename(columns={"day": "event_at"})))


@pytest.mark.parametrize(("window", "complete"), [(60, True), (61, False)])
def test_a_label_window_is_complete_on_its_last_day(window: int, complete: bool) -> None:
    """101 days of log: the origin on day 40 leaves 60 days, as_of included."""
    origin = DAY + dt.timedelta(days=40)
    split = SplitConfig(origins=[str(origin)], horizon_days=[window], warmup=0)
    wanted = targets(split.horizon_days, split.cycles)
    data = panel(5, 101)
    if complete:
        plan = plan_origins(data, split, wanted)
        assert [o.date for o in plan.scored] == [origin]
        assert not plan.dropped
        return
    with pytest.raises(DataError, match="the window ends on 2024-04-11, data on 2024-04-10"):
        plan_origins(data, split, wanted)


@pytest.mark.parametrize(
    ("customers", "warmup_dates"), [(500, [DAY + dt.timedelta(days=30)]), (499, [])]
)
def test_a_warm_up_origin_needs_as_many_purchasers_as_a_scored_one(customers, warmup_dates) -> None:  # type: ignore[no-untyped-def]
    split = SplitConfig(origins=[str(DAY + dt.timedelta(days=60))], horizon_days=[30], warmup=1)
    plan = plan_origins(panel(customers, 101), split, targets([30], []))
    assert [o.date for o in plan.origins if not o.scored] == warmup_dates


@pytest.mark.parametrize(("days", "found"), [(28, 1), (27, 0)])
def test_a_warm_up_origin_has_four_weeks_of_history(days: int, found: int) -> None:
    origin = DAY + dt.timedelta(days=days + 30)
    split = SplitConfig(origins=[str(origin)], horizon_days=[30], warmup=1)
    plan = plan_origins(panel(500, 101), split, targets([30], []))
    assert sum(not o.scored for o in plan.origins) == found


@pytest.mark.parametrize(
    ("customers", "room", "shortened"), [(100, 60, False), (99, 60, True), (100, 44, True)]
)
def test_training_needs_a_hundred_customers_and_half_a_window(customers, room, shortened) -> None:  # type: ignore[no-untyped-def]
    """One window of 30 days back there must be 15 days of history: 45 in all."""
    data = panel(customers, 101)
    past = data.until(DAY + dt.timedelta(days=room))
    (target,) = targets([30], [])
    found = training_for(past, target)
    assert bool(found.note) == shortened
    assert found.seen_until <= past.origin
    assert not training_for(data.until(DAY + dt.timedelta(days=45)), target).note or customers < 100


def series(point: float, draws: np.ndarray, kind: str):  # type: ignore[no-untyped-def]
    entry = SimpleNamespace(truth=SimpleNamespace(origin=DAY), kind=kind, notes=())
    return SimpleNamespace(entries=[entry], points=[point], replicated=[draws])


def test_the_best_of_many_must_beat_the_rule_by_the_bound_of_the_greatest() -> None:
    """Twenty contenders of pure noise: one's own interval excludes 0, the adjusted bound does not.

    Each difference has sd .01; the best lies 1.8 sd below: below 1.645, within the max-t bound.
    """
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, (20, 4000))
    rivals = {
        ("90d", f"m{i}", "plain"): series(0.2 - (0.018 if i == 7 else 0.0), 0.2 + noise[i], "model")
        for i in range(20)
    }
    rivals["90d", "m7", "plain"].replicated[0] -= 0.018
    simple = {("90d", "recency_logistic", "plain"): series(0.2, np.full(4000, 0.2), "rule")}
    answer = _brier_answer("90d", simple, rivals)
    assert answer["best"] == "m7"
    assert answer["q95"] < 0 < answer["adjusted_high"]
    assert answer["simple_is_as_good"]
    alone = _brier_answer("90d", simple, {k: v for k, v in rivals.items() if k[1] == "m7"})
    assert alone["adjusted_high"] < 0
    assert not alone["simple_is_as_good"]
    assert alone["comparator"] is alone["comparator_value"] is None
    strong = ("90d", "gradient_boosting", "plain")
    strong_one = rivals["90d", "m7", "plain"]
    beside = _brier_answer("90d", simple, {strong: strong_one, ("90d", "m7", "plain"): strong_one})
    assert beside["comparator"] == "gradient_boosting"
    assert beside["comparator_value"] == pytest.approx(strong_one.points[0])


def keyed(candidate: str, values: dict[int, float], kind: str, *more: str):  # type: ignore[no-untyped-def]
    """Return a key and the series of a candidate with a value by origin (days after the first)."""
    origins = [DAY + dt.timedelta(days=d) for d in values]
    entries = [
        SimpleNamespace(truth=SimpleNamespace(origin=o), kind=kind, notes=()) for o in origins
    ]
    draws = [np.array([v - 0.01, v + 0.01]) for v in values.values()]
    key = ("90d", candidate, *(more or ("plain",)))
    return key, SimpleNamespace(entries=entries, points=list(values.values()), replicated=draws)


def test_an_answer_is_the_best_contender_less_the_best_simple_rule() -> None:
    simple = dict([keyed("recency", {0: 0.30}, "baseline"), keyed("rfm", {0: 0.25}, "baseline")])
    rivals = dict([keyed("a", {0: 0.22}, "model"), keyed("b", {0: 0.21}, "model", "recalibrated")])
    answer = _brier_answer("90d", simple, rivals)
    assert (answer["best"], answer["variant"], answer["value"]) == ("b", "recalibrated", 0.21)
    assert (answer["simple"], answer["simple_variant"]) == ("rfm", "plain")
    assert (answer["simple_value"], answer["simple_rules"], answer["contenders"]) == (0.25, 2, 2)
    assert answer["difference"] == pytest.approx(-0.04)
    assert answer["q05"] == answer["q95"] == answer["adjusted_high"] == pytest.approx(-0.04)
    assert (answer["metric"], answer["origins"]) == ("brier", ["2024-01-01"])
    assert not answer["simple_is_as_good"]


@pytest.mark.parametrize(("boosted", "said"), [(0.2, True), (0.25, False), (0.26, False)])
def test_what_boosting_gains_is_no_gain_of_a_model(boosted, said) -> None:  # type: ignore[no-untyped-def]
    """The rule betters every model: that is the headline, whatever the comparator does beside."""
    rule = [keyed("rfm", {0: 0.25}, "baseline", "plain", "fixed_days", "fixed")]
    rivals = [
        keyed("a", {0: 0.3}, "model", "plain", "p_alive", "fixed"),
        keyed("gradient_boosting", {0: boosted}, "comparator", "plain", "fixed_days", "fixed"),
    ]
    for answered, metric in ((_brier_answer, "brier"), (_cost_answer, "cost")):
        answer = answered("90d", dict(rule), dict(rivals))
        assert (answer["best"], answer["contenders"], answer["comparator_value"]) == (
            "a",
            1,
            boosted,
        )
        assert answer["simple_is_as_good"]
        for lang, worse, name in (
            ("en", "the simple rule", "Gradient boosting"),
            ("ko", "단순 규칙", "그래디언트 부스팅은"),
        ):
            for told in (sentence(answer, lang), plain(answer, lang)):
                assert worse in told
                assert ("20.0%" in told) is said, metric
            assert (name in sentence(answer, lang)) is said
    alone = _brier_answer("90d", dict(rule), dict(rivals[1:]))
    assert alone["best"] == "gradient_boosting"


def test_the_cheapest_decision_is_named_in_full() -> None:
    simple = dict([keyed("rfm", {0: 0.5}, "baseline", "recalibrated", "fixed_days", "calibrated")])
    rivals = dict([
        keyed("a", {0: 0.4}, "model", "plain", "p_alive", "cost_ratio"),
        keyed("b", {0: 0.6}, "model", "plain", "p_alive", "cost_ratio"),
    ])  # fmt: skip
    answer = _cost_answer("90d", simple, rivals)
    named = [answer[k] for k in ("best", "variant", "basis", "rule")]
    assert named == ["a", "plain", "p_alive", "cost_ratio"]
    bar = [answer[f"simple{k}"] for k in ("", "_variant", "_basis", "_rule")]
    assert bar == ["rfm", "recalibrated", "fixed_days", "calibrated"]
    assert (answer["value"], answer["simple_value"]) == (0.4, 0.5)
    assert not answer["simple_is_as_good"]
    alike = _cost_answer("90d", simple, dict([keyed("a", {0: 0.5}, "model", *bar[1:])]))
    assert alike["adjusted_high"] == 0.0
    assert alike["simple_is_as_good"]  # a bound of 0 is no gain
    assert answer["difference"] == pytest.approx(-0.1)


@pytest.mark.parametrize(("recalibrated", "used"), [([1, 2, 3], 3), ([2, 3], 2), ([3], 4)])
def test_recalibrated_forms_count_where_they_keep_half_of_the_origins(recalibrated, used) -> None:  # type: ignore[no-untyped-def]
    """They lack the first origins; of four, two are enough and one is not."""
    simple = dict([keyed("rfm", dict.fromkeys(range(4), 0.3), "baseline")])
    rivals = dict([
        keyed("a", dict.fromkeys(range(4), 0.25), "model"),
        keyed("a", dict.fromkeys(recalibrated, 0.2), "model", "recalibrated"),
    ])  # fmt: skip
    answer = _brier_answer("90d", simple, rivals)
    assert len(answer["origins"]) == used
    assert answer["variant"] == ("plain" if used == 4 else "recalibrated")


@pytest.mark.parametrize(("late", "rows"), [(2, 4), (3, 5)])
def test_the_headline_is_over_common_origins_where_they_are_half(late: int, rows: int) -> None:
    """One candidate has four origins, the other those from `late` on."""
    table = pd.DataFrame(
        [("90d", c, "model", "plain", "all", "brier", 0.2, origin)
         for c, first in (("a", 0), ("b", late)) for origin in range(first, 4)],
        columns=["target", "candidate", "kind", "variant", "slice", "metric", "value", "origin"],
    )  # fmt: skip
    assert means_table(table)["origins"].sum() == rows


def test_without_a_rule_or_a_contender_there_is_no_answer(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    for only in ("baseline", "model"):
        found = dict([keyed("a", {0: 0.2}, only)])
        monkeypatch.setattr(answers, "series_of", lambda *_, found=found: found)
        assert answers.brier_answers([], None) == []  # type: ignore[arg-type]


def test_each_degradation_names_its_target_and_why() -> None:
    short = truth(200, 200)
    short.target = SimpleNamespace(label="120d", reach_days=120)
    later = [truth(200, 200, origin=DAY + dt.timedelta(days=i), cell=49) for i in range(2)]
    warm = truth(1, 1, origin=DAY - dt.timedelta(days=9), scored=False, cell=1)
    first = DAY - dt.timedelta(days=299)
    assert degradations([short, warm, *later], first, Limits()) == [
        {"target": "120d", "what": "short_history", "reason": (
            "300 days of history at the first origin 2024-01-01; 3 windows would be 360 days")},
        {"target": "120d", "what": "few_origins",
         "reason": "1 scored origin(s); below 3 `export` refuses"},
        {"target": "90d", "what": "few_origins",
         "reason": "2 scored origin(s); below 3 `export` refuses"},
        {"target": "90d", "what": "thin_cells",
         "reason": "fewer than 50 customers at an origin in: x small"},
    ]  # fmt: skip


def test_classes_that_are_thin_at_any_origin_are_listed() -> None:
    """The small class at the first of three origins, the large one at the last."""
    rows = [
        truth(200, 200, origin=DAY + dt.timedelta(days=i), cell=c)
        for i, c in enumerate([9, 50, 50])
    ]
    rows[-1].slices = lambda: {"x": (np.ones(49, int), ("small", "large"))}
    (found,) = degradations(rows, DAY - dt.timedelta(days=300), Limits())
    assert found["reason"].endswith("customers at an origin in: x large, x small")


@pytest.mark.parametrize(
    ("count", "step", "back"),
    [
        (1, None, [0]),
        (2, None, [30, 0]),
        (4, None, [30, 20, 10, 0]),
        (3, 15, [30, 15, 0]),
        (9, 15, [30, 15, 0]),
        (9, 12, [24, 12, 0]),
    ],
)
def test_origins_are_laid_back_evenly_over_the_room(
    count: int, step: int | None, back: list[int]
) -> None:
    """71 days of log and a window of 30: 40 days of room, of which 10 are history."""
    split = SplitConfig(
        origins=count, horizon_days=[30], step_days=step, min_history_days=10, warmup=0
    )
    plan = plan_origins(panel(5, 71), split, targets([30], []))
    last = DAY + dt.timedelta(days=40)
    assert [(last - o.date).days for o in plan.scored] == back


@pytest.mark.parametrize(
    ("q05", "as_good", "said"),
    [
        (0.001, True, "is better"),
        (0.0, True, "is as good here"),
        (-0.02, True, "is as good here"),
        (-0.02, False, "beats the simple rule (recency) by 5.0% (gradient boosting: 7.5%)"),
    ],
)
def test_verdicts(q05: float, as_good: bool, said: str) -> None:
    """Without the strong comparator nothing is said to beat anything, in whatever words."""
    answer = {
        "q05": q05, "simple_is_as_good": as_good, "difference": -0.01, "simple_value": 0.2,
        "metric": "brier", "target": "90d", "best": "m", "variant": "plain", "value": 0.19,
        "simple": "recency", "simple_variant": "plain", "simple_rules": 4, "contenders": 1,
        "q95": 0.1, "adjusted_high": 0.1, "origins": ["2024-01-01"],
        "comparator": "gradient_boosting", "comparator_value": 0.185,
    }  # fmt: skip
    assert said in sentence(answer)
    alone = answer | {"comparator": None, "comparator_value": None}
    assert "beats" not in sentence(alone)
    for words, lang, missing in ((plain, "en", "Gradient boosting"), (sentence, "en", "gradient "),
                                 (plain, "ko", "부스팅"), (sentence, "ko", "부스팅")):  # fmt: skip
        better = not as_good and q05 < 0
        assert (missing in words(alone, lang)) == better
        for metric in ("brier", "cost"):
            assert words(alone | {"metric": metric}, lang)
