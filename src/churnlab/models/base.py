"""What every buy-till-you-die model offers: one readable formula each, in NumPy.

Notation (all times in one unit, chosen by the caller): ``x`` repeat purchases, ``t_x`` time of the
last one, ``T`` age at the cutoff, both since the first purchase. ``theta`` has the parameters on
its *first* axis and broadcasts against the data on the others: for draws x customers pass
``theta.T[:, :, None]`` of shape (parameter, draw, 1); results have shape (draw, customer).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from math import factorial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError
from churnlab.kernels.plan import Cells, sort_cells
from churnlab.models.parametrisation import Dropout, Parametrisation
from churnlab.models.sql import Fragment
from churnlab.priors import Prior, stated_priors
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.models.silence import Process


#: A next purchase later than this many times (alpha + T) counts as never.
NEVER = 1e6
#: Largest Erlang shape: the edges are tested up to it (factorials overflow at 171).
LARGEST_K = 50
#: Halvings of ln h: from e^48 down to a relative error of 1e-14.
BISECTIONS = 53


class Latent(NamedTuple):
    """Exact draws of what is hidden in a customer, given the population's parameters."""

    rate: Array
    """Purchases per unit of time while alive."""
    dropout: Array
    """Dropout probability per purchase (BG family) or dropout rate per time at T (the others)."""
    alive: NDArray[np.bool_]
    """Whether the customer is alive at T."""
    ageing: Array | float = 0.0
    """Rate at which the dropout rate grows with age."""


class Customers(NamedTuple):
    """Simulated customers: what is seen, and what is hidden. All arrays (customer,)."""

    x: Array
    t_x: Array
    T: Array
    sum_log_gap: Array
    hidden: Latent
    next_purchase: Array
    """Time from T to the next purchase; inf if there is none."""


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


class Likelihood(ABC):
    """A model of purchases and dropout for one customer, given the population's parameters.

    A family implements the abstract methods; what follows from them is here, and fast ways
    (`kernels`, `process`) may replace what is here.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    #: Power of time in each parameter's unit: 1 for a time, -1 for a rate, 0 for a number.
    time_powers: ClassVar[tuple[int, ...]]
    #: How the parameters of dropout come from natural quantities with priors.
    dropout: ClassVar[Dropout]
    #: Whether gaps may be Erlang-k, and the k to take where nothing says otherwise.
    regular: ClassVar[bool] = False
    default_k: ClassVar[int] = 1
    #: Whether dropout is a toss after purchases (a probability) or a death at any time (a rate).
    drops_at_purchases: ClassVar[bool]
    #: Whether dropout is already tossed after the first purchase (MBG) or not (BG).
    toss_at_first: ClassVar[bool] = False
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
    #: Erlang shape of the gaps; 1 is exponential.
    k: int = 1

    def __init__(self, k: int | None = None) -> None:
        k = self.default_k if k is None else k
        if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= LARGEST_K:
            raise UsageError(f"k must be a whole number from 1 to {LARGEST_K}; got {k!r}.")
        if k > 1 and not self.regular:
            raise UsageError(
                f"Model {self.name!r} has exponential gaps (k = 1); got k = {k}. "
                f"For Erlang-k gaps choose bg_cnbd_k or mbg_cnbd_k."
            )
        self.k = k

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

    # -- compiled ------------------------------------------------------------------------------

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
        """
        x = np.asarray(x, float)
        out = np.empty((len(theta), x.size))
        step = max(1, 2_000_000 // max(x.size, 1))
        for start in range(0, len(theta), step):
            rows = np.moveaxis(theta[start : start + step], 1, 0)
            rows = rows if rows.shape[2] == 1 else rows[:, :, np.asarray(group)]
            out[start : start + step] = self.log_likelihood(rows, x, t_x, T, sum_log_gap)
        return out

    # -- what is known of a customer -------------------------------------------------------------

    @abstractmethod
    def log_likelihood(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, sum_log_gap: ArrayLike = 0.0
    ) -> Array:
        """Log-likelihood per customer; `sum_log_gap` (sum of log gaps) matters for k > 1 only."""

    @abstractmethod
    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T | data)."""

    @abstractmethod
    def p_no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon] | data) = L(x, t_x, T + horizon) / L(x, t_x, T)."""

    @abstractmethod
    def expected_purchases(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """E[purchases in (T, T + horizon] | data]."""

    @abstractmethod
    def pmf(
        self,
        theta: Array,
        n: ArrayLike,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        horizon: ArrayLike,
    ) -> Array:
        """P(exactly n purchases in (T, T + horizon] | data)."""

    def expected_new(self, theta: Array, t: ArrayLike) -> Array:
        """E[repeat purchases in (0, t]] of a new customer: the conditional one at x = T = 0."""
        return self.expected_purchases(theta, 0.0, 0.0, 0.0, t)

    def pmf_new(self, theta: Array, n: ArrayLike, t: ArrayLike) -> Array:
        """P(exactly n repeat purchases in (0, t]) of a new customer."""
        return self.pmf(theta, n, 0.0, 0.0, 0.0, t)

    def next_purchase_quantile(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, q: ArrayLike
    ) -> Array:
        """Return h with P(a purchase in (T, T + h] | data) = q, per element.

        Solved by bisection in ln h. Infinite where the customer is too likely never to buy again,
        that is where the probability is below q even for h = `NEVER` times (alpha + T).
        """
        silent = 1.0 - np.asarray(q, float)
        scale = theta[1] + np.asarray(T, float)
        shape = np.broadcast_shapes(np.shape(self.p_alive(theta, x, t_x, T)), np.shape(silent))
        low, high = np.full(shape, np.log(1e-15)), np.full(shape, np.log(NEVER))
        finite = self.p_no_purchase(theta, x, t_x, T, scale * NEVER) <= silent
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            late = self.p_no_purchase(theta, x, t_x, T, scale * np.exp(middle)) <= silent
            low, high = np.where(late, low, middle), np.where(late, middle, high)
        return np.where(finite, scale * np.exp(high), np.inf)

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

    @abstractmethod
    def sample_latent(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws of rate, dropout and being alive, one per broadcast element."""

    @abstractmethod
    def sample_alive(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws of rate and dropout of customers known to be alive at T."""

    # -- production --------------------------------------------------------------------------------

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

    # -- given what is hidden ----------------------------------------------------------------------

    @abstractmethod
    def p_no_purchase_given(self, latent: Latent, silence: ArrayLike, horizon: ArrayLike) -> Array:
        """P(no purchase in (T, T + horizon] | latent, silence T - t_x)."""

    def next_gap(self, latent: Latent, silence: ArrayLike, rng: np.random.Generator) -> Array:
        """Draw the time until the purchase that is next while the customer stays alive.

        Given the rate, the stages passed in the silence are Poisson, fewer than k; the others are
        still to come. With k = 1 the silence does not matter.
        """
        left: Array | float = 1.0
        if self.k > 1:
            mean = latent.rate * self.k * np.asarray(silence, float)
            stages = np.cumsum([mean**j / factorial(j) for j in range(self.k)], axis=0)
            left = self.k - (rng.random(mean.shape) * stages[-1] >= stages[:-1]).sum(axis=0)
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(rng.gamma(left, size=latent.rate.shape) / (latent.rate * self.k))

    def time_to_death(self, latent: Latent, rng: np.random.Generator) -> Array:
        """Draw the time from T to death of the living; infinite where dropout follows purchases."""
        if self.drops_at_purchases:
            return np.full(latent.rate.shape, np.inf)
        with np.errstate(divide="ignore", over="ignore"):
            wait = np.asarray(rng.exponential(size=latent.rate.shape) / latent.dropout)
        if np.all(latent.ageing == 0.0):
            return wait
        return np.asarray(np.log1p(latent.ageing * wait) / latent.ageing)

    # -- the story ---------------------------------------------------------------------------------

    @abstractmethod
    def sample_dropout(self, theta: Array, n: int, rng: np.random.Generator) -> Array:
        """Draw the dropout probability, or the dropout rate at age 0, of `n` new customers."""

    def sample_death(self, theta: Array, dropout: Array, rng: np.random.Generator) -> Array:
        """Draw the age at death of new customers; infinite where dropout follows purchases."""
        hidden = Latent(dropout, np.maximum(dropout, 1e-300), np.ones(dropout.shape, bool))
        return self.time_to_death(hidden._replace(ageing=self.ageing(theta)), rng)

    def ageing(self, theta: Array) -> Array | float:
        """Rate at which the dropout rate grows with age."""
        del theta
        return 0.0

    def simulate_customers(self, theta: Array, T: ArrayLike, rng: np.random.Generator) -> Customers:
        """Simulate new customers purchase by purchase, until each is past T.

        Written from the story alone; formulas, exact draws and kernels are held against it.

        Parameters
        ----------
        theta
            (parameter,), or (parameter, customer).
        T
            Age of each customer at the cutoff, (customer,).
        """
        T = np.asarray(T, float)
        n = len(T)
        rate = rng.gamma(theta[0], 1 / theta[1], n)
        dropout = self.sample_dropout(theta, n, rng)
        death = self.sample_death(theta, dropout, rng)
        if self.toss_at_first:
            death[rng.random(n) < dropout] = 0.0
        x, t_x, gaps, wait = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, np.inf)
        open_ = np.flatnonzero(death > 0)
        while len(open_):
            gap = rng.gamma(self.k, 1 / np.maximum(rate[open_], 1e-300))
            when = t_x[open_] + gap
            bought = when <= np.minimum(T[open_], death[open_])
            later = ~bought & (when <= death[open_])
            wait[open_[later]] = when[later] - T[open_[later]]
            buyers = open_[bought]
            x[buyers] += 1
            t_x[buyers] = when[bought]
            gaps[buyers] += np.log(gap[bought])
            if self.drops_at_purchases:
                leaves = rng.random(len(buyers)) < dropout[buyers]
                death[buyers[leaves]] = t_x[buyers[leaves]]
                buyers = buyers[~leaves]
            open_ = buyers
        ageing = self.ageing(theta)
        hidden = Latent(rate / self.k, dropout * np.exp(ageing * T), death > T, ageing)
        return Customers(x, t_x, T, gaps, hidden, wait)

    def simulate(
        self, theta: Array, T: ArrayLike, rng: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Simulate (x, t_x, sum_log_gap) of new customers; theta and T broadcast."""
        *parts, ages = (np.asarray(v, float) for v in np.broadcast_arrays(*theta, T))
        flat = np.stack([np.ravel(v) for v in parts])
        people = self.simulate_customers(flat, np.ravel(ages), rng)
        x, t_x, gaps = (v.reshape(ages.shape) for v in (people.x, people.t_x, people.sum_log_gap))
        return x, t_x, gaps
