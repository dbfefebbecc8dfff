"""What is exported together belongs to one day, and a feed that lost customers is a failure."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.monitor.drift import counts
from churnlab.workflows.steps.gather import _same_day


def run(day: str) -> SimpleNamespace:
    return SimpleNamespace(json=lambda _name: {"as_of": f"{day}T00:00:00"})


def test_runs_of_one_day_are_exported_together() -> None:
    day = "2024-06-30"
    assert _same_day({"as_of": day}, run(day), run(day), run(day)) == dt.date(2024, 6, 30)
    assert _same_day({"as_of": day}, None, None, None) == dt.date(2024, 6, 30)


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_run_of_another_day_is_refused(late: int) -> None:
    days = ["2024-06-30"] * 3
    days[late] = "2024-07-01"
    with pytest.raises(UsageError, match=r"end on different days.*2024-07-01.*with one as_of"):
        _same_day({"as_of": "2024-06-30"}, *(run(d) for d in days))


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (100, "ok"),
        (99, "fail"),
        (0, "fail"),
        (122, "ok"),
        (123, "warn"),
        (201, "warn"),
        (202, "fail"),
    ],
)
def test_purchasers_can_only_grow_and_not_by_much(found: int, status: str) -> None:
    """A complete history loses nobody; ln(found / 100) warns above .2 and fails above .7."""
    now = pd.DataFrame({"purchase_state": np.where(np.arange(300) < found, "repeat", "none")})
    limits = pd.Series({"count_warn": 0.2, "count_fail": 0.7})
    assert counts(now, 100, limits).status == status
