"""The object of a notebook: a fitted model with what is asked of it in one line."""

from __future__ import annotations

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
from churnlab.parts import whole
from churnlab.report.drawn import drawn
from churnlab.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from xarray import DataTree

    from churnlab.fitting.report.data import SilenceCurve

#: Draws behind forecasts of totals: their interval needs no more.
_DRAWS: Final = 200
#: Cells of the P(alive) matrix along either side.
_SIDE: Final = 40


class Fit(FittedModel):
    """A fitted model: the population's posterior, and through it each customer's.

    Attributes
    ----------
    data : Summary
        What the model was fitted to.
    population : PopulationFit
        Draws of the population's parameters with their diagnostics.
    seasons : Seasons, optional
        The clock that the cells' times are measured on, with what is known of it.
    config : ModelConfig
        What was asked for.
    notes : tuple of str
        What must be said of groups, covariates and one-time buyers.
    first : FittedModel, optional
        What judges customers with a single purchase where the model cannot: BG/NBD holds them
        alive for ever, so their rows are those of its MBG kin, fitted to the same customers.
    inference, seed
        How the posterior was reached; the same again gives the same draws.

    Notes
    -----
    Pictures take `ax` and `lang` (`en`, `ko`) and return their axes. The examples of the methods go
    on from this one.

    Examples
    --------
    >>> import churnlab as cl
    >>> log = cl.load_shop(400).until("2025-03-31")
    >>> fit = cl.fit(cl.summarise(log), seed=1)
    >>> fit
    Fit(mbg_nbd, 134 customers up to 2025-03-31, laplace, 1,000 draws)
    """

    @classmethod
    def of(
        cls, summary: Summary, model: ModelConfig, inference: InferenceConfig, seed: int, **how: Any
    ) -> Fit:
        """Fit a summary that is grouped as the model says (`churnlab.fit` does both).

        Parameters
        ----------
        how
            ``kept``, ``check`` and ``progress`` of `building.build`.
        """
        found = build(summary, model, inference, seed, **how)
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
            Fewer weeks than one.

        Examples
        --------
        >>> weeks = fit.forecast(weeks=4)
        >>> weeks["week"].tolist(), bool((weeks["q05"] <= weeks["q95"]).all())
        ([1, 2, 3, 4], True)
        """
        from churnlab.posterior.forecast import DAYS_PER_WEEK, weekly_forecast

        weeks = whole("weeks", weeks, 1)
        rng = np.random.default_rng(seed)
        found = weekly_forecast(self.draws, self.data.cells, weeks, rng, ahead=self.data.ahead)
        number = np.arange(1, weeks + 1)
        until = pd.Timestamp(self.data.as_of) + pd.to_timedelta(DAYS_PER_WEEK * number, unit="D")
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

        Examples
        --------
        >>> due = fit.next_purchase()
        >>> bool((due["due_q10"] <= due["due_q90"]).all())
        True
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

        Raises
        ------
        UsageError
            A rule that does not exist, or one that learns from earlier days.

        Examples
        --------
        >>> sorted(fit.states()["state"].unique())
        ['first_active', 'first_risk', 'repeat_active', 'repeat_risk']
        >>> from churnlab.rules import FixedRule
        >>> few = fit.states(FixedRule(value=0.9))  # at risk where P(alive) is below 0.1
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
        """Return the same model fitted to newer events: same settings, groups and seed.

        Parameters
        ----------
        log : EventLog
            The whole log, with the new events in it.

        Returns
        -------
        Fit
            Fitted anew.

        Raises
        ------
        DataError, FitRefusedError
            As `churnlab.fit`.

        Examples
        --------
        >>> fit.update(cl.load_shop(400))
        Fit(mbg_nbd, 166 customers up to 2025-06-23, laplace, 1,000 draws)
        """
        own = self.data
        newer = summarise(
            log, group=own.group_columns, covariates=own.covariates, **dict(own.counting)
        )
        return self.of(newer, self.config, self.inference, self.seed)

    @cached_property
    def posterior(self) -> DataTree:
        """Everything about the posterior as an ArviZ DataTree (groups: docs/inference.md).

        Log-likelihood, predictive draws and data are by customer, so that `arviz.loo`,
        `arviz.compare`, `arviz.plot_ppc_dist` and `arviz.plot_loo_pit` are of customers.
        """
        return with_customers(self)

    def save(self, folder: str | Path) -> Path:
        """Write the fit into a folder that `churnlab.load` reads back: netCDF, Parquet and JSON.

        Parameters
        ----------
        folder : path
            Made where it does not exist; a fit that stands there is replaced at the end.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        UsageError
            A fit that was applied to other data (`on`), or of groups fitted alone.

        Examples
        --------
        >>> folder = fit.save("outputs/my_fit")
        >>> cl.load(folder).draws.theta.shape == fit.draws.theta.shape
        True
        """
        return save(self, folder)

    @drawn
    def plot_tracking(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw cumulative repeat purchases by week: as they came, and as the model expects them.

        Raises
        ------
        UsageError
            A summary made from arrays, which does not know the days of purchases.

        Examples
        --------
        >>> ax = fit.plot_tracking()
        """
        from churnlab.fitting.report.data import repeats_by_week
        from churnlab.fitting.report.plots import tracking
        from churnlab.report.style import axes

        weeks = repeats_by_week(self.draws.thin(_DRAWS), self.data)
        return tracking(axes(ax), weeks, lang=lang)

    @drawn
    def plot_alive_matrix(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) by repeat purchases and days of silence, of the oldest customers.

        Examples
        --------
        >>> ax = fit.plot_alive_matrix()
        """
        from churnlab.fitting.report.data import alive_matrix
        from churnlab.fitting.report.plots import matrix
        from churnlab.report.style import axes

        return matrix(axes(ax), *alive_matrix(self.draws, self.data, _SIDE), lang=lang)

    @drawn
    def plot_history(self, customer: str, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw one customer's P(alive) against silence, today marked (the story: `cl.explain`).

        Parameters
        ----------
        customer : str
            An id, to the letter.

        Raises
        ------
        UsageError
            The fit does not know the customer.

        Examples
        --------
        >>> ax = fit.plot_history("m00200", lang="ko")
        """
        from churnlab.fitting.report.plots import risk_over_silence
        from churnlab.report.labels import label
        from churnlab.report.style import axes

        people = self.data.customers
        if not (chosen := people["customer_id"] == customer).any():
            known = people["customer_id"][:20_000].astype(str)
            near = nearest(str(customer), [*known])
            raise UsageError(
                f"the fit knows no customer {customer!r}.{near} Ids are text, to the letter."
            )
        person = people[chosen].iloc[0]
        x, t_x, T = (float(person[name]) for name in ("x", "t_x", "T"))
        reach = max(1.3 * (T - t_x), 3.0 * t_x / max(x, 1.0), 30.0)
        today = T - t_x
        ax = risk_over_silence(
            axes(ax),
            *self._alive_over(reach)(customer),
            name=str(customer),
            colour="C0",
            today=today,
            mark=label("today", lang),
            lang=lang,
        )
        ax.set_ylabel(label("p_alive", lang))
        ax.legend()
        return ax

    def _alive_over(self, reach: float) -> Callable[[str], SilenceCurve]:
        """Return what tells a customer's P(alive) by days of silence, 0 to `reach`."""
        from churnlab.fitting.report.data import p_alive_of

        people = self.data.customers.set_index("customer_id")
        days = np.unique(np.linspace(0.0, reach, 121).round())

        def curve(customer: str) -> SilenceCurve:
            person = people.loc[[customer]].iloc[0]
            judge = self.first if self.first is not None and person["x"] < 1 else self
            return p_alive_of(judge.draws, self.data, person, days)

        return curve

    @drawn
    def plot_calibration(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw customers by repeat purchases: in the data, expected before it, and after it.

        Examples
        --------
        >>> ax = fit.plot_calibration()
        """
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import predictive
        from churnlab.report.style import axes

        tree = self.posterior["repeaters"]
        counts = {k: np.atleast_2d(tree[k].to_numpy()) for k in ("observed", "prior", "posterior")}
        return predictive(axes(ax), data.predictive(counts), lang=lang)

    @drawn
    def plot_threshold(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw P(alive) of a fast, a middling and a slow buyer, the day each is late marked.

        Examples
        --------
        >>> ax = fit.plot_threshold()
        """
        from churnlab.fitting.report import data
        from churnlab.fitting.report.plots import lateness
        from churnlab.report.style import axes

        people = data.three_customers(self.customers())
        return lateness(axes(ax), self._alive_over, people, lang=lang)

    @drawn
    def plot_parameters(self, ax: Any = None, *, lang: str = "en") -> Any:
        """Draw posterior and prior of each natural quantity, one panel each.

        Parameters
        ----------
        ax : sequence of Axes, optional
            One a quantity.

        Examples
        --------
        >>> axes = fit.plot_parameters()
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
