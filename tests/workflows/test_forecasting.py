"""What a fit forecasts a window with: the stack, the model, or nothing, and what is said of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.fitting import InferenceConfig
from churnlab.forecast import ForecastConfig, learning
from churnlab.runs import RunFolder
from churnlab.workflows.fit import fit
from churnlab.workflows.steps.fitted import Fitted, fit_report
from churnlab.workflows.steps.forecasting import COLUMNS
from churnlab.workflows.steps.settings import FitSettings


@pytest.fixture(scope="module")
def log() -> EventLog:
    return cl.load_cdnow(as_of="1997-12-31")


def fitted(log: EventLog, **forecast: object) -> Fitted:
    settings = FitSettings(
        inference=InferenceConfig(draws=200),
        forecast=ForecastConfig(**forecast),  # type: ignore[arg-type]
    )
    return fit(log, settings)


@pytest.fixture(scope="module")
def stacked(log: EventLog) -> Fitted:
    return fitted(log, name="stacked", horizon_days=60)


def test_a_fit_forecasts_by_the_stack_and_says_so(stacked: Fitted) -> None:
    told = fit_report(stacked)["forecast"]
    assert (told["name"], told["horizon_days"]) == ("stacked", 60)
    assert {"stacked", "model", "base_rate"} == set(told["evidence"]["log_score"])
    assert len(told["origins"]) == 5
    assert told["evidence"]["origins"][-1] == told["origins"][-1]
    assert any("by the stack" in line and "60 days" in line for line in stacked.lines)
    customers = stacked.customers
    low, high = customers["no_purchase_q05"], customers["no_purchase_q95"]
    assert ((low < customers["no_purchase"]) & (customers["no_purchase"] < high)).all()


def test_each_customers_number_is_the_stacks(log: EventLog, stacked: Fitted) -> None:
    from churnlab.origins.panel import Panel

    assert stacked.window is not None
    assert stacked.window.learnt is not None
    panel = Panel.from_log(log)
    past = panel.until(log.as_of)
    found = stacked.window.learnt.stack.forecast(past, np.full(past.n, 60))[0]
    mine = stacked.customers.set_index("customer_id")["no_purchase"]
    np.testing.assert_array_equal(mine[panel.ids[past.customer]], found)


def test_what_the_model_says_of_the_customers_is_not_touched(
    log: EventLog, stacked: Fitted
) -> None:
    plain = fitted(log, name="none")
    assert not set(COLUMNS) & set(plain.customers)
    assert fit_report(plain)["forecast"] is None
    own = stacked.customers.drop(columns=list(COLUMNS))
    pd.testing.assert_frame_equal(own, plain.customers)


def test_by_the_model_it_is_the_risk_of_the_window(log: EventLog) -> None:
    customers = fitted(log, name="model").customers
    np.testing.assert_array_equal(customers["no_purchase"], customers["risk_fixed_days"])


@pytest.mark.parametrize(("days", "name"), [(242, "stacked"), (243, "model")])
def test_a_window_with_half_a_window_before_is_needed(
    log: EventLog, days: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """364 days of history hold a window and a half of 242 days."""
    monkeypatch.setattr(learning.Evidence, "favours_model", False)
    found = fitted(log, horizon_days=days).window
    assert found is not None
    assert found.name == name
    if name == "model":
        assert found.reason.startswith(f"no earlier window of {days}d")


def test_the_model_is_taken_where_the_held_out_origins_say_so(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning.Evidence, "favours_model", True)
    found = fitted(log, horizon_days=60)
    told = fit_report(found)["forecast"]
    assert told["name"] == "model"
    assert told["evidence"] is not None
    assert found.window is not None
    assert found.window.learnt is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "stack"}, "stacked"),
        ({"horizon_days": 0}, "whole number"),
        ({"horizon_days": 1.5}, "whole number"),
    ],
)
def test_settings_that_do_not_exist(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ForecastConfig(**wrong)  # type: ignore[arg-type]


def test_a_bundle_forecasts_what_the_fit_did(
    log: EventLog, stacked: Fitted, tmp_path: Path
) -> None:
    """From events, to the last bit; a summary does not hold what the trees ask for."""
    config = {"data": {"time_zone": "UTC"}, "risk": asdict(stacked.risk)}
    run = RunFolder(tmp_path / "fit", "fit", config=config, seed=1)
    stacked.write(run)
    run.finish()
    done = cl.export(tmp_path / "out", [str(run.place)], export={"allow_uncalibrated": True})
    assert any("forecast" in line and "trees lead somewhere" in line for line in done.checks)
    mine = stacked.customers.set_index("customer_id")[list(COLUMNS)]
    scored = cl.score(tmp_path / "out", log).set_index("customer_id")[list(COLUMNS)]
    pd.testing.assert_frame_equal(scored, mine, check_exact=True)
    table = pd.read_parquet(tmp_path / "out" / "customer_thresholds.parquet")
    shipped = table.set_index("customer_id")[list(COLUMNS)]
    pd.testing.assert_frame_equal(shipped, mine, check_exact=True, check_index_type=False)
    summary = stacked.customers[["customer_id", "x", "t_x", "T"]].head(50)
    assert cl.score(tmp_path / "out", summary=summary)["no_purchase"].isna().all()


@pytest.mark.parametrize("name", ["stacked", "model"])
def test_a_log_that_stays_elsewhere_is_not_forecast_by_name(log: EventLog, name: str) -> None:
    there: Any = SimpleNamespace(name="Spark")
    with pytest.raises(UsageError, match="stays in Spark"):
        fitted(replace(log, engine=there), name=name)
