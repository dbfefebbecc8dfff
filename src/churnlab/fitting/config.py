"""What can be asked of a fit: the model, how it pools, and how its posterior is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from churnlab.errors import UsageError, one_of
from churnlab.inference.ways.seasons import check_calendar
from churnlab.models import MODELS, named
from churnlab.models.formulas import LARGEST_K
from churnlab.summary import Calendar
from churnlab.summary.calendar import AUTO, SPREAD
from churnlab.vocabulary import GROUP_EFFECTS, INFERENCE_METHODS


@dataclass(kw_only=True)
class ModelConfig:
    """Which model, how it pools, and its priors.

    Parameters
    ----------
    name : str
        One of `churnlab.models.MODELS`.
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
        `month` or `week`: purchases come faster or slower by the bucket of the year. `auto`:
        months, where two years of history show that forecasts gain by them; not with Erlang gaps.
    events : mapping
        Days with a rate of their own, both ends inclusive, every year or once:
        ``{christmas: [12-01, 12-24], sale: [2011-03-01, 2011-03-07]}``.
    calendar_spread : str
        Prior of the sd of the log multipliers, as text; a number fixes it.

    Raises
    ------
    UsageError
        A model, pooling or calendar that does not exist.

    Examples
    --------
    >>> import churnlab as cl
    >>> cl.ModelConfig(name="mbg_nbd", calendar="month").candidate
    'mbg_nbd@month'
    """

    name: str = "mbg_nbd"
    k: int | None = None
    group: Any = None
    pooling: str = "partial"
    group_effects: str = "locations"
    covariates: list[str] = field(default_factory=list)
    shrinkage: bool = False
    priors: dict[str, str] = field(default_factory=dict)
    calendar: str | None = AUTO
    events: dict[str, Any] = field(default_factory=dict)
    calendar_spread: str = SPREAD

    def __post_init__(self) -> None:
        """Refuse unknown models and pooling, naming the known ones."""
        one_of("the model", self.name, MODELS)
        if self.k is not None and not 1 <= self.k <= LARGEST_K:
            raise UsageError(
                f"model.k must be a whole number from 1 to {LARGEST_K}; got {self.k}. Leave it out "
                "and the evidence chooses."
            )
        one_of("model.pooling", self.pooling, ("partial", "complete", "none"))
        one_of("model.group_effects", self.group_effects, GROUP_EFFECTS)
        columns = [self.group] if self.group is None or isinstance(self.group, str) else self.group
        if not isinstance(columns, Sequence) or not all(isinstance(c, str | None) for c in columns):
            raise UsageError(
                f"model.group must be a column of the customers or a list of them; got "
                f"{self.group!r}. Write model.group=COLUMN or model.group=[ONE,OTHER]."
            )
        if self.shrinkage and not self.covariates:
            raise UsageError("model.shrinkage shrinks covariates' effects; name model.covariates.")
        if self.buckets is not None:
            check_calendar(self.name, self.calendar_spread)

    @property
    def buckets(self) -> Calendar | None:
        """The calendar that may be, or None without effects of it."""
        kind = self.calendar
        if kind == AUTO:  # months where a model has them
            kind = None if named(self.name).regular else "month"
        return Calendar.of(kind, self.events)

    @property
    def candidate(self) -> str:
        """The name of the same model in a backtest: ``mbg_nbd``, ``mbg_nbd@month``.

        With groups ``mbg_nbd+partial``, ``+partial_all``, ``+none`` or ``+complete``. No candidate
        has covariates, and none a calendar and groups: a calendar that is asked for goes before,
        groups before months that evidence may choose.
        """
        if self.buckets is not None and not (self.calendar == AUTO and self.groups):
            return f"{self.name}@{self.calendar or 'events'}"
        if not self.groups:
            return self.name
        whole = self.pooling == "partial" and self.group_effects == "all"
        return f"{self.name}+{self.pooling}{'_all' if whole else ''}"

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

    Raises
    ------
    UsageError
        An unknown method; fewer than 100 draws or 2 chains.

    Examples
    --------
    >>> import churnlab as cl
    >>> cl.InferenceConfig(method="nuts", draws=500).chains
    4
    """

    method: str = "laplace"
    draws: int = 1000
    chains: int = 4

    def __post_init__(self) -> None:
        """Refuse unknown methods and too few draws or chains."""
        one_of("the inference", self.method, INFERENCE_METHODS)
        if self.draws < 100:
            raise UsageError(f"inference.draws must be at least 100; got {self.draws}.")
        if self.chains < 2:
            raise UsageError(f"inference.chains must be at least 2; got {self.chains}.")
