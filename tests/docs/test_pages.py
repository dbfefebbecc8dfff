"""What the pages show of Python runs, in one session (commands: test_commands.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import churnlab as cl
from churnlab import load_cdnow

ROOT = Path(__file__).parents[2]
PAGES = {p.stem: p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs").glob("*.md"))}
#: Pages whose example stands alone (test_examples.py), and the one with an orchestrator's code.
ALONE = {"add_a_model", "add_a_candidate", "add_a_rule", "add_an_action", "words", "recipes"}
CUSTOMERS = 700  # the least that a backtest takes is 500


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the first session works."""
    return tmp_path_factory.mktemp("session")


@pytest.fixture(scope="module")
def session(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the ten-minute page on fewer customers, and return its names."""
    whole = load_cdnow()
    bought = whole.frame("purchases")
    few = bought[bought["customer_id"].isin(bought["customer_id"].unique()[:CUSTOMERS])]
    few = few.assign(paid=few["amount"])[["customer_id", "event_at", "paid"]]
    few.to_parquet(folder / "orders.parquet")
    log = cl.read_events(few, columns={"amount": "paid"}, as_of=whole.as_of)
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(cl, "load_cdnow", lambda: log)
        for block in blocks("start", "python"):
            exec(block, names)
        names["figures"] = [plt.figure(number) for number in plt.get_fignums()]
        yield names


@pytest.fixture(autouse=True)
def _close_pictures() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_first_session_loads_and_fits(session: dict[str, Any]) -> None:
    log = load_cdnow(as_of="1998-03-31")
    assert repr(log) == "EventLog(cdnow up to 1998-03-31: purchases 6,406 rows)"
    assert list(log.frame("purchases").columns[:2]) == ["customer_id", "event_at"]
    assert repr(session["summary"]).startswith(f"Summary({CUSTOMERS} customers up to 1998-06-30")
    fit = session["fit"]
    shown = f"Fit(mbg_nbd, {CUSTOMERS} customers up to 1998-06-30, laplace, 1,000 draws)"
    assert repr(fit) == shown
    table = fit.summary()
    assert list(table.columns[:4]) == ["mean", "sd", "q05", "q95"]
    assert {"rate_mean", "dropout_mean", "r", "alpha", "a", "b"} <= set(table.index)
    assert table.notna().all().all()


def test_the_first_session_compares_three_models(session: dict[str, Any]) -> None:
    table = session["table"]
    assert set(table.index) == {"bg_nbd", "mbg_nbd", "pareto_nbd"}
    assert table["elpd_diff"].iloc[0] == 0
    assert (table["max_k_hat"] < 0.7).all()


def test_plots_of_the_first_session_name_their_axes(session: dict[str, Any]) -> None:
    assert len(session["figures"]) == "".join(blocks("start", "python")).count(".plot_")
    assert all(figure.axes[0].get_xlabel() for figure in session["figures"])


def test_the_first_session_tells_states_and_what_is_to_come(session: dict[str, Any]) -> None:
    states, ahead = session["states"], session["customers"]
    assert len(states) == CUSTOMERS
    assert set(states["state"]) <= {"first_active", "repeat_active", "first_risk", "repeat_risk"}
    assert (ahead["horizon_days"] == 90).all()
    assert not (ahead["purchase_risk"] == session["fit"].customers()["purchase_risk"]).all()
    assert session["weeks"]["cumulative"].is_monotonic_increasing
    assert (session["due"]["due_q10"] <= session["due"]["due_date"]).all()


def test_the_first_session_saves_and_loads(session: dict[str, Any], folder: Path) -> None:
    again, fit = session["again"], session["fit"]
    assert again.draws.theta.tolist() == fit.draws.theta.tolist()
    pd.testing.assert_frame_equal(again.customers(), fit.customers())
    assert not list(folder.rglob("*.pkl"))
    assert session["newer"].draws.n_draws == fit.draws.n_draws
    assert {"fit.save", "segment", "backtest"} <= set(cl.runs(folder)["command"])


def test_the_first_session_backtests_exports_and_scores(session: dict[str, Any]) -> None:
    found = session["backtest"]
    assert found.answers
    assert 0.05 < found.score("brier", "mbg_nbd") < 0.25
    assert "mbg_nbd" in [t.get_text() for t in found.plot_scores().get_yticklabels()]
    assert session["bundle"].found["status"] == "ok"
    assert set(session["states"]["customer_id"]) == set(session["scored"]["customer_id"])
    for shown in (session["segments"], found):
        assert len(repr(shown)) < 500
        assert "<pre>" in shown._repr_html_()


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p not in ALONE | {"start"} and blocks(p, "python")]
)
def test_the_snippets_of_a_page_go_on_from_it(page: str, session: dict[str, Any]) -> None:
    names = dict(session)
    for block in blocks(page, "python"):
        exec(block, names)


def test_every_function_that_a_page_names_exists() -> None:
    named = {name for text in PAGES.values() for name in re.findall(r"\bcl\.(\w+)\(", text)}
    assert {"segment", "load", "RiskConfig"} <= named
    assert named <= set(cl.__all__)
