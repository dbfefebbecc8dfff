"""How many are newly late, worth a message, probably gone: and states that hold nearly all."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.posterior.bands import days_since
from churnlab.report.labels import label
from churnlab.rules import Costs
from churnlab.types import Array
from churnlab.vocabulary import RISK_BANDS

#: A state that holds a larger share of those who may be in it is said, with the reason.
MOST_SHARE: Final = 0.9
_WEEK: Final = 7


@dataclass(frozen=True)
class LateCounts:
    """Purchasers by how late they are."""

    purchasers: int
    at_risk: int
    week: int
    """Became late in the last 7 days."""
    month: int
    """Became late in the last 30 days, the week included: the band `fresh`."""
    winnable: int
    """Late for longer, and at least as likely as not to return within a year."""
    gone: int
    """Late for longer, and less likely."""
    worth_message: int | None
    """Winnable customers whom a message pays for at the stated costs; None without costs."""
    value: Mapping[str, float] | None
    """Residual value by band, where values are known."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def count_late(
    customers: pd.DataFrame,
    as_of: dt.date,
    costs: Costs,
    basis: str = "personal_cycles",
    weight: Array | None = None,
) -> LateCounts:
    """Count purchasers by how late they are.

    customers: The per-customer table (`Fit.customers`).
    costs: Of a message; what is not stated is not invented.
    basis: Windowed risk that the costs are held against: a message to somebody who would not buy in
        the window is worth it from P(no purchase) = wasted / (wasted + missed) on.
    weight (row,): Customers whom a row stands for; default: one.
    """
    since = days_since(customers["at_risk_date"].to_numpy(), as_of)
    band = customers["risk_band"].astype("str").to_numpy()
    each = np.ones(len(customers)) if weight is None else weight

    def count(of: NDArray[np.bool_]) -> int:
        return round(float(each[of].sum()))

    worth = None
    if costs.stated:
        pays = customers[f"risk_{basis}"].to_numpy() >= costs.ratio
        worth = count(pays & (band == "winnable"))
    value = None
    if "residual_value" in customers.columns:
        sums = customers.groupby(band)["residual_value"].sum()
        value = {name: float(sums.get(name, 0.0)) for name in RISK_BANDS}
    return LateCounts(
        purchasers=round(float(each.sum())),
        at_risk=count(band != "active"),
        week=count((since >= 0) & (since < _WEEK)),
        month=count(band == "fresh"),
        winnable=count(band == "winnable"),
        gone=count(band == "gone"),
        worth_message=worth,
        value=value,
    )


def three_numbers(counts: Mapping[str, Any]) -> dict[str, int]:
    """Return the headline's numbers by what they count."""
    stated = counts["worth_message"] is not None
    worth = ("worth a message", "worth_message") if stated else ("may come back", "winnable")
    keys = dict((("newly late this week", "week"), worth, ("probably gone", "gone")))
    return {name: int(counts[key]) for name, key in keys.items()}


def extreme_states(customers: pd.DataFrame, as_of: dt.date) -> list[dict[str, Any]]:
    """Return purchase states that hold nearly everybody, with the reason.

    A state is held against those who may be in it: first purchasers, or repeat purchasers.

    Returns: ``state, n, of, share, reason``; the other state of the two holds the rest.
    """
    at_risk = days_since(customers["at_risk_date"].to_numpy(), as_of) >= 0
    found = []
    for kind, own in (("first", customers["x"] == 0), ("repeat", customers["x"] > 0)):
        if not own.any():
            continue
        share = float(at_risk[own].mean())
        held = max(share, 1 - share)
        if held <= MOST_SHARE:
            continue
        found.append(
            {
                "state": f"{kind}_{'active' if share < held else 'risk'}",
                "n": round(held * int(own.sum())),
                "of": int(own.sum()),
                "share": held,
                "reason": _reason(customers[own]),
            }
        )
    return found


def _reason(people: pd.DataFrame) -> str:
    """Say how long these customers have been silent against their rhythm, and when late begins."""
    last = people["last_purchase_at"].max()
    cycles = float((people["days_since_last"] / people["rhythm_days"]).median())
    begins = (people["at_risk_date"] - people["last_purchase_at"]).dt.days / people["rhythm_days"]
    return label("note.silent_for", cycles=cycles, begins=np.median(begins), day=str(last)[:10])
