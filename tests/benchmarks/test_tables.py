"""The benchmark's arithmetic: ratios, lower bounds where a peer was cut, growth with N."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch):
    if not FOLDER.is_dir():
        pytest.skip("the benchmarks are not part of an installed package")
    monkeypatch.syspath_prepend(str(FOLDER))
    import tables

    yield tables
    sys.modules.pop("tables")


def _row(customers, who, method, **values):
    return {"customers": customers, "model": "bg_nbd", "who": who, "method": method} | values


def test_a_peer_that_was_cut_gives_a_lower_bound(tables):
    rows = [
        _row(10, "churnlab", "laplace", warm_s=0.5, ess=1000.0),
        _row(10, "pymc-marketing", "mcmc", note="did not finish in 600 s", limit_s=600.0),
        _row(20, "churnlab", "laplace", warm_s=1.0, ess=500.0),
        _row(20, "pymc-marketing", "mcmc", warm_s=50.0, ess=250.0),
        _row(30, "churnlab", "laplace", warm_s=1.0, ess=500.0),
    ]
    found = tables.add_ratios(pd.DataFrame(rows))["times_faster"].tolist()
    # 600 s for at most 4,000 effective draws: 150 s per 1,000 against .5; 200 s against 2
    assert found == [">= 300", "", "100", "1", ""]


def test_the_floor_is_passes_times_one_pass(tables):
    row = _row(10, "churnlab", "laplace", warm_s=2.0, ess=9.0, passes=500, one_pass_ms=3.0)
    assert tables.add_ratios(pd.DataFrame([row]))["share_of_floor"].tolist() == [0.75]


def test_growth_is_the_slope_of_the_logs(tables):
    sizes = [1000, 10_000, 100_000]
    rows = [_row(n, "churnlab", "laplace", warm_s=1e-3 * n**0.5, ess=1.0) for n in sizes]
    rows += [_row(n, "churnlab", "nuts", warm_s=1e-3 * n, ess=1.0) for n in sizes]
    found = tables.growth(tables.add_ratios(pd.DataFrame(rows)))
    assert found[["exponent", "exponent_last_step"]].to_numpy() == pytest.approx(0.5)


def test_a_cut_run_is_reported_with_its_limit(tables, tmp_path):
    import run

    sys.modules.pop("logs")
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(60)\n")
    job = ("pymc-marketing", f"{sys.executable} {slow}", "mcmc")
    row = run.measure(job, tmp_path, "bg_nbd", 0.5)
    before = [{"who": job[0], "method": "mcmc", "model": "bg_nbd", "customers": 10} | row]
    reason = run.hopeless(job, "bg_nbd", 100, before, 0.5)
    assert reason == {"note": "not tried: over 0.5 s on 10 customers"}
    assert run.hopeless(job, "bg_nbd", 10, before, 0.5) is None
    assert run.hopeless(job, "mbg_nbd", 100, before, 0.5) is None
    assert run.hopeless(job, "bg_nbd", 100, before, 0.6) is None
    sys.modules.pop("run")
    assert (row["note"], row["limit_s"]) == ("did not finish in 0.5 s", 0.5)
