"""What every buy-till-you-die model offers: formulas, a story, compiled loops, SQL.

Notation and shapes: `churnlab.models.formulas`.
"""

import os
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError
from churnlab.kernels.plan import Cells, sort_cells
from churnlab.models.parametrisation import Dropout, Parametrisation
from churnlab.models.silence import Process
from churnlab.models.sql import Fragment
from churnlab.models.story import Story
from churnlab.priors import Prior, stated_priors
from churnlab.types import Array

#: Values (draw, cell) of one temporary array: a quarter of a megabyte.
_BLOCK: Final = 1 << 15


class TimeSlopes(NamedTuple):
    """d ln L / d t_x and d ln L / d T, in the shape of the data: on a stretched clock."""

    t_x: Array
    T: Array


class Kernels(NamedTuple):
    """The compiled loops of a model (numba); `theta` is (parameter, group)."""

    arguments: Callable[[Cells], tuple[NDArray[Any], ...]]
    """What the loops want after theta, of cells sorted by (group, x, t_x, T)."""
    gradient: Callable[..., tuple[Array, Array]]
    """(theta, *arguments, *constants) -> log-likelihood by group, its derivatives like theta."""
    values: Callable[..., Array]
    """(thetas (draw, parameter, group), *arguments, *constants) -> log-likelihood (draw, group)."""
    constants: tuple[int, ...] = ()


class Likelihood(Story):
    """A model of purchases and dropout for one customer, given the population's parameters.

    A family implements the abstract methods; what follows from them is here, and fast ways
    (`kernels`, `process`) may replace what is here.
    """

    parameters: ClassVar[tuple[str, ...]]
    #: Power of time in each parameter's unit: 1 for a time, -1 for a rate, 0 for a number.
    time_powers: ClassVar[tuple[int, ...]]
    #: How the parameters of dropout come from natural quantities with priors.
    dropout: ClassVar[Dropout]
    #: Kin that may judge customers with a single purchase, if this model cannot: it holds them
    #: alive for ever.
    kin_for_first_purchasers: ClassVar[str | None] = None
    #: Whether the dropout rate of a lifetime may change with its age.
    lifetimes_age: ClassVar[bool] = False
    #: Time of a pass over the cells, relative to the quickest model.
    cost: ClassVar[float] = 1.0
    #: The class of the `lifetimes` package that fits the same model, if there is one.
    lifetimes_fitter: ClassVar[str | None] = None
    #: Whether `score_sql` is written.
    in_sql: ClassVar[bool] = False

    @property
    def judges_first_purchasers(self) -> bool:
        """Whether long silence after a single purchase lowers P(alive)."""
        return self.kin_for_first_purchasers is None

    @cached_property
    def map(self) -> Parametrisation:
        """From unconstrained numbers to the parameters."""
        return Parametrisation(self.dropout, self.k)

    def priors(self, texts: dict[str, str] | None = None) -> tuple[Prior, ...]:
        """Priors of the natural quantities: the defaults, replaced by `texts` where given.

        Raises
        ------
        UsageError
            A name that the model does not have, or a distribution whose support does not fit.
        """
        return stated_priors(self.name, self.map.quantities, texts)

    def in_unit(self, theta: Array, unit: float) -> Array:
        """Parameters, on the first axis, when a time that was 1 is called `unit`."""
        rows = zip(theta, self.time_powers, strict=True)
        return np.stack([row * unit**power if power else row for row, power in rows])

    @property
    @abstractmethod
    def kernels(self) -> Kernels:
        """The compiled loops; numba is loaded when they are asked for.

        Log-likelihoods are without the Erlang data constant, (k-1) sum(ln gap) - x ln Gamma(k).
        """

    def kernel(
        self, theta: Array, group: Any, x: Any, t_x: Any, T: Any, weight: Any
    ) -> tuple[float, Array]:
        """Weighted log-likelihood without the Erlang data constant, and its derivatives.

        Like `theta`, the derivatives are (parameter, group). See `churnlab.kernels` for many
        evaluations over the same cells.
        """
        loops = self.kernels
        arguments = loops.arguments(sort_cells(group, x, t_x, T, weight))
        totals, gradient = loops.gradient(theta, *arguments, *loops.constants)
        return float(totals.sum()), gradient

    def cell_log_likelihoods(
        self,
        theta: Array,
        group: ArrayLike,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        sum_log_gap: ArrayLike = 0.0,
    ) -> Array:
        """Log-likelihood of one customer of each cell, (draw, cell), under theta.

        Parameters
        ----------
        theta
            (draw, parameter, group).
        group, x, t_x, T, sum_log_gap
            Of each cell; `group` is a code into theta's last axis, unless that has one group only.

        Notes
        -----
        Some cells at a time, in threads: each cell's value is a function of its own, and temporary
        arrays stay in the cache.
        """
        cells = np.broadcast_arrays(x, t_x, T, sum_log_gap)
        rows, codes = np.moveaxis(theta, 1, 0), np.asarray(group)
        out = np.empty((len(theta), cells[0].size))

        def some(part: slice) -> None:
            own = rows if rows.shape[2] == 1 else rows[:, :, codes[part]]
            out[:, part] = self.log_likelihood(own, *(np.asarray(c[part], float) for c in cells))

        step = max(1, _BLOCK // max(len(theta), 1))
        parts = [slice(i, i + step) for i in range(0, cells[0].size, step)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(some, parts))
        return out

    @abstractmethod
    def process(self, theta: Array, x: ArrayLike, oldest: float) -> Callable[[float], Process]:
        """Return a function of one of the x that makes its `Process` under many draws.

        Parameters
        ----------
        theta
            (parameter, draw), in days.
        x
            Repeat purchases that will be asked for; tables are made for all of them at once.
        oldest
            Largest age, in days, that will be asked for.
        """

    def time_slopes(self, theta: Array, x: Array, t_x: Array, T: Array) -> TimeSlopes:
        """Return the derivatives of ln L by t_x (T held) and by T (t_x held).

        Raises
        ------
        UsageError
            Erlang gaps: their likelihood holds every gap, not t_x alone. Other models that have
            none say so.

        Notes
        -----
        L falls with T as purchases fail to come: d ln L/dT = -A (r+x)/(alpha+T), the expected
        present rate. By t_x only the part of the dead changes (docs/models.md).
        """
        if self.k > 1:
            raise UsageError("Erlang gaps have no derivative by t_x alone; use k = 1.")
        alive = self.p_alive(theta, x, t_x, T)
        by_T = -alive * (theta[0] + x) / (theta[1] + T)
        return TimeSlopes(self._slope_by_last(theta, x, t_x, T, alive), np.asarray(by_T))

    @abstractmethod
    def _slope_by_last(self, theta: Array, x: Array, t_x: Array, T: Array, alive: Array) -> Array:
        """Return d ln L / d t_x at k = 1."""

    def no_sql(self, theta: Array, *, windowed: bool) -> str | None:
        """Return why no SQL scores these draws (draw, group, parameter), None if it does.

        `windowed`: the risk is P(no purchase in H), not 1 - P(alive).
        """
        del theta, windowed
        if self.in_sql:
            return None
        return "its formula is not written in SQL; use at_risk_date or `churnlab score`."

    def terms_sql(self, theta: Array) -> list[str]:
        """Return CTEs of what depends on draws and purchases alone; they read `draws`, `cells`."""
        del theta
        return []

    def score_sql(self, theta: Array, *, windowed: bool) -> Fragment:
        """Return P(alive) and the risk of the CTE `windowed`, where `no_sql` has no objection."""
        raise UsageError(f"{self.name} has no SQL: {self.no_sql(theta, windowed=windowed)}")

    def returned_sql(self, theta: Array, cells: str) -> Fragment:
        """Return P(next purchase by now), P(next purchase within the horizon), from the last on.

        Parameters
        ----------
        theta
            Draws that it will be run with, (draw, group, parameter).
        cells
            CTE to read; its horizon counts from the last purchase.
        """
        del cells
        raise UsageError(f"{self.name} has no SQL: {self.no_sql(theta, windowed=False)}")
