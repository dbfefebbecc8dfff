"""Loyal customers, personas, held-out check, stop rates, cycles and audiences."""

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy.stats import beta

from churnlab.errors import DataError, UsageError
from churnlab.events import log_from_frames
from churnlab.fitting import fit
from churnlab.journeys import JourneyConfig, cycles, loyal, personas
from churnlab.journeys.audience import audience_table, chosen_pairs
from churnlab.journeys.baskets import read_baskets
from churnlab.journeys.config import CycleConfig, LoyalConfig, PersonaConfig
from churnlab.journeys.cycles import find_cycles, item_histories
from churnlab.journeys.loyal import find_loyal
from churnlab.journeys.mine import mine
from churnlab.journeys.predict import first_chances, matched_difference, predict_table, strata
from churnlab.journeys.stops import first_waits, stop_rate, stop_table
from churnlab.simulate import ShopConfig, simulate_btyd, simulate_shop
from churnlab.summary import summarise

from .conftest import START


def read(log, window_days=10, most_items=20):
    return read_baskets(log, level="item", window_days=window_days, most_items=most_items)


@pytest.fixture(scope="module")
def shop():
    made = simulate_shop(ShopConfig(n_members=3000), np.random.default_rng(5))
    return log_from_frames(made.frames(), as_of=made.as_of)


# -- loyal ---------------------------------------------------------------------------------------


def test_j1_loyalty_is_judged_before_the_outcome_window(shop):
    config = LoyalConfig(outcome_days=60)
    found = find_loyal(shop, config, seed=1)
    assert found.known_until == shop.as_of - dt.timedelta(days=60)
    cut = find_loyal_of(shop.until(found.known_until), config)
    pd.testing.assert_frame_equal(found.customers, cut)


def find_loyal_of(past, config):
    """The rule applied by hand to a log that ends before the outcome window."""
    people = fit(summarise(past), model=config.model, seed=1).customers()
    able = people[(people["p_alive"] >= config.least_p_alive) & (people["x"] >= 2)]
    best = able.nlargest(int(0.2 * len(people)), "rate_per_day", keep="first")["customer_id"]
    kept = people[["customer_id", "x", "rate_per_day", "p_alive"]]
    return kept.assign(loyal=people["customer_id"].isin(best))


def test_j1_the_loyal_are_the_fastest_living_repeaters(shop):
    found = find_loyal(shop, LoyalConfig(), seed=1)
    loyal = found.customers[found.customers["loyal"]]
    assert (loyal["p_alive"] >= 0.5).all()
    assert (loyal["x"] >= 2).all()
    assert len(loyal) <= 0.2 * len(found.customers)
    assert loyal["rate_per_day"].min() == found.least_rate
    later = found.outcome.set_index("loyal")["purchase_days"]
    assert later[True] > 3 * later[False]


def test_j1_loyal_by_tier(shop):
    config = LoyalConfig(rule="tier", tiers=["gold", "silver"])
    found = find_loyal(shop, config, seed=1)
    tiers = shop.members().set_index("customer_id")["tier"]
    who = found.customers.set_index("customer_id")["loyal"]
    assert who.equals(tiers.reindex(who.index).isin(["gold", "silver"]).rename("loyal"))


@pytest.mark.parametrize(
    ("config", "error", "text"),
    [
        (LoyalConfig(least_customers=500), DataError, "at least 500 are needed"),
        (LoyalConfig(outcome_days=5000), DataError, "no purchase on or before"),
        (LoyalConfig(rule="tier", tiers=["gold"], tier_column="teir"), DataError, "'tier'"),
        (LoyalConfig(rule="tier", tiers=["bronze"]), UsageError, "bronze"),
    ],
)
def test_what_makes_no_loyal_group_is_said(shop, config, error, text):
    with pytest.raises(error, match=text):
        find_loyal(shop, config, seed=1)


@pytest.mark.parametrize(("least", "enough"), [(10, True), (11, False)])
def test_the_least_size_of_the_loyal_group_is_inclusive(make_log, least, enough):
    tiers = ["gold"] * 10 + ["basic"] * 10
    ids = [f"c{i}" for i in range(20)]
    members = pd.DataFrame({"customer_id": ids, "signed_up_at": START, "tier": tiers})
    log = make_log([(i, 90.5, "A") for i in ids], members=members)  # on the day of judgement
    config = LoyalConfig(rule="tier", tiers=["gold"], least_customers=least, outcome_days=10)
    if enough:
        assert find_loyal(log, config, seed=1).n == 10
    else:
        with pytest.raises(DataError, match="10 customers are loyal"):
            find_loyal(log, config, seed=1)


def test_who_is_probably_alive_at_the_least_probability_is_loyal(monkeypatch):
    people = pd.DataFrame({"customer_id": list("abc"), "x": 2, "rate_per_day": [0.3, 0.2, 0.1]})
    people["p_alive"] = [0.4999, 0.5, 0.9]
    monkeypatch.setattr(loyal, "customers_table", lambda *_, **__: people)
    monkeypatch.setattr(loyal, "summarise", lambda past: past)
    monkeypatch.setattr(loyal, "fit", lambda past, **_: SimpleNamespace(data=None, draws=None))
    found, least_rate = loyal.by_posterior(None, LoyalConfig(top_share=0.4), 1)
    assert found["loyal"].tolist() == [False, True, False]
    assert least_rate == 0.2


def test_the_outcome_begins_on_the_day_after():
    days = pd.DataFrame({"customer_id": ["a", "a", "b"], "day": START})
    days.loc[0, "day"] += pd.Timedelta(days=1)
    assert loyal.later_days(pd.Series(["a", "b"]), days, START.date()).tolist() == [1.0, 0.0]


# -- personas ------------------------------------------------------------------------------------


def people_with(shares, n=(400, 1600), seed=0):
    """Two groups whose shares of the value `yes` are given."""
    rng = np.random.default_rng(seed)
    group = np.repeat([True, False], n)
    yes = rng.random(len(group)) < np.where(group, *shares)
    return pd.DataFrame({"value": np.where(yes, "yes", "no")}), pd.Series(group)


def test_j2_a_difference_is_found_and_chance_is_not():
    config = PersonaConfig()
    table = personas.persona_table(*people_with((0.5, 0.25)), "loyal", config, seed=1)
    row = table.set_index("value").loc["yes"]
    assert row["ratio_q05"] > 1.5
    assert row["ratio_q95"] < 2.4
    assert row["p_more"] > 0.999
    outside = 0
    for seed in range(60):
        null = personas.persona_table(*people_with((0.3, 0.3), seed=seed), "x", config, seed=1)
        row = null.set_index("value").loc["yes"]
        outside += not row["ratio_q05"] <= 1 <= row["ratio_q95"]
    assert outside <= 12  # 10% nominal: 6 expected, 12 has probability under 1%


def test_j2_few_people_keep_the_ratio_near_1():
    few, many = (
        personas.persona_table(
            pd.DataFrame({"a": ["yes"] * 3 * k + ["no"] * 7 * k + ["yes"] * k + ["no"] * 9 * k}),
            pd.Series([True] * 10 * k + [False] * 10 * k),
            "loyal", PersonaConfig(least_customers=1), seed=1,
        ).set_index("value").loc["yes", "ratio"]
        for k in (1, 100)
    )  # fmt: skip
    assert 1 < few < 1.6
    assert many == pytest.approx(3.0, abs=0.15)


@pytest.mark.parametrize(("n", "shown"), [(29, False), (30, True)])
def test_j2_values_of_fewer_than_the_least_group_are_left_out(n, shown):
    people = pd.DataFrame({"a": ["rare"] * n + ["common"] * 500})
    group = pd.Series([True, False] * ((n + 500) // 2) + [True] * ((n + 500) % 2))
    table = personas.persona_table(people, group, "loyal", PersonaConfig(), seed=1)
    assert ("rare" in set(table["value"])) == shown


def test_j2_attributes_that_define_loyalty_are_refused_or_left_out():
    members = pd.DataFrame(
        {"customer_id": ["a"], "signed_up_at": [START], "tier": ["gold"], "grade": [1], "age": [3]}
    )
    loyal = LoyalConfig(defined_by=["grade"])
    chosen, left_out = personas.attributes_of(members, loyal, PersonaConfig())
    assert list(chosen) == ["age"]
    assert left_out == ["grade", "tier"]
    for name in ("tier", "grade"):
        with pytest.raises(UsageError, match="defines loyalty"):
            personas.attributes_of(members, loyal, PersonaConfig(attributes=[name]))
    with pytest.raises(UsageError, match="Did you mean 'age'"):
        personas.attributes_of(members, loyal, PersonaConfig(attributes=["agee"]))


@pytest.mark.parametrize(
    ("pure", "cover", "telling"), [(95, 0.5, True), (94, 0.5, False), (95, 0.495, False)]
)
def test_j2_a_value_that_names_the_group_is_a_telltale(pure, cover, telling):
    """Of 100 with the value `pure` are loyal, who are `cover` of all the loyal."""
    rest = round(pure / cover) - pure
    values = ["v"] * 100 + ["w"] * (rest + 300)
    loyal = [True] * pure + [False] * (100 - pure) + [True] * rest + [False] * 300
    found = personas.telltales(pd.DataFrame({"a": values}), pd.Series(loyal))
    assert (found == ["a"]) == telling


def test_signups_who_bought_in_time_and_those_who_had_bought_before(make_log):
    """a bought on day 30 after signup, b on day 31, c before it, g with it; d never.

    f is the last to have signed up 30 days before the end, e is a day later.
    """
    signup = {"a": 10, "b": 10, "c": 10, "d": 10, "e": 71, "f": 70, "g": 10}
    days = [START + pd.Timedelta(days=d) for d in signup.values()]
    members = pd.DataFrame({"customer_id": list(signup), "signed_up_at": days})
    bought = [("a", 40, "A"), ("b", 41, "A"), ("c", 9, "A"), ("g", 10, "A")]
    guest = ("guest", 12, "A")  # in no members table: nobody knows when they signed up
    log = make_log([*bought, guest], members=members)
    found, early = personas.converted(log, 30)
    assert found.to_dict() == {"a": True, "b": False, "d": False, "f": False, "g": True}
    assert early == 1


# -- held-out check ------------------------------------------------------------------------------


def test_the_matched_difference_undoes_confounding_and_covers():
    """Heavy customers walk more and are loyal more; within classes walking does nothing."""
    rng = np.random.default_rng(3)
    inside, differences, raw = 0, [], []
    for _ in range(300):
        heavy = rng.integers(0, 40, 600)
        walked = rng.random(600) < 0.05 + 0.02 * heavy
        loyal = rng.random(600) < 0.1 + 0.015 * heavy
        found = matched_difference(heavy, walked, loyal)
        inside += found["difference_q05"] <= 0 <= found["difference_q95"]
        differences.append(found["difference"])
        raw.append(found["raw_difference"])
    assert 0.85 <= inside / 300 <= 0.95
    assert abs(np.mean(differences)) < 0.01
    assert np.mean(raw) > 0.08


@pytest.mark.parametrize("sizes", [(1, 4), (4, 1)])
def test_the_matched_difference_covers_an_effect_in_thin_strata(sizes):
    """Sixty strata of five, with a true difference of 40 points."""
    rng, inside = np.random.default_rng(1), 0
    stratum, walked = np.repeat(np.arange(60), 5), np.tile(np.repeat([True, False], sizes), 60)
    for _ in range(400):
        base = rng.uniform(0.05, 0.5, 60)
        loyal = rng.random(300) < base[stratum] + 0.4 * walked
        found = matched_difference(stratum, walked, loyal)
        inside += found["difference_q05"] <= 0.4 <= found["difference_q95"]
    assert 0.84 <= inside / 400 <= 0.94


def test_the_matched_difference_by_hand():
    """One stratum of 4 walkers (3 loyal) and 4 others (1 loyal), one with walkers only."""
    stratum = np.array([0] * 8 + [1] * 3)
    walked = np.array([True] * 4 + [False] * 4 + [True] * 3)
    loyal = np.array([True] * 3 + [False] + [True] + [False] * 3 + [True] * 3)
    found = matched_difference(stratum, walked, loyal)
    assert (found["walked"], found["others"], found["unmatched"]) == (4, 4, 3)
    assert (found["loyal_walked"], found["loyal_others"]) == (0.75, 0.25)
    assert found["difference"] == 0.5
    assert (found["difference_q05"], found["difference_q95"]) == (
        pytest.approx(-0.004, abs=1e-3),
        1,
    )
    alone = matched_difference(np.array([0, 1]), np.array([True, False]), np.array([True, True]))
    assert np.isnan(alone["difference"])


def test_who_had_the_chance_is_known_when_the_window_closes(make_log):
    """The window of f ends with the day, that of g a moment before; h buys both in one basket."""
    log = make_log([("c", 0, "X"), ("c", 5, "A"), ("c", 6, "X"), ("c", 15, "B"), ("d", 5, "A"),
                    ("d", 16, "B"), ("e", 30, "A"), ("e", 31, "B"), ("f", 21, "A"),
                    ("g", 20.99, "A"), ("h", 5, "A B")])  # fmt: skip
    baskets = read(log)
    a, b = (baskets.items.index(i) for i in "AB")
    day = (START + pd.Timedelta(days=30)).date()
    people = first_chances(baskets, a, b, day).set_index("customer_id")
    assert people["walked"].to_dict() == {"c": True, "d": False, "g": False, "h": False}
    assert people.loc["c", ["before", "within", "tenure", "since"]].tolist() == [1, 2, 5.0, 26.0]
    assert strata(people)[0] != strata(people)[1]


def test_as_many_days_as_the_loyal_have_at_least_are_loyal(make_log):
    """Everybody buys on one day of the outcome window: that is what the top fifth has."""
    ways = {"a": "B", "b": "B", "c": "X", "d": "X"}
    bought = [row for who, then in ways.items() for row in
              ((who, 1, "A"), (who, 2, then), (who, 60, "X"))]  # fmt: skip
    pairs = pd.DataFrame(
        [("j", "A > B", "A", "B")], columns=["journey_id", "path", "item_1", "item_2"]
    )
    log, until = make_log(bought), (START + pd.Timedelta(days=40)).date()
    found = predict_table(log, read(log), pairs, until, JourneyConfig()).iloc[0]
    assert (found["least_days"], found["walked"], found["others"]) == (1.0, 2, 2)
    assert (found["loyal_walked"], found["loyal_others"]) == (1.0, 1.0)
    # Where fewer than a fifth come back it takes a day all the same.
    log = make_log([row for row in bought if row[1] < 60 or row[0] == "a"])
    found = predict_table(log, read(log), pairs, until, JourneyConfig()).iloc[0]
    assert (found["least_days"], found["loyal_walked"], found["loyal_others"]) == (1.0, 0.5, 0.0)


# -- stops ---------------------------------------------------------------------------------------


def test_j7_the_stop_rate_is_kaplan_meiers():
    rng = np.random.default_rng(1)
    wait, look = rng.exponential(12, 400), rng.uniform(1, 40, 400)
    days, came = pd.Series(np.minimum(wait, look)), pd.Series(wait <= look)
    found = stop_rate(days, came, 10.0)
    peer = KaplanMeierFitter().fit(days, came)
    assert found["stop_rate"] == pytest.approx(float(peer.predict(10.0)), abs=1e-12)
    assert found["customers"] == 400
    assert found["censored"] == int((~came & (days <= 10)).sum())


def test_j7_who_was_looked_at_for_just_the_window_has_not_stopped():
    found = stop_rate(pd.Series([10.0, 10.0, 5.0]), pd.Series([False, True, True]), 10.0)
    assert (found["censored"], found["stopped"]) == (1, 0)


def test_j7_one_of_two_has_the_interval_of_half_a_success_more_on_either_side():
    found = stop_rate(pd.Series([5.0, 10.1]), pd.Series([True, False]), 10.0)
    assert found["stop_rate"] == 0.5
    assert found["stop_q05"] == pytest.approx(beta.ppf(0.05, 1.5, 1.5))
    assert found["stop_q95"] == pytest.approx(beta.ppf(0.95, 1.5, 1.5))


def test_j7_of_censored_ones_alone_nothing_is_known():
    found = stop_rate(pd.Series([3.0, 10.0]), pd.Series([False, False]), 10.0)
    assert np.isnan([found["stop_rate"], found["stop_q05"], found["stop_q95"]]).all()
    over = stop_rate(pd.Series([3.0, 10.1]), pd.Series([False, False]), 10.0)
    assert over["stop_rate"] == 1.0


def test_j7_its_interval_covers_the_truth_under_censoring():
    rng, inside, truth = np.random.default_rng(2), 0, np.exp(-10 / 12)
    for _ in range(400):
        wait, look = rng.exponential(12, 80), rng.uniform(1, 25, 80)
        found = stop_rate(pd.Series(np.minimum(wait, look)), pd.Series(wait <= look), 10.0)
        inside += found["stop_q05"] <= truth <= found["stop_q95"]
    assert 0.86 <= inside / 400 <= 0.94


def test_j7_stops_count_customers_from_the_first_time(make_log):
    log = make_log([("c", 1, "A"), ("c", 11, "B"), ("c", 50, "A"), ("d", 1, "A"),
                    ("d", 11.01, "B"), ("e", 99, "A")])  # fmt: skip
    baskets = read(log)
    config = JourneyConfig(least_customers=1)
    table = stop_table(baskets, mine(baskets, config)).set_index("path")
    row = table.loc["A"]
    assert (row["customers"], row["stopped"], row["censored"]) == (3, 1, 1)
    assert row["stop_rate"] == 0.5
    assert table.loc["A > B", "customers"] == 1


def test_waits_end_with_the_log(make_log):
    baskets = read(make_log([("c", 99, "A"), ("d", 1, "B")]))
    lines = baskets.lines.select("customer", prefix="item", now="pos")
    waits = first_waits(baskets, lines).sort_values("days")
    assert waits["days"].tolist() == [2.0, 100.0]
    assert not waits["came"].any()


# -- cycles --------------------------------------------------------------------------------------


def test_cycles_of_items_are_those_that_were_simulated():
    rng = np.random.default_rng(6)
    parts = []
    for item, alpha in (("coffee", 20.0), ("soap", 60.0)):
        log = simulate_btyd("mbg_nbd", [2.0, alpha, 1.0, 6.0], 600, 400, rng)
        parts.append(log.purchases.assign(item=item))
    log = log_from_frames({"purchases": pd.concat(parts)}, as_of=log.as_of)
    found = find_cycles(read(log), CycleConfig(), log.as_of, seed=1)
    items = found.items.set_index("item")
    for item, cycle in (("coffee", 10.0), ("soap", 30.0)):
        low, high = items.loc[item, ["cycle_q05", "cycle_q95"]]
        assert low < cycle < high or items.loc[item, "cycle_days"] == pytest.approx(cycle, rel=0.1)
    due = found.due
    assert (due["x"] > 0).all()
    assert (due["due_q10"] <= due["due_date"]).all()
    assert (due["due_date"] <= due["due_q90"]).all()
    today = pd.Timestamp(log.as_of)
    wanted = (due["due_date"] > today) & (due["due_date"] <= today + pd.Timedelta(days=7))
    assert wanted.any()
    assert due["remind"].equals(wanted.rename("remind"))


def goods(cycles_of, rng, customers=500):
    """MBG/NBD purchases of goods with these cycles (days at the mean rate), and the last day."""
    parts, as_of = [], None
    for item, cycle in cycles_of.items():
        made = simulate_btyd("mbg_nbd", [2.0, 2.0 * cycle, 1.0, 8.0], customers, 400, rng)
        parts.append(made.purchases.assign(item=item))
        as_of = made.as_of
    return pd.concat(parts), as_of


def cycles_in(purchases, as_of, seed=1):
    log = log_from_frames({"purchases": purchases}, as_of=as_of)
    config = CycleConfig(most_items=10, least_customers=20)
    return find_cycles(read(log), config, as_of, seed=seed).items.set_index("item")


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_cycles_cover_the_truth_whether_goods_differ_or_not(spread):
    rng, inside, error = np.random.default_rng(4), [], []
    for seed in range(3):
        truth = {f"i{k}": 25 * np.exp(spread * rng.standard_normal()) for k in range(10)}
        items = cycles_in(*goods(truth, rng), seed=seed)
        alpha = 2 * items.index.map(truth).to_numpy(float)
        true = 1 / (1 - (alpha / (alpha + 1)) ** 2)  # days per purchase-*day*
        inside += [*((items["cycle_q05"] <= true) & (true <= items["cycle_q95"]))]
        error += [*np.log(items["cycle_days"] / true)]
    assert 0.8 <= np.mean(inside) <= 1.0
    assert abs(np.mean(error)) < 0.04
    assert np.std(error) < (0.05 if spread == 0 else 0.09)


def test_goods_without_any_structure_have_cycles():
    """A uniform choice at uniform times: nobody leaves, nothing differs, fits were refused."""
    rng = np.random.default_rng(1)
    n = rng.poisson(5, 400) + 1
    who = np.repeat(np.arange(400), n)
    at = START + pd.to_timedelta(rng.uniform(0, 170, n.sum()), unit="D")
    rows = pd.DataFrame({"customer_id": who.astype(str), "event_at": at.floor("s")})
    rows["item"] = rng.choice(list("ABCDEF"), len(rows))
    found = cycles_in(rows, dt.date(2024, 7, 1))
    assert len(found) == 6
    assert found["cycle_days"].max() / found["cycle_days"].min() < 1.25


def test_an_item_that_few_buy_again_is_pulled_towards_the_others():
    rng = np.random.default_rng(5)
    others, as_of = goods({f"i{k}": 20.0 for k in range(6)}, rng)
    few = goods({"rare": 60.0}, rng, customers=60)[0]
    once = few.head(1).assign(item="other")  # a log needs two kinds of goods
    alone = cycles_in(pd.concat([few, once]), as_of)["cycle_days"]
    together = cycles_in(pd.concat([few, others]), as_of)["cycle_days"]
    assert together["i0"] < together["rare"] < alone["rare"]


@pytest.mark.parametrize(("gaps", "sigma"), [(0.0999, 0.1), (0.1001, 0.1001)])
def test_the_items_rates_are_taken_to_differ_by_a_tenth_at_least(monkeypatch, gaps, sigma):
    seen = []
    monkeypatch.setattr(cycles, "fit", lambda *_, priors, **__: seen.append(priors))
    monkeypatch.setattr(cycles, "item_priors", lambda _, spread, **__: {"spread": spread})
    gap = 10 * np.exp(np.array([-1.0, 1.0]) * gaps / np.sqrt(2))  # sd of the logs: `gaps`
    rows = pd.DataFrame({"name": ["a", "b"], "gap": gap, "x": 1.0, "t_x": gap, "T": 50.0})
    cycles._fit(rows.assign(sum_log_gap=np.log(gap)), CycleConfig(), START.date(), 1)
    assert seen[0] == {"dropout_mean": "Beta(alpha=2, beta=8)"}
    assert seen[1]["spread"] == pytest.approx(sigma)


def test_an_item_s_priors_lie_around_all_items_together():
    rng = np.random.default_rng(6)
    made = simulate_btyd("mbg_nbd", [2.0, 40.0, 1.0, 6.0], 2000, 400, rng)
    whole = fit(summarise(log_from_frames({"purchases": made.purchases}, as_of=made.as_of)))
    texts = cycles.item_priors(whole, 0.3, time_scale=100.0)
    median = np.exp(float(texts["rate_mean"].split("mu=")[1].split(",")[0]))
    assert median / 100 == pytest.approx(1 / 20, rel=0.1)
    assert "sigma=0.3" in texts["rate_mean"]
    assert "sigma=0.5" in texts["rate_shape"]
    a, b = (float(part.split("=")[1].rstrip(")")) for part in texts["dropout_mean"].split(","))
    assert a + b == pytest.approx(2 + 10)  # ten purchases
    assert (a - 1) / 10 == pytest.approx(1 / 7, rel=0.2)


def test_a_customers_history_of_an_item_is_counted_in_days(make_log):
    log = make_log([("c", 1.2, "A"), ("c", 1.8, "A"), ("c", 5, "A B"), ("c", 9, "A")])
    baskets = read(log)
    rows = item_histories(baskets, log.as_of).assign(item=lambda f: baskets.names(f["item"]))
    row = rows.set_index("item").loc["A"]
    assert (row["x"], row["t_x"], row["T"]) == (2, 8, 99)
    assert row["sum_log_gap"] == pytest.approx(2 * np.log(4))


def test_reminders_go_from_tomorrow_to_the_last_day_that_is_asked_for(make_log, monkeypatch):
    today = START + pd.Timedelta(days=100)
    baskets = read(make_log([*((who, d, "A") for who in "abcd" for d in (1, 9)), ("a", 50, "B")]))
    due = [today + pd.Timedelta(days=d) for d in (0, 1, 7, 8)]
    columns = ["x", "last_purchase_at", "rhythm_days", "p_alive", "due_q10", "due_q90"]
    table = pd.DataFrame({"due_date": due}).assign(**dict.fromkeys(columns, 1))
    monkeypatch.setattr(cycles, "customers_table", lambda *_, **__: table)
    rows = item_histories(baskets, today.date()).assign(name="A")
    found = cycles._due_table(
        baskets, rows, SimpleNamespace(draws=None), CycleConfig(), today.date()
    )
    assert found["remind"].tolist() == [False, True, True, False]


def test_goods_that_nobody_buys_again_have_no_cycle(make_log):
    log = make_log([(f"c{i}", 1, "A B") for i in range(60)])
    assert find_cycles(read(log), CycleConfig(), log.as_of, seed=1) is None


# -- audiences -----------------------------------------------------------------------------------

PAIR = pd.DataFrame([{"journey_id": "j", "path": "A > B", "item_1": "A", "item_2": "B"}])


def test_j5_bought_a_not_yet_b_window_open(make_log):
    """The log ends with day 100: a window of 10 days from day 91, 0:00, closes at its very end."""
    log = make_log([("open", 95, "A"), ("edge", 91, "A"), ("over", 91 - 1 / 86_400, "A"),
                    ("done", 95, "A"), ("done", 96, "B"), ("same", 95, "A B"),
                    ("before", 94, "B"), ("before", 95, "A"),
                    ("twice", 92, "A"), ("twice", 93, "B"), ("twice", 95, "A"),
                    ("renewed", 92, "A"), ("renewed", 96, "A")])  # fmt: skip
    table = audience_table(read(log), PAIR).set_index("customer_id")
    assert set(table.index) == {"open", "edge", "before", "renewed"}
    closes = (table["window_closes_at"] - START) / pd.Timedelta(days=1)
    assert closes.to_dict() == {"open": 105, "edge": 101, "before": 105, "renewed": 106}
    assert set(table["trigger_item"]) == {"A"}
    assert set(table["target_item"]) == {"B"}


def test_audiences_are_of_journeys_commoner_than_chance_or_of_named_ones():
    journeys = pd.DataFrame(
        {
            "who": ["loyal", "loyal", "all"], "length": 2, "lift_q05": [0.9, 1.1, 1.5],
            "journey_id": list("xyz"), "path": ["A > B", "B > A", "A > C"],
            "item_1": list("ABA"), "item_2": list("BAC"),
        }
    )  # fmt: skip
    assert chosen_pairs(journeys, list("ABC"), JourneyConfig())["path"].tolist() == ["B > A"]
    named = chosen_pairs(journeys, list("ABC"), JourneyConfig(walk=["A>C"]))
    assert named["path"].tolist() == ["A > C"]
    signed = chosen_pairs(journeys, ["A > B", "C"], JourneyConfig(walk=["A > B > C"])).iloc[0]
    assert (signed["item_1"], signed["item_2"]) == ("A > B", "C")
    for walk, what in (
        ("A > D", "'D' is not among the 3 goods"),
        ("A > A", "two different goods"),
        ("A > B > C", "two different goods"),
        ("A", "two different goods"),
    ):
        with pytest.raises(UsageError, match=what):
            chosen_pairs(journeys, list("ABC"), JourneyConfig(walk=[walk]))
    assert len(audience_table(None, journeys.head(0))) == 0
