"""Who stands at A: bought it, not yet B, and the window is still open."""

from typing import Any, Final

import ibis
import pandas as pd
from ibis import _

from churnlab.engine import frame
from churnlab.errors import UsageError, nearest
from churnlab.journeys.baskets import Baskets
from churnlab.journeys.config import JourneyConfig
from churnlab.journeys.mine import ARROW, journey_id

COLUMNS: Final = [
    "customer_id", "journey_id", "path", "trigger_item", "target_item", "triggered_at",
    "window_closes_at",
]  # fmt: skip


def chosen_pairs(journeys: pd.DataFrame, items: list[str], config: JourneyConfig) -> pd.DataFrame:
    """Return the pairs whose audiences are wanted: named ones, else the best supported of those
    that are commoner than chance (``lift_q05`` above 1), among loyal customers where there are any.

    Returns: ``journey_id, path, item_1, item_2``.
    Raises UsageError: A named journey is not two of the goods studied.
    """
    if config.walk:
        return pd.DataFrame([_named(text, items, config) for text in config.walk])
    who = "loyal" if (journeys["who"] == "loyal").any() else "all"
    pairs = journeys[(journeys["who"] == who) & (journeys["length"] == 2)]
    beyond = pairs[pairs["lift_q05"] > 1].head(config.audiences)
    return beyond[["journey_id", "path", "item_1", "item_2"]].reset_index(drop=True)


def _named(text: str, items: list[str], config: JourneyConfig) -> dict[str, str]:
    sign, known = ARROW.strip(), set(items)
    parts = [p.strip() for p in text.split(sign)]
    # The sign may stand in a name as well.
    cuts = [text.split(sign, i) for i in range(1, len(parts))]
    ways = [[sign.join(c[:-1]).strip(), c[-1].strip()] for c in cuts]
    pair = next((way for way in ways if known.issuperset(way)), None)
    if pair is None or pair[0] == pair[1]:
        unknown = [p for p in parts if p not in known]
        raise UsageError(
            f"journey.walk takes two different goods as 'A > B'; got {text!r}. "
            + (f"{unknown[0]!r} is not among the {len(items)} goods studied." if unknown else "")
            + (nearest(unknown[0], items) if unknown else "")
        )
    return {
        "journey_id": journey_id(pair, config),
        "path": ARROW.join(pair),
        "item_1": pair[0],
        "item_2": pair[1],
    }


def audience_table(baskets: Baskets, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return whom to tell of B: those with an open window after A and no B since.

    A customer with several open purchases of A must not have bought B since the first of them; the
    window closes after the last one.

    Returns: `COLUMNS`; ``triggered_at`` and ``window_closes_at`` are times: until the latter,
        inclusive, a purchase of B is still in the window.
    """
    if pairs.empty:
        return pd.DataFrame({c: pd.Series(dtype="object") for c in COLUMNS}).astype(
            dict.fromkeys(COLUMNS[-2:], "datetime64[us]")
        )
    codes = {name: i for i, name in enumerate(baskets.items)}
    wanted = pairs.assign(a=pairs["item_1"].map(codes), b=pairs["item_2"].map(codes))
    steps = ibis.memtable(wanted[["journey_id", "path", "a", "b"]])
    found = frame(_open(baskets, steps))
    for name, code in (("trigger_item", "a"), ("target_item", "b")):
        found[name] = baskets.names(found[code])
    for name in COLUMNS[-2:]:
        found[name] = pd.to_datetime(found[name], unit="us").astype("datetime64[us]")
    order = ["journey_id", "window_closes_at", "customer_id"]
    return found.sort_values(order, ignore_index=True)[COLUMNS]


def _open(baskets: Baskets, steps: Any) -> Any:
    bought = baskets.lines
    fresh = bought.filter(_["at"] + baskets.window >= baskets.end)
    standing = fresh.inner_join(steps, fresh["item"] == steps["a"])
    standing = standing.group_by(["customer", "journey_id", "path", "a", "b"])
    standing = standing.aggregate(first_at=_["at"].min(), triggered_at=_["at"].max())
    later = bought.select("customer", b="item", b_at="at")
    gone = standing.inner_join(later, ["customer", "b"]).filter(_.b_at >= _.first_at)
    left = standing.anti_join(gone, ["customer", "journey_id"])
    return left.inner_join(baskets.people, "customer").mutate(
        window_closes_at=_.triggered_at + baskets.window
    )
