"""What the plateau's figures say, as a code and as a sentence in English and Korean."""

from __future__ import annotations

import math
from dataclasses import dataclass

from churnlab.nday.decide.plateau import LateBump, PlateauDay

PLATEAU, NO_PLATEAU, LATE_BUMP = "plateau", "no_plateau", "late_bump"


@dataclass(frozen=True)
class Verdict:
    """A plain statement about the plateau.

    Parameters
    ----------
    code : str
        ``plateau``, ``no_plateau`` (inside the follow-up) or ``late_bump`` (a second wave comes).
    english, korean : str
        One sentence each.
    """

    code: str
    english: str
    korean: str


def verdict(
    flat: PlateauDay, bump: LateBump, *, window_days: int, day_index: int, hazard_now: float
) -> Verdict:
    """State what the curve does inside the follow-up.

    Parameters
    ----------
    flat : PlateauDay
        The `hazard_below` posterior.
    bump : LateBump
        A second wave.
    hazard_now : float
        Weekly mean hazard at the window's end, per day.
    """
    if bump.probability >= 0.95:
        trough, peak = bump.trough + day_index, bump.peak + day_index
        return Verdict(
            LATE_BUMP,
            f"A second wave comes: after a trough around day {trough:.0f} the weekly hazard rises "
            f"{bump.ratio:.1f}-fold around day {peak:.0f}; {bump.share_after:.0%} of the "
            "conversions of the window come after the trough, so the first flat stretch is not "
            "the end of the curve.",
            f"두 번째 전환 물결이 있습니다: {trough:.0f}일 무렵 저점 이후 {peak:.0f}일 무렵 "
            f"주간 위험률이 {bump.ratio:.1f}배로 오르며, 관찰 기간 전환의 "
            f"{bump.share_after:.0%}가 저점 이후에 일어납니다. "
            "첫 정체 구간은 곡선의 끝이 아닙니다.",
        )
    if flat.p_none > 0.5:
        return Verdict(
            NO_PLATEAU,
            f"There is no plateau inside the follow-up: on day {window_days} still "
            f"{hazard_now:.2%} of the unconverted buy per day "
            f"(probability of no plateau {flat.p_none:.0%}).",
            f"관찰 기간 안에 정체 구간이 없습니다: {window_days}일에도 미구매자의 하루 "
            f"{hazard_now:.2%}가 구매합니다 (정체 없음 확률 {flat.p_none:.0%}).",
        )
    low, mid, high = (_day(flat.quantile(q), day_index) for q in (0.05, 0.5, 0.95))
    return Verdict(
        PLATEAU,
        f"The curve goes flat on day {mid} (90% interval {low} to {high}, {flat.definition}).",
        f"전환 곡선은 {mid}일부터 정체됩니다 (90% 구간 {low}~"
        f"{high.replace('none', '없음')}, {flat.definition}).",
    )


def _day(age: float, day_index: int) -> str:
    return "none" if math.isinf(age) else f"{age + day_index:.0f}"


def assumptions(
    *,
    from_visits: bool,
    experiment: bool,
    redemption: float,
    policy_start: str | None,
    active_days: int,
) -> list[dict[str, str]]:
    """List what the decision takes on trust, in both languages."""
    items = [
        {
            "en": f"Organic buyers redeem the larger coupon with probability {redemption:g}: an "
            "assumption, a larger coupon has no history.",
            "ko": f"자발적 구매자의 쿠폰 사용률 {redemption:g}는 가정입니다. "
            "더 큰 쿠폰에는 이력이 없습니다.",
        }
    ]
    if from_visits:
        items.append(
            {
                "en": f"Attention is a visit or the signup at most {active_days} days back: until "
                f"day {active_days} everyone counts as attentive, so a best N near it may reflect "
                "this cut alone; vary active_days.",
                "ko": f"관심은 최근 {active_days}일 이내 방문 또는 가입으로 정의합니다. 가입 후 "
                f"{active_days}일까지는 모두 관심 고객이므로, 그 부근의 최적 N은 이 기준 때문일 수 "
                "있습니다. active_days를 바꿔 보십시오.",
            }
        )
    else:
        items.append(
            {
                "en": "There is no visit log: attention is a band of half-lives, not measured.",
                "ko": "방문 로그가 없어 관심도는 측정값이 아니라 반감기 범위로 가정했습니다.",
            }
        )
    if not experiment:
        items.append(
            {
                "en": "There is no treatments table: no uplift is claimed; value is shown for a "
                "grid of uplifts.",
                "ko": "실험(treatments) 기록이 없어 효과를 주장하지 않으며, "
                "가정 격자에 대한 가치만 보입니다.",
            }
        )
    start = policy_start or "the data's end"
    items.append(
        {
            "en": f"Organic shares come from what was known before {start}; campaigns then in "
            "force are part of them.",
            "ko": f"자발적 전환은 {start} 이전 자료에서 추정했으며 "
            "당시의 캠페인 효과가 포함됩니다.",
        }
    )
    return items
