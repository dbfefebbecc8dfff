"""Other parts' results in the form that an export takes: backtest, playbook, N-day rule.

Plain mappings and frames come in (also as read back from run folders); this module knows their
names, so that the bundle does not depend on the parts that made them.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from churnlab.errors import DataError

#: What the bundle keeps of a backtest's scores.
METRICS = ("brier", "log_score", "auc", "bias", "mcb", "dsc", "unc", "cost_per_customer")
_TARGET_WIDTH = 200


def backtest_evidence(summary: Mapping[str, Any], scores: pd.DataFrame | None) -> dict[str, Any]:
    """Return `ExportInputs.backtest` from a backtest's summary (backtest.json) and its scores.

    summary: With `origins`, `horizon_days`, `baselines`, `degradations`.
    scores: `origin, target, candidate, variant, level, metric, value, q05, q95`; the plain variant
        over all customers is kept.
    """
    return {
        "origins": [str(o) for o in summary.get("origins", ())],
        "horizon_days": [float(h) for h in summary.get("horizon_days", ())],
        "baselines": list(summary.get("baselines", ())),
        "scores": [] if scores is None else _scores(scores, list(summary.get("origins", ()))),
        "degraded": [_sentence(d)[:_TARGET_WIDTH] for d in summary.get("degradations", ())][:50],
    }


def _scores(scores: pd.DataFrame, origins: list[Any]) -> list[dict[str, Any]]:
    rows = scores[scores["metric"].isin(METRICS)]
    for column, wanted in (("variant", "plain"), ("level", "all"), ("slice", "all")):
        if column in rows.columns:
            rows = rows[rows[column] == wanted]
    known = {str(pd.Timestamp(o).date()) for o in origins}
    kept = []
    for row in rows.to_dict("records"):
        origin = "all" if str(row["origin"]) == "all" else str(pd.Timestamp(row["origin"]).date())
        if origin != "all" and origin not in known:
            continue
        kept.append(
            {
                "origin": origin,
                "horizon_days": _days(row.get("target")),
                "forecaster": str(row["candidate"]),
                "metric": str(row["metric"]),
                "value": row["value"],
                "q05": row.get("q05"),
                "q95": row.get("q95"),
            }
        )
    return kept


def _days(target: Any) -> float | None:
    """Return the days in a target's label such as ``90d``; None for windows in own rhythms."""
    text = str(target)
    digits = "".join(c for c in text if c.isdigit() or c == ".")
    return float(digits) if digits and text.rstrip("ays ").endswith("d") else None


def _sentence(degradation: Any) -> str:
    if isinstance(degradation, Mapping):
        return str(degradation.get("reason", degradation))
    return str(degradation)


def playbook_parts(frame: pd.DataFrame) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Return `actions` and `playbook` of `ExportInputs` from the table of a playbook's actions.

    Actions that everybody of a cell gets come first; those with a special audience (reminders,
    carts) follow.
    """
    columns = ["action_id", "channel", "incentive", "cooldown_days", "message_class", "evidence"]
    actions = [{str(k): v for k, v in row.items()} for row in frame[columns].to_dict("records")]
    special = frame["audience"].ne("segment").to_numpy()
    by_cell: dict[str, list[str]] = {}
    for row in pd.concat([frame[~special], frame[special]]).to_dict("records"):
        for cell in filter(None, str(row["cells"]).split(",")):
            by_cell.setdefault(cell, []).append(str(row["action_id"]))
    return actions, by_cell


def nday_rule(
    rule: Mapping[str, Any], time_zone: str = "UTC", action_id: str | None = None
) -> dict[str, Any]:
    """Return one of `ExportInputs.nday_rules` from a rule.json; `action_id` overrides the rule's.

    The uplift is kept only where a holdout makes it measurable.

    Raises DataError when the rule lacks its id or its last unconverted day.
    """
    action = action_id or rule.get("action_id")
    missing = [k for k in ("rule_id", "last_unconverted_day") if k not in rule]
    missing += [] if action else ["action_id"]
    if missing:
        raise DataError(f"rule.json lacks {', '.join(missing)}; write it with `churnlab nday`.")
    uplift = rule.get("uplift")
    measured = isinstance(uplift, Mapping) and {"mean", "q05", "q95"} <= set(uplift)
    holdout = float(rule.get("holdout_share") or 0.0)
    return {
        "rule_id": str(rule["rule_id"]),
        "last_unconverted_day": int(rule["last_unconverted_day"]),
        "day_zero_index": int(rule.get("day_zero_index", 0)),
        "time_zone": str(rule.get("time_zone") or time_zone),
        "action_id": str(action),
        "holdout_share": holdout,
        "randomised": holdout > 0,
        "uplift": uplift if measured and holdout > 0 else None,
        "notes": [str(said["en"]) for said in rule.get("warnings", [])],
    }
