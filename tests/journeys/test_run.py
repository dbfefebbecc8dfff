"""The whole study: what is written, what is said, and what the data cannot support."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from churnlab.errors import DataError
from churnlab.events import log_from_frames
from churnlab.journeys import JourneyConfig, run_journeys
from churnlab.journeys.baskets import read_baskets
from churnlab.journeys.config import CycleConfig, LoyalConfig, PersonaConfig
from churnlab.journeys.predict import experiment_table
from churnlab.journeys.report import plots, text
from churnlab.journeys.result import FILES, read_tables
from churnlab.report import style
from churnlab.runs import RunFolder, open_run
from churnlab.simulate import ShopConfig, simulate_shop
from churnlab.workflows.steps import gather

from .conftest import START, purchases

CONFIG = JourneyConfig(least_customers=15, cycles=CycleConfig(least_customers=20))


@pytest.fixture(scope="module")
def shop():
    return simulate_shop(ShopConfig(n_members=2500), np.random.default_rng(5))


@pytest.fixture(scope="module")
def log(shop):
    return log_from_frames(shop.frames(), as_of=shop.as_of)


@pytest.fixture(scope="module")
def result(log):
    return run_journeys(log, CONFIG, seed=1)


def said(result):
    return " ".join(note["en"] for note in (*result.summary["notes"], *result.summary["missing"]))


def test_every_part_is_there_and_comes_back_from_the_folder(result, tmp_path):
    assert set(FILES) - set(result.tables) == {"experiment"}
    folder = RunFolder(tmp_path / "run", "journey")
    result.write(folder)
    folder.finish()
    run = open_run(tmp_path / "run")
    for name, table in read_tables(run).items():
        pd.testing.assert_frame_equal(table, result.tables[name], check_dtype=False)
    assert set(run.json("journey.json")) == set(result.summary)


def test_the_bundle_gets_the_journeys_of_the_audiences(result, tmp_path):
    folder = RunFolder(tmp_path / "run", "journey")
    result.write(folder)
    folder.finish()
    run = open_run(tmp_path / "run")
    journeys, audience = gather._journeys(run), gather._journey_audience(run)
    assert set(audience["journey_id"]) <= {j["journey_id"] for j in journeys}
    table = result.tables["journeys"].set_index(["who", "journey_id"])
    for journey in journeys:
        who = "loyal" if ("loyal", journey["journey_id"]) in table.index else "all"
        row = table.loc[(who, journey["journey_id"])]
        assert journey["items"] == [row["item_1"], row["item_2"]]
        assert (journey["lift_q05"], journey["window_days"]) == (row["lift_q05"], 10.0)
        assert journey["action_id"] == gather.JOURNEY_ACTION
    closes = result.tables["audience"]["window_closes_at"]
    assert (audience["window_closes_at"] <= closes).all()
    assert (closes - audience["window_closes_at"] < pd.Timedelta(days=1)).all()


def test_the_same_seed_gives_the_same_and_the_order_of_rows_means_nothing(log, shop, result):
    rows = shop.frames()
    rows["purchases"] = rows["purchases"].sample(frac=1, random_state=1)
    again = run_journeys(log_from_frames(rows, as_of=shop.as_of), CONFIG, seed=1)
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name], rtol=1e-9)


def test_the_planted_journeys_lead_and_the_tier_is_no_attribute(result):
    assert "item-001 > item-002" in result.lines[1] or "item-002 > item-003" in result.lines[1]
    assert "tier" not in set(result.tables["personas"]["attribute"])
    assert "signup_month" not in set(result.tables["personas"]["attribute"])
    assert "loyalty by another name: tier" in said(result)


def test_j2_the_shop_s_lead_types_convert_as_they_were_made(result):
    """Acquaintances convert 1.6 times as often as information seekers, high involvement half."""
    rows = result.tables["personas"]
    rows = rows[(rows["comparison"] == "converted") & (rows["attribute"] == "lead_type")]
    ratio = rows.set_index("value")["ratio"]
    assert ratio["acquaintance"] > ratio["information_seeker"] > ratio["high_involvement"]
    assert rows.set_index("value").loc["acquaintance", "p_more"] > 0.99
    assert "first_category" not in set(rows["attribute"])


def test_j5_the_audience_stands_at_a_with_the_window_open(result, log, shop):
    audience = result.tables["audience"]
    assert len(audience)
    bought = shop.purchases.merge(audience, on="customer_id")
    end = pd.Timestamp(log.as_of) + pd.Timedelta(days=1)
    assert (audience["window_closes_at"] >= end).all()
    b = bought[bought["item"] == bought["target_item"]]
    assert (b["event_at"] < b["triggered_at"]).all()
    assert not audience.duplicated(["customer_id", "journey_id"]).any()


def small(**tables):
    """Two hundred customers who buy A, then mostly B four days later; nobody has attributes."""
    rng = np.random.default_rng(1)
    baskets = []
    for i in range(200):
        for day in np.sort(rng.uniform(0, 180, 4)):
            baskets.append((f"c{i}", day, "A" if rng.random() < 0.5 else "C D"))
            if baskets[-1][2] == "A" and rng.random() < 0.6:
                baskets.append((f"c{i}", day + 4, "B"))
    return log_from_frames({"purchases": purchases(baskets), **tables}, as_of="2024-07-01")


def test_without_a_loyal_group_the_journeys_are_those_of_all():
    config = JourneyConfig(loyal=LoyalConfig(least_customers=190))
    found = run_journeys(small(), config)
    assert found.summary["loyal"] is None
    assert "No loyal group" in said(found)
    assert set(found.tables["journeys"]["who"]) == {"all"}
    assert not {"loyal", "predicts", "personas"} & set(found.tables)
    assert "A > B" in " ".join(found.lines)


def test_without_members_nobody_is_compared_as_a_signup():
    found = run_journeys(small(), JourneyConfig())
    assert "There is no members table" in said(found)


def test_members_without_purchases_and_signups_after_the_first_purchase():
    ids = [f"c{i}" for i in range(200)] + [f"never{i}" for i in range(100)]
    members = pd.DataFrame(
        {
            "customer_id": ids,
            "signed_up_at": [START - pd.Timedelta(days=1)] * 290 + [START] * 10,
            "channel": ["web", "app"] * 150,
        }
    )
    late = members["customer_id"].isin([f"c{i}" for i in range(7)])
    members.loc[late, "signed_up_at"] = pd.Timestamp("2024-05-15")
    config = JourneyConfig(persona=PersonaConfig(converted_days=20))
    found = run_journeys(small(members=members), config)
    assert "7 members bought before they signed up" in said(found)
    rows = found.tables["personas"]
    rows = rows[rows["comparison"] == "converted"]
    assert rows["customers"].sum() == 293
    assert rows["n_group"].sum() + rows["n_others"].sum() == 293
    audience = set(found.tables["audience"]["customer_id"])
    assert not audience & {f"never{i}" for i in range(100)}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"level": "category"}, "no column 'category'"),
        ({"window_days": 400}, "shorter journey.window_days"),
    ],
)
def test_what_the_journeys_cannot_do_without_is_an_error(keys, text):
    with pytest.raises(DataError, match=re.escape(text)):
        run_journeys(small(), JourneyConfig(**keys))


def test_only_an_experiment_gives_an_effect():
    rng = np.random.default_rng(2)
    arms = ["treat", "holdout"] * 400
    sent = pd.DataFrame({"customer_id": [f"c{i}" for i in range(800)], "arm": arms,
                         "event_at": START + pd.Timedelta(days=5), "rule_id": "j"})  # fmt: skip
    met = rng.random(800) < np.where(sent["arm"] == "treat", 0.4, 0.2)
    late = rng.random(800) < 0.5
    baskets = [(f"c{i}", 1, "A") for i in range(800)]
    baskets += [(f"c{i}", 15 + late[i] / 86_400, "B") for i in np.flatnonzero(met)]
    log = log_from_frames({"purchases": purchases(baskets), "treatments": sent}, as_of="2024-02-01")
    table = read_baskets(log, level="item", window_days=10, most_items=10)
    pair = pd.DataFrame([{"journey_id": "j", "path": "A > B", "item_2": "B"}])
    row = experiment_table(log, table, pair, seed=1).iloc[0]
    inside = met & ~late  # exactly 10 days after the message, not a second more
    truth = [inside[np.array(arms) == arm].mean() for arm in ("treat", "holdout")]
    assert row["uplift"] == pytest.approx(truth[0] - truth[1], abs=0.01)
    assert row["uplift_q05"] < 0.1 < row["uplift_q95"]
    assert (row["n_treat"], row["n_holdout"]) == (400, 400)


def test_what_comes_with_the_message_is_no_effect_and_its_window_must_be_over():
    """t buys with the message, h a second later; u's window ends with the log."""
    day = {"t": 5, "h": 5, "u": 22}
    sent = pd.DataFrame({"customer_id": list(day), "arm": ["treat", "holdout", "treat"],
                         "event_at": [START + pd.Timedelta(days=d) for d in day.values()],
                         "rule_id": "j"})  # fmt: skip
    bought = [("t", 1, "A"), ("t", 5, "B"), ("h", 5 + 1 / 86_400, "B"), ("u", 23, "B")]
    tables = {"purchases": purchases(bought), "treatments": sent}
    log = log_from_frames(tables, as_of="2024-02-01")
    table = read_baskets(log, level="item", window_days=10, most_items=10)
    pair = pd.DataFrame([{"journey_id": "j", "path": "A > B", "item_2": "B"}])
    row = experiment_table(log, table, pair, seed=1).iloc[0]
    assert (row["n_treat"], row["n_holdout"]) == (1, 1)
    assert row["share_treat"] < 0.5 < row["share_holdout"]


# -- words and pictures --------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_sentence_and_table_can_be_written(result, lang):
    tables, summary = result.tables, result.summary
    lines = text.answer_lines(tables, summary, lang)
    assert len(lines) >= 6
    everything = [
        *lines, text.question(summary, lang), text.notes(summary, lang),
        text.checks(tables["journeys"], lang), text.change_our_mind(lang),
        text.journey_table(tables["journeys"], lang), text.stop_table(tables["stops"], lang),
        text.companion_table(tables["companions"], lang),
    ]  # fmt: skip
    assert not any("nan" in part or "{" in part for part in everything)
    if lang == "ko":
        assert all(re.search("[가-힣]", line) for line in lines)


def test_a_study_that_finds_nothing_says_so(result):
    empty = {**result.tables, "journeys": result.tables["journeys"].head(0),
             "audience": result.tables["audience"].head(0)}  # fmt: skip
    lines = text.answer_lines(empty, result.summary, "en")
    assert any("No journey was walked by 15 customers" in line for line in lines)
    assert any("Nobody stands at the first step" in line for line in lines)


def test_the_pictures_show_what_the_tables_hold(result):
    with style.styled():
        _draw_all(result)


def _draw_all(result):
    figure, axes = plt.subplots(5)
    journeys = result.tables["journeys"]
    rows = journeys[journeys["who"] == "all"]
    plots.draw_sankey(axes[0], rows)
    names = " ".join(t.get_text() for t in axes[0].texts)
    assert "item-001" in names
    assert "item-003" in names
    pair = rows[rows["length"] == 2].iloc[0]
    assert f"{pair['item_1']}\n{pair['exposed_customers']:,}" in names
    # A band is as thick of its bar as its walkers are of those who bought the first item.
    bar = axes[0].collections[0].get_datalim(axes[0].transData).height
    ends = axes[0].patches[0].get_path().vertices[:, 1]
    assert (ends[3] - ends[4]) / bar == pytest.approx(pair["support"] / pair["exposed_customers"])
    plots.draw_lifts(axes[1], rows)
    assert len(axes[1].get_yticklabels()) == min(len(rows), 12)
    plots.draw_persona(axes[2], result.tables["personas"], lang="ko")
    plots.draw_predicts(axes[3], result.tables["predicts"], lang="ko")
    plots.draw_cycles(axes[4], result.tables["cycles"], lang="ko")
    assert [t.get_text() for t in axes[4].get_yticklabels()] == [
        f"{r.item}  ({r.repeaters:,})" for r in result.tables["cycles"][::-1].itertuples()
    ]
    figure.canvas.draw()
    plt.close(figure)
