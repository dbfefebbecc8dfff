"""A bundle as the scorer needs it: draws, definition of risk, thresholds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from churnlab.bundle import strict_json
from churnlab.errors import UsageError, VerificationError
from churnlab.models import REGISTRY
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import Lateness, Measure, RiskConfig, StateCut
from churnlab.rules.types import inside

MAJOR_VERSION = 1


@dataclass(frozen=True)
class PurchaseRule:
    """Cuts for repeat customers and for first purchasers: on the risk, or on lateness."""

    draws: PopulationDraws
    risk: RiskConfig
    value: float
    first_value: float
    window_cycles: float | None = None
    """Cuts on lateness by the own rhythm: its window; None for cuts on the risk."""

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

    Attributes
    ----------
    bundle_id : str
        Written into every scored row.
    as_of : datetime.date
        Last complete day behind the bundle.
    time_zone : str
        IANA zone that sets the day boundary.
    purchases, visits
        Draws, risk and cuts; `visits` is None without a visit model.
    group_columns : tuple of str
        Customer attributes whose values, joined by `` | ``, name the group.
    content : dict
        The whole bundle as read.
    """

    bundle_id: str
    as_of: dt.date
    time_zone: str
    purchases: PurchaseRule
    visits: VisitRule | None
    group_columns: tuple[str, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def grouping(self) -> tuple[str, ...]:
        """Columns that name a purchaser's group; none where the draws are one group's."""
        if len(self.purchases.draws.groups) == 1:
            return ()
        return self.group_columns or ("group",)


def bundle_path(path: str | Path) -> Path:
    """Return the bundle.json meant by a folder or a file."""
    path = Path(path)
    return path / "bundle.json" if path.is_dir() else path


def read_bundle(path: str | Path) -> ScoringBundle:
    """Read a bundle for scoring.

    Parameters
    ----------
    path : path
        A bundle.json, or the folder of an export.

    Raises
    ------
    VerificationError
        When it cannot be read, was edited, or has an unknown major version.
    """
    path = bundle_path(path)
    content = strict_json.load(path)
    check_version(content)
    if strict_json.hash_without(content) != content.get("content_hash"):
        raise VerificationError(
            f"{path} was changed after its export (content_hash does not match); "
            "take the original or export again."
        )
    return from_content(content)


def check_version(content: Any) -> None:
    """Refuse what is no bundle and what has an unknown major version."""
    version = content.get("schema_version") if isinstance(content, dict) else None
    major = version.split(".")[0] if isinstance(version, str) else None
    if major != str(MAJOR_VERSION):
        raise VerificationError(
            f"schema_version is {version!r}; this churnlab reads {MAJOR_VERSION}.x bundles. "
            "Use the churnlab that wrote it, or export again."
        )


def from_content(content: Mapping[str, Any]) -> ScoringBundle:
    """Build the scorer's view from a bundle's content."""
    try:
        return _build(content)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, (UsageError, VerificationError)):
            raise VerificationError(f"the bundle cannot be scored: {error}") from error
        raise VerificationError(
            f"the bundle cannot be scored: {type(error).__name__} at {error}; run `churnlab verify`"
        ) from error


def _build(content: Mapping[str, Any]) -> ScoringBundle:
    cut = content["thresholds"]["purchases"]
    purchases = PurchaseRule(
        draws_of(content["models"]["purchases"]),
        _risk(content["risk"]["purchases"]),
        float(cut["value"]),
        float(cut["first_value"]),
        cut.get("window_cycles"),
    )
    return ScoringBundle(
        bundle_id=str(content["bundle_id"]),
        as_of=dt.date.fromisoformat(content["as_of"]),
        time_zone=str(content["time_zone"]),
        purchases=purchases,
        visits=_visit_rule(content),
        group_columns=tuple(content["models"]["purchases"]["group_columns"]),
        content=content,
    )


def _visit_rule(content: Mapping[str, Any]) -> VisitRule | None:
    model, cut = content["models"]["visits"], content["thresholds"]["visits"]
    if model is None or cut is None:
        return None
    risk = _risk(content["risk"]["visits"])
    cuts = float(cut["risk"]), float(cut["inactive"])
    return VisitRule(draws_of(model), risk, *cuts, cut.get("window_cycles"))


def _risk(risk: Mapping[str, Any]) -> RiskConfig:
    """Return the definition of risk; whole days may stand as 90.0 in JSON."""
    whole = {k: _whole(risk[k]) for k in ("horizon_days", "due_window_days")}
    return RiskConfig(basis=str(risk["basis"]), cycles=float(risk["cycles"]), **whole)


def _whole(days: float) -> int:
    """Refuse half days: RiskConfig would, but an int cannot show them."""
    if days != int(days):
        raise UsageError(f"a window of {days} days; expected whole days.")
    return int(days)


def draws_of(model: Mapping[str, Any]) -> PopulationDraws:
    """Build the draws of one model of a bundle.

    Raises
    ------
    VerificationError
        When draws, groups and parameters do not fit together.
    """
    name, until = str(model["name"]), model["seen_until"]
    if name not in REGISTRY or tuple(model["parameters"]) != REGISTRY[name].parameters:
        raise VerificationError(f"model {name!r} has parameters {model['parameters']!r}.")
    draws = PopulationDraws(
        name,
        int(model["k"]),
        np.array(model["draws"], dtype=np.float64),
        tuple(map(str, model["groups"])),
        None if until is None else dt.date.fromisoformat(until),
    )
    assert draws.likelihood.k == draws.k  # a k that the model lacks is refused here
    return draws
