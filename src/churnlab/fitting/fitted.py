"""A fitted model, and what follows from it for each customer.

It ties the population's posterior (inference) to each customer's (posterior); both stay usable
without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from churnlab import posterior as individual
from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.misfit import Fitted, Misfit, check_fit, sentences
from churnlab.fitting.next_purchase import NextLevels, learn_levels
from churnlab.fitting.sample import Sample
from churnlab.inference import PopulationFit, Seasons
from churnlab.models.draws import PopulationDraws
from churnlab.parts import part
from churnlab.posterior import RiskConfig, StateCut, ValueConfig
from churnlab.progress import Update
from churnlab.rules import OverdueRule, Threshold
from churnlab.spend import SpendFit
from churnlab.summary import Summary, as_summary
from churnlab.types import Array


@dataclass(frozen=True)
class FittedModel:
    """A fitted model: the population's posterior, and through it each customer's (see `Fit`)."""

    data: Summary
    population: PopulationFit
    seasons: Seasons | None = None
    config: ModelConfig = field(default_factory=ModelConfig)
    notes: tuple[str, ...] = ()
    first: FittedModel | None = None
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    seed: int = 1

    def __repr__(self) -> str:
        """One line: model, customers, day, method and draws."""
        return f"Fit({self._title})"

    def _repr_html_(self) -> str:
        """Return the line with the table of parameters, for a notebook."""
        shown = self.summary().to_html(float_format="{:.4g}".format, na_rep="")
        return f"<p><b>Fit</b> {self._title}</p>{shown}"

    @property
    def _title(self) -> str:
        return (
            f"{self.model}, {self.data.cells.n_customers:,} customers up to "
            f"{self.data.as_of}, {self.population.method}, {self.draws.n_draws:,} draws"
        )

    @property
    def draws(self) -> PopulationDraws:
        """Equal-weight posterior draws of the population's parameters, time in days."""
        return self.population.draws

    @property
    def model(self) -> str:
        """The model's name."""
        return self.draws.model

    @property
    def warnings(self) -> list[str]:
        """What the data cannot support, and where the model does not fit, in words."""
        seasons = self.seasons.warnings if self.seasons else ()
        return [*self.notes, *seasons, *self.population.warnings, *self.say_misfit()]

    @cached_property
    def misfit(self) -> list[Misfit]:
        """Posterior predictive checks, most telling first (docs/models.md, "Where it misfits")."""
        return check_fit(self.data, self.sample, self.draws, self.seed)

    @cached_property
    def sample(self) -> Sample:
        """Some customers with the day of every purchase."""
        return Sample.of(self.data, self.seed)

    def next_levels(
        self, within: int = RiskConfig.due_window_days, *, due: bool = False
    ) -> NextLevels:
        """Return where in the model's law the quantiles of the next purchase lie.

        Parameters
        ----------
        within : int
            Days: of purchases that come within so many days.
        due : bool
            Counted from the last purchase (`due_date`) instead of from today (`next_purchase_q50`).

        Returns
        -------
        NextLevels
            ``.levels`` (0-1) of the median and of the ends of the 80% interval; ``.returns``, the
            purchases that they were learnt from.

        Examples
        --------
        >>> len(fit.next_levels(within=90).levels)
        3
        """
        return learn_levels(self.data, self.sample, self.draws, within, due=due)

    def say_misfit(self, lang: str = "en") -> list[str]:
        """Return a sentence for each check that failed, with the setting that cures it.

        Parameters
        ----------
        lang : str
            `en` or `ko`.

        Returns
        -------
        list of str
            Empty where every check holds.

        Examples
        --------
        >>> all("replicate" in said or "model" in said for said in fit.say_misfit())
        True
        """
        first = self.data.customers["first_purchase_at"].min().date()
        calendar = None if self.seasons is None else str(self.config.candidate.partition("@")[2])
        known = Fitted(
            self.model, self.draws.k, calendar, first, self.data.as_of, self.data.beginning
        )
        return sentences(self.misfit, known, lang)

    @property
    def _first_draws(self) -> PopulationDraws | None:
        return None if self.first is None else self.first.draws

    @cached_property
    def late(self) -> Threshold:
        """The default state, late by the own rhythm, its level learnt from completed gaps."""
        return self.overdue(OverdueRule())

    def overdue(self, rule: OverdueRule) -> Threshold:
        """Return the state by a rule, its level learnt from the customers' completed gaps.

        Parameters
        ----------
        rule : OverdueRule
            From `churnlab.rules`: `quantile`, the share of those who come back (0-1), and
            `window_cycles`, in own rhythms.

        Returns
        -------
        Threshold
            ``.value`` (0-1), the level that the gaps ask for; ``.state(risk)`` for `customers`.

        Examples
        --------
        >>> from churnlab.rules import OverdueRule
        >>> bool(0 < fit.overdue(OverdueRule(quantile=0.9)).value < 1)
        True
        """
        return rule.learnt(self.draws, self.data, seed=self.seed)

    def summary(self) -> pd.DataFrame:
        """Return the population's parameters, as `arviz.summary` would, with the model's own.

        Returns
        -------
        DataFrame
            One row per parameter, natural quantities first (rates per day, times in days):
            ``mean``, ``sd``, 90% interval ``q05``, ``q95``, ``ess_bulk``, ``ess_tail``, and what
            judges the draws: ``k_hat`` of Pareto-smoothed importance sampling under laplace (good
            below 0.7), ``r_hat`` between chains under nuts.

        References
        ----------
        Vehtari, Simpson, Gelman, Yao and Gabry (2024), Journal of Machine Learning Research 25(72).

        Examples
        --------
        >>> fit.summary().loc["dropout_mean", ["mean", "q05", "q95"]].between(0, 1).all()
        np.True_
        """
        return self.population.table.dropna(axis="columns", how="all")

    def customers(
        self,
        *,
        horizon_days: int | None = None,
        risk: str | Mapping[str, Any] | RiskConfig | None = None,
        threshold: float | None = None,
        first_threshold: float | None = None,
        state: StateCut | None = None,
        spend: SpendFit | None = None,
        value: ValueConfig | None = None,
        progress: Update | None = None,
    ) -> pd.DataFrame:
        """Return the per-customer table (columns: docs/files.md).

        Parameters
        ----------
        horizon_days : int, optional
            Look this many days ahead: risk is that of no purchase within them (`fixed_days`)
            unless `risk` states another basis, of which it overrides the horizon.
        risk : str, mapping or RiskConfig, optional
            Basis and horizons of the risk; default: 1 - P(alive).
        threshold, first_threshold : float, optional
            Risk from which a customer counts as at risk; a separate one for first purchasers.
            Without a threshold, `state` decides.
        state : StateCut, optional
            From where on a customer is at risk; default: `late`, by the own rhythm (docs/risk.md).
        spend : SpendFit, optional
            From `fit_spend`; adds the amount per purchase and the residual value.
        value : ValueConfig, optional
            Horizon, discount and margin of the residual value. With `per_purchase` it needs no
            `spend`.

        Returns
        -------
        DataFrame
            A row a customer, sorted by id: P(alive) and risk (0-1) with their 90% intervals, the
            cycle in days, expected purchases within the horizon, and dates.

        Raises
        ------
        UsageError
            Settings that do not exist, or a horizon that is no whole number of days from 1 on.

        Examples
        --------
        >>> customers = fit.customers(horizon_days=90)
        >>> bool(customers["purchase_risk"].between(0, 1).all())
        True
        """
        basis = "p_alive" if horizon_days is None else "fixed_days"
        settings: RiskConfig = part("risk", RiskConfig, risk or basis)
        if horizon_days is not None:
            settings = replace(settings, horizon_days=horizon_days)
        if threshold is not None and state is None:
            first = threshold if first_threshold is None else first_threshold
            state = StateCut(settings, threshold, first)
        return self.customer_table(
            settings, state=state, spend=spend, value=value, progress=progress
        ).frame()

    def customer_table(
        self,
        risk: RiskConfig | None = None,
        *,
        state: StateCut | None = None,
        spend: SpendFit | None = None,
        value: ValueConfig | None = None,
        progress: Update | None = None,
    ) -> individual.CustomerTable:
        """Return what `customers` makes its rows of, for millions of them.

        Parameters
        ----------
        risk : RiskConfig, optional
            Basis and horizons of the risk; default: 1 - P(alive).
        state, spend, value, progress
            As of `customers`.

        Returns
        -------
        CustomerTable
            ``.frame(columns, rows)`` makes some of the rows and columns.

        Examples
        --------
        >>> table = fit.customer_table()
        >>> list(table.frame(["customer_id", "p_alive"], slice(0, 2)).columns)
        ['customer_id', 'p_alive']
        """
        settings = risk or RiskConfig()
        if settings.due_levels is None:
            due = self.next_levels(settings.due_window_days, due=True)
            settings = replace(settings, due_levels=due.levels)
        table = individual.customer_columns(
            self.data,
            self.draws,
            settings,
            state=state or self.late.state(settings),
            first_draws=self._first_draws,
            next_levels=self.next_levels(settings.due_window_days).levels,
            progress=progress,
        )
        return self.with_value(table, spend, value)

    def with_value(
        self,
        table: individual.CustomerTable,
        spend: SpendFit | None = None,
        value: ValueConfig | None = None,
    ) -> individual.CustomerTable:
        """Return a table with amount per purchase and residual value, where there are any.

        Parameters
        ----------
        table : CustomerTable
            Of this fit, from `customer_table`; what it knows of P(alive) is not computed again.
        spend, value
            As of `customers`.

        Returns
        -------
        CustomerTable
            The same rows; as it was without `spend` and `value.per_purchase`.

        Examples
        --------
        >>> worth = fit.with_value(fit.customer_table(), value=cl.ValueConfig(per_purchase=20.0))
        >>> bool((worth.frame(["residual_value"]) >= 0).all(axis=None))
        True
        """
        if spend is None and (value is None or value.per_purchase is None):
            return table
        return table.joined(self._value(spend, value, table.alive, seed=1))

    def residual_value(
        self, spend: SpendFit | None = None, value: ValueConfig | None = None, *, seed: int = 1
    ) -> pd.DataFrame:
        """Return amount per purchase and residual value per customer (docs/spend.md).

        Parameters
        ----------
        spend : SpendFit, optional
            From `fit_spend`, of the same day.
        value : ValueConfig, optional
            Horizon, discount, margin; `per_purchase` takes the place of `spend`.
        seed : int
            Of the simulated futures behind the intervals.

        Returns
        -------
        DataFrame
            ``customer_id``, amount per purchase and residual value with their 90% intervals, in the
            currency of the amounts.

        Raises
        ------
        UsageError
            Neither `spend` nor `value.per_purchase`; amounts of another day.

        Examples
        --------
        >>> spend = cl.fit_spend(cl.summarise_spend(log))
        >>> worth = fit.residual_value(spend, cl.ValueConfig(horizon_days=180))
        >>> bool((worth["residual_value"] >= 0).all())
        True
        """
        return self._value(spend, value, None, seed=seed)

    def _value(
        self, spend: SpendFit | None, value: ValueConfig | None, alive: Array | None, *, seed: int
    ) -> pd.DataFrame:
        return individual.value_table(
            self.data,
            self.draws,
            value or ValueConfig(),
            amounts=None if spend is None else spend.data,
            spend=None if spend is None else spend.draws,
            first_draws=self._first_draws,
            alive=alive,
            seed=seed,
        )

    def on(self, summary: Summary, *, seed: int = 1) -> Self:
        """Return the same posterior applied to other customers, or the same at a later day.

        Groups that the fit has not seen are drawn from the population (partial pooling).

        Parameters
        ----------
        summary : Summary
            From `summarise`; grouped and with covariates as the fit's, or made from a log; a log
            is summarised first.
        seed : int
            Of the draws of what the fit has not seen.

        Returns
        -------
        Fit
            With the same draws of the population; nothing is sampled again.

        Raises
        ------
        UsageError
            A group that the fit does not know, where groups are not pooled partially.
        DataError
            A covariate that is missing, or a category that the fit has not seen.

        Examples
        --------
        >>> earlier = fit.on(cl.summarise(log, as_of="2024-12-31"))
        >>> earlier
        Fit(mbg_nbd, 110 customers up to 2024-12-31, laplace, 1,000 draws)
        """
        own, summary = self.data, as_summary(summary)
        first = None if self.first is None else self.first.on(summary, seed=seed)
        summary = summary.grouped(own.group_columns, own.covariates)
        if self.seasons is not None:
            summary = summary.on_clock(self.seasons.clock)
        if own.design is None:
            self.draws.codes_of(summary.cells.groups)  # unknown groups are said here
            return replace(self, data=summary, first=first)
        summary = summary.coded_as(own.design.codings)
        assert summary.design is not None
        target: Any = self.population.target
        u = self.population.u
        rows = np.linspace(0, len(u) - 1, self.draws.n_draws).round().astype(int)
        theta = target.days_of(u[rows], summary.design, np.random.default_rng(seed))
        draws = replace(self.draws, theta=theta, groups=summary.cells.groups)
        population = replace(self.population, draws=draws)
        return replace(self, data=summary, population=population, first=first)

    def p_alive(self, *, at: dt.date | str | None = None) -> pd.DataFrame:
        """Return P(alive) with interval per customer, now or on a later day without purchase.

        Parameters
        ----------
        at : date or ISO text, optional
            The day; default: the fit's last.

        Returns
        -------
        DataFrame
            ``customer_id``, ``p_alive`` (0-1), ``p_alive_q05``, ``p_alive_q95``.

        Raises
        ------
        UsageError
            A day before the fit's last: summarise the log as of that day instead.

        Examples
        --------
        >>> now, later = fit.p_alive(), fit.p_alive(at="2025-05-31")
        >>> bool((later["p_alive"] <= now["p_alive"]).all())
        True
        """
        return individual.p_alive_table(self.data, self.draws, at=at, first_draws=self._first_draws)

    def sample_latent(self, *, draws: int = 200, seed: int = 1) -> dict[str, Any]:
        """Return exact draws of each customer's rate, dropout and being alive, (draw, customer).

        Parameters
        ----------
        draws : int
            How many.
        seed : int
            Of the draws.

        Returns
        -------
        dict of array, shape (draw, customer)
            By name: rates per day, dropout, and ``alive`` (0 or 1); docs/inference.md.

        Examples
        --------
        >>> {values.shape for values in fit.sample_latent(draws=10).values()}
        {(10, 134)}
        """
        found = individual.sample_latent(self.data, self.draws, draws=draws, seed=seed)
        if self.first is not None:
            once = self.data.customers["x"].to_numpy() == 0
            for name, values in self.first.sample_latent(draws=draws, seed=seed).items():
                found[name][:, once] = values[:, once]
        return found
