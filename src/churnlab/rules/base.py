"""The shape of every threshold rule, and the interval, curve and price that come with a cut."""

import datetime as dt
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from churnlab.errors import UsageError, one_of
from churnlab.metrics.cost import Ranked, cost_curve
from churnlab.rules.costs import Costs
from churnlab.rules.types import Evidence, Threshold
from churnlab.types import Array
from churnlab.vocabulary import RISK_BASES

#: Points of the stored cost curve.
_GRID = np.round(np.linspace(0, 1, 101), 2)
#: "Wrong by ten points": a cut .10 higher or lower.
TEN_POINTS = 0.1


@dataclass(kw_only=True)
class ThresholdRule(Costs):
    """Base of the rules. Every rule may carry costs: a cut has its price once they are stated.

    Attributes
    ----------
    name : str
        Name in the registry.
    first_value : float, optional
        Fixed cut for first purchasers; default: the same as for repeat buyers.
    replicates : int
        Bootstrap replicates behind the interval.
    """

    name: str = ""
    first_value: float | None = None
    replicates: int = 200

    #: Whether the rule needs outcomes of earlier origins (given the basis).
    learns: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the shared values."""
        super().__post_init__()
        if self.first_value is not None and not 0 <= self.first_value <= 1:
            raise UsageError(f"first_value must lie in [0, 1]; got {self.first_value}.")
        if self.replicates < 0:
            raise UsageError(f"replicates must not be negative; got {self.replicates}.")

    @abstractmethod
    def cuts(self, ranked: Ranked, basis: str) -> Array:
        """Return the cut under each replicate; events are 0 where outcomes are unknown."""

    def needs_outcome(self, basis: str) -> bool:
        """Say whether `choose` needs outcomes under this basis."""
        del basis
        return self.learns

    @property
    def if_calibrated(self) -> float | None:
        """The cut that the rule would take on a risk known to be calibrated; None for none."""
        return None

    def notes(self, evidence: Evidence, value: float, basis: str) -> tuple[str, ...]:
        """Return what the reader of the threshold must know."""
        del evidence, value, basis
        return ()

    def choose(
        self,
        risk: ArrayLike,
        outcome: ArrayLike | None = None,
        *,
        basis: str,
        customer: ArrayLike | None = None,
        origin: ArrayLike | None = None,
        learnt_until: dt.date | None = None,
        rng: np.random.Generator | None = None,
    ) -> Threshold:
        """Choose a threshold.

        Parameters
        ----------
        risk : array (row,)
            Risk under `basis`; rows are customers, of several earlier origins where it learns.
        outcome : array (row,), optional
            1 = no purchase came. Needed by rules that learn.
        basis : str
            p_alive, personal_cycles or fixed_days.
        customer, origin : array (row,), optional
            Clusters of the bootstrap, and the origins whose spread is shown.
        learnt_until : date, optional
            Last day that outcomes (or, without them, risks) have seen.
        rng : Generator, optional
            For the interval; without one there is none.

        Raises
        ------
        UsageError
            When outcomes are needed and absent, or values are out of range.
        """
        evidence = Evidence(
            np.asarray(risk, dtype=np.float64),
            None if outcome is None else np.asarray(outcome, dtype=np.float64),
            None if origin is None else np.asarray(origin),
            customer=None if customer is None else np.asarray(customer),
        )
        return self.choose_on(evidence, basis=basis, learnt_until=learnt_until, rng=rng)

    def choose_on(
        self,
        evidence: Evidence,
        *,
        basis: str,
        learnt_until: dt.date | None = None,
        rng: np.random.Generator | None = None,
    ) -> Threshold:
        """Choose a threshold as `choose` does, from rows that may stand for several customers."""
        self._check(evidence, basis)
        value = float(self.cuts(evidence.ranked, basis)[0])
        first = value if self.first_value is None else self.first_value
        found = Threshold(value, first, basis, self.name, notes=self.notes(evidence, value, basis))
        if evidence.outcome is None:
            return found
        found = replace(found, learnt_until=learnt_until if self.needs_outcome(basis) else None)
        found = self._with_interval(found, evidence, rng)
        return self._with_price(found, evidence) if self.stated else found

    def _check(self, evidence: Evidence, basis: str) -> None:
        one_of("the basis", basis, RISK_BASES)
        if self.needs_outcome(basis) and evidence.outcome is None:
            raise UsageError(
                f"rule {self.name!r} on basis {basis!r} learns from outcomes of earlier origins; "
                "none were given. Backtest with at least one earlier origin, or use rule=fixed."
            )

    def _with_interval(
        self, found: Threshold, evidence: Evidence, rng: np.random.Generator | None
    ) -> Threshold:
        """Add the bootstrap interval over customers and the spread over origins."""
        if rng is None or self.replicates == 0 or not self.needs_outcome(found.basis):
            return found
        many = evidence.resampled(self.replicates, rng)
        cuts = np.concatenate([self.cuts(block, found.basis) for block in many])
        low, high = np.quantile(cuts, (0.05, 0.95))
        found = replace(found, low=float(low), high=float(high))
        spread = [float(self.cuts(one, found.basis)[0]) for one in evidence.by_origin]
        if len(spread) < 2:
            return found
        return replace(found, origin_low=min(spread), origin_high=max(spread))

    def _with_price(self, found: Threshold, evidence: Evidence) -> Threshold:
        """Add the curve and what ten points either way would cost more."""
        assert evidence.outcome is not None
        wrong = np.clip([found.value, found.value - TEN_POINTS, found.value + TEN_POINTS], 0, 1)
        table = cost_curve(
            evidence.risk,
            evidence.outcome,
            np.concatenate([_GRID, wrong]),
            self.wasted,
            self.missed,
            evidence.weight,
        )
        curve = table.iloc[: _GRID.size].reset_index(drop=True)
        cost, lower, higher = table["cost_per_customer"].iloc[_GRID.size :]
        return replace(
            found,
            curve=curve,
            cost_per_customer=float(cost),
            extra_cost_lower=float(lower - cost),
            extra_cost_higher=float(higher - cost),
        )
