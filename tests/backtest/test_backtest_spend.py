"""Expected amounts on held-out purchases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.backtest import spend_holdout
from churnlab.errors import DataError


def log(n_customers=400, seed=1):
    """Simulate a Gamma-Gamma log: purchases on 20 of 40 days, at most one a day."""
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.15, n_customers).clip(1, 40)
    mean = 3.4 / rng.gamma(4.8, 1 / 37.4, n_customers)
    day = np.concatenate([rng.choice(40, size, replace=False) for size in n])
    who = np.repeat(np.arange(n_customers), n)
    rows = pd.DataFrame(
        {
            "customer_id": who.astype(str),
            "event_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "amount": rng.gamma(3.4, mean[who] / 3.4),
        }
    )
    return cl.read_events(purchases=rows)


def test_where_the_model_holds_it_beats_means_and_scores_are_those_of_its_forecasts():
    table = spend_holdout(log(), "2024-01-20").set_index("candidate")
    assert table.loc["spend_model", "deviance_more"] == 0.0
    assert (table.loc[["own_mean", "everybody"], "deviance_more_q05"] > 0).all()
    assert (table.loc[["own_mean", "everybody"], "mse_more_q05"] > 0).all()
    assert abs(table.loc["spend_model", "bias"]) < 0.06  # 4% Monte Carlo error of 300 means
    gap = table["rmse"] ** 2 - table.loc["spend_model", "rmse"] ** 2
    np.testing.assert_allclose(table["mse_more"], gap, atol=1e-9)


def test_forecasts_do_not_see_what_comes():
    events = log()
    rows = events.frame("purchases")[["customer_id", "event_at", "amount"]]
    late = rows["event_at"] > "2024-01-20"
    dearer = rows.assign(amount=rows["amount"].where(~late, rows["amount"] * 10))
    plain, changed = (
        spend_holdout(e, "2024-01-20").set_index("candidate")
        for e in (events, cl.read_events(purchases=dearer))
    )
    # ten times the observed: forecast / observed is a tenth, if the forecast is the same
    np.testing.assert_allclose(changed["bias"] + 1, (plain["bias"] + 1) / 10, rtol=1e-9)


def test_without_amounts_or_overlap_it_says_so():
    with pytest.raises(DataError, match="0 customers have amounts on both sides"):
        spend_holdout(log(20), "2024-03-20")
    rows = log(20).frame("purchases")[["customer_id", "event_at"]]
    with pytest.raises(DataError, match="carry no amount"):
        spend_holdout(cl.read_events(purchases=rows), "2024-01-20")
