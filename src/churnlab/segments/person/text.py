"""One customer's story in a paragraph, in English and Korean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from churnlab.report.words import pick
from churnlab.segments import segment_name
from churnlab.vocabulary import FAR_DATE, OVERDUE, VISIT_UNKNOWN


def paragraph(told: Mapping[str, Any], lang: str = "en") -> str:
    """Return why the customer stands where they stand.

    Parameters
    ----------
    told : mapping
        What `explain.json` holds.
    """
    parts = [_cell(told, lang)]
    if told["customer"] is None:
        parts.append(_signup(told, lang))
    else:
        parts += [_rhythm(told, lang), _risk(told, lang), _due(told, lang)]
    parts.append(_visits(told, lang))
    if told["actions"]:
        parts.append(pick(lang, "What to do: ", "할 일: ") + told["actions"][0][lang])
    return " ".join(part for part in parts if part)


def risk_words(told: Mapping[str, Any], lang: str) -> str:
    """Return what the risk is the chance of, in plain words."""
    risk = told["risk"]
    if risk["basis"] == "p_alive":
        return pick(lang, "the chance that they have stopped buying", "구매를 완전히 멈췄을 확률")
    row = told["customer"]
    days = risk["horizon_days"] if row is None else int(row["horizon_days"])
    own = risk["basis"] == "personal_cycles"
    text = pick(
        lang,
        "the chance of no purchase within {days} days"
        + (" ({c:g} of their own rhythms, 14 to 182 days)" * own),
        "{days}일" + "(자신의 구매 주기 {c:g}회, 14–182일)" * own + " 안에 구매하지 않을 확률",
    )
    return str(text.format(days=days, c=risk["cycles"]))


def _cell(told: Mapping[str, Any], lang: str) -> str:
    code = str(told["member"]["segment_code"])
    text = pick(
        lang,
        "On {day}, {who} stands in the cell '{cell}' (probability {p:.0%}).",
        "{day} 현재 {who} 고객은 '{cell}'에 있습니다(확률 {p:.0%}).",
    )
    return text.format(
        day=told["as_of"],
        who=told["customer_id"],
        cell=segment_name(code, lang).removesuffix(" 고객"),
        p=told["member"]["probability"],
    )


def _signup(told: Mapping[str, Any], lang: str) -> str:
    day = _date(told["member"]["signed_up_at"])
    text = pick(
        lang,
        "They signed up on {day}, {n} days ago, and have not bought yet.",
        "{day}({n}일 전)에 가입했고 아직 구매가 없습니다.",
    )
    return text.format(day=day, n=_days_between(day, told["as_of"]))


def _rhythm(told: Mapping[str, Any], lang: str) -> str:
    row = told["customer"]
    count, last = int(row["x"]) + 1, _date(row["last_purchase_at"])
    values = {
        "count": count,
        "last": last,
        "silence": int(row["days_since_last"]),
        "cycle": row["cycle_days"],
        "low": row["cycle_q05"],
        "high": row["cycle_q95"],
    }
    once = pick(
        lang,
        "They have bought once, on {last}, {silence} days ago; with one purchase their cycle is a "
        "guess from the other customers, {cycle:.0f} days (90% interval {low:.0f} to {high:.0f}).",
        "{last}({silence}일 전)에 한 번 구매했습니다. 구매가 한 번뿐이라 구매 주기는 다른 고객들로 미루어 약 "
        "{cycle:.0f}일(90% 구간 {low:.0f}–{high:.0f}일)입니다.",
    )
    often = pick(
        lang,
        "They have bought on {count} days, last on {last}, {silence} days ago; their purchase "
        "cycle is about {cycle:.0f} days (90% interval {low:.0f} to {high:.0f}).",
        "{count}일에 걸쳐 구매했고 마지막 구매는 {last}({silence}일 전)이며, 구매 주기는 약 {cycle:.0f}일"
        "(90% 구간 {low:.0f}–{high:.0f}일)입니다.",
    )
    return (once if count == 1 else often).format(**values)


def _late(told: Mapping[str, Any], lang: str) -> str:
    """Return how late the customer is by the own rhythm, and what that means for P(alive)."""
    row, cut, curve = told["customer"], told["threshold"], told["risk_by_day"]
    now = dict(zip(curve["day"], curve["mean"], strict=True)).get(str(told["as_of"])) or 0.0
    text = pick(
        lang,
        "Of customers like this one who come back within {w:g} of their own rhythms (one rhythm is "
        "{rhythm:.0f} days), {now:.0%} have come back by now; from {cut:.0%} on a customer is late: "
        "{state}{interval}. The chance that they still buy at all is {alive:.0%} today and "
        "{then:.0%} on that day.",
        "자신의 구매 주기 {w:g}회(주기 1회는 {rhythm:.0f}일) 안에 다시 구매하는 비슷한 고객 가운데 지금까지 "
        "{now:.0%}가 돌아왔고, {cut:.0%}부터 늦은 것으로 봅니다: {state}{interval}. 앞으로도 구매할 확률은 오늘 "
        "{alive:.0%}, 그날 {then:.0%}입니다.",
    )
    between = "" if pd.isna(row["at_risk_q05"]) else pick(
        lang, " (90% interval {low} to {high})", "(90% 구간 {low}–{high})"
    ).format(low=_date(row["at_risk_q05"]), high=_date(row["at_risk_q95"]))  # fmt: skip
    return text.format(
        w=told["risk"]["window_cycles"],
        rhythm=row["rhythm_days"],
        now=now,
        cut=cut["first_value"] if row["x"] == 0 else cut["value"],
        state=_state(_date(row["at_risk_date"]), told["as_of"], lang),
        interval=between,
        alive=row["p_alive"],
        then=row["p_alive_at_risk"],
    )


def _risk(told: Mapping[str, Any], lang: str) -> str:
    if told["risk"]["basis"] == OVERDUE:
        return _late(told, lang)
    row, cut = told["customer"], told["threshold"]
    threshold = cut["first_value"] if row["x"] == 0 else cut["value"]
    text = pick(
        lang,
        "Their risk, {what}, is {risk:.0%} (90% interval {low:.0%} to {high:.0%}) against a "
        "threshold of {cut:.0%}: {state}.",
        "위험도, 곧 {what}은 {risk:.0%}(90% 구간 {low:.0%}–{high:.0%})이고 임계값은 {cut:.0%}입니다: {state}.",
    )
    return text.format(
        what=risk_words(told, lang),
        risk=row["purchase_risk"],
        low=row["purchase_risk_q05"],
        high=row["purchase_risk_q95"],
        cut=threshold,
        state=_state(_date(row["at_risk_date"]), told["as_of"], lang),
    )


def _state(since: str, as_of: object, lang: str) -> str:
    if since == FAR_DATE:
        return pick(lang, "not at risk within ten years", "10년 안에는 위험 상태가 되지 않음")
    if _days_between(since, as_of) >= 0:
        return pick(lang, f"at risk since {since}", f"{since}부터 위험 상태")
    return pick(
        lang,
        f"active, and at risk from {since} if nothing is bought until then",
        f"활성 상태이며, 그때까지 구매가 없으면 {since}부터 위험 상태",
    )


def _due(told: Mapping[str, Any], lang: str) -> str:
    row = told["customer"]
    due, low, high = (_date(row[c]) for c in ("due_date", "due_q10", "due_q90"))
    late = _days_between(high, told["as_of"]) > 0
    if late:
        text = pick(
            lang,
            "A next purchase was due by {due} and nine times in ten by {high}: long overdue.",
            "다음 구매는 {due} 무렵, 열에 아홉은 {high}까지 왔어야 하므로 많이 늦었습니다.",
        )
    else:
        text = pick(
            lang,
            "If they buy again, half of such customers do so by {due} (80% interval {low} to "
            "{high}).",
            "다시 구매한다면 이런 고객의 절반은 {due}까지 구매합니다(80% 구간 {low}–{high}).",
        )
    return text.format(due=due, low=low, high=high)


def _visits(told: Mapping[str, Any], lang: str) -> str:
    """Visits: how many, the last, and since or until when they count as active."""
    if told["visit_days"] is None:
        return pick(lang, "The shop has no visit log.", "방문 기록이 없는 쇼핑몰입니다.")
    member = told["member"]
    if str(member["visit_state"]) == VISIT_UNKNOWN:
        return pick(
            lang,
            "The visit log never shows them, so nothing is said about their visits.",
            "방문 기록에 나타나지 않아 방문 상태는 알 수 없습니다.",
        )
    n = len(told["visit_days"])
    if n:
        last = told["visit_days"][-1]
        head = pick(
            lang,
            f"They have visited on {n} day{'s' * (n != 1)}, last on {last}",
            f"방문일은 {n}일, 마지막 방문은 {last}",
        )
    else:
        head = pick(lang, "They have never visited", "방문한 적이 없습니다")
    return head + pick(lang, "; their visits are ", "; 방문은 ") + _visit_state(told, lang) + "."


def _visit_state(told: Mapping[str, Any], lang: str) -> str:
    member = told["member"]
    risk, gone = (_date(member[c]) for c in ("visit_risk_date", "visit_inactive_date"))
    state = str(member["visit_state"])
    words = {
        "visit_active": (f"active (thinning from {risk}, inactive from {gone}, if none comes)",
                         f"활성(방문이 없으면 {risk}부터 위험, {gone}부터 비활성)"),
        "visit_risk": (f"thinning since {risk} and will be inactive from {gone}",
                       f"{risk}부터 위험, {gone}부터 비활성"),
        "visit_inactive": (f"inactive since {gone}", f"{gone}부터 비활성"),
    }  # fmt: skip
    text = words[state][0 if lang == "en" else 1]
    if lang == "ko":
        return text.replace(FAR_DATE, "10년 이후")
    return text.replace(f"from {FAR_DATE}", "not within ten years")


def _date(value: object) -> str:
    return str(value)[:10]


def _days_between(day: str, later: object) -> int:
    return (pd.Timestamp(str(later)) - pd.Timestamp(day)).days
