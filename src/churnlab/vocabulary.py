"""The fixed words of the product: models, bases, states and segments, in Korean and English.

Source of the segment names: the visit x purchase segment document (see docs/segments.md).
"""

from typing import Final, NamedTuple

RISK_BASES: Final = ("p_alive", "personal_cycles", "fixed_days")
#: What a state is cut on instead of a risk: late by the own rhythm.
OVERDUE: Final = "overdue"
GROUP_EFFECTS: Final = ("locations", "all")
INFERENCE_METHODS: Final = ("laplace", "nuts")

#: Written where a date lies beyond every horizon: receivers cannot clear a field with null.
FAR_DATE: Final = "9999-12-31"

#: Of a purchaser: not at risk, or how far: newly late, likely to return, probably gone.
RISK_BANDS: Final = ("active", "fresh", "winnable", "gone")
PURCHASE_STATES: Final = ("repeat_active", "first_active", "repeat_risk", "first_risk", "none")
VISIT_STATES: Final = ("visit_active", "visit_risk", "visit_inactive")
VISIT_UNKNOWN: Final = "visit_unknown"


class Segment(NamedTuple):
    """One cell of the grid."""

    code: str
    korean: str
    english: str
    polarity: str


def _segments() -> tuple[Segment, ...]:
    names = {
        "repeat_active.visit_active": ("재구매 핵심 활성 고객", "Core active, repeat purchase"),
        "first_active.visit_active": ("첫구매 핵심 활성 고객", "Core active, first purchase"),
        "repeat_risk.visit_active": (
            "재구매위험-방문활성 고객",
            "Repeat-purchase risk, visit-active",
        ),
        "first_risk.visit_active": (
            "첫구매위험-방문활성 고객",
            "First-purchase risk, visit-active",
        ),
        "none.visit_active": ("미구매-방문활성 고객", "No purchase, visit-active"),
        "repeat_active.visit_risk": (
            "재구매활성-방문위험 고객",
            "Repeat-purchase active, visit-risk",
        ),
        "first_active.visit_risk": (
            "첫구매활성-방문위험 고객",
            "First-purchase active, visit-risk",
        ),
        "repeat_risk.visit_risk": ("재구매위험-방문위험 고객", "Repeat-purchase risk, visit-risk"),
        "first_risk.visit_risk": ("첫구매위험-방문위험 고객", "First-purchase risk, visit-risk"),
        "none.visit_risk": ("미구매-방문위험 고객", "No purchase, visit-risk"),
        "repeat_active.visit_inactive": (
            "재구매활성-방문비활성 고객",
            "Repeat-purchase active, visit-inactive",
        ),
        "first_active.visit_inactive": (
            "첫구매활성-방문비활성 고객",
            "First-purchase active, visit-inactive",
        ),
        "repeat_risk.visit_inactive": (
            "재구매위험-방문비활성 고객",
            "Repeat-purchase risk, visit-inactive",
        ),
        "first_risk.visit_inactive": (
            "첫구매위험-방문비활성 고객",
            "First-purchase risk, visit-inactive",
        ),
        "none.visit_inactive": ("미구매-방문비활성 고객", "No purchase, visit-inactive"),
    }
    return tuple(Segment(code, ko, en, _polarity(code)) for code, (ko, en) in names.items())


def _polarity(code: str) -> str:
    """Default polarity: the two core cells; the inactive column and risk x visit_risk; the rest."""
    purchase, visit = code.split(".")
    if visit == "visit_active" and purchase in ("repeat_active", "first_active"):
        return "positive"
    if visit == "visit_inactive" or (
        visit == "visit_risk" and purchase in ("repeat_risk", "first_risk")
    ):
        return "negative"
    return "neutral"


SEGMENTS: Final = _segments()
SEGMENT_CODES: Final = tuple(s.code for s in SEGMENTS)
UNKNOWN_CODES: Final = tuple(f"{p}.{VISIT_UNKNOWN}" for p in PURCHASE_STATES)
ALL_CODES: Final = SEGMENT_CODES + UNKNOWN_CODES
CORE_CODES: Final = ("repeat_active.visit_active", "first_active.visit_active")
