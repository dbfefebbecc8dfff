"""What an export is made of, gathered from finished run folders."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from churnlab.bundle.score import FORECAST
from churnlab.errors import UsageError
from churnlab.events.ids import positions
from churnlab.export import (
    ExportInputs,
    VisitEvidence,
    backtest_evidence,
    nday_rule,
    playbook_parts,
)
from churnlab.export.tables.rows import FROM_FIT
from churnlab.fitting.report.text import banner
from churnlab.inference import load_draws
from churnlab.posterior import RiskConfig
from churnlab.posterior.bands import BAND
from churnlab.rules import Threshold
from churnlab.runs import Run, open_run
from churnlab.segments import default_playbook
from churnlab.summary import Clock
from churnlab.vocabulary import OVERDUE, VISIT_UNKNOWN

#: The playbook's action that carries a customer on along a journey.
JOURNEY_ACTION = "journey_next_step"
#: What is read of the customers, with what the fit says better, and of the members.
_SUMMARY = ("customer_id", "x", "t_x", "T")
_MEMBERSHIP = ("customer_id", "as_of", "segment_code", "previous_code", "entered_at",
               "visit_state", "signed_up_at")  # fmt: skip
#: Text of the campaign plan that occurs again and again.
_CODED = ("action_id", "segment_code", "channel", "arm", "risk_band", "suppressed_reason")
_PARTS = ("fit", "segment", "backtest", "nday", "journey")


def export_inputs(folders: Sequence[str]) -> ExportInputs:
    """Return an export's inputs from the folders of a pipeline, or of its steps.

    Raises UsageError: No fit among the folders, or folders of different days.
    """
    runs = _by_command(folders)
    source = runs.get("fit") or runs.get("segment")
    if source is None or not source.has("posterior.nc"):
        raise UsageError(
            "runs=[...] must name a finished fit, segment or pipeline folder; got "
            f"{list(folders)}. Run `churnlab pipeline` or `churnlab fit` first; in Python save "
            "what cl.segment returns (what Fit.save writes has no thresholds)."
        )
    fit = source.json("fit.json")
    groups = tuple(fit.get("group_columns", ()))
    forecast = _forecast(source, fit)
    wanted = (*_SUMMARY, *FROM_FIT, BAND, *(FORECAST if forecast else ()), *groups)
    customers = source.frame("customers.parquet", wanted)
    config = source.manifest["config"]
    segment, nday, backtest = runs.get("segment"), runs.get("nday"), runs.get("backtest")
    journey = runs.get("journey")
    membership = None if segment is None else segment.frame("membership.parquet", _MEMBERSHIP)
    audience = None if nday is None else nday.frame("nday_audience.parquet")
    book = default_playbook().frame() if segment is None else segment.frame("actions.parquet")
    actions, playbook = playbook_parts(book)
    return ExportInputs(
        as_of=_same_day(fit, segment, nday, journey),
        time_zone=config["data"]["time_zone"],
        summary=customers,
        group_columns=groups,
        draws=load_draws(source.file("posterior.nc")),
        clock=Clock.of_fit(fit),
        risk=_risk(config["risk"], fit),
        threshold=threshold_of(fit["threshold"]),
        backtest={} if backtest is None else _backtest(backtest),
        members=None if membership is None else membership[["customer_id", "signed_up_at"]],
        customers=customers,
        visits=None if segment is None else _visits(segment, membership),
        membership=membership,
        shares=_shares(segment),
        nday_rules=() if nday is None else (nday_rule(nday.json("rule.json")),),
        nday_audience=audience,
        campaign_plan=_plan(segment),
        banners=_banners(fit if segment is None else segment.json("segments.json")),
        journeys=() if journey is None else _journeys(journey),
        journey_audience=None if journey is None else _journey_audience(journey),
        actions=actions if nday is None else [*actions, _offer(nday)],
        playbook=playbook,
        misfit=fit.get("misfit_words", {}).get("en", ()),
        forecast=forecast,
        config=config,
        data_hashes={k.replace(".", "_"): v for k, v in source.manifest["inputs"].items()},
        seed=source.manifest["seed"],
    )


def _forecast(source: Run, fit: dict[str, Any]) -> dict[str, Any] | None:
    """Return what forecasts windows, where it is a stack."""
    if not source.has("forecast.json"):
        return None
    return {**source.json("forecast.json"), "horizon_days": fit["forecast"]["horizon_days"]}


def _risk(typed: dict[str, Any], fit: dict[str, Any]) -> RiskConfig:
    """Return the definition of risk with the levels that the fit has learnt for due dates."""
    learnt = fit.get("due", {"returns": 0})
    if typed.get("due_levels") is None and learnt["returns"]:
        typed = typed | {"due_levels": learnt["levels"]}
    return RiskConfig(**typed)


def _by_command(folders: Sequence[str]) -> dict[str, Run]:
    found: dict[str, Run] = {}
    for folder in folders:
        run = open_run(folder)
        parts = [run] if run.command != "pipeline" else [run.part(p) for p in _PARTS]
        # A pipeline's other models stand in fit_MODEL; its chosen one, in fit, comes first.
        found = {p.command: p for p in parts if p is not None} | found
    return found


def _same_day(
    fit: dict[str, Any], segment: Run | None, nday: Run | None, journey: Run | None
) -> dt.date:
    days = {"fit": str(fit["as_of"])[:10]}
    if segment is not None:
        days["segment"] = str(segment.json("segments.json")["as_of"])[:10]
    if nday is not None:
        days["nday"] = str(nday.json("rule.json")["as_of"])[:10]
    if journey is not None:
        days["journey"] = str(journey.json("journey.json")["as_of"])[:10]
    if len(set(days.values())) > 1:
        raise UsageError(f"the runs end on different days: {days}; run them with one as_of.")
    return dt.date.fromisoformat(days["fit"])


def threshold_of(stored: dict[str, Any]) -> Threshold:
    """Return the threshold that `fit.json` holds."""
    known = {f.name: stored[f.name] for f in fields(Threshold) if f.name in stored}
    until = known.get("learnt_until")
    known["learnt_until"] = dt.date.fromisoformat(until) if until else None
    known["curve"] = pd.DataFrame(known["curve"]) if known.get("curve") else None
    return Threshold(**{**known, "notes": tuple(known.get("notes", ()))})


def _backtest(run: Run) -> dict[str, Any]:
    return backtest_evidence(run.json("backtest.json"), run.frame("scores.parquet"))


def _visits(segment: Run, membership: pd.DataFrame | None) -> VisitEvidence | None:
    if not segment.has("visits_posterior.nc") or membership is None:
        return None
    config = segment.manifest["config"]["visits"]
    late = config["basis"] == OVERDUE
    basis = "p_alive" if late else config["basis"]  # a late state has a visit risk beside it
    risk = RiskConfig(basis=basis, horizon_days=config["horizon_days"], cycles=config["cycles"])
    return VisitEvidence(
        draws=load_draws(segment.file("visits_posterior.nc")),
        risk=risk,
        risk_value=config["risk_value"],
        inactive_value=config["inactive_value"],
        summary=_with_signups(segment.frame("visits.parquet"), membership),
        window_cycles=config["window_cycles"] if late else None,
    )


def _with_signups(visits: pd.DataFrame, membership: pd.DataFrame) -> pd.DataFrame:
    """Add members whose visit clock starts at signup: known visit state, no visit yet."""
    known = membership[membership["visit_state"] != VISIT_UNKNOWN]
    quiet = known[positions(known["customer_id"], visits["customer_id"]) < 0]
    age = (quiet["as_of"] - quiet["signed_up_at"]).dt.days.astype("float64")
    clock = pd.DataFrame({"customer_id": quiet["customer_id"], "x": 0.0, "t_x": 0.0, "T": age})
    return pd.concat([visits[["customer_id", "x", "t_x", "T"]], clock], ignore_index=True)


def _banners(report: dict[str, Any]) -> tuple[str, ...]:
    """Return the states that hold hardly anybody or nearly everybody, in words."""
    return tuple(banner(found) for found in report.get("extreme_states") or ())


def _shares(segment: Run | None) -> pd.DataFrame | None:
    if segment is None or not segment.has("segment_share.parquet"):
        return None
    return segment.frame("segment_share.parquet")


def _journeys(journey: Run) -> list[dict[str, Any]]:
    """Return the journeys of the audiences, with their lift where they were supported."""
    summary = journey.json("journey.json")
    # Loyal customers' rows come first.
    lifts = journey.frame("journeys.parquet").drop_duplicates("journey_id").set_index("journey_id")
    return [
        {
            "journey_id": pair["journey_id"],
            "items": [pair["item_1"], pair["item_2"]],
            "window_days": summary["window_days"],
            "action_id": JOURNEY_ACTION,
            **{c: lifts[c].get(pair["journey_id"]) for c in ("lift", "lift_q05", "lift_q95")},
        }
        for pair in summary["pairs"]
    ]


def _journey_audience(journey: Run) -> pd.DataFrame:
    audience = journey.frame("journey_audience.parquet")
    last_day = audience["window_closes_at"].dt.normalize()
    names = ["customer_id", "journey_id", "trigger_item", "target_item"]
    return audience[names].assign(window_closes_at=last_day)


def _plan(segment: Run | None) -> pd.DataFrame | None:
    """Return the campaign plan of a segment run; None where it has none, or nobody is in it."""
    if segment is None or not segment.has("campaign_plan.parquet"):
        return None
    plan = segment.frame("campaign_plan.parquet", coded=_CODED)
    return plan if len(plan) else None


def _offer(nday: Run) -> dict[str, Any]:
    """Return the action of an N-day rule, which is not in the playbook."""
    return {
        "action_id": nday.json("rule.json")["action_id"],
        "channel": "message",
        "incentive": "a larger coupon than at signup",
        "cooldown_days": 365,
        "message_class": "promotional",
        "evidence": "rule(N), rule.json of the N-day study",
    }
