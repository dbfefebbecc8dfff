"""The object of a notebook: a fitted model with what is asked of it in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from churnlab.errors import UsageError, nearest
from churnlab.fitting.building import build
from churnlab.fitting.by_customer import with_customers
from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.fitted import FittedModel
from churnlab.fitting.saving import save
from churnlab.progress import Update
from churnlab.report.drawn import drawn
from churnlab.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import DataTree

#: Draws behind forecasts of totals: their interval needs no more.
_DRAWS: Final = 200
#: Cells of the P(alive) matrix along either side.
_SIDE: Final = 40


class Fit(FittedModel):
    """What data scientists hold in a notebook: the model with forecasts, pictures and a file.

    Every picture takes `ax` and returns it.
    """

    @classmethod
    def of(
        cls,
        summary: Summary,
        model: ModelConfig,
        inference: InferenceConfig,
        seed: int,
        *,
        kept: Mapping[str, Mapping[str, Any]] | None = None,
        check: bool = True,
        progress: Update | None = None,
    ) -> Fit:
        """Fit a summary that is grouped as the model says (`churnlab.fit` does both).

        Parameters
        ----------
        kept : mapping, optional
            By model, what an earlier fit of the same sampled (see `inference.fit_population`).
        check : bool
            Refuse a fit that its diagnostics do not support.
        """
        found = build(summary, model, inference, seed, kept=kept, check=check, progress=progress)
        first = None
        if found.kin is not None:
            other = replace(found.config, name=found.kin.draws.model)
            first = cls(found.data, found.kin, found.seasons, other, inference=inference, seed=seed)
        return cls(
            found.data,
            found.population,
            found.seasons,
            found.config,
            found.notes,
            first,
            inference,
            seed,
        )

    def forecast(self, weeks: int = 13, *, seed: int = 1) -> pd.DataFrame:
        """Return the purchases to come of the customers that the fit knows, week by week.

        Parameters
        ----------
        weeks : int
            How many weeks from the fit's last day on.
        seed : int
            Of the simulated futures behind the intervals.

        Returns
        -------
        DataFrame
            ``week`` (1, 2, ...), ``until`` (its last day), ``expected`` purchases in it with the
            90% predictive interval ``q05``, ``q95``, and the same summed up to it (``cumulative``,
            ``cumulative_q05``, ``cumulative_q95``).

        Raises
        ------
        UsageError
            Fewer weeks than one; a fit on a clock.
        """
        from churnlab.posterior.forecast import DAYS_PER_WEEK, weekly_forecast

        if not weeks >= 1:
            raise UsageError(f"weeks must be at least 1; got {weeks}.")
        if self.seasons is not None:
            raise UsageError("a fit on a clock forecasts in `backtest`: candidates=[MODEL@month].")
        rng = np.random.default_rng(seed)
        expected, predicted = weekly_forecast(self.draws, self.data.cells, weeks, rng)
        number = np.arange(1, weeks + 1)
        until = pd.Timestamp(self.data.as_of) + pd.to_timedelta(DAYS_PER_WEEK * number, unit="D")
        table = pd.DataFrame({"week": number, "until": until})
        for name, low, high, mean, futures in (
            ("expected", "q05", "q95", expected, predicted),
            ("cumulative", "cumulative_q05", "cumulative_q95",
             expected.cumsum(axis=1), predicted.cumsum(axis=1)),
        ):  # fmt: skip
            table[name] = mean.mean(axis=0)
            table[low], table[high] = np.quantile(futures, [0.05, 0.95], axis=0)
        return table

    def next_purchase(self) -> pd.DataFrame:
        """Return when each customer's next purchase is due, counted from the last one.

        Returns
        -------
        DataFrame
            ``customer_id``, ``last_purchase_at``, ``due_date`` (median), ``due_q10``, ``due_q90``;
            definitions: docs/files.md.
        """
        columns = ["customer_id", "last_purchase_at", "due_date", "due_q10", "due_q90"]
        return self.customers()[columns]

    def states(self, rule: Any = "overdue") -> pd.DataFrame:
        """Return each customer's purchase state under a rule that needs no earlier day.

        Parameters
        ----------
        rule : str or rule
            `overdue` (late by the own rhythm), or an `OverdueRule` or `FixedRule` of your own.

        Returns
        -------
        DataFrame
            ``customer_id``, ``state`` (first_active, repeat_active, first_risk, repeat_risk),
            ``at_risk_date``, ``p_alive``.
        """
        from churnlab.posterior import RiskConfig, StateCut
        from churnlab.rules import FixedRule, OverdueRule, rule_named

        chosen = rule_named(rule) if isinstance(rule, str) else rule
        if not isinstance(chosen, FixedRule | OverdueRule):
            raise UsageError(
                f"rule {getattr(chosen, 'name', rule)!r} learns from earlier days, which a fit "
                "does not know; expected overdue or fixed here, or churnlab.segment(log, rule=...)."
            )
        risk = RiskConfig(basis="p_alive")
        if isinstance(chosen, OverdueRule):
            cut = self.overdue(chosen).state(risk)
        else:
            first = chosen.value if chosen.first_value is None else chosen.first_value
            cut = StateCut(risk, chosen.value, first)
        table = self.customers(state=cut)
        late = table["at_risk_date"] <= pd.Timestamp(self.data.as_of)
        bought = np.where(table["x"] < 1, "first", "repeat")
        state = pd.Series(bought, index=table.index) + np.where(late, "_risk", "_active")
        return table[["customer_id"]].assign(
            state=state, at_risk_date=table["at_risk_date"], p_alive=table["p_alive"]
        )

    def update(self, log: Any) -> Fit:
        """Return the same model fitted to newer events, with the same settings and seed.

        Parameters
        ----------
        log : EventLog
            The whole log, with the new events in it.
        """
        from churnlab.summary import summarise

        return self.of(summarise(log), self.config, self.inference, self.seed)

    @cached_property
    def posterior(self) -> DataTree:
        """Everything about the posterior as an ArviZ DataTree (groups: docs/inference.md).

        Log-likelihood, predictive draws and data are by customer, so that `arviz.loo`,
        `arviz.compare`, `arviz.plot_ppc_dist` and `arviz.plot_loo_pit` are of customers.
        """
        return with_customers(self)

    def save(self, folder: str | Path) -> Path:
        """Write the fit into a folder that `churnlab.load` reads back: netCDF, Parquet and JSON.

        Raises
        ------
        UsageError
            A fit that was applied to other data (`on`), or of groups fitted alone.
        """
        return save(self, folder)

    @drawn
    def plot_tracking(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw cumulative repeat purchases by week: as they came, and as the model expects them.

        Raises
        ------
        UsageError
            A summary made from arrays, which does not know the days of purchases; a clock.
        """
        from churnlab.fitting.report.data import repeats_by_week
        from churnlab.fitting.report.plots import tracking
        from churnlab.report.style import axes

        weeks = repeats_by_week(self.draws.thin(_DRAWS), self.data)
        return tracking(axes(ax), weeks, lang=lang)

    @drawn
    def plot_alive_matrix(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) by repeat purchases and days of silence, of the oldest customers."""
        from churnlab.fitting.report.data import alive_matrix
        from churnlab.fitting.report.plots import matrix
        from churnlab.report.style import axes

        return matrix(axes(ax), *alive_matrix(self.draws, self.data, _SIDE), lang=lang)

    @drawn
    def plot_history(self, customer: str, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw one customer's P(alive) against silence, today marked (the story: `cl.explain`).

        Raises
        ------
        UsageError
            The fit does not know the customer.
        """
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import risk_over_silence
        from churnlab.report.labels import label
        from churnlab.report.style import axes

        people = self.data.customers.set_index("customer_id")
        if customer not in people.index:
            known = people.index[:20_000].astype(str)
            raise UsageError(
                f"the fit knows no customer {customer!r}.{nearest(str(customer), [*known])}"
            )
        row = people.loc[[customer]].iloc[0]
        x, t_x, T = (float(row[name]) for name in ("x", "t_x", "T"))
        reach = max(1.3 * (T - t_x), 3.0 * t_x / max(x, 1.0), 30.0)
        draws = self._judge(x).draws
        curve = data.p_alive_curve(draws, x, t_x, np.linspace(0.0, reach, 121))
        today = T - t_x
        ax = risk_over_silence(
            axes(ax),
            *curve,
            name=str(customer),
            colour="C0",
            today=today,
            mark=label("today", lang),
            lang=lang,
        )
        ax.set_ylabel(label("p_alive", lang))
        ax.legend()
        return ax

    def _judge(self, x: float) -> FittedModel:
        return self.first if self.first is not None and x < 1 else self

    @drawn
    def plot_calibration(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw customers by repeat purchases: in the data, expected before it, and after it."""
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import predictive
        from churnlab.report.style import axes

        tree = self.posterior["repeaters"]
        counts = {k: np.atleast_2d(tree[k].to_numpy()) for k in ("observed", "prior", "posterior")}
        return predictive(axes(ax), data.predictive(counts), lang=lang)

    @drawn
    def plot_threshold(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) of a fast, a middling and a slow buyer, the day each is late marked."""
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import lateness
        from churnlab.report.style import axes

        return lateness(axes(ax), self.draws, data.three_customers(self.customers()), lang=lang)

    @drawn
    def plot_parameters(self, ax: Any = None, *, lang: str = "en") -> Any:
        """Draw posterior and prior of each natural quantity, one panel each.

        Parameters
        ----------
        ax : sequence of Axes, optional
            One a quantity.
        """
        from matplotlib import pyplot as plt

        from churnlab.fitting.report.plots import parameters

        after, before = (self.posterior[name] for name in ("posterior", "prior"))
        scalars = [str(n) for n, v in after.data_vars.items() if v.ndim == 2]
        of = {n: (after[n].to_numpy().ravel(), before[n].to_numpy().ravel()) for n in scalars}
        if ax is None:
            figure = plt.figure(figsize=(2.6 * len(scalars), 2.4), layout="constrained")
            ax = figure.subplots(1, len(scalars), squeeze=False)[0]
        parameters(ax, of, lang=lang)
        return ax
