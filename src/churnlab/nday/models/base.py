"""What every conversion model offers, and the priors that they share.

A cohort d (signup day x group) has a level u_d = x_d' beta + tau z_d, z_d ~ N(0, 1), on a link
scale. The level is integrated out cohort by cohort, so that a posterior has a few dozen dimensions
however many cohorts there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class CohortData(NamedTuple):
    """Compressed data of the cohorts, see `churnlab.nday.data`."""

    signups: Ints
    """(cohort,)"""
    conversions: Ints
    """(cohort, age); 0 where not observed."""
    horizon: Ints
    """(cohort,) last observed age."""
    design: Array
    """(cohort, column)"""
    names: tuple[str, ...]
    """Names of the design's columns."""
    group: Ints
    """(cohort,) codes into `groups`."""
    groups: tuple[str, ...]
    expiry_ages: tuple[int, ...] = ()

    @property
    def observed(self) -> NDArray[np.bool_]:
        """(cohort, age) whether the day is over for the cohort."""
        return np.arange(self.conversions.shape[1])[None, :] <= self.horizon[:, None]

    @property
    def at_risk(self) -> Ints:
        """(cohort, age) unconverted at the start of the day; 0 where not observed."""
        before = np.cumsum(self.conversions, axis=1) - self.conversions
        return np.where(self.observed, self.signups[:, None] - before, 0)


class Prior(NamedTuple):
    """Independent normals on the unconstrained parameters; groups have a learnt spread."""

    mean: Array
    sd: Array


class ConversionLikelihood(ABC):
    """A model of the age at the first purchase, bound to the layout of some data.

    The parameter vector is (beta of the design, log tau, log spread of the groups, own part).

    Parameters
    ----------
    data : CohortData
        Fixes the columns, the groups and the ages; other data with the same layout may be scored.
    """

    name: ClassVar[str]
    #: Prior mean and sd of the intercept.
    intercept: ClassVar[tuple[float, float]]

    def __init__(self, data: CohortData) -> None:
        self.data = data
        self.n_beta = data.design.shape[1]
        self.group_columns = np.array(
            [i for i, name in enumerate(data.names) if name.startswith("group_")], dtype=np.int64
        )

    # -- layout -----------------------------------------------------------------------------

    @cached_property
    def own_slice(self) -> slice:
        """Where the model's own parameters lie."""
        return slice(self.n_beta + 2, self.n_beta + 2 + len(self.own_names))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters, in order."""
        return (*self.data.names, "log_tau", "log_group_sd", *self.own_names)

    @property
    @abstractmethod
    def own_names(self) -> tuple[str, ...]:
        """Names of the parameters beyond the cohort levels."""

    @abstractmethod
    def own_prior(self) -> Prior:
        """Prior of the model's own parameters."""

    @abstractmethod
    def cohort_log_likelihood(self, theta: Array, data: CohortData) -> Array:
        """Log-likelihood per cohort (cohort,), levels integrated out."""

    @abstractmethod
    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood of the bound data and its gradient in `theta`."""

    @abstractmethod
    def curve(self, theta: Array, levels: Array, group: Ints) -> Array:
        """Converted through the end of each age, (row, age), for levels (row,) and groups."""

    @abstractmethod
    def level_posterior(self, theta: Array, data: CohortData, rng: np.random.Generator) -> Array:
        """One draw of each cohort's level u_d given `theta` and its counts, (cohort,)."""

    # -- shared -----------------------------------------------------------------------------

    def tau(self, theta: Array) -> float:
        """Spread of the cohort levels."""
        return float(np.exp(theta[self.n_beta]))

    def mean_level(self, theta: Array, design: Array) -> Array:
        """x_d' beta of each row."""
        return design @ theta[: self.n_beta]

    def log_prior(self, theta: Array) -> tuple[float, Array]:
        """Log prior density and its gradient.

        Weekdays N(0, .2), campaigns N(0, .5), log tau N(log .2, 1), groups N(0, sd) with
        log sd N(log .4, .5): a spread learnt from the groups is what pools them partially.
        """
        prior = self._prior()
        scaled = (theta - prior.mean) / prior.sd
        value = -0.5 * float(scaled @ scaled)
        gradient = -scaled / prior.sd
        if len(self.group_columns):
            log_sd = theta[self.n_beta + 1]
            effects = theta[self.group_columns]
            precision = np.exp(-2 * log_sd)
            square = float(effects @ effects) * precision
            value += -0.5 * square - len(effects) * log_sd
            gradient[self.group_columns] -= effects * precision
            gradient[self.n_beta + 1] += square - len(effects)
        return value, gradient

    @property
    def pinned(self) -> tuple[int, tuple[float, ...]] | None:
        """Index and values of a parameter with a discrete prior on a grid; None without one."""
        return None

    def start(self) -> Array:
        """Where the search for the mode begins: the prior means, the intercept from the data."""
        return self._prior().mean.copy()

    def prior_sd(self) -> Array:
        """Prior scale of each parameter."""
        return self._prior().sd

    def _prior(self) -> Prior:
        scales = {"mean": self.intercept[1], "weekday": 0.2, "campaign": 0.5, "group": 1e6}
        kinds = [name.partition("_")[0] for name in self.data.names]
        own = self.own_prior()
        mean = np.zeros(self.n_beta)
        mean[0] = self.intercept[0]
        return Prior(
            mean=np.concatenate([mean, [np.log(0.2), np.log(0.4)], own.mean]),
            sd=np.concatenate([[scales[k] for k in kinds], [1.0, 0.5], own.sd]),
        )
