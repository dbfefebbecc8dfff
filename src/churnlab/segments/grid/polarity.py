"""Groups of cells: positive and negative ones, the source's parent groups, the axes' states."""

from collections.abc import Mapping
from types import MappingProxyType

from churnlab.errors import UsageError, nearest, one_of
from churnlab.segments.config import POLARITIES, check_polarity
from churnlab.vocabulary import (
    ALL_CODES,
    CORE_CODES,
    PURCHASE_STATES,
    SEGMENTS,
    UNKNOWN_CODES,
    VISIT_STATES,
    VISIT_UNKNOWN,
)

#: Parent groups that the source names: code -> (Korean, English, cells).
PARENTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = MappingProxyType(
    {
        "core_active": ("핵심 활성 고객", "Core active", CORE_CODES),
        "purchase_risk_visit_active": (
            "구매위험-방문활성 고객",
            "Purchase risk, visit-active",
            ("repeat_risk.visit_active", "first_risk.visit_active"),
        ),
        "visit_risk": (
            "방문 위험",
            "Visit risk",
            tuple(f"{state}.visit_risk" for state in PURCHASE_STATES),
        ),
        "visit_inactive": (
            "방문 비활성",
            "Visit inactive",
            tuple(f"{state}.visit_inactive" for state in PURCHASE_STATES),
        ),
    }
)

STATE_NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "repeat_active": ("재구매 활성", "Repeat, active"),
        "first_active": ("첫구매 활성", "First purchase, active"),
        "repeat_risk": ("재구매 위험", "Repeat, at risk"),
        "first_risk": ("첫구매 위험", "First purchase, at risk"),
        "none": ("미구매", "No purchase"),
        "visit_active": ("방문 활성", "Visits active"),
        "visit_risk": ("방문 위험", "Visits at risk"),
        "visit_inactive": ("방문 비활성", "Visits inactive"),
        "visit_unknown": ("방문 알 수 없음", "Visits unknown"),
    }
)
_POLARITY_NAMES = {
    "positive": ("긍정 세그먼트", "Positive segments"),
    "neutral": ("중립 세그먼트", "Neutral segments"),
    "negative": ("부정 세그먼트", "Negative segments"),
}


def polarity_of(mapping: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the polarity of all 20 codes; the `visit_unknown` codes are neutral unless named."""
    default = {segment.code: segment.polarity for segment in SEGMENTS}
    unknown = dict.fromkeys(UNKNOWN_CODES, "neutral")
    if not mapping:
        return default | unknown
    check_polarity(mapping)
    return unknown | dict(mapping)


def segment_name(code: str, lang: str = "en") -> str:
    """Return the name of a cell, parent group, state or polarity in Korean or English.

    Raises UsageError for a code or language that does not exist.
    """
    names = {s.code: (s.korean, s.english) for s in SEGMENTS}
    names |= {code: (ko, en) for code, (ko, en, _) in PARENTS.items()}
    names |= {code: _unknown_name(code) for code in UNKNOWN_CODES}
    # a parent group and a state share the codes of the two columns, with the same name
    names = {**STATE_NAMES, **_POLARITY_NAMES, **names}
    if code not in names:
        raise UsageError(f"{code!r} is not a segment or group." + nearest(code, names))
    one_of("lang", lang, ("en", "ko"))
    return names[code][0 if lang == "ko" else 1]


def groups_of_cells(mapping: Mapping[str, str] | None = None) -> dict[tuple[str, str], list[int]]:
    """Return (level, code) -> indices into `ALL_CODES`, for every level at which shares are given.

    Levels: ``segment``, ``polarity``, ``parent``, ``purchase_state``, ``visit_state``.
    """
    polarity = polarity_of(mapping)
    index = {code: i for i, code in enumerate(ALL_CODES)}
    groups: dict[tuple[str, str], list[int]] = {("segment", c): [i] for c, i in index.items()}
    for name in POLARITIES:
        groups["polarity", name] = [i for c, i in index.items() if polarity[c] == name]
    for name, (_, _, cells) in PARENTS.items():
        groups["parent", name] = [index[c] for c in cells]
    for state in PURCHASE_STATES:
        groups["purchase_state", state] = [i for c, i in index.items() if c.startswith(f"{state}.")]
    for state in (*VISIT_STATES, VISIT_UNKNOWN):
        groups["visit_state", state] = [i for c, i in index.items() if c.endswith(f".{state}")]
    return groups


def _unknown_name(code: str) -> tuple[str, str]:
    ko, en = STATE_NAMES[code.split(".")[0]]
    return f"{ko.replace(' ', '')}-방문 정보 없음 고객", f"{en}, visits unknown"
