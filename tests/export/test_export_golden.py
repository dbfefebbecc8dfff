"""Bundles of schema 1.0.0, written by the churnlab of before one posterior scored everything.

`golden/pooled`: Pareto/NBD, fixed window, with visits; `golden/grouped`: MBG/NBD by channel, own
rhythms. Their risks, P(alive) and dates come from a second implementation that is gone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnlab.bundle import score
from churnlab.errors import VerificationError
from churnlab.export import verify

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("pooled", "grouped")


def test_an_old_bundle_still_verifies():
    assert verify(GOLDEN / "grouped")["status"] == "ok"


def test_old_sql_that_cannot_be_written_any_more_is_not_verified():
    """Pareto/NBD's integrals are continued fractions since edition 2: nobody can tell a forgery."""
    with pytest.raises(VerificationError, match=r"score\.duckdb\.sql: is not .* export again"):
        verify(GOLDEN / "pooled")


@pytest.mark.parametrize("name", NAMES)
def test_an_old_bundle_scores_as_it_was_scored(name):
    then = pd.read_parquet(GOLDEN / name / "customer_thresholds.parquet").set_index("customer_id")
    summary = pd.read_parquet(GOLDEN / name / "customer_summary.parquet")
    now = score(GOLDEN / name, summary=summary.rename(columns={"grp": "channel"}))
    now = now.set_index("customer_id")
    then = then.loc[now.index]
    for column in ("rhythm_days", "purchase_risk", "purchase_risk_q05", "purchase_risk_q95",
                   "p_alive", "horizon_days"):  # fmt: skip
        np.testing.assert_allclose(now[column], then[column], rtol=0, atol=1e-9, err_msg=column)
    for column in ("at_risk_date", "due_date"):
        assert (pd.to_datetime(then[column]) == now[column]).all(), column
    assert (now["purchase_state"] == then["purchase_state"]).all()
