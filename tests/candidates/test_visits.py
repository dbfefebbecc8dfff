"""P17 in the harness: visit-days at an origin, candidates with visits, answers that may be no."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.backtest import Context, Panel, SplitConfig, Target, candidate_named, run_backtest
from churnlab.backtest.config import Limits
from churnlab.backtest.report import text as backtest_text
from churnlab.backtest.report.answers import sentence
from churnlab.backtest.scores.resample import simultaneous_band
from churnlab.backtest.scores.visit_answers import one_answer
from churnlab.candidates import known_candidates, with_compulsory
from churnlab.errors import DataError
from churnlab.events import EventLog, read_events
from churnlab.simulate import simulate_btyd

#: Visits about every nine days, a dropout of a fifth per visit; a third of the visits buy.
VISITS, CONVERSION = (1.5, 9.0, 1.2, 6.0), (1.2, 2.4)
PURCHASES = (1.0, 22.0, 1.2, 4.0)
ORIGIN = dt.date(2024, 7, 1)
SPLIT = SplitConfig(
    origins=2, warmup=0, horizon_days=[28], step_days=42,
    limits=Limits(least_purchasers=100, least_events=20), replicates=200, counts=False,
    recalibration="none",
)  # fmt: skip


def log_of(purchases: pd.DataFrame, visits: pd.DataFrame | None, as_of: dt.date) -> EventLog:
    frames = (
        {"purchases": purchases} if visits is None else {"purchases": purchases, "visits": visits}
    )
    return read_events(**frames, as_of=as_of)


def visit_days(theta: tuple[float, ...], n: int, seed: int, days: int = 300) -> pd.DataFrame:
    log = simulate_btyd("mbg_nbd", theta, n, days, np.random.default_rng(seed), inflow_days=200)
    return log.purchases[["customer_id", "event_at"]]


def thinned_log(n: int, seed: int) -> EventLog:
    """The joint truth: the first visit buys, each later one with the customer's own chance."""
    visits = visit_days(VISITS, n, seed).sort_values(["customer_id", "event_at"])
    rng = np.random.default_rng([seed, 1])
    code, _ = pd.factorize(visits["customer_id"])
    chance = rng.beta(*CONVERSION, code.max() + 1)[code]
    buys = (rng.random(len(visits)) < chance) | ~visits["customer_id"].duplicated()
    return log_of(visits[buys], visits, dt.date(2024, 10, 26))


def apart_log(n: int, seed: int) -> EventLog:
    """Visits and purchases of the same customers, by processes that know nothing of each other."""
    purchases = visit_days(PURCHASES, n, seed)
    return log_of(purchases, visit_days(VISITS, n, seed + 1000), dt.date(2024, 10, 26))


@pytest.fixture(scope="module")
def joint() -> EventLog:
    return thinned_log(1000, 5)


def test_visits_at_an_origin_agree_with_a_loop_over_customers(joint: EventLog) -> None:
    panel = Panel.from_log(joint, visits=True)
    past = panel.until(ORIGIN)
    seen = past.visits(recent_days=21)
    known = {}
    for events in ("visits", "purchases"):
        rows = joint.days(events)
        rows = rows[rows["day"] <= pd.Timestamp(ORIGIN)]
        known[events] = rows.groupby("customer_id")["day"].apply(lambda d: set(d.dt.date)).to_dict()
    assert seen.x.shape == (past.n,)
    for i in range(0, past.n, 13):
        bought = known["purchases"][panel.ids[past.customer[i]]]
        first = min(bought)
        days = sorted(
            d for d in known["visits"][panel.ids[past.customer[i]]] | bought if d >= first
        )
        assert seen.x[i] == len(days) - 1
        assert seen.t_x[i] == (days[-1] - first).days
        assert seen.T[i] == past.T[i]
        assert seen.purchases[i] == len(bought) - 1 == past.x[i]
        assert seen.recent[i] == sum((ORIGIN - d).days < 21 for d in days)
        assert seen.idle[i] <= past.idle[i]


def test_visits_hold_nothing_after_the_origin(joint: EventLog) -> None:
    """Not after the origin, and not after an earlier day asked of a later past."""
    whole = Panel.from_log(joint, visits=True).until(ORIGIN)
    cut = Panel.from_log(joint.until(ORIGIN), visits=True).until(ORIGIN)
    inner = ORIGIN - dt.timedelta(days=30)
    direct = Panel.from_log(joint.until(inner), visits=True).until(inner)
    for one, other in ((whole, cut), (whole.at(inner), direct)):
        for name in ("x", "t_x", "T", "sum_log_gap", "purchases", "recent"):
            np.testing.assert_array_equal(
                getattr(one.visits(), name), getattr(other.visits(), name)
            )
    assert whole._events.visits.day.max() <= (ORIGIN - dt.date(1970, 1, 1)).days
    # the second guard alone: the whole log's visits asked for at the origin
    end = (ORIGIN - dt.date(1970, 1, 1)).days
    every = Panel.from_log(joint, visits=True).events.visits
    direct_visits = every.since(whole.customer, end - whole.T.astype(int), end, 30)
    np.testing.assert_array_equal(direct_visits.x, whole.visits().x)


@pytest.mark.parametrize(
    ("name", "days"),
    [("mbg_nbd_visits", 28), ("mbg_nbd_relearnt", 28), ("visits_thinned", 28),
     ("visits_thinned_pareto_nbd", 28), ("visits_thinned", 0), ("visits_thinned_relearnt", 28)],
)  # fmt: skip
def test_no_visit_candidate_changes_when_the_future_is_taken_away(
    joint: EventLog, name: str, days: int
) -> None:
    target = Target("fixed_days", days) if days else Target("personal_cycles", 2.0)
    context = Context(seed=3, draws=200)
    made = [
        candidate_named(name).forecast(
            Panel.from_log(log, visits=True).until(ORIGIN), target, context
        )
        for log in (joint, joint.until(ORIGIN))
    ]
    assert made[0].seen_until <= ORIGIN
    np.testing.assert_array_equal(made[0].risk, made[1].risk)
    made[0].check(name, len(made[0].score))


def test_a_purchase_day_that_the_visit_log_lacks_counts_as_a_visit_and_is_said() -> None:
    purchases = pd.DataFrame(
        [("a", "2024-01-01"), ("a", "2024-01-09"), ("b", "2024-01-02"), ("c", "2024-01-03")],
        columns=["customer_id", "event_at"],
    )
    visits = pd.DataFrame(
        [("a", "2023-12-30"), ("a", "2024-01-05"), ("a", "2024-01-09"), ("d", "2024-01-02")],
        columns=["customer_id", "event_at"],
    )
    log = log_of(purchases, visits, dt.date(2024, 1, 10))
    seen = Panel.from_log(log, visits=True).until(dt.date(2024, 1, 10)).visits(3)
    assert seen.x.tolist() == [2, 0, 0]  # b and c never visited: their purchase is their visit
    assert seen.purchases.tolist() == [1, 0, 0]
    assert seen.t_x.tolist() == [8, 0, 0]
    assert seen.recent.tolist() == [1, 0, 0]
    assert seen.unlogged == pytest.approx(3 / 5)
    assert "begins on 2023-12-30 for these customers, lacks more than 1%" in seen.note


def test_a_log_without_visits_is_refused_before_anything_is_fitted(small_log: EventLog) -> None:
    with pytest.raises(DataError, match=r"a candidate uses visits, and the log has none; give "
                       r"data\.visits\.path"):  # fmt: skip
        run_backtest(small_log, candidates=["mbg_nbd_visits"], split=SPLIT)
    past = Panel.from_log(small_log).until(dt.date(2020, 8, 1))
    with pytest.raises(DataError, match="made without visits"):
        past.visits()


def test_visits_of_nobody_who_buys_are_refused() -> None:
    purchases = pd.DataFrame({"customer_id": ["a"], "event_at": ["2024-01-01"]})
    visits = pd.DataFrame({"customer_id": ["A"], "event_at": ["2024-01-01"]})
    with pytest.raises(DataError, match="none of the 1 customers in the visit log has a purchase"):
        Panel.from_log(log_of(purchases, visits, dt.date(2024, 1, 10)), visits=True)


def test_where_every_visit_buys_the_thinned_candidate_is_refused_and_the_others_go_on() -> None:
    visits = visit_days(VISITS, 300, 3)
    log = log_of(visits, visits, dt.date(2024, 10, 26))
    result = run_backtest(log, candidates=["visits_thinned"], split=SPLIT, draws=200)
    assert len(result.summary["refused_fits"]) == len(result.summary["plan"])
    assert "cannot be modelled as thinned visits" in result.summary["refused_fits"][0]


def test_every_visit_candidate_has_a_twin_without_visits_that_takes_part() -> None:
    named = {n: candidate_named(n) for n in known_candidates()}
    twins = {n: c.twin for n, c in named.items() if c.needs_visits}
    assert twins["mbg_nbd_visits"] == "mbg_nbd_relearnt"
    assert twins["visits_thinned"] == "mbg_nbd"
    assert twins["visits_thinned_pareto_nbd"] == "pareto_nbd"
    assert twins["visits_thinned_relearnt"] == "mbg_nbd_relearnt"
    assert all(not named[twin].needs_visits for twin in twins.values())
    assert {n for n, c in named.items() if c.twin} == set(twins)
    assert with_compulsory(["pareto_nbd_visits"])[:2] == [
        "pareto_nbd_visits",
        "pareto_nbd_relearnt",
    ]


def test_p17_the_backtest_says_yes_where_purchases_are_thinned_visits(joint: EventLog) -> None:
    result = run_backtest(
        joint, candidates=["visits_thinned", "mbg_nbd_visits"], split=SPLIT, draws=200
    )
    (one,) = (a for a in result.summary["comparisons"] if a["metric"] == "visits")
    assert one["verdict"] == "better"
    found = {a["best"]: a for a in one["pairs"]}
    assert set(found) == {"visits_thinned", "mbg_nbd_visits"}
    joint_model = found["visits_thinned"]
    assert joint_model["q95"] < 0
    said = [a for a in result.answers if "Do visits fall before purchases do?" in a]
    assert (
        "yes, the visit log betters the purchase forecast (visits_thinned less mbg_nbd" in said[0]
    )
    # the figure is the mean of the per-customer differences, and stands in `differences` too
    means = [result.score("brier", name) for name in ("visits_thinned", "mbg_nbd")]
    assert joint_model["difference"] == pytest.approx(means[0] - means[1], abs=1e-9)
    row = result.differences.query(
        "metric == 'brier' and candidate == 'visits_thinned' and baseline == 'mbg_nbd' "
        "and origin == 'all' and variant == 'plain'"
    ).iloc[0]
    assert row["difference"] == pytest.approx(joint_model["difference"], abs=1e-9)
    assert row["q95"] <= joint_model["q95"] + 1e-9  # of one pair, and of both together
    section = backtest_text.visits_section(result.summary, result.differences, "en")
    assert section is not None
    assert section.count("| visits_thinned | mbg_nbd |") == 3  # two origins and all
    assert "방문이 구매보다" in backtest_text.visits_section(
        result.summary, result.differences, "ko"
    )


def test_p17_the_backtest_does_not_say_yes_where_visits_are_apart() -> None:
    result = run_backtest(apart_log(1000, 6), candidates=["mbg_nbd_visits"], split=SPLIT, draws=200)
    (found,) = (a for a in result.summary["comparisons"] if a["metric"] == "visits")
    assert found["q95"] > 0
    assert abs(found["difference"]) < 0.002
    assert not any(": yes, the visit log" in a for a in result.answers)


def test_the_sentence_follows_the_interval() -> None:
    answer = {
        "metric": "visits", "target": "28d", "best": "a_visits", "simple": "a_relearnt",
        "value": 0.1, "simple_value": 0.1, "difference": 0.0, "origins": ["2024-01-01"],
        "customers": 1200,
    }  # fmt: skip
    sayings = {(-0.2, -0.1): ": yes,", (0.1, 0.2): ": no,", (-0.1, 0.1): ": not shown,"}
    for (low, high), word in sayings.items():
        said = sentence(one_answer([{**answer, "q05": low, "q95": high}]))
        assert word in said
        assert "1,200 customers, 1 origin)." in said


def test_several_pairs_give_one_answer() -> None:
    pair = {
        "metric": "visits", "target": "28d", "best": "a_visits", "simple": "a_relearnt",
        "value": 0.1, "simple_value": 0.1, "difference": 0.0, "origins": ["2024-01-01"],
        "customers": 1200,
    }  # fmt: skip
    yes, no, open_ = ({**pair, "q05": a, "q95": b} for a, b in ((-2, -1), (1, 2), (-1, 1)))
    for pairs, verdict in (
        ((yes, open_), "better"), ((open_, no), "worse"), ((yes, no, open_), "equal"),
        ((open_, open_), "equal"),
    ):  # fmt: skip
        answer = one_answer(pairs)
        assert answer["verdict"] == verdict
        assert f"1 origin; of {len(pairs)} pairs judged together)." in sentence(answer)


def test_bands_of_pairs_hold_together_and_are_wider_than_one() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        point = rng.normal(0, [1.0, 2.0, 3.0])
        draws = point[:, None] + rng.normal(size=(3, 400)) * np.array([[1.0], [2.0], [3.0]])
        low, high = simultaneous_band(point.tolist(), list(draws))
        covered.append(bool(((low <= 0) & (high >= 0)).all()))
    assert 0.85 < np.mean(covered) < 0.95


def test_without_a_visit_candidate_nothing_is_said_of_visits(small_log: EventLog) -> None:
    split = SplitConfig(
        origins=1,
        horizon_days=[45],
        limits=Limits(least_purchasers=100),
        replicates=20,
        counts=False,
    )
    result = run_backtest(small_log, candidates=["recency"], split=split)
    assert not any("visit" in a for a in result.answers)
    assert backtest_text.visits_section(result.summary, result.differences, "en") is None


@pytest.mark.slow
def test_p17_errs_rarely_in_either_world() -> None:
    def answer(log: EventLog, name: str) -> bool:
        result = run_backtest(log, candidates=[name], split=SPLIT)
        (found,) = (a for a in result.summary["comparisons"] if a["metric"] == "visits")
        return found["verdict"] == "better"

    yes = [answer(thinned_log(1500, s), "visits_thinned") for s in range(10, 20)]
    no = [answer(apart_log(1000, s), "mbg_nbd_visits") for s in range(30, 60)]
    assert np.mean(yes) >= 0.8
    # a 90% interval lies below 0 by chance in 5% of cases
    assert np.mean(no) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 30)
