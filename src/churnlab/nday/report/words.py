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
    flat: PlateauDay,
    bump: LateBump,
    *,
    window_days: int,
    day_index: int,
    slow: tuple[int, float],
) -> Verdict:
    """State what the curve does inside the follow-up.

    Parameters
    ----------
    flat : PlateauDay
        The headline's posterior.
    bump : LateBump
        A second wave.
    slow : tuple of int and float
        A day and the share of the window's buyers after it: what is said without a plateau.
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
            f"There is no plateau inside the follow-up: {slow[1]:.0%} of the buyers of "
            f"{window_days} days come after day {slow[0]} "
            f"(probability of no plateau {flat.p_none:.0%}).",
            f"관찰 기간 안에 정체 구간이 없습니다: {window_days}일 구매자의 {slow[1]:.0%}가 "
            f"{slow[0]}일 이후에 구매합니다 (정체 없음 확률 {flat.p_none:.0%}).",
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
    redemption: float | None,
    policy_start: str | None,
    active_days: int,
) -> list[dict[str, str]]:
    """List what the decision takes on trust, in both languages."""
    items = []
    if redemption is not None:
        items.append(
            {
                "en": f"Organic buyers redeem the larger coupon with probability {redemption:g}: "
                "an assumption, a larger coupon has no history.",
                "ko": f"자발적 구매자의 쿠폰 사용률 {redemption:g}는 가정입니다. "
                "더 큰 쿠폰에는 이력이 없습니다.",
            }
        )
    if from_visits:
        items.append(
            {
                "en": f"Attention is a visit on the day or in the {active_days - 1} days after it "
                "by those who do not buy unasked: who answers a message is taken to fade like it.",
                "ko": f"관심은 스스로 구매하지 않는 회원이 당일부터 {active_days}일 안에 방문하는 "
                "비율입니다. 메시지 반응도 이와 같이 줄어든다고 가정합니다.",
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
