"""A bundle as the scorer needs it: draws, definition of risk, thresholds."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from churnlab.bundle.document import Bundle
from churnlab.bundle.reading import load_bundle
from churnlab.bundle.scoring import Model, Risk
from churnlab.forecast.stack import Stack
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import Lateness, Measure, RiskConfig, StateCut
from churnlab.rules.types import inside
from churnlab.summary import Clock, Summary


@dataclass(frozen=True)
class PurchaseRule:
    """Cuts for repeat customers and for first purchasers: on the risk, or on lateness."""

    draws: PopulationDraws
    risk: RiskConfig
    value: float
    first_value: float
    window_cycles: float | None = None
    """Cuts on lateness by the own rhythm: its window; None for cuts on the risk."""
    clock: Clock | None = None
    """What the draws' days are days of, where the fit has calendar effects."""

    def timed(self, summary: Summary) -> Summary:
        """Return the summary with its cells in the draws' time."""
        return summary if self.clock is None else summary.on_clock(self.clock)

    @property
    def state(self) -> StateCut:
        """From where on a purchaser is at risk."""
        return StateCut(_measure(self.risk, self.window_cycles), *self.inside())

    def inside(self) -> tuple[float, float]:
        """Both cuts, strictly inside (0, 1) as dates need them."""
        value, first = inside(self.value, self.first_value)
        return value, first


@dataclass(frozen=True)
class VisitRule:
    """Cuts on the visit risk, or on lateness: at risk, then inactive."""

    draws: PopulationDraws
    risk: RiskConfig
    risk_value: float
    inactive_value: float
    window_cycles: float | None = None
    """As in `PurchaseRule`."""

    @property
    def measure(self) -> Measure:
        """What the two cuts are on."""
        return _measure(self.risk, self.window_cycles)

    def inside(self) -> tuple[float, float]:
        """Both cuts, strictly inside (0, 1) as dates need them."""
        risk, inactive = inside(self.risk_value, self.inactive_value)
        return risk, inactive


def _measure(risk: RiskConfig, window_cycles: float | None) -> Measure:
    return risk if window_cycles is None else Lateness(window_cycles=window_cycles)


@dataclass(frozen=True)
class ScoringBundle:
    """What scoring needs of a bundle.

    bundle_id: Written into every scored row.
    as_of: Last complete day behind the bundle.
    time_zone: IANA zone that sets the day boundary.
    purchases, visits: Draws, risk and cuts; `visits` is None without a visit model.
    group_columns: Customer attributes whose values, joined by `` | ``, name the group.
    """

    bundle_id: str
    as_of: dt.date
    time_zone: str
    purchases: PurchaseRule
    visits: VisitRule | None
    group_columns: tuple[str, ...] = ()
    stack: Stack | None = None
    """What forecasts `no_purchase` from events, within `stack_days`."""
    stack_days: int = 0

    @property
    def grouping(self) -> tuple[str, ...]:
        """Columns that name a purchaser's group; none where the draws are everybody's."""
        draws = self.purchases.draws
        if len(draws.groups) == 1 and draws.unseen is None:
            return ()
        return self.group_columns or ("group",)


def read_bundle(path: str | Path) -> ScoringBundle:
    """Read a bundle for scoring.

    path: A bundle.json, or the folder of an export.
    Raises VerificationError: Whatever is wrong with its content: schema, rules between fields, an
        edit.
    """
    return rules_of(load_bundle(path))


def rules_of(bundle: Bundle) -> ScoringBundle:
    """Return what scoring needs of a bundle."""
    models, risk, cuts = bundle.models, bundle.risk, bundle.thresholds
    purchases = PurchaseRule(
        draws_of(models.purchases),
        risk_of(risk.purchases),
        cuts.purchases.value,
        cuts.purchases.first_value,
        cuts.purchases.window_cycles,
        None if models.purchases.calendar is None else models.purchases.calendar.clock(),
    )
    visits = None
    if models.visits is not None and risk.visits is not None and cuts.visits is not None:
        visits = VisitRule(
            draws_of(models.visits),
            risk_of(risk.visits),
            cuts.visits.risk,
            cuts.visits.inactive,
            cuts.visits.window_cycles,
        )
    return ScoringBundle(
        bundle.bundle_id,
        dt.date.fromisoformat(bundle.as_of),
        bundle.time_zone,
        purchases,
        visits,
        tuple(models.purchases.group_columns),
        None if bundle.forecast is None else Stack.from_dict(bundle.forecast.model_dump()),
        0 if bundle.forecast is None else bundle.forecast.horizon_days,
    )


def risk_of(risk: Risk) -> RiskConfig:
    """Return the definition of risk; whole days stand as 90.0 in JSON."""
    return RiskConfig(
        basis=risk.basis,
        horizon_days=int(risk.horizon_days),
        cycles=risk.cycles,
        due_window_days=int(risk.due_window_days),
        due_levels=risk.due_levels,
    )


def draws_of(model: Model) -> PopulationDraws:
    """Return the draws of one model of a bundle."""
    return PopulationDraws(
        model.name,
        model.k,
        np.array(model.draws, dtype=np.float64),
        tuple(model.groups),
        None if model.seen_until is None else dt.date.fromisoformat(model.seen_until),
        None if model.unseen is None else np.array(model.unseen, dtype=np.float64),
    )
