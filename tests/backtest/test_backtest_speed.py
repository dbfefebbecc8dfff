"""The budget of the daily work: five origins x three models x all baselines on CDNOW."""

from __future__ import annotations

import resource
import time

import pytest

from churnlab.backtest import SplitConfig, run_backtest
from churnlab.candidates import COMPULSORY
from churnlab.events import DataConfig, open_log


@pytest.mark.slow
def test_five_origins_three_models_all_baselines_in_two_minutes_and_two_gigabytes():
    log = open_log(DataConfig(name="cdnow_full"))
    started = time.process_time()
    models = ["bg_nbd", "mbg_nbd", "pareto_nbd", "gradient_boosting"]
    split = SplitConfig(origins=5, horizon_days=[90])
    result = run_backtest(log, candidates=models, split=split)
    # seconds of processor time, which a busy machine does not stretch: an upper bound of the wall
    # clock on an idle one
    assert time.process_time() - started < 120
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2_000_000  # kilobytes
    assert result.summary["n_origins"] == 5
    assert {*models, *COMPULSORY} <= set(result.scores["candidate"])
    assert not result.summary["refused_fits"]
