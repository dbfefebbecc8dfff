"""The recommendation and the warnings in plain sentences, English and Korean."""

from __future__ import annotations

from churnlab.nday.decide.recommend import NOTHING, PLATEAU_DAY, Recommendation
from churnlab.nday.decide.value import NdayCosts

Sentence = dict[str, str]


def recommendation(found: Recommendation, *, window_days: int, slow: tuple[int, float]) -> Sentence:
    """Say what to do and what it rests on.

    Parameters
    ----------
    found : Recommendation
        N and its basis.
    window_days : int
        M.
    slow : tuple of int and float
        A day, and the share of the window's buyers who come after it: said when there is no
        plateau.
    """
    if found.basis == NOTHING:
        day, share = slow
        return {
            "en": f"No N is recommended: there is no plateau, {share:.0%} of the buyers of "
            f"{window_days} days come after day {day}. State nday.costs.margin and "
            "nday.costs.coupon, and N is the day of the highest value.",
            "ko": f"권장 N이 없습니다: 정체 구간이 없고 {window_days}일 구매자의 {share:.0%}가 "
            f"{day}일 이후에 구매합니다. nday.costs.margin과 nday.costs.coupon을 지정하면 "
            "가치가 가장 높은 날을 구합니다.",
        }
    if found.n is None:
        return _nothing_pays(found)
    assert found.leaves is not None
    left = found.leaves
    tail_en = (
        f"{left['mean']:.0%} ({left['q05']:.0%} to {left['q95']:.0%}) of the buyers of "
        f"{window_days} days come on that day or later."
    )
    tail_ko = (
        f"{window_days}일 구매자 중 {left['mean']:.0%} ({left['q05']:.0%}~{left['q95']:.0%})가 "
        "그날 또는 그 이후에 구매합니다."
    )
    if found.basis == PLATEAU_DAY:
        return {
            "en": f"Send on day {found.n}, where the curve goes flat: {tail_en} No costs are "
            "stated, so this is the plateau, not the most profitable day.",
            "ko": f"곡선이 정체되는 {found.n}일에 보내십시오: {tail_ko} 비용을 지정하지 않아 "
            "수익이 가장 큰 날이 아니라 정체일입니다.",
        }
    return _economic(found, tail_en, tail_ko)


def _nothing_pays(found: Recommendation) -> Sentence:
    assert found.regret is not None
    assert found.u0 is not None
    loss, u0 = found.regret["mean"], found.u0["mean"]
    how_en = "the measured uplift" if found.u0["measured"] else "an assumed uplift"
    how_ko = "측정된" if found.u0["measured"] else "가정한"
    return {
        "en": f"Send no message: even the best day tried, {found.next_best}, loses {loss:.2f} per "
        f"signup with {how_en} of {u0:.1%}.",
        "ko": f"{how_ko} 효과 {u0:.1%}로는 가장 나은 {found.next_best}일에도 가입자당 {loss:.2f} "
        "손해이므로 보내지 마십시오.",
    }


def _economic(found: Recommendation, tail_en: str, tail_ko: str) -> Sentence:
    assert found.value is not None
    assert found.u0 is not None
    value, u0 = found.value, found.u0["mean"]
    basis_en, basis_ko = (
        (f"with the measured uplift of {u0:.1%}", f"측정된 효과 {u0:.1%} 기준")
        if found.u0["measured"]
        else (f"if a message gains {u0:.1%}, an assumption", f"효과 {u0:.1%}를 가정할 때")
    )
    worth_en = f"{value['mean']:.2f} ({value['q05']:.2f} to {value['q95']:.2f}) per signup"
    worth_ko = f"가입자당 {value['mean']:.2f} ({value['q05']:.2f}~{value['q95']:.2f})"
    english = f"Send on day {found.n}: worth {worth_en} {basis_en}"
    korean = f"{found.n}일에 보내십시오: {basis_ko} {worth_ko}"
    if found.regret is not None:
        english += f"; day {found.next_best}, the next best, loses {found.regret['mean']:.3f}"
        korean += f", 차선인 {found.next_best}일은 {found.regret['mean']:.3f} 손해"
    english, korean = f"{english}. {tail_en}", f"{korean}. {tail_ko}"
    if found.edge is not None:
        english += (
            f" Day {found.n} is the {found.edge} day tried: better days may lie outside; widen "
            "nday.n_min, nday.n_max or the window."
        )
        which = "첫" if found.edge == "first" else "마지막"
        korean += (
            f" {found.n}일은 시도한 {which} 날입니다. 범위 밖이 더 나을 수 있으니 "
            "nday.n_min, nday.n_max 또는 기간을 넓히십시오."
        )
    return {"en": english, "ko": korean}


def at_costs(costs: NdayCosts) -> Sentence:
    """Say what the value rests on: the costs that were stated."""
    margin, coupon, message = (f"{v:,g}" for v in (costs.margin, costs.coupon, costs.message))
    return {
        "en": f"The stated costs: margin {margin}, coupon {coupon}, message {message}.",
        "ko": f"지정한 비용: 마진 {margin}, 쿠폰 {coupon}, 메시지 {message}.",
    }


def window_cut(asked: int, used: int, last: str) -> Sentence:
    """Say that the window was shortened to what the follow-up carries."""
    return {
        "en": f"The window of {asked} days reaches past the follow-up (data end on {last}): day "
        f"{used} is used. Set nday.cohort.window_days={used}, or wait for later data.",
        "ko": f"{asked}일 기간이 관찰 기간({last}까지)보다 길어 {used}일을 사용합니다. "
        f"nday.cohort.window_days={used}로 지정하거나 자료가 더 쌓인 뒤 실행하십시오.",
    }


def window_longer(share: float, day: int, longer: int) -> Sentence:
    """Suggest a longer window where the curve has not come to rest and the data reach further."""
    return {
        "en": f"{share:.0%} of the buyers come after day {day}, some after the window, and the "
        f"data reach further: try nday.cohort.window_days={longer}.",
        "ko": f"구매자의 {share:.0%}가 {day}일 이후에 구매하고 기간 뒤의 구매도 있습니다: "
        f"nday.cohort.window_days={longer}를 시도하십시오.",
    }


def after_expiry(day: int) -> Sentence:
    """Say that the curve goes flat the day after the signup coupon expires."""
    return {
        "en": f"The curve goes flat the day after the signup coupon expires (day {day}): the "
        "coupon may have made the plateau. Cohorts with another expiry would tell.",
        "ko": f"곡선이 가입 쿠폰 만료일({day}일) 다음 날부터 정체됩니다: 쿠폰이 만든 정체일 수 "
        "있습니다. 만료일이 다른 코호트와 비교하십시오.",
    }


def drifting(early: float, late: float) -> Sentence:
    """Say that later cohorts convert unlike earlier ones."""
    return {
        "en": f"Cohorts drift: the later half of the signups converts {late / early:.2f} times as "
        f"much as the earlier half ({late:.1%} against {early:.1%}, at equal follow-up); the "
        "curve is their average.",
        "ko": f"코호트가 변하고 있습니다: 후반 가입자의 전환이 전반의 {late / early:.2f}배입니다 "
        f"(같은 관찰 기간에 {late:.1%} 대 {early:.1%}). 곡선은 평균입니다.",
    }


def uncovered(quantity: str, coverage: float) -> Sentence:
    """Say that held-out cohorts fall outside of their intervals too often."""
    return {
        "en": f"Only {coverage:.0%} of the held-out cohorts lie inside their 90% interval "
        f"({quantity}): cohorts to come may convert unlike those that the curve was learnt from.",
        "ko": f"검증 코호트의 {coverage:.0%}만 90% 구간 안에 있습니다 ({quantity}): 앞으로의 "
        "코호트는 학습에 쓴 코호트와 다르게 전환할 수 있습니다.",
    }
