"""What an export is made of: in-memory results of the other parts, before they become a bundle."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from churnlab.bundle import People
from churnlab.bundle.people import ids, summary_of
from churnlab.errors import DataError, UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig
from churnlab.rules import Threshold
from churnlab.summary import Clock, Summary
from churnlab.summary.calendar import AUTO
from churnlab.vocabulary import OVERDUE


@dataclass(frozen=True, kw_only=True)
class VisitEvidence:
    """The visit axis: a model of visit-days and its two cuts.

    draws: Posterior of the visit model.
    risk: Definition of visit risk.
    risk_value, inactive_value: The cuts.
    window_cycles: Window of lateness by the own rhythm, where the cuts are on it and not on the
        risk.
    summary: `customer_id, x, t_x, T` of those with a visit, or whose clock starts at signup (x =
        0).
    """

    draws: PopulationDraws
    risk: RiskConfig
    risk_value: float
    inactive_value: float
    summary: pd.DataFrame
    window_cycles: float | None = None

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

    as_of: Last known, complete day.
    time_zone: IANA zone of the day boundary.
    summary: `customer_id, x, t_x, T` in days, one row per purchaser (and the group columns).
    draws: Full posterior of the purchase model.
    risk: Definition of purchase risk.
    clock: What the draws' days are days of, where the fit has calendar effects.
    threshold: Cuts with interval, curve and the price of being wrong, as `churnlab.rules` gives
        them.
    backtest: `origins, horizon_days, baselines, scores, degraded`.
    members: `customer_id, signed_up_at`; without it the purchasers are the members.
    customers: The table of `fit`: gives cycle, due dates and intervals by the full posterior.
    visits: Without it every visit state is `visit_unknown`.
    membership, shares: `churnlab segment`'s tables: previous codes, shares with intervals and
        changes.
    nday_rules, journeys: Rules as the schema describes them.
    nday_audience, campaign_plan, journey_audience: Columns: docs/files.md.
    actions: `action_id, channel, incentive, cooldown_days, message_class, evidence`.
    playbook: Segment code -> action ids, most important first.
    polarity: Segment code -> positive, neutral, negative; empty for the default.
    banners: States that hold hardly anybody or nearly everybody, in words.
    misfit: Where the purchase model does not fit, in words (`misfit_words` of fit.json).
    forecast: What forecasts `no_purchase`, as `forecast.json` has it, with its `horizon_days`.
    config, data_hashes, seed: Provenance.
    purchases: The table `summary` with its cells, grouped as the draws are and in their time.
    people: Who is exported: members, else purchasers and visitors.
    """

    as_of: dt.date
    summary: pd.DataFrame
    draws: PopulationDraws
    threshold: Threshold
    backtest: Mapping[str, Any]
    risk: RiskConfig = field(default_factory=RiskConfig)
    time_zone: str = "UTC"
    clock: Clock | None = None
    group_columns: tuple[str, ...] = ()
    members: pd.DataFrame | None = None
    customers: pd.DataFrame | None = None
    visits: VisitEvidence | None = None
    membership: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None
    nday_rules: Sequence[Mapping[str, Any]] = ()
    nday_audience: pd.DataFrame | None = None
    campaign_plan: pd.DataFrame | None = None
    banners: tuple[str, ...] = ()
    journeys: Sequence[Mapping[str, Any]] = ()
    journey_audience: pd.DataFrame | None = None
    actions: Sequence[Mapping[str, Any]] = ()
    playbook: Mapping[str, Sequence[str]] = field(default_factory=dict)
    polarity: Mapping[str, str] = field(default_factory=dict)
    misfit: Sequence[str] = ()
    forecast: Mapping[str, Any] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    data_hashes: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    purchases: Summary = field(init=False, repr=False)
    people: People = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Summarise once; refuse impossible summaries and what a bundle cannot score."""
        _refuse_unknown(self.config, self.clock)
        if self.summary.empty:
            raise DataError("summary has no rows; a bundle needs at least one purchaser.")
        if self.threshold.basis not in (self.risk.basis, OVERDUE):
            raise UsageError(
                f"the threshold was chosen on the basis {self.threshold.basis!r}, the risk to be "
                f"exported is {self.risk.basis!r}; backtest and export with the same risk.basis."
            )
        grouped = len(self.draws.groups) > 1
        columns = (self.group_columns or ("group",)) if grouped else ()
        purchases = summary_of(self.summary, self.as_of, columns)
        if self.clock is not None:
            purchases = purchases.on_clock(self.clock)
        object.__setattr__(self, "purchases", purchases)
        object.__setattr__(self, "people", self._people())
        for name in ("customers", "membership"):
            frame = getattr(self, name)
            if frame is not None:
                text = ids(frame["customer_id"], name)
                object.__setattr__(self, name, frame.assign(customer_id=text))
        blind = not self.draws.likelihood.judges_first_purchasers
        if blind and self.risk.basis == "p_alive":
            raise UsageError(
                f"{self.draws.model} holds first purchasers alive for ever, so under p_alive it "
                "cannot place them. Export mbg_nbd or pareto_nbd, or a windowed risk.basis."
            )

    def _people(self) -> People:
        """A visit clock starts where the visits' summary says, never at a member's signup."""
        visits = None
        if self.visits is not None:
            visits = summary_of(self.visits.summary, self.as_of, what="visits")
        bought = self.purchases.customers["customer_id"]
        if self.members is not None:
            joined = pd.to_datetime(self.members["signed_up_at"]).dt.normalize()
            known = self.members.loc[joined <= pd.Timestamp(self.as_of), "customer_id"]
            others = ids(known, "members")
        else:
            others = bought.iloc[:0] if visits is None else visits.customers["customer_id"]
        names = pd.concat([others, bought]).drop_duplicates(ignore_index=True)
        members = pd.DataFrame({"customer_id": names.astype("str"), "signed_up_at": pd.NaT})
        return People(members, self.purchases, visits, visits_observed=visits is not None)


def _refuse_unknown(config: Mapping[str, Any], clock: Clock | None) -> None:
    """Refuse what a bundle cannot score: orders, covariates, calendar effects without a clock."""
    data = config.get("data")
    if isinstance(data, Mapping) and data.get("purchase_unit") == "order":
        raise UsageError(
            "the fit counts orders (data.purchase_unit=order), and a bundle's SQL counts the days "
            "with a purchase: every x would be another. Export a fit of "
            "data.purchase_unit=customer_day."
        )
    model = config.get("model")
    if isinstance(model, Mapping) and model.get("covariates"):
        raise DataError(
            f"the fit has covariates ({', '.join(map(str, model['covariates']))}), which neither "
            "the scoring SQL nor the scorer of a bundle knows. Export a fit without "
            "model.covariates (model.group travels with a bundle), or send the dates of this fit's "
            "customers.parquet."
        )
    if clock is not None or not isinstance(model, Mapping):
        return
    if model.get("calendar") not in (None, AUTO) or model.get("events"):
        raise UsageError(
            f"the fit has calendar effects (model.calendar={model.get('calendar')}, "
            f"{len(model.get('events') or {})} events) and no clock is given: clock days would be "
            "taken for days and every risk and date would be off. Pass clock=fit.seasons.clock, or "
            "export the fit's run folder."
        )
