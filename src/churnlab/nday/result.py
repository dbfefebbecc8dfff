"""What an N-day study leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from churnlab.errors import UsageError
from churnlab.report.drawn import drawn
from churnlab.runs import Result, RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class NdayResult(Result):
    """Result of `run_nday`.

    Parameters
    ----------
    curve : DataFrame
        Requirement L1: cohort x day, see `churnlab.nday.data.cohort_curve`.
    audience : DataFrame
        Tomorrow's audience, see `churnlab.nday.decide.audience`.
    rule : dict
        What `rule.json` holds.
    studied : dict of DataFrame
        `fitted` (pooled curve, data and model), `organic`, `value`, `best`, `plateau`, `flat`,
        `attention`, `groups`, `parameters`, `checks`, `comparison`, `backtest`, `coverage`,
        `choice`, `experiment`: those that apply; the others are absent.

    Notes
    -----
    Made by `churnlab.nday`, whose example those of the methods go on from.
    """

    curve: pd.DataFrame
    audience: pd.DataFrame
    rule: dict[str, Any]
    studied: dict[str, pd.DataFrame]
    files: ClassVar[str] = "files: {folder}/curve.parquet, nday_audience.parquet, rule.json"

    @drawn
    def plot_curve(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw conversion by day since signup: cohorts, the model's band, the plateau, day N.

        Examples
        --------
        >>> ax = found.plot_curve()
        """
        from churnlab.nday.report import data, plots
        from churnlab.report.style import axes

        flat, shown = data.headline(self.rule), data.curve(self.curve, self.studied["fitted"])
        return plots.draw_curve(axes(ax), shown, plateau=flat, n=self.rule["n"], lang=lang)

    @drawn
    def plot_value(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw the value per signup of sending on day N, a line per reading.

        Raises
        ------
        UsageError
            No costs are stated, so that no day has a value.

        Examples
        --------
        >>> ax = found.plot_value()
        """
        from churnlab.nday.report import data, plots
        from churnlab.report.style import axes

        if "value" not in self.studied:
            raise UsageError("no costs are stated; give nday={'costs': {'margin': ..., ...}}.")
        shown = data.at_uplift(self.studied["value"])
        return plots.draw_value(axes(ax), shown, n=self.rule["n"], lang=lang)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Curve, audience, and what was studied, by name."""
        return {"curve": self.curve, "audience": self.audience, **self.studied}

    @property
    def lines(self) -> list[str]:
        """The recommended N, plateau, what rule(N) does, uplift, tomorrow's audience."""
        rule, audience = self.rule, self.audience
        sent = audience["suppressed_reason"].fillna("") == ""
        treat = int((sent & (audience["arm"] == "treat")).sum())
        at_n, n = rule["at_n"], rule["n"]
        pays = at_n["break_even_uplift"]
        return [
            str(rule["recommendation"]["sentence"]["en"]),
            str(rule["plateau"]["statement"]["en"]),
            f"rule({n}): {_share(at_n['reach'])} of the signups are reached, "
            f"{_share(at_n['organic_after'])} of them would have bought anyway within "
            f"{rule['window_days']} days"
            + (f"; it pays from an uplift of {_share(pays)}" if pays else ""),
            _uplift(rule.get("uplift")),
            *(f"assumption: {a['en']}" for a in rule["assumptions"]),
            f"message on {rule['send_date']}: {treat:,} to treat of {len(audience):,} who signed "
            f"up {n - rule['day_zero_index']} days before and have not bought",
        ]

    @property
    def warnings(self) -> list[str]:
        """What weakens the answer: drift, held-out coverage, a shortened window."""
        return [str(said["en"]) for said in self.rule["warnings"]]

    def write(self, folder: RunFolder) -> None:
        """Write `curve.parquet`, `nday_audience.parquet`, `nday_NAME.parquet`, `rule.json` last."""
        for name, table in self.tables.items():
            folder.write_parquet(
                "curve.parquet" if name == "curve" else f"nday_{name}.parquet", table
            )
        folder.write_json("rule.json", self.rule)


def _share(value: dict[str, float]) -> str:
    return f"{value['mean']:.1%} ({value['q05']:.1%} to {value['q95']:.1%})"


def _uplift(value: dict[str, float] | None) -> str:
    if not value:
        return "uplift: unknown without a randomised holdout; keep 10-20% and log who got what"
    return f"uplift measured by the randomised holdout: {_share(value)}"
