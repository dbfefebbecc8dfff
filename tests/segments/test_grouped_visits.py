"""Visit models by member attributes (`visits.group`): from the command to everybody's dates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.errors import DataError, UsageError
from churnlab.events import log_from_frames
from churnlab.export.inputs import VisitEvidence
from churnlab.inference import load_draws
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import Lateness, RiskConfig
from churnlab.segments import Axis, SegmentsConfig, VisitsConfig, take_snapshot
from churnlab.simulate import ShopConfig, simulate_btyd, simulate_shop
from churnlab.summary import summarise

from .conftest import VISIT_THETA, axes, draws_around

TEAMS = "abcdefgh"
CHANNELS = ["direct", "referral", "search", "social"]
SMALL = [
    "data=syn_shop", "shop.n_members=500", "shop.days=240", "inference.draws=200",
    "segments.replicates=20", "segments.draws=20", "segments.periods=0",
]  # fmt: skip


def segment(folder: Path, *more: str) -> int:
    return main(["segment", *SMALL, *more, f"run_dir={folder}"])


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grouped") / "run"
    assert segment(folder, "visits.group=channel", "visits.pooling=none") == 0
    return folder


def test_the_command_fits_the_visit_days_of_each_group(apart: Path) -> None:
    draws = load_draws(apart / "visits_posterior.nc")
    assert sorted(draws.groups) == CHANNELS
    visits = pd.read_parquet(apart / "visits.parquet")
    assert sorted(visits["channel"].unique()) == CHANNELS
    assert len(np.unique(draws.theta[:, :, 0].mean(axis=0))) == len(CHANNELS)


def test_each_members_dates_are_those_of_the_own_groups_model(apart: Path) -> None:
    """Everybody of one channel placed by that channel's draws alone: the same dates."""
    draws = load_draws(apart / "visits_posterior.nc")
    found = pd.read_parquet(apart / "membership.parquet").set_index("customer_id")
    shop = simulate_shop(ShopConfig(n_members=500, days=240), np.random.default_rng(1))
    log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of)
    members, checked = log.members(), 0
    for i, channel in enumerate(draws.groups):
        alone = PopulationDraws("mbg_nbd", 1, draws.theta[:, [i]])
        snapshot = take_snapshot(
            members, summarise(log), axes()[0], summarise(log, events="visits"),
            Axis(alone, Lateness(), (0.8, 0.95)), config=SegmentsConfig(draws=2),
        )  # fmt: skip
        own = members.loc[members["channel"] == channel, "customer_id"]
        expected = snapshot.membership.set_index("customer_id").loc[own]
        for date in ("visit_risk_date", "visit_inactive_date"):
            days = (t[date].to_numpy("datetime64[D]") for t in (found.loc[own], expected))
            np.testing.assert_array_equal(*days)
        # members without a visit, whose clock starts at signup, are among them
        checked += int((~own.isin(summarise(log, events="visits").customers["customer_id"])).sum())
    assert checked > 5


def test_the_visit_models_calibration_is_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment(tmp_path / "run", "visits.group=[channel,signup_month]",
                   "visits.pooling=complete", "visits.calibration_days=[1,3,7]") == 0  # fmt: skip
    said = capsys.readouterr().out
    table = pd.read_parquet(tmp_path / "run" / "visit_calibration.parquet")
    whole = table[table["forecast_band"] == "all"]
    assert whole["horizon_days"].tolist() == [1, 3, 7]
    for row in whole.itertuples():
        assert (
            f"visit model, no visit within {row.horizon_days} day(s): forecast {row.forecast:.1%}, "
            f"observed {row.observed:.1%}" in said
        )
    off = table[(table["forecast_band"] != "all") & (table["verdict"] != "fits")]
    for row in off.itertuples():
        assert f"{row.horizon_days} day(s), forecasts of {row.forecast_band}: forecast" in said
    assert f"{(table['verdict'] == 'fits').sum()} of {len(table)} lines fit" in said
    config = json.loads((tmp_path / "run" / "manifest.json").read_text())["config"]["visits"]
    assert config["group"] == ["channel", "signup_month"]


def test_a_member_without_visits_is_grouped_by_the_month_of_signup() -> None:
    """`signup_month` is no column of members: it is made from the signup."""
    shop = simulate_shop(ShopConfig(n_members=300, days=120), np.random.default_rng(2))
    log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of)
    visits = summarise(log, events="visits", group="signup_month")
    pooled = draws_around(VISIT_THETA, n=3)
    months = visits.cells.groups
    grouped = PopulationDraws(
        "mbg_nbd", 1, np.repeat(pooled.theta, len(months), axis=1), tuple(months)
    )
    made = [
        take_snapshot(
            log.members(), summarise(log), axes()[0], visits,
            Axis(draws, RiskConfig(), (0.5, 0.9)), config=SegmentsConfig(draws=2),
        ).membership
        for draws in (grouped, pooled)
    ]  # fmt: skip
    pd.testing.assert_frame_equal(*made)  # equal groups: the pooled grid


def test_wrong_groups_and_poolings_are_said_before_anything_is_fitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment(tmp_path / "a", "visits.pooling=some") != 0
    said = capsys.readouterr()
    assert "pooling must be one of partial, complete, none; got 'some'" in said.err
    assert "fitting" not in said.err
    assert segment(tmp_path / "b", "visits.group=chanel", "visits.pooling=none") != 0
    assert "members have no attribute 'chanel'" in capsys.readouterr().err
    with pytest.raises(UsageError, match="cut points must increase"):
        VisitsConfig(risk_value=0.9, inactive_value=0.5)


def test_a_bundle_refuses_a_grouped_visit_model() -> None:
    draws = PopulationDraws("mbg_nbd", 1, np.ones((3, 2, 4)), ("a", "b"))
    with pytest.raises(DataError, match=r"visit model has 2 groups.*without visits\.group"):
        VisitEvidence(draws=draws, risk=RiskConfig(), risk_value=0.5, inactive_value=0.9,
                      summary=pd.DataFrame())  # fmt: skip


def grouped_visits(folder: Path, n: int) -> list[str]:
    """Write a log of eight groups, apart in rate and in dropout; return the command's arguments."""
    parts, start = [], np.random.default_rng(6).spawn(len(TEAMS))
    dropout = (0.1, 0.3, 0.06, 0.2, 0.04, 0.25, 0.08, 0.15)
    for i, (name, p, rng) in enumerate(zip(TEAMS, dropout, start, strict=True)):
        theta = (1.5, 6.0 * 1.4**i, 8 * p, 8 * (1 - p))
        log = simulate_btyd("mbg_nbd", theta, n, 360, rng, prefix=name)
        parts.append(log.purchases[["customer_id", "event_at"]].assign(team=name))
    visits = pd.concat(parts)
    buys = visits[np.random.default_rng(7).random(len(visits)) < 0.3]
    members = visits.groupby("customer_id").agg(
        signed_up_at=("event_at", "min"), team=("team", "first")
    )
    tables = {"visits": visits, "purchases": buys, "members": members.reset_index()}
    said = ["data=files", "data.members.attributes.team=team", "as_of=2024-12-25"]
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
        said.append(f"data.{name}.path={folder / name}.parquet")
    return said


@pytest.mark.slow
def test_partial_pooling_of_the_visits_lies_between_none_and_complete(tmp_path: Path) -> None:
    """The command's default pooling (NUTS): groups are drawn together, but not into one."""
    log, spread = grouped_visits(tmp_path, 120), {}
    for pooling in ("none", "partial"):
        folder = tmp_path / pooling
        more = ["visits.group=team", f"visits.pooling={pooling}", "segments.replicates=20"]
        assert main(["segment", *log, *more, f"run_dir={folder}"]) == 0
        draws = load_draws(folder / "visits_posterior.nc")
        assert sorted(draws.groups) == list(TEAMS)
        rate = np.log(draws.theta[:, :, 0] / draws.theta[:, :, 1]).mean(axis=0)
        assert np.corrcoef(rate[np.argsort(draws.groups)], np.arange(8))[0, 1] < -0.8
        spread[pooling] = rate.std()
    assert 0 < spread["partial"] < spread["none"]
