"""Every constant that decides, at its edge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.journeys import JourneyConfig, personas, run
from churnlab.journeys.audience import chosen_pairs
from churnlab.journeys.baskets import read_baskets
from churnlab.journeys.companions import companion_table
from churnlab.journeys.config import CycleConfig, LoyalConfig, PersonaConfig
from churnlab.journeys.cycles import find_cycles
from churnlab.journeys.mine import _shown, mine
from churnlab.journeys.predict import EDGES, strata
from churnlab.journeys.report import text

from .conftest import START


def journeys(log, **keys):
    config = JourneyConfig(**{"least_customers": 1, **keys})
    baskets = read_baskets(log, level="item", window_days=10, most_items=config.most_items)
    return mine(baskets, config).journeys


def walkers(n, items="ABC"):
    return [(f"c{i}", 1 + d, item) for i in range(n) for d, item in enumerate(items)]


@pytest.mark.parametrize(("least", "shown"), [(7, True), (8, False)])
def test_support_is_at_least_so_many_customers(make_log, least, shown):
    found = journeys(make_log(walkers(7)), least_customers=least)
    assert ("A > B" in set(found["path"])) is shown
    assert ("A > B > C" in set(found["path"])) is shown


def test_the_goods_that_most_customers_buy_are_studied(make_log):
    log = make_log([*walkers(3), *walkers(2, "AD")])
    assert set(journeys(log, most_items=3)["path"]) == {"A > B", "A > C", "B > C", "A > B > C"}
    assert "A > D" in set(journeys(log, most_items=4)["path"])


def test_triples_are_looked_for_behind_the_best_supported_pairs(make_log):
    log = make_log([*walkers(3, "ABC"), *[(f"d{w}", d, i) for w, d, i in walkers(2, "XYZ")]])
    triples = {
        most: set(f.loc[f["length"] == 3, "path"])
        for most in (3, 4)
        for f in [journeys(log, most_prefixes=most)]
    }
    assert triples == {3: {"A > B > C"}, 4: {"A > B > C", "X > Y > Z"}}


@pytest.mark.parametrize(("most", "rows"), [(1, [0, 2]), (2, [0, 1, 2])])
def test_so_many_of_the_best_supported_and_of_the_highest_lift_are_listed(most, rows):
    table = pd.DataFrame({"support": [5, 4, 3, 2], "lift_q05": [1.0, 1.2, 1.5, 0.9]})
    assert _shown(table, most).index.tolist() == rows


@pytest.mark.parametrize(("most", "paths"), [(0, []), (1, ["A > B"]), (2, ["A > B", "B > A"])])
def test_audiences_are_of_so_many_journeys_above_chance(most, paths):
    table = pd.DataFrame(
        {"who": "all", "length": 2, "lift_q05": [1.001, 1.0, 1.2], "journey_id": list("xyz"),
         "path": ["A > B", "A > C", "B > A"], "item_1": list("AAB"), "item_2": list("BCA")}
    )  # fmt: skip
    found = chosen_pairs(table, list("ABC"), JourneyConfig(audiences=most))
    assert found["path"].tolist() == paths


@pytest.mark.parametrize(("n", "there"), [(5, True), (6, False)])
def test_companions_are_of_at_least_so_many_customers(make_log, n, there):
    log = make_log([(f"c{i}", 1, "A B") for i in range(5)])
    baskets = read_baskets(log, level="item", window_days=10, most_items=5)
    assert bool(len(companion_table(baskets, least_customers=n))) is there


@pytest.mark.parametrize(
    ("group", "others", "compared"), [(5, 5, True), (4, 6, False), (6, 4, False)]
)
def test_groups_of_so_many_are_compared(group, others, compared):
    flags = pd.Series([True] * group + [False] * others)
    people = pd.DataFrame({"tone": ["warm", "cold"] * 5})
    config = JourneyConfig(persona=PersonaConfig(least_customers=5))
    study = run._Study(None, config, None, [1, 2])
    assert bool(len(study._compare(people, flags, "converted"))) is compared
    assert bool(study.missing) is not compared


@pytest.mark.parametrize(("values", "cut"), [(12, False), (13, True)])
def test_a_number_of_more_than_twelve_values_is_cut_at_its_quartiles(values, cut):
    members = pd.DataFrame(
        {"customer_id": [str(i) for i in range(26)], "signed_up_at": START,
         "age": [i % values for i in range(26)]}
    )  # fmt: skip
    chosen, _ = personas.attributes_of(members, LoyalConfig(), PersonaConfig())
    assert chosen["age"].nunique() == (4 if cut else values)


@pytest.mark.parametrize("column", EDGES)
def test_the_classes_that_are_matched_on_hold_their_upper_edge(column):
    edges = np.array(EDGES[column], float)
    probe = np.concatenate([edges, edges + 1e-9])
    people = pd.DataFrame({name: np.zeros(len(probe)) for name in EDGES} | {column: probe})
    found = strata(people)
    within, above = found[: len(edges)], found[len(edges) :]
    assert len(set(within)) == len(edges)
    assert (within[1:] == above[:-1]).all()
    assert above[-1] not in set(within)


def test_the_classes_are_those_documented():
    """docs/journeys.md speaks of them; a finer or coarser one is another comparison."""
    assert EDGES == {"before": (0, 1, 3, 7, 15, 31), "within": (0, 1, 2, 4, 8),
            "tenure": (0, 30, 90, 180, 365), "since": (30, 60, 90, 180, 365)}  # fmt: skip


@pytest.mark.parametrize(("again", "found"), [(30, True), (29, False)])
def test_a_cycle_needs_so_many_customers_who_bought_again(make_log, again, found):
    rng = np.random.default_rng(1)
    rows = [(f"c{i}", 1.0, "A") for i in range(60)] + [("c0", 1.0, "B")]
    for gap in range(1, 4):  # enough purchases for a fit that its diagnostics support
        rows += [(f"c{i}", 1.0 + 60 * gap + 50 * rng.random(), "A") for i in range(again)]
    log = make_log(rows, days=260)
    baskets = read_baskets(log, level="item", window_days=10, most_items=5)
    config = CycleConfig(least_customers=30)
    assert (find_cycles(baskets, config, log.as_of, seed=1) is not None) is found


@pytest.mark.parametrize(("p", "told"), [(0.95, True), (0.949, False)])
def test_an_attribute_is_told_of_at_95_percent(p, told):
    row = {"comparison": "loyal", "attribute": "tone", "value": "warm", "p_more": p,
           "share_group": 0.4, "share_others": 0.2, "ratio": 2.0, "ratio_q05": 1.5,
           "ratio_q95": 2.6}  # fmt: skip
    said = text._personas({"personas": pd.DataFrame([row])}, {"loyal": {}}, "en")
    assert ("warm" in " ".join(said)) is told


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (JourneyConfig, {"window_days": 0.01}, {"window_days": 0}),
        (JourneyConfig, {"window_days": 36_525}, {"window_days": 36_526}),
        (JourneyConfig, {"window_days": 10}, {"window_days": float("nan")}),
        (JourneyConfig, {"most_items": 2}, {"most_items": 1}),
        (JourneyConfig, {"least_customers": 1}, {"least_customers": 0}),
        (JourneyConfig, {"most_prefixes": 1}, {"most_prefixes": 0}),
        (JourneyConfig, {"most_journeys": 1}, {"most_journeys": 0}),
        (JourneyConfig, {"audiences": 0}, {"audiences": -1}),
        (JourneyConfig, {"span": "gap"}, {"span": "gaps"}),
        (LoyalConfig, {"least_p_alive": 0.99}, {"least_p_alive": 1.0}),
        (LoyalConfig, {"top_share": 0.01}, {"top_share": 0.0}),
        (LoyalConfig, {"least_repeats": 0}, {"least_repeats": -1}),
        (LoyalConfig, {"outcome_days": 1}, {"outcome_days": 0}),
        (LoyalConfig, {"least_customers": 2}, {"least_customers": 1}),
        (LoyalConfig, {"rule": "tier", "tiers": ["gold"]}, {"rule": "tier"}),
        (LoyalConfig, {"model": "pareto_nbd"}, {"model": "bg_nbd"}),
        (PersonaConfig, {"prior_customers": 0.1}, {"prior_customers": 0.0}),
        (PersonaConfig, {"least_customers": 1}, {"least_customers": 0}),
        (PersonaConfig, {"converted_days": 1}, {"converted_days": 0}),
        (CycleConfig, {"most_items": 1}, {"most_items": 0}),
        (CycleConfig, {"remind_days": 1}, {"remind_days": 0}),
        (CycleConfig, {"least_customers": 1}, {"least_customers": 0}),
    ],
)  # fmt: skip
def test_limits_of_the_configuration(kind, good, bad):
    kind(**good)
    with pytest.raises(UsageError):
        kind(**bad)
