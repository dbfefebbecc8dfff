"""`churnlab segment` and `explain` on files: what a day depends on, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.simulate import Shop, ShopConfig, simulate_shop
from churnlab.vocabulary import SEGMENT_CODES

DAY = "2024-11-30"
LIGHT = [
    "inference.draws=200",
    "rule=fixed",
    "rule.value=0.5",
    "segments.draws=20",
    "segments.replicates=50",
]
TIMES = {"members": "signed_up_at", "visits": "event_at", "purchases": "event_at"}


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulate_shop(ShopConfig(n_members=400, days=380), np.random.default_rng(8))


def tables(shop: Shop, folder: Path, until: str | None = None, less: int = 0) -> list[str]:
    """Write the shop's logs, cut after a day, and without the first members; return the options."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["data=files", "data.duplicates=drop"]  # days and ids alone repeat rows of the shop
    for name, time in TIMES.items():
        frame = getattr(shop, name)[["customer_id", time]]
        if until is not None:
            frame = frame[frame[time] < pd.Timestamp(until) + pd.Timedelta(days=1)]
        if name == "members":
            frame = frame.iloc[less:]
        frame.to_csv(folder / f"{name}.csv", index=False)
        options.append(f"data.{name}.path={folder / name}.csv")
    return options


def run(options: list[str], folder: Path, command: str = "segment") -> int:
    return main([command, *options, f"as_of={DAY}", *LIGHT, f"run_dir={folder}"])


@pytest.fixture(scope="module")
def logs(shop: Shop, tmp_path_factory) -> list[str]:
    """The options of the whole logs, written once."""
    return tables(shop, tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def whole(logs, tmp_path_factory) -> Path:
    """A run on the logs with everything later in them."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run([*logs, "segments.periods=2"], folder) == 0
    return folder


def test_a_day_depends_on_nothing_after_it_through_the_command(shop, whole, tmp_path):
    """The same tables, to the last digit, whether or not later rows are there."""
    later = shop.purchases["event_at"] > pd.Timestamp(DAY) + pd.Timedelta(days=1)
    assert later.sum() > 10
    options = [*tables(shop, tmp_path, until=DAY), "segments.periods=2"]
    assert run(options, tmp_path / "run") == 0
    names = sorted(p.name for p in whole.glob("*.parquet"))
    assert {"membership.parquet", "shares_over_time.parquet", "customers.parquet"} <= set(names)
    assert names == sorted(p.name for p in (tmp_path / "run").glob("*.parquet"))
    for name in names:
        one, two = (pd.read_parquet(folder / name) for folder in (whole, tmp_path / "run"))
        pd.testing.assert_frame_equal(one, two, check_exact=True, obj=name)


@pytest.mark.slow
def test_an_earlier_days_own_fit_is_the_run_of_that_day(shop, whole, tmp_path):
    """Each date of the shares over time is what the command says on that date."""
    by_default = pd.read_parquet(whole / "shares_over_time.parquet")
    days = by_default.groupby("scored_by")["as_of"].nunique()
    assert days.to_dict() == {"own_fit": 2, "latest_fit": 3}
    options = [*tables(shop, tmp_path / "logs"), "segments.periods=2", "segments.own_fit=true"]
    assert run(options, tmp_path / "refit") == 0
    past = pd.read_parquet(tmp_path / "refit" / "shares_over_time.parquet")
    own = past[past["scored_by"] == "own_fit"]
    day = own["as_of"].min()
    assert day == pd.Timestamp(DAY) - pd.Timedelta(days=60)
    options = [*tables(shop, tmp_path, until=str(day.date())), "segments.periods=0"]
    options += [*LIGHT, f"as_of={day.date()}", f"run_dir={tmp_path / 'run'}"]
    assert main(["segment", *options]) == 0
    then = pd.read_parquet(tmp_path / "run" / "shares.parquet")
    assert then["share"].tolist() == own.loc[own["as_of"] == day, "share"].tolist()
    assert not (tmp_path / "run" / "shares_over_time.parquet").exists()
    assert json.loads((tmp_path / "run" / "segments.json").read_text())["core_leak"] is None


def test_the_leak_alert_is_written_with_its_level_or_its_reason(whole):
    leak = json.loads((whole / "segments.json").read_text())["core_leak"]
    assert leak["period_days"] == 30
    assert leak["alert"] is None  # two steps cannot be judged
    assert "at least 3 earlier periods; there are 1" in leak["reason"]
    assert len(pd.read_parquet(whole / "leak_steps.parquet")) == 2


def test_behaviour_and_reestimation_add_up_for_cells_and_groups(whole):
    moved = pd.read_parquet(whole / "reestimation.parquet")
    assert set(moved["level"]) == {"segment", "polarity", "parent", "purchase_state",
                                   "visit_state"}  # fmt: skip
    assert (moved["n_before"] + moved["behaviour"] + moved["reestimation"] == moved["n"]).all()
    # the changes are those of one fit: behaviour, without what re-estimation did
    change = pd.read_parquet(whole / "changes.parquet")
    key = ["level", "segment_code"]
    both = change.merge(moved, on=key, suffixes=("", "_then"), validate="one_to_one")
    assert (both["n"] - both["n_before"] == both["behaviour"]).all()
    assert (both["n_before"] == both["n_before_then"] + both["reestimation"]).all()
    assert moved["moved_by_reestimation"].sum() > 0
    cells = moved[moved["level"] == "segment"]
    groups = moved[moved["level"] == "polarity"]
    for column in ("behaviour", "reestimation"):
        assert groups[column].sum() == cells[column].sum()
    # within a group the new fit moves no more customers than between its cells
    assert groups["moved_by_reestimation"].sum() <= cells["moved_by_reestimation"].sum()


def test_purchasers_missing_from_members_are_added_counted_and_said(shop, tmp_path, capsys):
    options = [*tables(shop, tmp_path, less=100), "segments.periods=0"]
    end = pd.Timestamp(DAY) + pd.Timedelta(days=1)
    gone = set(shop.members["customer_id"].iloc[:100])
    bought, seen = (
        gone & set(frame.loc[frame["event_at"] < end, "customer_id"])
        for frame in (shop.purchases, shop.visits)
    )
    added = bought | seen
    assert run(options, tmp_path / "run") == 0
    membership = pd.read_parquet(tmp_path / "run" / "membership.parquet")
    assert added <= set(membership["customer_id"])
    words = f"{len(bought)} purchasers and {len(added - bought)} visitors without a purchase are"
    assert len(bought) > 10
    assert words in " ".join(capsys.readouterr().out.split())
    assert words in json.loads((tmp_path / "run" / "segments.json").read_text())["notes"][0]


FULL_MAP = ",".join(f"{code}:neutral" for code in SEGMENT_CODES)
REFUSED = {
    "cut points": (["visits.risk_value=.9", "visits.inactive_value=.5"],
                   "must increase, 0 < visits.risk_value < visits.inactive_value < 1; got 0.9"),
    "polarity misses": (["segments.polarity={repeat_active.visit_active:positive}"],
                        "The polarity map misses 14 of 15 cells"),
    "polarity cell": ([f"segments.polarity={{{FULL_MAP},first_activ.visit_risk:neutral}}"],
                      "'first_activ.visit_risk', which does not exist. Did you mean"),
    "compare after": ([f"compare_to={DAY}"], f"({DAY}) must lie before as_of ({DAY})"),
    "compare early": (["compare_to=2023-05-01"], "lies before the first event"),
    "compare word": (["compare_to=yesterday"], "compare_to must be a date such as 2024-10-31"),
    "periods": (["segments.periods=-1"], "segments.periods must not be negative"),
    "breakdown": (["segments.breakdown=[lead_typ]"], "no attribute 'lead_typ'"),
    "model": (["model=bg_nbd"], "sets P(alive) = 1 for everybody with one purchase"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_in_one_message(case, logs, tmp_path, capsys):
    options, words = REFUSED[case]
    assert run([*logs, *options], tmp_path / "run") == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "run" / "posterior.nc").exists()  # nobody waited for a fit


def test_a_playbook_with_an_unknown_cell_or_without_one_is_refused(logs, tmp_path, capsys):
    from churnlab.segments.actions import playbook

    book = json.loads((Path(playbook.__file__).with_name("playbook.json")).read_text())
    path = tmp_path / "book.json"
    options = [*logs, "segments.periods=0", f"playbook={path}"]
    book["actions"][0]["cells"].append("core.visit_active")
    path.write_text(json.dumps(book))
    assert run(options, tmp_path / "run") == 2
    assert "core_keep names the cell 'core.visit_active', which does not exist" in (
        capsys.readouterr().err
    )
    book["actions"] = [a for a in book["actions"] if a["audience"] == "due_reminder"]
    path.write_text(json.dumps(book))
    assert run(options, tmp_path / "run") == 2
    assert "The playbook has no action for repeat_active.visit_active" in capsys.readouterr().err


def test_explain_tells_one_person_in_the_language_asked_for(shop, logs, tmp_path, capsys):
    who = shop.purchases["customer_id"].value_counts().index[0]
    options = [*logs, f"customer={who}", "lang=ko"]
    assert run(options, tmp_path / "run", "explain") == 0
    told = json.loads((tmp_path / "run" / "explain.json").read_text())
    assert told["paragraph"]["ko"] in capsys.readouterr().out
    assert (tmp_path / "run" / "explain.png").stat().st_size > 20_000
    customer = told["customer"]
    curve = pd.DataFrame(told["risk_by_day"]).set_index("day")
    # today's risk is the table's, and the risk crosses the threshold on the date told
    if DAY not in told["purchase_days"]:
        assert curve.loc[DAY, "mean"] == pytest.approx(customer["purchase_risk"], abs=1e-12)
        alive = pd.DataFrame(told["alive_by_day"]).set_index("day").loc[DAY]
        assert alive["mean"] == pytest.approx(customer["p_alive"], abs=1e-12)
        assert alive["q05"] <= alive["mean"] <= alive["q95"]
    since = customer["at_risk_date"][:10]
    if since in curve.index:
        assert curve.loc[since, "mean"] >= told["threshold"]["value"]


def test_explain_names_ids_near_an_unknown_one(shop, logs, tmp_path, capsys):
    known = shop.members["customer_id"].iloc[4]
    short = known.replace("0", "")
    assert run([*logs, f"customer={short}"], tmp_path / "run", "explain") == 3
    said = capsys.readouterr().err
    assert f"there is no customer {short!r}" in said
    assert known in said
