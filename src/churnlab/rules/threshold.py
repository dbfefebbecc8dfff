"""The five rules that cut a risk: fixed, cost ratio, capacity, target precision, calibrated."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import UsageError, one_of
from churnlab.metrics.cost import Ranked, least_cost_cuts
from churnlab.rules.base import ThresholdRule
from churnlab.rules.types import Evidence
from churnlab.types import Array


@dataclass(kw_only=True)
class FixedRule(ThresholdRule):
    """A stated cut; learns nothing.

    value: The cut on risk.
    """

    name: str = "fixed"
    value: float = 0.5
    learns: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the cut."""
        super().__post_init__()
        _within(self.value, "value")

    @property
    def if_calibrated(self) -> float:
        """The stated cut."""
        return self.value

    def cuts(self, ranked: Ranked, basis: str) -> Array:
        """Return the stated cut for every replicate."""
        del basis
        return np.full(ranked.size.shape[1], self.value)


@dataclass(kw_only=True)
class CostRatioRule(ThresholdRule):
    """Contact when it pays: p >= wasted / (wasted + missed).

    On a windowed basis with ``learn=auto`` the risk is taken as the probability it claims to be
    and the cut is the ratio itself. Under p_alive nothing in a window was claimed, so the cut is
    learnt: the one with the least realised cost on earlier origins, which is the same cut as
    mapping risk to outcome by isotonic regression and reading off the ratio.

    learn: auto (formula on windowed bases, learnt under p_alive), always, or never.
    """

    name: str = "cost_ratio"
    learn: str = "auto"

    def __post_init__(self) -> None:
        """Check the mode, and that there are costs to weigh."""
        super().__post_init__()
        self.require("rule=cost_ratio")
        one_of("learn", self.learn, ("auto", "always", "never"))

    def needs_outcome(self, basis: str) -> bool:
        """Say whether the cut is learnt under this basis."""
        return self.learn == "always" or (self.learn == "auto" and basis == "p_alive")

    @property
    def if_calibrated(self) -> float:
        """The stated cost ratio."""
        return self.ratio

    def cuts(self, ranked: Ranked, basis: str) -> Array:
        """Return the ratio, or the cut of least realised cost."""
        if not self.needs_outcome(basis):
            return np.full(ranked.size.shape[1], self.ratio)
        return least_cost_cuts(ranked, self.wasted, self.missed)

    def notes(self, evidence: Evidence, value: float, basis: str) -> tuple[str, ...]:
        """Say where the cut is only as good as the forecast's calibration, or flags all or none."""
        del evidence
        said = ["risk is not uplift: save_probability is an assumption until a test measures it"]
        if not self.needs_outcome(basis):
            said.append("the cut is the cost ratio: right only where the risk is calibrated")
        elif value in (0.0, 1.0):
            whom = "everybody" if value == 0 else "nobody"
            said.append(f"at these costs the cheapest decision was to contact {whom}")
        return tuple(said)


@dataclass(kw_only=True)
class CapacityRule(ThresholdRule):
    """Contact the k riskiest.

    share: Share of customers that can be contacted.
    contacts: Number of customers that can be contacted; overrides `share`.
    """

    name: str = "capacity"
    share: float = 0.2
    contacts: int | None = None
    learns: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the capacity."""
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise UsageError(f"share must lie in (0, 1]; got {self.share}.")
        if self.contacts is not None and self.contacts < 1:
            raise UsageError(f"contacts must be at least 1; got {self.contacts}.")

    def cuts(self, ranked: Ranked, basis: str) -> Array:
        """Return the least cut that flags no more customers than there is room for."""
        del basis
        count = np.cumsum(ranked.size, axis=0)
        room = self.share * count[-1] if self.contacts is None else self.contacts
        return _lowest(ranked, count <= room + 1e-9)


@dataclass(kw_only=True)
class PrecisionRule(ThresholdRule):
    """The lowest cut whose flagged customers were right often enough on earlier origins.

    target: Share of the flagged who did not buy.
    least_flagged: Cuts that flag fewer customers than this are not looked at: a precision of few is
        noise.
    """

    name: str = "precision"
    target: float = 0.9
    least_flagged: int = 50

    def __post_init__(self) -> None:
        """Check the target."""
        super().__post_init__()
        _within(self.target, "target")

    @property
    def if_calibrated(self) -> float:
        """The stated target."""
        return self.target

    def cuts(self, ranked: Ranked, basis: str) -> Array:
        """Return the lowest cut that meets the target; 1.0 when none does."""
        del basis
        count, events = np.cumsum(ranked.size, axis=0), np.cumsum(ranked.events, axis=0)
        return _lowest(ranked, (count >= self.least_flagged) & (events >= self.target * count))

    def notes(self, evidence: Evidence, value: float, basis: str) -> tuple[str, ...]:
        """Say when the target was out of reach."""
        del evidence, basis
        if value < 1.0:
            return ()
        return (f"no cut reached a precision of {self.target:g}: the cut is 1, nobody is flagged",)


@dataclass(kw_only=True)
class CalibratedRule(ThresholdRule):
    """The risk at which, on earlier origins, the stated share of customers did not buy.

    The isotonic map from risk to outcome passes `level` there; costs play no part.

    level: Observed probability of no purchase.
    """

    name: str = "calibrated"
    level: float = 0.5

    def __post_init__(self) -> None:
        """Check the level."""
        super().__post_init__()
        _within(self.level, "level")

    @property
    def if_calibrated(self) -> float:
        """The stated level."""
        return self.level

    def cuts(self, ranked: Ranked, basis: str) -> Array:
        """Return the risk from which the mapped outcome rate passes the level."""
        del basis
        # The least-cost cut at the costs (level, 1 - level) is that crossing of the isotonic map.
        return least_cost_cuts(ranked, self.level, 1 - self.level)


def _within(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"{name} must lie in [0, 1]; got {value}.")


def _lowest(ranked: Ranked, holds: NDArray[np.bool_]) -> Array:
    """Return the cut of the lowest level where `holds` (level, replicate) does; 1.0 for none."""
    flagged = np.where(holds.any(axis=0), len(holds) - holds[::-1].argmax(axis=0), 0)
    return np.array([ranked.cut(int(j)) if j else 1.0 for j in flagged])
