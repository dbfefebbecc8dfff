"""Journeys A -> B (-> C) with support in customers, lift against chance and typical gaps."""

from dataclasses import dataclass
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
from ibis import _

from churnlab.engine import frame
from churnlab.journeys.baskets import DAY, Baskets
from churnlab.journeys.config import JourneyConfig
from churnlab.journeys.lift import lift_of
from churnlab.journeys.steps import first_exposures, reached, step_counts
from churnlab.runs.hashing import content_hash

ARROW: Final = " > "
_ITEMS: Final = ["item_1", "item_2", "item_3"]
_GAPS: Final = {"gap_q10": 0.1, "gap_q25": 0.25, "gap_days": 0.5, "gap_q75": 0.75, "gap_q90": 0.9}
COLUMNS: Final = [
    "journey_id", "who", "path", *_ITEMS, "length", "window_days", "span", "exposures",
    "exposed_customers", "completed", "support", "rate", "expected", "lift", "lift_q05",
    "lift_q95", "lift_raw", *_GAPS, "span_days", "design_effect", "prior_shape",
]  # fmt: skip


@dataclass(frozen=True)
class Mined:
    """Journeys of some customers.

    journeys: `COLUMNS`, best supported first within each length.
    prefixes: ``prefix`` (code), ``item_1``, ``item_2`` (codes): the pairs looked at for a third
        step.
    walked: Exposures that walked such a pair, standing at its second item.
    """

    journeys: pd.DataFrame
    prefixes: pd.DataFrame
    walked: Any


def mine(baskets: Baskets, config: JourneyConfig, *, who: str = "all") -> Mined:
    """Find the journeys that at least `least_customers` customers walked.

    who: Whose baskets they are: goes into the table.
    """
    starts = first_exposures(baskets).cache()
    singles = pd.DataFrame({"prefix": range(len(baskets.items))})
    singles["item_1"] = singles["prefix"]
    met = reached(starts, baskets.lines, _excluded(singles)).cache()
    pairs = _tabulate(baskets, starts, met, singles, config)
    prefixes = pairs.head(config.most_prefixes)[["item_1", "item_2"]].reset_index(drop=True)
    prefixes.insert(0, "prefix", range(len(prefixes)))
    walked = _walked(baskets, met, prefixes, config).cache()
    tables = [pairs]
    if len(prefixes):
        further = reached(walked, baskets.lines, _excluded(prefixes)).cache()
        tables.append(_tabulate(baskets, walked, further, prefixes, config))
    journeys = _named(pd.concat(tables, ignore_index=True), baskets, config, who)
    return Mined(journeys, prefixes, walked)


def journey_id(names: list[str], config: JourneyConfig) -> str:
    """Return the name of a journey: the same for the same goods, window and span."""
    return "journey_" + content_hash([names, config.window_days, config.span])[:10]


def _excluded(prefixes: pd.DataFrame) -> Any:
    """Return (prefix, item) of the prefixes' own items: a repeat is a cycle, not a journey."""
    long = prefixes.melt("prefix", value_name="item")[["prefix", "item"]]
    return ibis.memtable(long.astype("int64"))


def _walked(baskets: Baskets, met: Any, prefixes: pd.DataFrame, config: JourneyConfig) -> Any:
    """Return the exposures that walked one of the pairs, standing at its second item.

    The whole span ends a window after the start. Per gap a third item may follow any purchase of
    the second, so the window ends where that of the last one does; a start then needs two windows
    of follow-up.
    """
    codes = prefixes.rename(columns={"prefix": "code", "item_1": "prefix", "item_2": "item"})
    stand = met.inner_join(ibis.memtable(codes.astype("int64")), ["prefix", "item"])
    if config.span == "gap":
        stand = stand.filter(_.start_at + 2 * baskets.window < baskets.end).drop("last")
        place = baskets.table.select("customer", "last", final="pos")
        stand = stand.inner_join(place, ["customer", "final"])
    return stand.select(
        "customer", "n", "last", "start", "start_at", now="first", now_at="first_at", prefix="code"
    )


def _tabulate(
    baskets: Baskets, exposures: Any, met: Any, prefixes: pd.DataFrame, config: JourneyConfig
) -> pd.DataFrame:
    """Return one row per supported journey: item codes, counts, lift, gaps."""
    excluded = _excluded(prefixes)
    counts = step_counts(exposures, met, baskets.lines, excluded)
    counts = frame(counts.order_by(["prefix", "item"]))
    # The prior is learnt from every pair, met or not: support selects what is shown, not the prior.
    found = pd.concat([counts, lift_of(counts, "completed", "customers")], axis="columns")
    found = _shown(found[found["support"] >= config.least_customers], config.most_journeys)
    exposed = frame(
        exposures.group_by("prefix").aggregate(
            exposures=_.count(), exposed_customers=_.customer.nunique()
        )
    )
    found = found.merge(exposed, on="prefix").merge(prefixes, on="prefix")
    found = found.merge(_gaps(met, found), on=["prefix", "item"])
    found["rate"] = found["completed"] / found["exposures"]
    new = "item_3" if "item_2" in prefixes else "item_2"
    found = found.rename(columns={"item": new}).drop(columns="prefix")
    order = ["support", *[c for c in _ITEMS if c in found]]
    return found.sort_values(
        order, ascending=[False] + [True] * (len(order) - 1), ignore_index=True
    )


def _shown(found: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the best supported and those farthest above chance: so many of each."""
    by_support = found["support"].rank(method="first", ascending=False) <= most
    by_lift = found["lift_q05"].rank(method="first", ascending=False) <= most
    return found[by_support | by_lift]


def _gaps(met: Any, found: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles of the days from the step before to this one, and the median whole span."""
    wanted = ibis.memtable(found[["prefix", "item"]].astype("int64"))
    rows = met.semi_join(wanted, ["prefix", "item"]).select(
        "prefix", "item", gap=(_.first_at - _.now_at) / DAY, whole=(_.first_at - _.start_at) / DAY
    )
    grouped = rows.group_by(["prefix", "item"])
    gaps = frame(
        grouped.aggregate(gaps=_.gap.quantile(list(_GAPS.values())), span_days=_.whole.median())
    )
    columns = pd.DataFrame(gaps.pop("gaps").tolist(), columns=list(_GAPS), index=gaps.index)
    return pd.concat([gaps, columns], axis="columns")


def _named(found: pd.DataFrame, baskets: Baskets, config: JourneyConfig, who: str) -> pd.DataFrame:
    names = {c: baskets.names(found.get(c, pd.Series(np.nan, found.index))) for c in _ITEMS}
    out = found.assign(**{c: v.astype("str") for c, v in names.items()})
    paths = [[str(v) for v in row if isinstance(v, str)] for row in out[_ITEMS].to_numpy()]
    out["journey_id"] = [journey_id(path, config) for path in paths]
    out["path"] = [ARROW.join(path) for path in paths]
    out["length"] = [len(path) for path in paths]
    out = out.assign(who=who, window_days=config.window_days, span=config.span)
    whole = ["exposures", "exposed_customers", "completed", "support", "length"]
    return out.astype(dict.fromkeys(whole, "int64"))[COLUMNS]
