"""What a backtest returns: tidy tables and a summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from churnlab.backtest.report.lines import table_lines
from churnlab.report.drawn import drawn
from churnlab.runs import Result, RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class BacktestResult(Result):
    """Tables and summary of a backtest (columns: docs/files.md and docs/backtesting.md).

    Attributes
    ----------
    scores : DataFrame
        origin, target, candidate, variant, slice, level, metric, value, q05, q95, n, events, thin.
    differences : DataFrame
        Paired differences to the bar, per origin and for the mean over origins (``all``).
    rules : DataFrame
        Threshold, who was flagged, cost, regret, price of ten points, per origin and rule.
    calibration : DataFrame
        Reliability curves with consistency bands.
    curves : DataFrame
        Held-out cost of every cut.
    tracking : DataFrame
        Purchases per week: actual, and forecast with bands.
    predictions : DataFrame or None
        Forecast and outcome per customer, when asked for.
    summary : dict
        Answers, settings, origins, drops, degradations, learnt parameters.

    Notes
    -----
    Made by `churnlab.backtest`, whose example those of the methods go on from.
    """

    scores: pd.DataFrame
    differences: pd.DataFrame
    rules: pd.DataFrame
    calibration: pd.DataFrame
    curves: pd.DataFrame
    tracking: pd.DataFrame
    predictions: pd.DataFrame | None
    summary: dict[str, Any] = field(default_factory=dict)
    files: ClassVar[str] = "files: {folder}/scores.parquet, rules.parquet, backtest.json, ..."

    @property
    def answers(self) -> list[str]:
        """The answers in words."""
        return list(self.summary["answers"])

    @property
    def lines(self) -> list[str]:
        """The table of candidates and the answers in words."""
        again = " and ".join(self.reused.values())
        said = [f"{again} are those of an earlier run (cache_dir)"] if again else []
        return [*table_lines(self.headline()), *self.answers, *said]

    @property
    def reused(self) -> dict[str, str]:
        """What was found of an earlier run, of how much: `fits`, `forecasts`."""
        found = {}
        for what in ("forecasts", "fits"):
            kept, made = (self.summary[what][how] for how in ("kept", "made"))
            if kept:
                found[what] = f"{kept} of {kept + made} {what}"
        return found

    @property
    def warnings(self) -> list[str]:
        """What was left out of the backtest, and why."""
        return [str(d["reason"]) for d in self.summary["degradations"]]

    @drawn
    def plot_scores(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw the Brier score of each candidate for the first window, best on top.

        Examples
        --------
        >>> ax = found.plot_scores()
        """
        from churnlab.backtest.report import data, plots
        from churnlab.report.labels import label
        from churnlab.report.style import axes

        shown = data.ranked(self.headline())
        ax = axes(ax, (7.2, 0.36 * len(shown) + 1))
        simple = shown.loc[shown["kind"] == "baseline", "name"].tolist()
        names = shown["name"].tolist()
        return plots.score_bars(
            ax, names, shown["brier"], baselines=simple, axis_label=label("brier", lang)
        )

    @drawn
    def plot_reliability(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw forecast against outcome of the best model for the first window, last origin.

        Examples
        --------
        >>> ax = found.plot_reliability()
        """
        from churnlab.backtest.report import data, plots
        from churnlab.report.style import axes

        name, curve = next(iter(data.reliability_curves(self.calibration, self.headline()).items()))
        band = (curve["forecast"], curve["low"], curve["high"])
        return plots.reliability(
            axes(ax, (4.6, 4.4)), curve["forecast"], curve["observed"],
            band=band, name=name, lang=lang,
        )  # fmt: skip

    def write(self, folder: RunFolder) -> None:
        """Write the tables, the means over origins, and `backtest.json`."""
        super().write(folder)
        folder.reused.update(self.reused)
        folder.write_parquet("headline.parquet", self.headline())
        folder.write_json("backtest.json", self.summary)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name, those that are there."""
        names = (
            "scores", "differences", "rules", "calibration", "curves", "tracking", "predictions",
        )  # fmt: skip
        found = {n: getattr(self, n) for n in names}
        return {n: t for n, t in found.items() if t is not None and len(t)}

    def score(
        self,
        metric: str,
        candidate: str,
        *,
        target: str | None = None,
        origin: str | None = None,
        variant: str = "plain",
        level: str = "all",
    ) -> float:
        """Return one score; the mean over origins and targets that match.

        Parameters
        ----------
        metric, candidate : str
            As in `scores`: ``brier``, ``mbg_nbd``.
        target, origin, variant, level : str, optional
            Narrow the rows down; docs/backtesting.md.

        Returns
        -------
        float
            In the metric's own unit.

        Raises
        ------
        KeyError
            No such score; the message names those there are.

        Examples
        --------
        >>> bool(0 < found.score("brier", "mbg_nbd") < 0.25)
        True
        """
        s = self.scores
        rows = s[
            (s["metric"] == metric) & (s["candidate"] == candidate) & (s["variant"] == variant)
        ]
        rows = rows[rows["level"] == level]
        for column, wanted in (("target", target), ("origin", origin)):
            rows = rows if wanted is None else rows[rows[column] == wanted]
        if rows.empty:
            raise KeyError(f"no score {metric} of {candidate} ({variant}, {level})")
        return float(rows["value"].mean())

    def headline(self) -> pd.DataFrame:
        """Return metrics of each candidate, averaged over its origins.

        Returns
        -------
        DataFrame
            A row a target and candidate, best first, with its kind and metrics.

        Examples
        --------
        >>> {"candidate", "brier"} <= set(found.headline())
        True
        """
        from churnlab.backtest.scores.answers import means_table

        return means_table(self.scores)
