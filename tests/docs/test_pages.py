"""What the pages show of Python runs, in one session (commands: test_commands.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import churnlab as cl

ROOT = Path(__file__).parents[2]
PAGES = {p.stem: p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs").glob("*.md"))}
#: Pages whose example stands alone (test_examples.py), and the one with an orchestrator's code.
ALONE = {"add_a_model", "add_a_candidate", "add_a_rule", "add_an_action", "words", "recipes"}
CUSTOMERS = 700  # the least that a backtest takes is 500


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], flags=re.DOTALL)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run the ten-minute page on fewer customers, and return its names."""
    folder = tmp_path_factory.mktemp("session")
    whole = cl.load_cdnow()
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
        yield names


@pytest.fixture(autouse=True)
def _close_pictures() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_first_session_does_what_the_page_says(session: dict[str, Any]) -> None:
    assert set(session["table"].index) == {"bg_nbd", "mbg_nbd", "pareto_nbd"}
    assert set(session["states"]["customer_id"]) == set(session["scored"]["customer_id"])
    again, fit = session["again"], session["fit"]
    assert again.draws.theta.tolist() == fit.draws.theta.tolist()
    assert session["bundle"].found["status"] == "ok"
    assert len(session["backtest"].answers)


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
