"""The log posterior of a population and its calendar's multipliers, together.

Coordinates v = (u, beta): u as in `Target`, beta_j the raw log multiplier of bucket j, with

    m_j = exp(beta_j) / Z,   Z the mean of exp(beta) over the days of the log,   beta ~ N(0, sd).

A constant added to beta changes no m, and the prior alone settles it: at the mode the beta sum to
zero, and the m are those of a normal prior on effects with sum zero.
"""

from copy import copy

import numpy as np

from churnlab.inference.targets.target import FEW_CELLS, Target
from churnlab.models.engine import Engine
from churnlab.summary import Calendar, Cells, Dated
from churnlab.types import Array, Ints


class DatedDays:
    """The days of a log by bucket: what multipliers turn into times.

    dated: Customers by first and last day.
    calendar: Buckets.
    """

    def __init__(self, dated: Dated, calendar: Calendar) -> None:
        self.code = calendar.codes(dated.days)
        self.n_buckets = len(calendar.buckets)
        self.first, self.last = dated.first - dated.start, dated.last - dated.start
        #: Days of each bucket in (first purchase of the log, as_of].
        self.days = np.bincount(self.code[1:], minlength=self.n_buckets).astype(np.float64)
        self.repeats = self._by_bucket(dated.repeats)
        known = np.cumsum(np.bincount(self.first, dated.weight, minlength=len(self.code)))
        #: Customer-days of each bucket, from the day after each first purchase.
        self.exposure = self._by_bucket(np.concatenate([[0.0], known[:-1]]))

    def _by_bucket(self, by_day: Array) -> Array:
        return np.bincount(self.code, by_day, minlength=self.n_buckets)

    def times(self, multipliers: Array) -> tuple[Array, Array]:
        """Return t_x and T of each row in clock days."""
        clock = np.cumsum(multipliers[self.code])
        return clock[self.last] - clock[self.first], clock[-1] - clock[self.first]

    def pull_back(self, by_t_x: Array, by_T: Array, multipliers: Array) -> Array:
        """Return the derivative by ln m of a function with these derivatives by t_x and T.

        A day lies in (first, last] or (first, as_of] or not: what its clock time pulls is the sum
        over rows, by day, then by bucket.
        """
        size = len(self.code)
        begins = np.bincount(self.first, by_t_x + by_T, minlength=size)
        ends = np.bincount(self.last, by_t_x, minlength=size)
        # day d lies after all firsts before it and before all lasts from it on
        pull = np.cumsum(begins)[:-1] - np.cumsum(ends)[:-1]
        return multipliers * self._by_bucket(np.concatenate([[0.0], pull]))


class ClockTarget(Target):
    """Log posterior of (u, beta) of the free buckets; the others have multiplier 1.

    dated: Customers by first and last day.
    days: The log's days by bucket.
    free: Buckets with an effect of their own, codes.
    model: A model with exponential gaps.
    priors: Prior texts of the population.
    sd: Prior standard deviation of beta.
    """

    def __init__(
        self,
        dated: Dated,
        days: DatedDays,
        free: Ints,
        model: str,
        priors: dict[str, str] | None,
        sd: float,
    ) -> None:
        n = len(dated.x)
        t_x, T = days.times(np.ones(days.n_buckets))
        zeros = np.zeros(n, np.int64)
        flat = Cells(dated.x, t_x, T, dated.weight, np.zeros(n), zeros)
        super().__init__(flat, model, 1, priors)
        self._flat = Target(flat, model, 1, priors)
        self.calendar, self.free, self.sd = days, free, sd
        self._share = days.days[free] / days.days[free].sum()

    @property
    def dimension(self) -> int:
        """Number of unconstrained coordinates."""
        return self.n_population + len(self.free)

    @property
    def n_population(self) -> int:
        """Coordinates of the population, which come first."""
        return len(self.map.quantities)

    def multipliers(self, beta: Array) -> Array:
        """Return the multiplier of every bucket, (bucket,), from beta (free bucket,)."""
        out = np.ones(self.calendar.n_buckets)
        high = beta.max(initial=0.0)  # so that exp cannot overflow
        raw = np.exp(beta - high)
        out[self.free] = raw / (self._share @ raw)
        return out

    def jacobian(self, beta: Array) -> Array:
        """Return d ln m_i / d beta_j of the free buckets: identity less the pull of Z."""
        pull = self._share * self.multipliers(beta)[self.free]
        return np.eye(len(beta)) - pull[None, :]

    def population_at(self, beta: Array) -> Target:
        """Return the population's target on the clock of `beta`."""
        t_x, T = self.calendar.times(self.multipliers(beta))
        group, x, _, _, weight = self.columns
        other = copy(self._flat)
        other.columns = (group, x, t_x / self.time_scale, T / self.time_scale, weight)
        threads = 1 if self.n_cells < FEW_CELLS else None
        other.engine = Engine(self.likelihood, *other.columns, threads=threads)
        return other

    def value_and_gradient(self, u: Array) -> tuple[float, Array]:
        """Log posterior and its gradient at v."""
        v = np.asarray(u, float)
        part, beta = v[: self.n_population], v[self.n_population :]
        inner, m = self.population_at(beta), self.multipliers(beta)
        value, gradient = inner.value_and_gradient(part)
        self.evaluations += 1
        if not np.isfinite(value):
            return -np.inf, np.zeros_like(v)
        _, x, t_x, T, weight = inner.columns
        theta = self.map.theta(part)[:, None]
        slopes = self.likelihood.time_slopes(theta, x, t_x, T)
        scaled = weight / self.time_scale
        by_log_m = self.calendar.repeats + self.calendar.pull_back(
            scaled * slopes.t_x, scaled * slopes.T, m
        )
        by_beta = self.jacobian(beta).T @ by_log_m[self.free] - beta / self.sd**2
        total = value + self._of_clock(beta, m)
        if not (np.isfinite(total) and np.isfinite(by_beta).all()):
            return -np.inf, np.zeros_like(v)
        return total, np.concatenate([gradient, by_beta])

    def values(self, u: Array) -> Array:
        """Log posterior of many points, (draw, coordinate) -> (draw,)."""
        out = np.empty(len(u))
        for i, v in enumerate(np.asarray(u, float)):
            part, beta = v[None, : self.n_population], v[self.n_population :]
            out[i] = self.population_at(beta).values(part)[0]
            out[i] += self._of_clock(beta, self.multipliers(beta))
        return out

    def _of_clock(self, beta: Array, m: Array) -> float:
        """What the clock adds: the rates of the days of purchase, and the prior of beta."""
        prior = -0.5 * np.sum((beta / self.sd) ** 2) - len(beta) * np.log(self.sd)
        return float(self.calendar.repeats @ np.log(m) + prior)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The population's quantities and parameters, then the free multipliers."""
        return (*super().parameter_names, *(f"multiplier_{i}" for i in self.free))

    def quantities(self, u: Array) -> Array:
        """Everything that is reported and diagnosed, (draw, coordinate) -> (draw, quantity)."""
        v = np.asarray(u, float)
        population = super().quantities(v[:, : self.n_population])
        clocks = [self.multipliers(beta)[self.free] for beta in v[:, self.n_population :]]
        return np.column_stack([population, np.array(clocks)])
