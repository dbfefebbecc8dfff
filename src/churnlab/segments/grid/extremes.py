"""Visit states that hold hardly anybody or nearly everybody: said, with the reason."""

from typing import Any, Final

import pandas as pd

from churnlab.fitting.late import MOST_SHARE
from churnlab.vocabulary import VISIT_STATES

#: A visit state that holds a smaller share of the members whose visits are known is said, too.
LEAST_SHARE: Final = 0.02


def extreme_visits(membership: pd.DataFrame) -> list[dict[str, Any]]:
    """Return visit states under 2% or over 90% of the members whose visits are known.

    Returns: ``state, n, of, share, reason``.
    """
    known = membership[membership["visit_state"].isin(VISIT_STATES)]
    if known.empty:
        return []
    since = known["last_visit_at"].fillna(known["signed_up_at"])
    silent = (known["as_of"] - since).dt.days.median()
    ahead = (known["visit_risk_date"] - since).dt.days.median()
    reason = (
        f"half of the members have not come for {silent:.0f} days or longer, and visits are at "
        f"risk after {ahead:.0f} days (medians)"
    )
    counts = known["visit_state"].value_counts().reindex(list(VISIT_STATES), fill_value=0)
    return [
        {"state": state, "n": int(n), "of": len(known), "share": n / len(known), "reason": reason}
        for state, n in counts.items()
        if not LEAST_SHARE <= n / len(known) <= MOST_SHARE
    ]
