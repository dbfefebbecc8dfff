"""A first session in a notebook, as typed by somebody who has read the ten-minute page.

The steps share their objects, as cells do; each fails for itself.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import churnlab as cl

MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd")
LAST, EARLIER = "1998-06-30", "1998-03-31"
PLOTS = ("tracking", "alive_matrix", "threshold", "calibration", "parameters")


class Cells:
    """The notebook: what a cell has made is there for the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def log(self):
        return cl.load_cdnow(as_of=EARLIER)

    @cached_property
    def summary(self):
        return cl.summarise(self.log)

    @cached_property
    def fits(self):
        return {model: cl.fit(self.summary, model=model, draws=400) for model in MODELS}

    @property
    def fit(self):
        return self.fits["mbg_nbd"]

    @cached_property
    def backtest(self):
        split = {"origins": 3, "horizon_days": [56], "replicates": 20, "counts": False}
        return cl.backtest(self.log, candidates=["mbg_nbd", "hiatus"], split=split)

    @cached_property
    def segments(self):
        return cl.segment(self.log, segments={"periods": 0})

    @cached_property
    def saved(self):
        return {
            "fit": self.fit.save(self.folder / "my_fit"),
            "segments": self.segments.save(self.folder / "my_segments"),
            "backtest": self.backtest.save(self.folder / "my_backtest"),
        }


@pytest.fixture(scope="module")
def nb(tmp_path_factory):
    return Cells(tmp_path_factory.mktemp("notebook"))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_load(nb):
    assert repr(nb.log) == f"EventLog(cdnow up to {EARLIER}: purchases 6,406 rows)"
    assert list(nb.log.frame("purchases").columns[:2]) == ["customer_id", "event_at"]
    assert repr(nb.summary).startswith("Summary(2,357 customers up to 1998-03-31")


def test_fit(nb):
    assert repr(nb.fit) == "Fit(mbg_nbd, 2,357 customers up to 1998-03-31, laplace, 400 draws)"
    table = nb.fit.summary()
    assert list(table.columns[:4]) == ["mean", "sd", "q05", "q95"]
    assert {"rate_mean", "dropout_mean", "r", "alpha", "a", "b"} <= set(table.index)
    assert table.notna().all().all()


def test_compare_three_models(nb):
    ours = cl.compare(nb.fits)
    assert set(ours.index) == set(MODELS)
    assert ours["elpd_diff"].iloc[0] == 0
    assert (ours["max_k_hat"] < 0.7).all()


@pytest.mark.parametrize("name", PLOTS)
def test_plot(nb, name):
    drawn = getattr(nb.fit, f"plot_{name}")()
    assert len(plt.figure(plt.get_fignums()[-1]).axes) >= 1
    assert all(ax.get_xlabel() for ax in ([drawn] if name != "parameters" else drawn))


def test_plot_one_customer(nb):
    customer = nb.fit.customers()["customer_id"].iloc[0]
    assert nb.fit.plot_history(customer).get_xlabel()


def test_states(nb):
    states = nb.fit.states()
    assert len(states) == 2357
    assert set(states["state"]) <= {"first_active", "repeat_active", "first_risk", "repeat_risk"}
    now, ahead = nb.fit.customers(), nb.fit.customers(horizon_days=90)
    assert (ahead["horizon_days"] == 90).all()
    assert not (ahead["purchase_risk"] == now["purchase_risk"]).all()


def test_ahead(nb):
    weeks = nb.fit.forecast(weeks=13)
    assert weeks["cumulative"].is_monotonic_increasing
    due = nb.fit.next_purchase()
    assert (due["due_q10"] <= due["due_date"]).all()


def test_backtest(nb):
    assert nb.backtest.answers
    assert 0.05 < nb.backtest.score("brier", "mbg_nbd") < 0.25
    assert "mbg_nbd" in [t.get_text() for t in nb.backtest.plot_scores().get_yticklabels()]


def test_save_and_load(nb):
    again = cl.load(nb.saved["fit"])
    pd.testing.assert_frame_equal(again.customers(), nb.fit.customers())
    assert not list(nb.saved["fit"].glob("*.pkl"))


def test_update(nb):
    newer = cl.load(nb.saved["fit"]).update(cl.load_cdnow())
    assert str(newer.data.as_of) == LAST
    assert newer.draws.n_draws == nb.fit.draws.n_draws


def test_export_and_score(nb):
    bundle = nb.folder / "my_bundle"
    done = cl.export(bundle, [nb.saved["segments"], nb.saved["backtest"]])
    assert done.found["status"] == "ok"
    scored = cl.score(bundle, cl.load_cdnow())
    assert len(scored) == 2357


def test_runs_are_listed_and_results_show_themselves(nb):
    listed = cl.runs(nb.saved["fit"].parent)
    assert {"fit.save", "segment", "backtest"} <= set(listed["command"])
    for shown in (nb.segments, nb.backtest):
        assert len(repr(shown)) < 500
        assert "<pre>" in shown._repr_html_()
