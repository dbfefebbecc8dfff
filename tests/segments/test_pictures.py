"""Pictures: right = visits more active, up = purchases more active; numbers equal the tables."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.report.style import styled
from churnlab.segments import SegmentsConfig, Snapshot, change_table, segment_name, shares_table
from churnlab.segments.movement.transitions import transition_table
from churnlab.segments.report import data as numbers
from churnlab.segments.report import plots as pictures

CONFIG = SegmentsConfig(draws=20, replicates=100)


@pytest.fixture(scope="module")
def tables(november: Snapshot, december: Snapshot) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(1)
    return {
        "before": shares_table(november, CONFIG, rng),
        "shares": shares_table(december, CONFIG, rng),
        "change": change_table(november, december, CONFIG, rng),
        "transitions": transition_table(november, december, CONFIG),
    }


def test_right_is_visits_and_up_is_purchases(tables: dict[str, pd.DataFrame]) -> None:
    data = numbers.grid(tables["shares"], tables["change"])
    assert data.names[0, 2] == "Core active, repeat purchase"
    assert data.names[4, 0] == "No purchase, visit-inactive"
    by_code = tables["shares"].set_index("segment_code")["share"]
    assert data.share[0, 2] == by_code["repeat_active.visit_active"]
    assert data.share[3, 1] == by_code["first_risk.visit_risk"]
    assert data.share.sum() + data.unknown_share == pytest.approx(1.0)
    moved = tables["change"].set_index("segment_code")["change"]
    assert data.change[2, 0] == moved["repeat_risk.visit_inactive"]
    assert np.isnan(numbers.grid(tables["shares"]).change).all()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_grid_is_drawn_with_names_shares_and_arrows(
    tables: dict[str, pd.DataFrame], lang: str
) -> None:
    data = numbers.grid(tables["shares"], tables["change"], lang=lang)
    with styled():
        _, ax = plt.subplots(figsize=(8, 6))
        pictures.draw_grid(ax, data, lang=lang)
        words = "\n".join(t.get_text() for t in ax.texts)
        assert f"{data.share[0, 2]:.1%}" in words
        # every cell's name is there (wrapped, without the word for customer)
        flat = words.replace("-\n", "-").replace("\n", " ")
        for name in data.names.ravel():
            assert str(name).removesuffix(" 고객") in flat
        arrows = (np.abs(data.change) >= 0.0005).sum()
        assert len(ax.patches) == 15 + arrows
        left, right = ax.get_xlim()
        bottom, top = ax.get_ylim()
        assert left < right
        assert top < bottom  # row 0, the most active purchases, is at the top
        plt.close("all")


def test_flows_show_the_largest_moves(tables: dict[str, pd.DataFrame]) -> None:
    data = numbers.flows(tables["transitions"], largest=6)
    assert len(data.n) == 6
    assert (np.diff(data.n) <= 0).all()
    rows = tables["transitions"]
    rows = rows[(rows["dwell_band"] == "all") & (rows["origin"] != rows["destination"])]
    assert data.n[0] == rows["n"].max()
    assert (data.origin != data.destination).any(axis=1).all()
    _, ax = plt.subplots()
    pictures.draw_flows(ax, data)
    words = [t.get_text() for t in ax.texts]
    assert all(f"{n:,}" in words for n in data.n)
    plt.close("all")


def test_shares_over_time_keep_their_days_and_bands(tables: dict[str, pd.DataFrame]) -> None:
    both = pd.concat([tables["shares"], tables["before"]])
    data = numbers.over_time(both, level="polarity", lang="ko")
    assert data.day.astype(str).tolist() == ["2024-11-30", "2024-12-31"]
    assert data.codes == ("positive", "neutral", "negative")
    assert data.names[0] == segment_name("positive", "ko")
    assert data.share.sum(axis=1) == pytest.approx(1.0)
    _, ax = plt.subplots()
    pictures.draw_over_time(ax, data, lang="ko")
    assert len(ax.lines) == 3
    assert ax.lines[0].get_ydata() == pytest.approx(data.share[:, 0])
    plt.close("all")


def test_shares_as_said_then_are_dashed_beside_those_by_the_latest_fit(
    tables: dict[str, pd.DataFrame],
) -> None:
    own = pd.concat([tables["shares"], tables["before"]]).assign(scored_by="own_fit")
    latest = own.assign(scored_by="latest_fit", share=own["share"] * 2)
    both = pd.concat([own, latest])
    one, two = (numbers.over_time(both, scored_by=s) for s in ("latest_fit", "own_fit"))
    assert two.share == pytest.approx(one.share / 2)
    _, ax = plt.subplots()
    pictures.draw_over_time(ax, one, beside=two)
    dashed = [line for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata())]
    assert [line.get_ydata()[0] for line in dashed] == pytest.approx(two.share[0])
    plt.close("all")


def test_wrong_requests_are_refused(tables: dict[str, pd.DataFrame]) -> None:
    both = pd.concat([tables["shares"], tables["before"]])
    with pytest.raises(UsageError, match="shows one day"):
        numbers.grid(both)
    with pytest.raises(UsageError, match="no shares of level 'polarities'"):
        numbers.over_time(both, level="polarities")
    with pytest.raises(UsageError, match="lang must be one of en, ko"):
        numbers.grid(tables["shares"], lang="de")
