"""Published and recomputed figures of CDNOW come out of the harness itself (39/39 weeks)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churnlab.backtest import SplitConfig, run_backtest

ORACLES = json.loads((Path(__file__).parents[1] / "oracles" / "backtest.json").read_text())
MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd")


@pytest.fixture(scope="module")
def result(cdnow):
    split = SplitConfig(origins=["1997-09-30"], horizon_days=[273], replicates=50)
    return run_backtest(cdnow, candidates=[f"{m}_ml" for m in MODELS], split=split)


@pytest.mark.parametrize("row", ORACLES["holdout"], ids=lambda r: r["model"])
def test_held_out_figures_at_the_maximum_likelihood_point(result, row):
    name = f"{row['model']}_ml"
    for metric in ("mae", "rmse", "count_bias"):
        assert result.score(metric, name) == pytest.approx(row[metric], abs=2e-5)
    for metric in ("brier", "mean_purchase"):
        ours = 1 - result.score("mean_risk", name) if metric == "mean_purchase" else None
        value = result.score("brier", name) if ours is None else ours
        assert value == pytest.approx(row[metric], abs=2e-5)
    for metric in ("log_score", "auc", "mcb"):  # published figures, rounded there
        digits = 3 if metric != "mcb" else 4
        assert round(result.score(metric, name), digits) == row[metric]
    assert result.score("auc", name, variant="p_alive") == pytest.approx(
        row["auc_p_alive"], abs=6e-4
    )


def test_the_outcome_and_the_bar(result):
    assert 1 - result.score("event_rate", "recency") == pytest.approx(0.2902, abs=5e-5)
    assert result.score("unc", "majority") == pytest.approx(0.2060, abs=5e-5)
    assert round(result.score("auc", "recency"), 3) == 0.771
    assert result.score("auc", "personal_ratio") < result.score("auc", "recency")


@pytest.mark.parametrize("row", ORACLES["by_frequency"], ids=lambda r: r["model"])
def test_purchases_by_calibration_frequency(result, row):
    levels = [*map(str, range(7)), "7+"]
    name = f"{row['model']}_ml"
    expected = [result.score("mean_expected", name, level=v) for v in levels]
    assert expected == pytest.approx(row["expected"], abs=row["tolerance"])
    actual = [result.score("mean_actual", name, level=v) for v in levels]
    assert actual == pytest.approx(ORACLES["actual_by_frequency"], abs=6e-4)


def test_lifetimes_is_the_same_maximum(result):
    for metric in ("brier", "mae", "auc"):
        assert result.score(metric, "lifetimes_bg_nbd") == pytest.approx(
            result.score(metric, "bg_nbd_ml"), abs=2e-5
        )


def test_bad_news_is_in_the_summary(result):
    what = {d["what"] for d in result.summary["degradations"]}
    assert {"short_history", "few_origins", "thin_cells", "candidate"} <= what
    weekly = result.tracking[result.tracking["candidate"] == "mbg_nbd_ml"]
    assert weekly["actual"].sum() == 1882
    assert weekly["expected"].sum() / 1882 - 1 == pytest.approx(-0.162, abs=2e-3)


@pytest.mark.shared_data
def test_plain_recency_on_grocery(shared_data):
    from churnlab.events import read_events

    path = shared_data / "grocery_elog.parquet"
    log = read_events(purchases=path, columns={"event_at": "date"})
    split = SplitConfig(origins=["2006-12-31"], horizon_days=[364], replicates=20, counts=False)
    result = run_backtest(log, candidates=["mbg_nbd_ml"], split=split)
    assert round(result.score("auc", "recency"), 3) == 0.887
    assert round(result.score("auc", "mbg_nbd_ml"), 3) == 0.869
    assert result.score("auc", "personal_ratio") < 0.887
