"""From dates to states: five purchase states, three visit states, one cell for every member.

States are small integers here: positions in `vocabulary.PURCHASE_STATES`, in
`VISIT_STATES + (VISIT_UNKNOWN,)`, and in `ALL_CODES` (cell = 5 * visit + purchase).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.vocabulary import ALL_CODES, PURCHASE_STATES, VISIT_STATES, VISIT_UNKNOWN

Codes = NDArray[np.int8]
Days = NDArray[np.datetime64]

ALL_VISIT_STATES = (*VISIT_STATES, VISIT_UNKNOWN)
N_PURCHASE_STATES = len(PURCHASE_STATES)
NO_PURCHASE = PURCHASE_STATES.index("none")
UNKNOWN = ALL_VISIT_STATES.index(VISIT_UNKNOWN)
FAR_DAY = np.datetime64("9999-12-31", "D")

#: Position = (one purchase only) + 2 (at risk).
_BOUGHT = tuple(
    PURCHASE_STATES.index(s) for s in ("repeat_active", "first_active", "repeat_risk", "first_risk")
)
_VISIT_ACTIVE, _VISIT_RISK, _VISIT_INACTIVE = range(3)


def purchase_codes(x: ArrayLike, at_risk: ArrayLike) -> Codes:
    """Return the purchase state: exactly one of five.

    x: Repeat purchase-days so far; nan for a member without a purchase.
    at_risk: Whether the day of interest is `at_risk_date` or later; ignored without a purchase.
    """
    x, at_risk = np.asarray(x, dtype=float), np.asarray(at_risk, dtype=bool)
    # whole tables of draws pass here: bytes, and a list of codes instead of nested choices
    which = (x < 1).astype(np.int8) + np.int8(2) * at_risk
    which = np.where(np.isnan(x), np.int8(len(_BOUGHT)), which)
    codes: Codes = np.array([*_BOUGHT, NO_PURCHASE], dtype=np.int8)[which]
    return codes


def visit_codes(at_risk: ArrayLike, inactive: ArrayLike, unknown: ArrayLike) -> Codes:
    """Return the visit state: active, at risk, inactive, or unknown.

    at_risk, inactive: Whether the first and the second cut point have been reached.
    unknown: Purchasers without any visit row, and everyone when there is no visit log.
    """
    at_risk, inactive = np.asarray(at_risk, dtype=bool), np.asarray(inactive, dtype=bool)
    state = np.where(inactive, _VISIT_INACTIVE, np.where(at_risk, _VISIT_RISK, _VISIT_ACTIVE))
    return np.where(np.asarray(unknown, dtype=bool), UNKNOWN, state).astype(np.int8)


def cells(purchase: Codes, visit: Codes) -> Codes:
    """Return the position in `ALL_CODES` of each pair of states."""
    return (N_PURCHASE_STATES * visit + purchase).astype(np.int8)


def cell_names(code: Codes) -> NDArray[np.object_]:
    """Return the segment codes as text."""
    return np.array(ALL_CODES, dtype=object)[code]


def reached(day: np.datetime64, date: ArrayLike) -> NDArray[np.bool_]:
    """Whether `day` is `date` or later; the far date is never reached."""
    dates = np.asarray(date, dtype="datetime64[D]")
    return np.asarray((day >= dates) & (dates < FAR_DAY) & ~np.isnat(dates))


def after_days(last: ArrayLike, days: NDArray[np.int64]) -> Days:
    """Return `last` + `days` as dates; negative days mean never (the far date).

    last (row,): Day of the last event.
    days (row,): Whole days after it on which a cut point is reached; at least 1, or negative for
        never.
    """
    start = np.asarray(last, dtype="datetime64[D]")
    return np.where(days < 0, FAR_DAY, start + np.maximum(days, 0).astype("timedelta64[D]"))
