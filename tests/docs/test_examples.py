"""The pages of a contributor: each example runs as it stands, and does what the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from churnlab import models

DOCS = Path(__file__).parents[2] / "docs"
#: An example is read at one sitting.
MOST_LINES = 60


def run(page: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    text = (DOCS / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    assert 0 < code.count("\n") < MOST_LINES
    module = ModuleType(page.removesuffix(".md"))
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look themselves up
    exec(compile(code, page, "exec"), module.__dict__)
    return vars(module)


def test_a_candidate_is_scored_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = run("add_a_candidate.md", monkeypatch)["scores"]
    brier = scores[(scores["metric"] == "brier") & (scores["slice"] == "all")]
    mean = brier.groupby("candidate")["value"].mean()
    assert {"silence_classes", "mbg_nbd_ml", "recency_logistic"} <= set(mean.index)
    assert mean["silence_classes"] < mean["majority"]


def test_a_phrase_is_said_as_the_page_of_translators_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("words.md", monkeypatch)["said"] == "긍정 세그먼트: **11.2%** (10.3%–12.1%)"


def test_an_action_joins_the_playbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    playbook = run("add_an_action.md", monkeypatch)["playbook"]
    (mine,) = [a for a in playbook.actions if a.action_id == "call_best_customers"]
    assert mine.text("ko").startswith("구매주기가")
    assert mine.cells == ("repeat_risk.visit_active", "repeat_risk.visit_risk")


def test_a_rule_chooses_a_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    threshold = run("add_a_rule.md", monkeypatch)["threshold"]
    assert threshold.value == 0.9  # 10 of 101 risks lie above
    assert threshold.rule == "quantile"


def test_a_model_joins_fit_backtest_pymc_and_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.REGISTRY, "mbg_one", models.MbgNbd)  # and away again afterwards
    found = run("add_a_model.md", monkeypatch)
    fit = found["fit"]
    a, b = fit.draws.theta[:, 0, 2:].T
    assert (a + b).round(6).tolist() == [1e4] * fit.draws.n_draws
    assert "dropout_concentration" not in fit.population.table.index
    scores = found["scores"]
    assert {"mbg_one_ml", "mbg_nbd_ml"} <= set(scores["candidate"])
    assert {v.name for v in found["graph"].free_RVs} == {"rate_mean", "rate_shape", "dropout_mean"}
    assert any("d.a / (d.b + c.x)" in cte for cte in found["sql"].ctes)
