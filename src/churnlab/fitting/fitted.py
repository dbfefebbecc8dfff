"""From a summary to a fit: the object that data scientists hold in a notebook.

`fit` ties the population's posterior (inference) to each customer's (posterior); both stay usable
without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churnlab import posterior as individual
from churnlab.draws import PopulationDraws
from churnlab.errors import UsageError, nearest
from churnlab.inference import (
    PopulationFit,
    Seasons,
    SpendFit,
    fit_population,
    fit_seasons,
    gate,
)
from churnlab.inference.seasons import check_calendar
from churnlab.posterior import RiskConfig, ValueConfig
from churnlab.summary import Calendar, Summary, check_groups
from churnlab.summary.calendar import SPREAD
from churnlab.vocabulary import GROUP_EFFECTS, INFERENCE_METHODS, MODELS

if TYPE_CHECKING:
    from xarray import DataTree

Progress = Callable[[str, float], None]


@dataclass(kw_only=True)
class ModelConfig:
    """Which model, how it pools, and its priors.

    Parameters
    ----------
    name : str
        One of `churnlab.vocabulary.MODELS`.
    k : int, optional
        Erlang shape of the gaps of `bg_cnbd_k` and `mbg_cnbd_k`; chosen by evidence when missing.
    group : str or list of str, optional
        Columns that pool partially.
    pooling : str
        With groups: `partial`, `complete` or `none`.
    group_effects : str
        What varies under partial pooling: `locations` of rate and dropout, or `all`: how much
        customers of a group differ, too.
    covariates : list of str
        Attributes of members that move rate and dropout: numbers, or categories; `C(name)` makes a
        category of numbers.
    shrinkage : bool
        Learn how large the covariates' effects are, for many covariates of which few matter.
    priors : mapping
        Priors as text in PyMC's notation, by name: ``{"rate_shape": "Gamma(alpha=2, beta=1)"}``.
    calendar : str, optional
        `month` or `week`: purchases come faster or slower by the bucket of the year.
    events : mapping
        Days with a rate of their own, both ends inclusive, every year or once:
        ``{christmas: [12-01, 12-24], sale: [2011-03-01, 2011-03-07]}``.
    calendar_spread : str
        Prior of the sd of the log multipliers, as text; a number fixes it.
    """

    name: str = "mbg_nbd"
    k: int | None = None
    group: Any = None
    pooling: str = "partial"
    group_effects: str = "locations"
    covariates: list[str] = field(default_factory=list)
    shrinkage: bool = False
    priors: dict[str, str] = field(default_factory=dict)
    calendar: str | None = None
    events: dict[str, Any] = field(default_factory=dict)
    calendar_spread: str = SPREAD

    def __post_init__(self) -> None:
        """Refuse unknown models and pooling, naming the known ones."""
        if self.name not in MODELS:
            raise UsageError(
                f"unknown model {self.name!r}.{nearest(self.name, MODELS)} "
                f"Expected one of: {', '.join(MODELS)}."
            )
        if self.k is not None and self.k < 1:
            raise UsageError(f"model.k must be a positive whole number; got {self.k}.")
        if self.pooling not in ("partial", "complete", "none"):
            raise UsageError(
                f"model.pooling must be partial, complete or none; got {self.pooling!r}."
            )
        if self.group_effects not in GROUP_EFFECTS:
            raise UsageError(
                f"model.group_effects must be {' or '.join(GROUP_EFFECTS)}; got "
                f"{self.group_effects!r}." + nearest(self.group_effects, GROUP_EFFECTS)
            )
        if self.shrinkage and not self.covariates:
            raise UsageError("model.shrinkage shrinks covariates' effects; name model.covariates.")
        if self.buckets is not None:
            check_calendar(self.name, self.calendar_spread)

    @property
    def buckets(self) -> Calendar | None:
        """The calendar, or None without effects of it."""
        return Calendar.of(self.calendar, self.events)

    def require_plain_days(self, what: str) -> None:
        """Refuse a calendar where what is to be done does not know clocks."""
        if self.buckets is not None:
            raise UsageError(
                f"{what} does not know clocks and would read clock days as days; drop "
                "model.calendar and model.events here. `churnlab fit` and `churnlab backtest` take "
                "them: customers.parquet of a fit has risk and dates in days of the calendar."
            )

    @property
    def candidate(self) -> str:
        """The name of the same model in a backtest: ``mbg_nbd``, ``mbg_nbd@month``."""
        return self.name if self.buckets is None else f"{self.name}@{self.calendar or 'events'}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The grouping columns as a tuple."""
        if self.group is None:
            return ()
        return (self.group,) if isinstance(self.group, str) else tuple(self.group)


@dataclass(kw_only=True)
class InferenceConfig:
    """How the posterior of the population is reached.

    Parameters
    ----------
    method : str
        `laplace` (mode, curvature, importance sampling) or `nuts`.
    draws : int
        Posterior draws (per chain under `nuts`).
    chains : int
        Chains of `nuts`.
    """

    method: str = "laplace"
    draws: int = 1000
    chains: int = 4

    def __post_init__(self) -> None:
        """Refuse unknown methods and too few draws or chains."""
        if self.method not in INFERENCE_METHODS:
            raise UsageError(
                f"unknown inference {self.method!r}; "
                f"expected one of {', '.join(INFERENCE_METHODS)}."
            )
        if self.draws < 100:
            raise UsageError(f"inference.draws must be at least 100; got {self.draws}.")
        if self.chains < 2:
            raise UsageError(f"inference.chains must be at least 2; got {self.chains}.")


@dataclass(frozen=True)
class Fit:
    """A fitted model: the population's posterior, and through it each customer's.

    Attributes
    ----------
    summary : Summary
        What the model was fitted to.
    population : PopulationFit
        Draws of the population's parameters with their diagnostics.
    seasons : Seasons, optional
        The clock that the cells' times are measured on, with what is known of it.
    config : ModelConfig
        What was asked for.
    notes : tuple of str
        What must be said of groups and covariates.
    """

    summary: Summary
    population: PopulationFit
    seasons: Seasons | None = None
    config: ModelConfig = field(default_factory=ModelConfig)
    notes: tuple[str, ...] = ()

    @property
    def draws(self) -> PopulationDraws:
        """Equal-weight posterior draws of the population's parameters, time in days."""
        return self.population.draws

    @property
    def model(self) -> str:
        """The model's name."""
        return self.draws.model

    @property
    def posterior(self) -> DataTree:
        """Everything about the population's posterior as an ArviZ DataTree."""
        return self.population.to_datatree()

    @property
    def warnings(self) -> list[str]:
        """What the data cannot support, in words."""
        seasons = self.seasons.warnings if self.seasons else ()
        return [*self.notes, *seasons, *self.population.warnings]

    def diagnostics(self) -> pd.DataFrame:
        """Return one row per parameter: mean, sd, interval, convergence and sample size."""
        return self.population.table

    def customers(
        self,
        *,
        horizon_days: int | None = None,
        risk: RiskConfig | None = None,
        threshold: float | None = 0.5,
        first_threshold: float | None = None,
        spend: SpendFit | None = None,
        value: ValueConfig | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Return the per-customer table (columns: docs/files.md).

        Parameters
        ----------
        horizon_days : int, optional
            Look this many days ahead; overrides `risk.horizon_days`.
        risk : RiskConfig, optional
            Basis and horizons of the risk.
        threshold, first_threshold : float, optional
            Risk from which a customer counts as at risk; a separate one for first purchasers.
        spend : SpendFit, optional
            From `fit_spend`; adds the amount per purchase and the residual value.
        value : ValueConfig, optional
            Horizon, discount and margin of the residual value. With `per_purchase` it needs no
            `spend`.
        """
        settings = risk or RiskConfig()
        if horizon_days is not None:
            settings = RiskConfig(**{**settings.__dict__, "horizon_days": horizon_days})
        table = individual.customers_table(
            self.summary,
            self.draws,
            settings,
            threshold=threshold,
            first_threshold=first_threshold,
            first_draws=self._first_purchase_draws(),
            progress=progress,
        )
        if spend is None and (value is None or value.per_purchase is None):
            return table
        worth = self.residual_value(spend, value).drop(columns="customer_id")
        own = len(table.columns) - len(self.summary.group_columns)  # groups come last
        parts = [table.iloc[:, :own], worth, table.iloc[:, own:]]
        joined = pd.concat(parts, axis="columns")
        joined.attrs = {**table.attrs, **worth.attrs}
        return joined

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

        Raises
        ------
        UsageError
            Neither `spend` nor `value.per_purchase`; amounts of another day.
        """
        return individual.value_table(
            self.summary,
            self.draws,
            value or ValueConfig(),
            amounts=None if spend is None else spend.summary,
            spend=None if spend is None else spend.draws,
            seed=seed,
        )

    def _first_purchase_draws(self) -> PopulationDraws | None:
        """Return MBG draws where this model cannot judge a customer with a single purchase.

        BG/NBD sets P(alive) = 1 until the first repeat purchase; its MBG kin does not.
        """
        kin = {"bg_nbd": "mbg_nbd", "bg_cnbd_k": "mbg_cnbd_k"}.get(self.model)
        if kin is None or not (self.summary.cells.x == 0).any():
            return None
        k = self.draws.k if kin.endswith("_k") else None
        return fit_population(
            self.summary.cells,
            model=kin,
            k=k,
            pooling=self.config.pooling,
            group_effects=self.config.group_effects,
            design=self.summary.design,
            shrinkage=self.config.shrinkage,
            seed=1,
        ).draws

    def on(self, summary: Summary, *, seed: int = 1) -> Fit:
        """Return the same posterior applied to other customers, or the same at a later day.

        Groups that the fit has not seen are drawn from the population (partial pooling).

        Parameters
        ----------
        summary : Summary
            From `summarise`; grouped and with covariates as the fit's, or made from a log.

        Raises
        ------
        UsageError
            A group that the fit does not know, where groups are not pooled partially.
        DataError
            A covariate that is missing, or a category that the fit has not seen.
        """
        own = self.summary
        if self.seasons is not None:
            raise UsageError("A fit on a clock cannot be applied to other data; fit them.")
        summary = summary.grouped(own.group_columns, own.covariates)
        if own.design is None:
            self.draws.codes_of(summary.cells.groups)  # unknown groups are said here
            return replace(self, summary=summary)
        summary = summary.coded_as(own.design.codings)
        assert summary.design is not None
        target: Any = self.population.target
        u = self.population.u
        rows = np.linspace(0, len(u) - 1, self.draws.n_draws).round().astype(int)
        theta = target.days_of(u[rows], summary.design, np.random.default_rng(seed))
        draws = replace(self.draws, theta=theta, groups=summary.cells.groups)
        return replace(self, summary=summary, population=replace(self.population, draws=draws))

    def p_alive(self, *, at: dt.date | str | None = None) -> pd.DataFrame:
        """Return P(alive) with interval per customer, now or on a later day without purchase."""
        return individual.p_alive_table(self.summary, self.draws, at=at)

    def sample_latent(self, *, draws: int = 200, seed: int = 1) -> dict[str, Any]:
        """Return exact draws of each customer's rate, dropout and being alive, (draw, customer)."""
        return individual.sample_latent(self.summary, self.draws, draws=draws, seed=seed)


def fit(
    summary: Summary,
    *,
    model: str | ModelConfig = "mbg_nbd",
    group: str | Sequence[str] | None = None,
    covariates: str | Sequence[str] | None = None,
    inference: str | InferenceConfig = "laplace",
    priors: Mapping[str, str] | None = None,
    draws: int | None = None,
    seed: int = 1,
    check: bool = True,
    progress: Progress | None = None,
) -> Fit:
    """Fit a model to a summary.

    Parameters
    ----------
    summary : Summary
        x, t_x, T per customer, from `summarise`.
    model : str or ModelConfig
        A model's name, or its whole configuration.
    group : str or list of str, optional
        Columns that pool partially; overrides the configuration's.
    covariates : str or list of str, optional
        Attributes that move rate and dropout; overrides the configuration's.
    inference : str or InferenceConfig
        `laplace` or `nuts`.
    priors : mapping, optional
        Priors as text, by name.
    draws : int, optional
        Posterior draws.
    seed : int
        Everything random follows from it.
    check : bool
        Refuse a fit that its diagnostics do not support.

    Raises
    ------
    DataError
        Too few customers or no repeat purchase.
    FitRefusedError
        The diagnostics do not support the fit.
    """
    chosen = model if isinstance(model, ModelConfig) else ModelConfig(name=model)
    if group is not None:
        chosen = replace(chosen, group=group if isinstance(group, str) else list(group))
    if covariates is not None:
        names = [covariates] if isinstance(covariates, str) else list(covariates)
        chosen = replace(chosen, covariates=names)
    if chosen.groups or chosen.covariates:
        summary = summary.grouped(chosen.groups, chosen.covariates)
    notes = check_groups(summary)
    how = inference if isinstance(inference, InferenceConfig) else InferenceConfig(method=inference)
    texts = {**chosen.priors, **(priors or {})}
    seasons = None
    if (buckets := chosen.buckets) is not None:
        spread = chosen.calendar_spread
        seasons = fit_seasons(
            summary.dated(), buckets, model=chosen.name, priors=texts, spread=spread
        )
        summary = summary.on_clock(seasons.clock)
    result = fit_population(
        summary.cells,
        model=chosen.name,
        k=chosen.k,
        pooling=chosen.pooling,
        group_effects=chosen.group_effects,
        design=summary.design,
        shrinkage=chosen.shrinkage,
        method=how.method,
        seen_until=summary.as_of,
        draws=draws or how.draws,
        chains=how.chains,
        seed=seed,
        priors=texts,
        progress=progress,
    )
    if check:
        gate(result)
    return Fit(summary, result, seasons, chosen, tuple(notes))
