"""An export says when its data are older than its thresholds are meant to be used."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from churnlab.workflows.production.export import Exported


@pytest.mark.parametrize(("days", "said"), [(90, False), (91, True)])
def test_old_data_are_said(days, said):
    as_of = dt.datetime.now(dt.UTC).date() - dt.timedelta(days)
    found = Exported({}, Path("bundle.json"), as_of, valid_days=90)
    assert bool(found.warnings) is said
    assert all(f"{as_of}, {days} days ago" in line for line in found.warnings)
