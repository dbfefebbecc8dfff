"""The customers in the page: the most urgent ones of every cell, the rest stays in Parquet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from churnlab.board.parts import Parts
from churnlab.events.ids import positions
from churnlab.posterior.bands import days_since
from churnlab.types import Ints
from churnlab.vocabulary import FAR_DATE

#: Customers in a page; with some 300 bytes each they keep it small at any size of the shop.
MOST: Final = 4000
#: Of every cell at least so many, that a click on it always shows somebody.
LEAST_OF_CELL: Final = 50
#: Days ahead in which an active customer is about to become late.
_SOON: Final = 14
_WEEK: Final = 7
#: Column in the page -> of which table, and what it is there.
_COLUMNS: Final[dict[str, str]] = {
    "id": "customer_id", "code": "segment_code", "band": "risk_band",
    "first": "first_purchase_at", "last": "last_purchase_at", "purchases": "purchases",
    "silence": "days_since_last", "alive": "p_alive", "returns": "p_return_year",
    "cycle": "cycle_days", "late": "at_risk_date", "late05": "at_risk_q05",
    "late95": "at_risk_q95", "due": "due_date", "due10": "due_q10", "due90": "due_q90",
    "next": "next_purchase_q50", "next10": "next_purchase_q10", "next90": "next_purchase_q90",
    "expected": "expected_purchases", "value": "residual_value", "visit": "last_visit_at",
    "signup": "signed_up_at", "previous": "previous_code",
}  # fmt: skip
_DATES: Final = ("first", "last", "late", "late05", "late95", "due", "due10", "due90", "next",
                 "next10", "next90", "visit", "signup")  # fmt: skip
#: Columns that say who is urgent, as far as a run has them.
URGENCY: Final = ("customer_id", "segment_code", "at_risk_date", "risk_band", "residual_value",
                  "expected_purchases", "signed_up_at", "T")  # fmt: skip
#: Significant digits of numbers in a page.
_DIGITS: Final = 7
#: Bands in the order of their urgency.
_BANDS: Final = ("fresh", "winnable", "active", "gone")


@dataclass(frozen=True)
class People:
    """Customers by column, most urgent first.

    total: Of all customers (members with a grid, purchasers without).
    columns: Equal lengths; dates as ISO days, null: never or unknown.
    stories: By id: what `explain` tells of the most urgent ones.
    """

    total: int
    columns: Mapping[str, list[Any]]
    stories: Mapping[str, Any]


def read_people(parts: Parts, lang: str, *, ids: bool) -> People | None:
    """Read the most urgent customers of a run, with or without their ids."""
    read = {*URGENCY, *_COLUMNS.values(), "x"}
    customers = parts.frame("fit", "customers", read)
    if customers is None:
        return None
    membership = parts.frame("segment", "membership", read)
    everybody = customers if membership is None else joined(membership, customers)
    as_of = pd.Timestamp(parts.data_report["as_of"])
    chosen = most_urgent(everybody, as_of)
    chosen = chosen.assign(purchases=chosen["x"] + 1)
    columns = {name: _plain(chosen, name, column) for name, column in _COLUMNS.items()}
    if not ids:
        columns["id"] = [None] * len(chosen)
    stories = _stories(parts, set(columns["id"]), lang) if ids else {}
    return People(len(everybody), columns, stories)


def joined(membership: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Return the members with what is known of those who bought."""
    again = [c for c in membership.columns if c in customers.columns and c != "customer_id"]
    return membership.drop(columns=again).merge(customers, on="customer_id", how="left")


def most_urgent(everybody: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return up to `MOST` customers: late this week, this month, soon, winnable, then the rest.

    Within each of these the most valuable go first; of every cell `LEAST_OF_CELL` are kept.
    """
    order = _order(everybody, as_of)
    if "segment_code" in everybody:
        place = np.arange(len(order))
        codes = everybody["segment_code"].iloc[order]
        within = codes.groupby(codes.to_numpy()).cumcount().to_numpy()
        first = np.argsort(np.where(within < LEAST_OF_CELL, place - len(order), place))
        order = order[np.sort(first[:MOST])]
    return everybody.iloc[order[:MOST]]


def _order(everybody: pd.DataFrame, as_of: pd.Timestamp) -> Ints:
    """Return positions, most urgent first."""
    since = days_since(everybody["at_risk_date"].to_numpy(), as_of.date())
    band = positions(everybody["risk_band"].astype("str"), _BANDS)
    fresh, winnable, active, gone = (band == i for i in range(len(_BANDS)))
    soon = (since < 0) & (since >= -_SOON)
    tiers = [(since >= 0) & (since < _WEEK), fresh, soon, winnable, active, gone]
    tier = np.select(tiers, list(range(len(tiers))), default=len(tiers))
    worth = "residual_value" if "residual_value" in everybody else "expected_purchases"
    value = everybody[worth].fillna(0.0).to_numpy()
    newest = everybody["signed_up_at"] if "signed_up_at" in everybody else everybody["T"]
    return np.lexsort((-newest.rank().to_numpy(), -value, tier))


def _plain(chosen: pd.DataFrame, name: str, column: str) -> list[Any]:
    """Return a column as JSON values; one that the run does not have is null throughout."""
    if column not in chosen:
        return [None] * len(chosen)
    values = chosen[column]
    if name in _DATES:
        text = values.dt.strftime("%Y-%m-%d")
        return list(text.where(values.notna() & (text != FAR_DATE), None))
    if values.dtype.kind == "f":
        return [None if np.isnan(v) else float(f"{v:.{_DIGITS}g}") for v in values]
    return [None if pd.isna(v) else v for v in values.tolist()]


def _stories(parts: Parts, shown: set[str], lang: str) -> dict[str, Any]:
    """Return what the run tells of single customers, in the language of the page."""
    segment = parts.part("segment")
    if segment is None or not segment.has("stories.json"):
        return {}
    told = segment.json("stories.json")["stories"]
    return {
        story["customer_id"]: story | {"paragraph": story["paragraph"][lang]}
        for story in told
        if story["customer_id"] in shown
    }
