"""A bundle as the scorer needs it: draws, definition of risk, thresholds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from churnlab.errors import UsageError, VerificationError
from churnlab.scoring import strict_json
from churnlab.scoring.forms import PARAMETERS
from churnlab.scoring.process import Process, Risk

MAJOR_VERSION = 1


@dataclass(frozen=True)
class PurchaseRule:
    """Cuts on the purchase risk: for repeat customers and for first purchasers."""

    process: Process
    risk: Risk
    value: float
    first_value: float


@dataclass(frozen=True)
class VisitRule:
    """Cuts on the visit risk: at risk, then inactive."""

    process: Process
    risk: Risk
    risk_value: float
    inactive_value: float


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
        process_of(content["models"]["purchases"]),
        Risk(**content["risk"]["purchases"]),
        float(cut["value"]),
        float(cut["first_value"]),
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
    risk = Risk(**content["risk"]["visits"])
    return VisitRule(process_of(model), risk, float(cut["risk"]), float(cut["inactive"]))


def process_of(model: Mapping[str, Any]) -> Process:
    """Build the draws of one model of a bundle.

    Raises
    ------
    VerificationError
        When draws, groups and parameters do not fit together.
    """
    name, k, groups = str(model["name"]), int(model["k"]), tuple(map(str, model["groups"]))
    theta = np.array(model["draws"], dtype=np.float64)
    expected = PARAMETERS.get(name)
    if expected is None or tuple(model["parameters"]) != expected:
        raise VerificationError(f"model {name!r} has parameters {model['parameters']!r}.")
    if theta.ndim != 3 or theta.shape[1:] != (len(groups), len(expected)):
        raise VerificationError(
            f"draws of {name} have shape {theta.shape}; expected (draw, {len(groups)}, 4)."
        )
    if not (np.isfinite(theta).all() and (theta > 0).all()):
        raise VerificationError(f"draws of {name} must be finite and positive.")
    return Process(name, k, theta, groups)
