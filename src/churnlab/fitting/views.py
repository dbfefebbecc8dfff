"""What a notebook asks of a fit in one line: pictures, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd

from churnlab.errors import UsageError, nearest
from churnlab.report.drawn import drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from churnlab.fitting.fitted import Fit

#: Draws behind forecasts of totals: their interval needs no more.
_DRAWS: Final = 200
#: Cells of the P(alive) matrix along either side.
_SIDE: Final = 40


class Views:
    """Pictures and forecasts of a fit; every picture takes `ax` and returns it."""

    @property
    def _own(self) -> Fit:
        return cast("Fit", self)

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
            Fewer weeks than one.
        """
        from churnlab.posterior.forecast import DAYS_PER_WEEK, weekly_forecast

        if not weeks >= 1:
            raise UsageError(f"weeks must be at least 1; got {weeks}.")
        rng, own = np.random.default_rng(seed), self._own.data
        found = weekly_forecast(self._own.draws, own.cells, weeks, rng, ahead=own.ahead)
        number = np.arange(1, weeks + 1)
        until = pd.Timestamp(self._own.data.as_of) + pd.to_timedelta(
            DAYS_PER_WEEK * number, unit="D"
        )
        table = pd.DataFrame({"week": number, "until": until})
        for name, low, high, mean, futures in (
            ("expected", "q05", "q95", *found),
            ("cumulative", "cumulative_q05", "cumulative_q95",
             found.expected.cumsum(axis=1), found.predicted.cumsum(axis=1)),
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
        return self._own.customers()[columns]

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
            cut = self._own.overdue(chosen).state(risk)
        else:
            first = chosen.value if chosen.first_value is None else chosen.first_value
            cut = StateCut(risk, chosen.value, first)
        table = self._own.customers(state=cut)
        late = table["at_risk_date"] <= pd.Timestamp(self._own.data.as_of)
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
        from churnlab.fitting.run import fit
        from churnlab.summary import summarise

        return fit(
            summarise(log),
            model=self._own.config,
            inference=self._own.inference,
            seed=self._own.seed,
        )

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

        weeks = repeats_by_week(self._own.draws.thin(_DRAWS), self._own.data)
        return tracking(axes(ax), weeks, lang=lang)

    @drawn
    def plot_alive_matrix(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) by repeat purchases and days of silence, of the oldest customers."""
        from churnlab.fitting.report.data import alive_matrix
        from churnlab.fitting.report.plots import matrix
        from churnlab.report.style import axes

        return matrix(axes(ax), *alive_matrix(self._own.draws, self._own.data, _SIDE), lang=lang)

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

        people = self._own.data.customers.set_index("customer_id")
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

    def _judge(self, x: float) -> Fit:
        return self._own.first if self._own.first is not None and x < 1 else self._own

    @drawn
    def plot_calibration(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw customers by repeat purchases: in the data, expected before it, and after it."""
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import predictive
        from churnlab.report.style import axes

        tree = self._own.posterior["repeaters"]
        counts = {k: np.atleast_2d(tree[k].to_numpy()) for k in ("observed", "prior", "posterior")}
        return predictive(axes(ax), data.predictive(counts), lang=lang)

    @drawn
    def plot_threshold(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) of a fast, a middling and a slow buyer, the day each is late marked."""
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import lateness
        from churnlab.report.style import axes

        return lateness(
            axes(ax), self._own.draws, data.three_customers(self._own.customers()), lang=lang
        )

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

        after, before = (self._own.posterior[name] for name in ("posterior", "prior"))
        scalars = [str(n) for n, v in after.data_vars.items() if v.ndim == 2]
        of = {n: (after[n].to_numpy().ravel(), before[n].to_numpy().ravel()) for n in scalars}
        if ax is None:
            figure = plt.figure(figsize=(2.6 * len(scalars), 2.4), layout="constrained")
            ax = figure.subplots(1, len(scalars), squeeze=False)[0]
        parameters(ax, of, lang=lang)
        return ax
