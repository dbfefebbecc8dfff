"""What happens to a customer: rate and dropout drawn, purchase by purchase, until the end."""

from abc import abstractmethod
from math import factorial
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.models.formulas import Formulas
from churnlab.types import Array


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


class Story(Formulas):
    """A model's customers, drawn: exactly from the posterior, or anew from the story."""

    #: Whether dropout is a toss after purchases (a probability) or a death at any time (a rate).
    drops_at_purchases: ClassVar[bool]
    #: Whether dropout is already tossed after the first purchase (MBG) or not (BG).
    toss_at_first: ClassVar[bool] = False

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

        theta: (parameter,), or (parameter, customer).
        T: Age of each customer at the cutoff, (customer,).
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
