"""One customer's story in a paragraph."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from churnlab.report.catalogue import Catalogue
from churnlab.segments import segment_name
from churnlab.vocabulary import FAR_DATE, OVERDUE, VISIT_UNKNOWN

say: Final = Catalogue(__file__)


def paragraph(told: Mapping[str, Any], lang: str = "en") -> str:
    """Return why the customer stands where they stand.

    told: What `explain.json` holds.
    """
    parts = [_cell(told, lang)]
    if told["customer"] is None:
        parts.append(_signup(told, lang))
    else:
        parts += [_rhythm(told, lang), _risk(told, lang), _due(told, lang)]
    parts.append(_visits(told, lang))
    if told["actions"]:
        parts.append(say("to_do", lang, action=told["actions"][0][lang]))
    return " ".join(part for part in parts if part)


def risk_words(told: Mapping[str, Any], lang: str) -> str:
    """Return what the risk is the chance of, in plain words."""
    risk, row = told["risk"], told["customer"]
    own = None if row is None else row["horizon_days"]
    days = risk["horizon_days"] if pd.isna(own) else int(own)
    return say(f"what.{risk['basis']}", lang, days=days, cycles=risk["cycles"])


def _cell(told: Mapping[str, Any], lang: str) -> str:
    member = told["member"]
    cell = segment_name(str(member["segment_code"]), lang).removesuffix(" 고객")
    return say("cell", lang, day=told["as_of"], who=told["customer_id"], cell=cell,
               p=member["probability"])  # fmt: skip


def _signup(told: Mapping[str, Any], lang: str) -> str:
    day = told["member"]["signed_up_at"]
    return say("signup", lang, day=day, n=_days_between(day, told["as_of"]))


def _rhythm(told: Mapping[str, Any], lang: str) -> str:
    row = told["customer"]
    count = int(row["x"]) + 1
    return say(
        "once" if count == 1 else "often", lang, count=count, last=row["last_purchase_at"],
        silence=int(row["days_since_last"]), cycle=row["cycle_days"], low=row["cycle_q05"],
        high=row["cycle_q95"],
    )  # fmt: skip


def _late(told: Mapping[str, Any], lang: str) -> str:
    """Return how late the customer is by the own rhythm, and what that means for P(alive)."""
    row, curve = told["customer"], told["risk_by_day"]
    now = dict(zip(curve["day"], curve["mean"], strict=True)).get(str(told["as_of"])) or 0.0
    between = (
        ""
        if pd.isna(row["at_risk_q05"])
        else say("late_interval", lang, low=row["at_risk_q05"], high=row["at_risk_q95"])
    )
    cut = told["threshold"]
    learnt = say("late_learnt", lang, q=cut["quantile"]) if cut.get("learnt_until") else ""
    return say(
        "late", lang, w=told["risk"]["window_cycles"], rhythm=row["rhythm_days"], now=now,
        cut=_cut(told), learnt=learnt, state=_state(told, lang), interval=between, alive=row["p_alive"],
        then=row["p_alive_at_risk"],
    )  # fmt: skip


def _risk(told: Mapping[str, Any], lang: str) -> str:
    if told["risk"]["basis"] == OVERDUE:
        return _late(told, lang)
    row = told["customer"]
    return say(
        "risk", lang, what=risk_words(told, lang), risk=row["purchase_risk"],
        low=row["purchase_risk_q05"], high=row["purchase_risk_q95"], cut=_cut(told),
        state=_state(told, lang),
    )  # fmt: skip


def _cut(told: Mapping[str, Any]) -> float:
    """Return the threshold of first purchasers, or of those who came back."""
    return float(told["threshold"]["first_value" if told["customer"]["x"] == 0 else "value"])


def _state(told: Mapping[str, Any], lang: str) -> str:
    since = told["customer"]["at_risk_date"]
    if _far(since):
        return say("state.never", lang)
    if _days_between(since, told["as_of"]) >= 0:
        return say("state.since", lang, day=since)
    return say("state.active", lang, day=since)


def _due(told: Mapping[str, Any], lang: str) -> str:
    row = told["customer"]
    late = _days_between(row["due_q90"], told["as_of"]) > 0
    due = say("overdue" if late else "due", lang, due=row["due_date"], low=row["due_q10"],
              high=row["due_q90"])  # fmt: skip
    low, middle, high = (row.get(f"next_purchase_{q}") for q in ("q10", "q50", "q90"))
    if middle is None:  # a folder of before there were such columns
        return due
    return f"{due} {say('left', lang, low=low, middle=middle, high=high)}"


def _visits(told: Mapping[str, Any], lang: str) -> str:
    """Visits: how many, the last, and since or until when they count as active."""
    if told["visit_days"] is None:
        return say("visits.no_log", lang)
    if str(told["member"]["visit_state"]) == VISIT_UNKNOWN:
        return say("visits.unknown", lang)
    days = told["visit_days"]
    last = days[-1] if len(days) else None
    key = "visits.some" if len(days) else "visits.none"
    return say(key, lang, n=len(days), last=last, state=_visit_state(told["member"], lang))


def _visit_state(member: Mapping[str, Any], lang: str) -> str:
    risk, gone = member["visit_risk_date"], member["visit_inactive_date"]
    return say(f"visits.{member['visit_state']}", lang, risk=_from(risk, lang),
               gone=_from(gone, lang), risk_day=risk, gone_day=gone)  # fmt: skip


def _from(day: object, lang: str) -> str:
    return say("visits.far", lang) if _far(day) else say("visits.from", lang, day=day)


def _far(day: object) -> bool:
    return str(day)[:10] == FAR_DATE


def _days_between(day: object, later: object) -> int:
    return (pd.Timestamp(str(later)) - pd.Timestamp(str(day))).days
