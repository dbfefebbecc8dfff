"""What an N-day study leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from churnlab.runs.folder import RunFolder


@dataclass(frozen=True)
class NdayResult:
    """Result of `run_nday`.

    Parameters
    ----------
    curve : DataFrame
        Requirement L1: cohort x day, see `churnlab.nday.data.cohort_curve`.
    audience : DataFrame
        Tomorrow's audience, see `churnlab.nday.decide.audience`.
    rule : dict
        What `rule.json` holds.
    tables : dict of DataFrame
        `fitted` (pooled curve, data and model), `organic`, `value`, `best`, `plateau`, `flat`,
        `attention`, `groups`, `parameters`, `checks`, `comparison`, `backtest`, `coverage`,
        `choice`, `experiment`: those that apply; the others are absent.
    """

    curve: pd.DataFrame
    audience: pd.DataFrame
    rule: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    def write(self, folder: RunFolder) -> None:
        """Write `curve.parquet`, `nday_audience.parquet`, `nday_NAME.parquet`, `rule.json` last."""
        folder.write_parquet("curve.parquet", self.curve)
        folder.write_parquet("nday_audience.parquet", self.audience)
        for name, table in self.tables.items():
            folder.write_parquet(f"nday_{name}.parquet", table)
        folder.write_json("rule.json", self.rule)
