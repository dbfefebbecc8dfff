"""One customer's story in a paragraph, in English and Korean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from churnlab.report.words import pick
from churnlab.segments import segment_name
from churnlab.vocabulary import FAR_DATE


def paragraph(told: Mapping[str, Any], lang: str = "en") -> str:
    """Return why the customer stands where they stand.

    Parameters
    ----------
    told : mapping
        What `explain.json` holds.
    """
    parts = [_cell(told, lang)]
    if told["customer"] is None:
        text = "They have not bought yet.", "아직 구매가 없습니다."
        parts.append(pick(lang, *text))
    else:
        parts += [_rhythm(told, lang), _risk(told, lang), _due(told, lang)]
    if told["actions"]:
        parts.append(pick(lang, "What to do: ", "할 일: ") + told["actions"][0][lang])
    return " ".join(parts)


def _cell(told: Mapping[str, Any], lang: str) -> str:
    code = str(told["member"]["segment_code"])
    text = pick(
        lang, "On {day}, {who} stands in: {cell}.", "{day} 현재 {who} 고객은 '{cell}'에 있습니다."
    )
    return text.format(day=told["as_of"], who=told["customer_id"], cell=segment_name(code, lang))


def _rhythm(told: Mapping[str, Any], lang: str) -> str:
    row = told["customer"]
    count, last = int(row["x"]) + 1, pd.Timestamp(row["last_purchase_at"]).date()
    text = pick(
        lang,
        "They have bought on {count} day(s), last on {last}, {silence:.0f} days ago; their purchase "
        "cycle is about {cycle:.0f} days (90% interval {low:.0f} to {high:.0f}).",
        "구매일은 {count}일, 마지막 구매는 {last}로 {silence:.0f}일 전이며, 구매 주기는 약 {cycle:.0f}일"
        "(90% 구간 {low:.0f}–{high:.0f}일)입니다.",
    )
    return text.format(
        count=count,
        last=last,
        silence=row["days_since_last"],
        cycle=row["cycle_days"],
        low=row["cycle_q05"],
        high=row["cycle_q95"],
    )


def _risk(told: Mapping[str, Any], lang: str) -> str:
    row, cut = told["customer"], told["threshold"]
    threshold = cut["first_value"] if row["x"] == 0 else cut["value"]
    since = str(row["at_risk_date"])[:10]
    text = pick(
        lang,
        "Their risk is {risk:.2f} ({low:.2f} to {high:.2f}, basis {basis}) against a threshold of "
        "{cut:.2f}: {state}.",
        "위험도는 {risk:.2f}({low:.2f}–{high:.2f}, 기준 {basis}), 임계값은 {cut:.2f}: {state}.",
    )
    return text.format(
        risk=row["purchase_risk"],
        low=row["purchase_risk_q05"],
        high=row["purchase_risk_q95"],
        basis=cut["basis"],
        cut=threshold,
        state=_state(since, told["as_of"], lang),
    )


def _state(since: str, as_of: object, lang: str) -> str:
    if since == FAR_DATE:
        return pick(lang, "not at risk within ten years", "10년 안에는 위험 상태가 되지 않음")
    if pd.Timestamp(since) <= pd.Timestamp(str(as_of)):
        return pick(lang, f"at risk since {since}", f"{since}부터 위험 상태")
    return pick(
        lang, f"at risk from {since} if they stay silent", f"침묵이 이어지면 {since}부터 위험"
    )


def _due(told: Mapping[str, Any], lang: str) -> str:
    row = told["customer"]
    text = pick(
        lang,
        "If they buy again within the window, it is by {due} in half of all cases (80% interval "
        "{low} to {high}).",
        "다시 구매한다면 절반은 {due}까지(80% 구간 {low}–{high})입니다.",
    )
    dates = {k: str(row[c])[:10] for k, c in _DUE.items()}
    return text.format(**dates)


_DUE = {"due": "due_date", "low": "due_q10", "high": "due_q90"}
