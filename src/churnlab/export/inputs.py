"""What an export is made of: in-memory results of the other parts, before they become a bundle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from churnlab.errors import DataError, UsageError
from churnlab.export.thinning import Cells
from churnlab.scoring.forms import Array
from churnlab.scoring.process import Process, Risk
from churnlab.scoring.summaries import check_summary, group_labels


class DrawsLike(Protocol):
    """Equal-weight draws, times in days: `churnlab.models.draws.PopulationDraws`."""

    @property
    def model(self) -> str:
        """Name of the model."""

    @property
    def k(self) -> int:
        """Erlang shape."""

    @property
    def theta(self) -> Array:
        """(draw, group, parameter)."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups."""

    @property
    def seen_until(self) -> dt.date | None:
        """Last day behind the fit."""


@dataclass(frozen=True, kw_only=True)
class VisitEvidence:
    """The visit axis: a model of visit-days and its two cuts.

    Parameters
    ----------
    draws : PopulationDraws
        Posterior of the visit model.
    risk : Risk
        Definition of visit risk.
    risk_value, inactive_value : float
        The cuts.
    summary : DataFrame
        `customer_id, x, t_x, T` of those with a visit, or whose clock starts at signup (x = 0).
    """

    draws: DrawsLike
    risk: Risk
    risk_value: float
    inactive_value: float
    summary: pd.DataFrame

    def __post_init__(self) -> None:
        """Refuse grouped visit models: a bundle has one visit model for all."""
        if len(self.draws.groups) > 1:
            raise DataError(
                f"the visit model has {len(self.draws.groups)} groups ({self.draws.groups[0]}, "
                "...), and a bundle carries one visit model for everybody; export a segment run "
                "without visits.group."
            )


@dataclass(frozen=True, kw_only=True)
class ExportInputs:
    """Everything that a bundle is built from.

    Parameters
    ----------
    as_of : date
        Last known, complete day.
    time_zone : str
        IANA zone of the day boundary.
    summary : DataFrame
        `customer_id, x, t_x, T` in days, one row per purchaser (and the group columns).
    draws : PopulationDraws
        Full posterior of the purchase model.
    risk : Risk or RiskConfig
        Definition of purchase risk.
    threshold : Threshold or mapping
        `value, first_value`, interval, curve, cost of ten points, as `churnlab.rules` gives them.
    backtest : mapping
        `origins, horizon_days, baselines, scores, degraded`.
    members : DataFrame, optional
        `customer_id, signed_up_at`; without it the purchasers are the members.
    customers : DataFrame, optional
        The table of `fit`: gives cycle, due dates and intervals by the full posterior.
    visits : VisitEvidence, optional
        Without it every visit state is `visit_unknown`.
    membership, shares : DataFrame, optional
        `churnlab segment`'s tables: previous codes, shares with intervals and changes.
    nday_rules, journeys : sequence of mapping
        Rules as the schema describes them.
    nday_audience, journey_audience : DataFrame, optional
        Columns: docs/files.md.
    actions : sequence of mapping
        `action_id, channel, incentive, cooldown_days, message_class, evidence`.
    playbook : mapping
        Segment code -> action ids, most important first.
    polarity : mapping
        Segment code -> positive, neutral, negative; empty for the default.
    config, data_hashes, seed
        Provenance.
    """

    as_of: dt.date
    summary: pd.DataFrame
    draws: DrawsLike
    threshold: Any
    backtest: Mapping[str, Any]
    risk: Risk = field(default_factory=Risk)
    time_zone: str = "UTC"
    group_columns: tuple[str, ...] = ()
    members: pd.DataFrame | None = None
    customers: pd.DataFrame | None = None
    visits: VisitEvidence | None = None
    membership: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None
    nday_rules: Sequence[Mapping[str, Any]] = ()
    nday_audience: pd.DataFrame | None = None
    journeys: Sequence[Mapping[str, Any]] = ()
    journey_audience: pd.DataFrame | None = None
    actions: Sequence[Mapping[str, Any]] = ()
    playbook: Mapping[str, Sequence[str]] = field(default_factory=dict)
    polarity: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    data_hashes: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse impossible summaries; take `RiskConfig` for `Risk`."""
        if not isinstance(self.risk, Risk):
            object.__setattr__(self, "risk", risk_of(self.risk))
        _refuse_unknown(self.config)
        check_summary(self.summary)
        if self.summary.empty:
            raise DataError("summary has no rows; a bundle needs at least one purchaser.")
        if self.draws.model.startswith("bg_") and self.risk.basis == "p_alive":
            raise UsageError(
                f"{self.draws.model} holds first purchasers alive for ever, so under p_alive it "
                "cannot place them. Export mbg_nbd or pareto_nbd, or a windowed risk.basis."
            )


def _refuse_unknown(config: Mapping[str, Any]) -> None:
    """Refuse what a bundle cannot score: covariates, and clocks of the calendar."""
    model = config.get("model")
    if isinstance(model, Mapping) and model.get("covariates"):
        raise DataError(
            f"the fit has covariates ({', '.join(map(str, model['covariates']))}), which neither "
            "the scoring SQL nor the scorer of a bundle knows. Export a fit without "
            "model.covariates (model.group travels with a bundle), or send the dates of this fit's "
            "customers.parquet."
        )
    if isinstance(model, Mapping) and (model.get("calendar") or model.get("events")):
        raise UsageError(
            f"the fit has calendar effects (model.calendar={model.get('calendar')}, "
            f"{len(model.get('events') or {})} events), and a bundle cannot carry them: its SQL "
            "and its scorer would take clock days for days and every risk and date would be off. "
            "Export a fit without model.calendar and model.events, or send the dates of this fit's "
            "customers.parquet, which hold until each customer's next purchase."
        )


def risk_of(config: Any) -> Risk:
    """Return the scorer's view of a `churnlab.posterior.RiskConfig`."""
    return Risk(
        basis=config.basis,
        horizon_days=float(config.horizon_days),
        cycles=float(config.cycles),
        due_window_days=float(getattr(config, "due_window_days", 365)),
    )


def process_of_draws(draws: DrawsLike) -> Process:
    """Return the scorer's view of posterior draws."""
    theta = np.ascontiguousarray(draws.theta, dtype=np.float64)
    return Process(draws.model, int(draws.k), theta, tuple(map(str, draws.groups)))


def cells_of(process: Process, frame: pd.DataFrame, columns: Sequence[str] = ()) -> Cells:
    """Collapse a summary to its distinct cells with their counts."""
    if len(process.groups) > 1:
        code = process.codes(group_labels(frame, columns or ("group",), "summary").to_numpy())
    else:
        code = np.zeros(len(frame), np.int64)
    table = pd.DataFrame(
        {"group": code, **{c: frame[c].to_numpy(float) for c in ("x", "t_x", "T")}}
    )
    counted = table.value_counts(sort=False).reset_index(name="weight")
    return Cells(
        counted["group"].to_numpy(np.int64),
        *(counted[c].to_numpy(np.float64) for c in ("x", "t_x", "T", "weight")),
    )
