"""What bundle.json says: each section, from the inputs of an export."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from churnlab.bundle.consistency import HIATUS, MIN_ORIGINS
from churnlab.bundle.document import SCHEMA_VERSION, SQL_EDITION
from churnlab.errors import DataError
from churnlab.export.config import ExportConfig
from churnlab.export.draws import Chosen, Thinned
from churnlab.export.inputs import ExportInputs, VisitEvidence
from churnlab.export.sql import unsupported
from churnlab.metrics import shares_of_bins
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig
from churnlab.rules import Threshold
from churnlab.runs.folder import commit
from churnlab.runs.hashing import content_hash, to_jsonable
from churnlab.vocabulary import OVERDUE, SEGMENT_CODES, SEGMENTS

#: Thresholds are written with six digits, so that no customer's risk equals one but for rounding.
DIGITS = 6
_RISK_BINS = 10
#: Why the scoring SQL has no `no_purchase`.
NO_SQL = (
    "trees over 37 features of every gap, amount and the calendar, and models' logits: send "
    "no_purchase of customer_thresholds, or score events with churnlab"
)


def model_section(thinned: Thinned, n_full: int, columns: Sequence[str]) -> dict[str, Any]:
    """Describe a model: its thinned draws and how far they are from the full posterior."""
    draws = thinned.draws
    return {
        "name": draws.model,
        "k": draws.k,
        "parameters": list(draws.likelihood.parameters),
        "groups": list(draws.groups),
        "group_columns": list(columns),
        "unit": "day",
        "seen_until": None if draws.seen_until is None else draws.seen_until.isoformat(),
        "draws": draws.theta.tolist(),
        "unseen": None if draws.unseen is None else draws.unseen.tolist(),
        "n_draws_full": n_full,
        "thinning_error": {
            "p_alive": thinned.p_alive,
            "risk": thinned.risk,
            "n_cells": thinned.n_cells,
        },
    }


def visit_section(visits: VisitEvidence) -> dict[str, Any]:
    """Describe the two cuts on the visit risk, or on lateness by the own rhythm."""
    return {
        "rule": "fixed" if visits.window_cycles is None else OVERDUE,
        "risk": visits.risk_value,
        "inactive": visits.inactive_value,
        "window_cycles": visits.window_cycles,
    }


def threshold_section(threshold: Threshold) -> dict[str, Any]:
    """Describe the purchase threshold: value, interval, curve and the price of being wrong."""
    until, curve = threshold.learnt_until, threshold.curve
    return {
        "rule": threshold.rule,
        "value": round(threshold.value, DIGITS),
        "first_value": round(threshold.first_value, DIGITS),
        "window_cycles": threshold.window_cycles,
        "quantile": threshold.quantile,
        "q05": maybe(threshold.low),
        "q95": maybe(threshold.high),
        "origin_low": maybe(threshold.origin_low),
        "origin_high": maybe(threshold.origin_high),
        "learnt_until": None if until is None else until.isoformat(),
        "curve": [] if curve is None else to_jsonable(curve.to_dict("records")),
        "cost_per_customer": maybe(threshold.cost_per_customer),
        "cost_of_ten_points": {
            "lower": maybe(threshold.extra_cost_lower),
            "higher": maybe(threshold.extra_cost_higher),
        },
        "notes": list(threshold.notes),
    }


def maybe(value: Any) -> float | None:
    """Return a finite float, or None."""
    if value is None or value is pd.NA:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def backtest_section(backtest: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the evidence: origins, horizons, baselines, scores by origin and forecaster."""
    scores = backtest.get("scores")
    rows: list[Any]
    rows = scores.to_dict("records") if isinstance(scores, pd.DataFrame) else list(scores or ())
    origins = sorted({str(pd.Timestamp(o).date()) for o in backtest.get("origins", ())})
    return {
        "origins": origins,
        "horizon_days": [float(h) for h in np.atleast_1d(backtest.get("horizon_days", ()))],
        "baselines": sorted({str(b) for b in backtest.get("baselines", ())}),
        "scores": [_score_row(row) for row in rows],
        "degraded": [str(d) for d in backtest.get("degraded", ())],
    }


def _score_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    origin = row["origin"]
    return {
        "origin": "all" if str(origin) == "all" else str(pd.Timestamp(origin).date()),
        "horizon_days": maybe(row.get("horizon_days")),
        "forecaster": str(row["forecaster"]),
        "metric": str(row["metric"]),
        "value": maybe(row.get("value")),
        "q05": maybe(row.get("q05")),
        "q95": maybe(row.get("q95")),
    }


def calibration_section(backtest: Mapping[str, Any], *, override: bool) -> dict[str, Any]:
    """Say whether the backtest suffices.

    Raises DataError: Under three origins, or without the hiatus baseline, unless overridden.
    """
    reasons = []
    n = len(backtest["origins"])
    if n < MIN_ORIGINS:
        reasons.append(f"{n} backtest origins; at least {MIN_ORIGINS} are expected")
    if HIATUS not in backtest["baselines"]:
        reasons.append("the hiatus baseline is missing from the backtest")
    if reasons and not override:
        raise DataError(
            f"not exported: {'; '.join(reasons)}. Backtest with more origins and the hiatus "
            "baseline, or set export.allow_uncalibrated=true (the bundle then says so)."
        )
    return {"status": "not calibrated" if reasons else "calibrated", "reasons": reasons}


def segment_section(
    playbook: Mapping[str, Sequence[str]], polarity: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Describe the 15 segments and their actions.

    Raises DataError when a cell has no action.
    """
    bare = [code for code in SEGMENT_CODES if not playbook.get(code)]
    if bare:
        raise DataError(
            f"no action for {', '.join(bare[:5])}; every segment needs at least one. "
            "Complete the playbook."
        )
    return [
        {
            "code": s.code,
            "korean": s.korean,
            "english": s.english,
            "polarity": polarity.get(s.code, s.polarity),
            "actions": [str(a) for a in playbook[s.code]],
        }
        for s in SEGMENTS
    ]


def nday_section(rule: Mapping[str, Any], time_zone: str) -> dict[str, Any]:
    """Describe one N-day rule; without randomisation the uplift is empty."""
    last = int(rule["last_unconverted_day"])
    holdout = float(rule.get("holdout_share") or 0.0)
    randomised = bool(rule.get("randomised", False)) and holdout > 0
    uplift = rule.get("uplift") if randomised else None
    if not (isinstance(uplift, Mapping) and {"mean", "q05", "q95"} <= set(uplift)):
        uplift = None  # planned or not measured yet
    return {
        "rule_id": str(rule["rule_id"]),
        "last_unconverted_day": last,
        "send_day": int(rule.get("send_day", last + 1)),
        "day_zero_index": int(rule.get("day_zero_index", 0)),
        "time_zone": str(rule.get("time_zone") or time_zone),
        "action_id": str(rule["action_id"]),
        "randomised": randomised,
        "holdout_share": holdout,
        "uplift": None if uplift is None else {k: float(uplift[k]) for k in ("mean", "q05", "q95")},
        **({"notes": [str(note) for note in rule["notes"]]} if rule.get("notes") else {}),
    }


def journey_section(journey: Mapping[str, Any]) -> dict[str, Any]:
    """Describe one item journey."""
    action = journey.get("action_id")
    return {
        "journey_id": str(journey["journey_id"]),
        "items": [str(i) for i in journey["items"]],
        "window_days": float(journey["window_days"]),
        **{k: maybe(journey.get(k)) for k in ("lift", "lift_q05", "lift_q95")},
        "action_id": None if action is None else str(action),
    }


def action_section(action: Mapping[str, Any]) -> dict[str, Any]:
    """Describe one action."""
    text = ("action_id", "channel", "incentive", "message_class", "evidence")
    described: dict[str, Any] = {key: str(action.get(key) or "") for key in text}
    described["cooldown_days"] = int(action.get("cooldown_days") or 0)
    return described


def monitoring_section(
    config: ExportConfig, table: pd.DataFrame, risk: RiskConfig, backtest: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe limits, and the distributions that monitoring compares with."""
    scored = table["purchase_risk"].dropna().to_numpy(float)
    edges = np.unique(np.quantile(scored, np.arange(1, _RISK_BINS) / _RISK_BINS).round(9))
    shares = table["segment_code"].value_counts(normalize=True).sort_index()
    horizons = backtest["horizon_days"]
    return {
        "limits": asdict(config.limits),
        "reference": {
            "risk_edges": edges.tolist(),
            "risk_shares": shares_of_bins(scored, edges).tolist(),
            "segment_shares": {str(code): float(share) for code, share in shares.items()},
            "n_purchasers": len(scored),
            "horizon_days": float(min(horizons)) if horizons else float(risk.horizon_days),
        },
    }


def sql_section(config: ExportConfig, draws: PopulationDraws, risk: RiskConfig) -> dict[str, Any]:
    """Describe the scoring SQL, or why there is none."""
    reason = unsupported(draws, risk)
    return {
        "dialects": [] if reason else list(config.sql.dialects),
        "schema": config.sql.schema,
        "table": config.sql.table,
        "customer_id": config.sql.customer_id,
        "event_at": config.sql.event_at,
        "reason": reason,
        "checks_zone": True,
        "edition": SQL_EDITION,
    }


def provenance_section(inputs: ExportInputs, n_members: int) -> dict[str, Any]:
    """Describe where the numbers come from."""
    hashes = dict(inputs.data_hashes) or {"summary": content_hash(len(inputs.summary))}
    return {
        "config_hash": content_hash(inputs.config),
        "data_hashes": hashes,
        "seed": inputs.seed,
        "n_customers": len(inputs.summary),
        "n_members": n_members,
        "n_cells": len(inputs.purchases.cells),
    }


def evidence_sections(inputs: ExportInputs, config: ExportConfig) -> dict[str, Any]:
    """Describe the backtest, refusing one that does not suffice; see `calibration_section`."""
    backtest = backtest_section(inputs.backtest)
    calibration = calibration_section(backtest, override=config.allow_uncalibrated)
    return {"backtest": backtest, "calibration": calibration}


def _risk(risk: RiskConfig) -> dict[str, Any]:
    """Return a definition of risk; levels of due dates where they were learnt."""
    return {name: value for name, value in asdict(risk).items() if value is not None}


def valid_until(as_of: dt.date, today: dt.date, days: int) -> dt.date:
    """Return the last day of use: so long after the data's end, but not before tomorrow."""
    return max(as_of + dt.timedelta(days), today + dt.timedelta(1))


def all_sections(
    inputs: ExportInputs,
    config: ExportConfig,
    evidence: Mapping[str, Any],
    chosen: Chosen,
    table: pd.DataFrame,
    now: dt.datetime,
) -> dict[str, Any]:
    """Describe all that does not depend on the files.

    `evidence` is from `evidence_sections`, `table` is `customer_thresholds`.
    """
    visits = inputs.visits
    until = valid_until(inputs.as_of, now.date(), config.valid_days)
    seen = chosen.visits
    return {
        "schema_version": SCHEMA_VERSION,
        "created_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "valid_until": until.isoformat(),
        "as_of": inputs.as_of.isoformat(),
        "time_zone": inputs.time_zone,
        "software": {"churnlab": metadata.version("churnlab"), "commit": commit()},
        "models": {
            "purchases": {
                **model_section(chosen.purchases, inputs.draws.n_draws, inputs.group_columns),
                **({"misfit": list(inputs.misfit)} if inputs.misfit else {}),
                **({"calendar": inputs.clock.to_dict()} if inputs.clock else {}),
            },
            "visits": seen and visits and model_section(seen, visits.draws.n_draws, ()),
        },
        "risk": {"purchases": _risk(inputs.risk), "visits": visits and _risk(visits.risk)},
        "thresholds": {
            "purchases": threshold_section(inputs.threshold),
            "visits": visits and visit_section(visits),
        },
        "banners": list(inputs.banners),
        "segments": segment_section(inputs.playbook, inputs.polarity),
        "nday_rules": [nday_section(r, inputs.time_zone) for r in inputs.nday_rules],
        "journeys": [journey_section(j) for j in inputs.journeys],
        "actions": [action_section(a) for a in inputs.actions],
        "sql": sql_section(config, chosen.purchases.draws, inputs.risk),
        "csv_guarded": config.csv_guard,
        "forecast": {**inputs.forecast, "no_sql": NO_SQL} if inputs.forecast else None,
        **evidence,
        "monitoring": monitoring_section(config, table, inputs.risk, evidence["backtest"]),
        "provenance": provenance_section(inputs, len(table)),
    }
