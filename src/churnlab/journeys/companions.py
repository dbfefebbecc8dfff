"""Goods that go with a purchase: bought in one basket more often than chance within the customer.

Chance keeps each customer's purchases of either item and the sizes of the baskets: a basket of s
items holds an item that the customer bought a times with probability a s / sum(s), so the expected
number of common baskets is a b sum(s^2) / sum(s)^2. Without the sizes everything goes with
everything, because a large basket holds much of everything.
"""

import pandas as pd
from ibis import _

from churnlab.engine import frame
from churnlab.journeys.baskets import Baskets
from churnlab.journeys.lift import lift_of


def companion_table(baskets: Baskets, *, least_customers: int) -> pd.DataFrame:
    """Return pairs of goods that at least so many customers bought in one basket.

    Returns: ``item, companion`` (each pair in both directions), ``customers``, ``baskets`` (with
        both), ``share`` (of the item's baskets), ``expected``, ``lift, lift_q05, lift_q95``;
        highest ``lift_q05`` first within an item.
    """
    lines = baskets.lines
    sizes = lines.group_by(["customer", "pos"]).aggregate(s=_.count())
    spread = sizes.group_by("customer").aggregate(
        w=(_.s * _.s).sum().cast("float64") / (_.s.sum() * _.s.sum())
    )
    owned = lines.group_by(["customer", "item"]).aggregate(k=_.count())
    other = owned.rename({"companion": "item", "b": "k"})
    chance = owned.inner_join(other, "customer").filter(_.item < _.companion)
    chance = chance.inner_join(spread, "customer").mutate(expected=_.k * _.b * _.w)
    mates = lines.rename({"companion": "item"})
    both = lines.inner_join(mates, ["customer", "pos"]).filter(_.item < _.companion)
    by = ["customer", "item", "companion"]
    seen = both.group_by(by).aggregate(seen=_.count())
    joined = chance.left_join(seen, by).select(
        *by, "expected", seen=_.seen.coalesce(0).cast("float64")
    )
    counts = frame(
        joined.group_by(["item", "companion"]).aggregate(
            customers=(_.seen > 0).sum(), baskets=_.seen.sum(), expected=_.expected.sum(),
            could=_.count(), n_n=(_.seen * _.seen).sum(), n_e=(_.seen * _.expected).sum(),
            e_e=(_.expected * _.expected).sum(),
        ).order_by(["item", "companion"])
    )  # fmt: skip
    found = pd.concat([counts, lift_of(counts, "baskets", "could")], axis="columns")
    found = found[found["customers"] >= least_customers]
    return _both_ways(found, baskets)


def _both_ways(found: pd.DataFrame, baskets: Baskets) -> pd.DataFrame:
    turned = found.rename(columns={"item": "companion", "companion": "item"})
    both = pd.concat([found, turned], ignore_index=True)
    total = frame(baskets.lines.group_by("item").aggregate(of=_.count()))
    both = both.merge(total, on="item")
    both["share"] = both["baskets"] / both["of"]
    both = both.sort_values(
        ["item", "lift_q05", "companion"], ascending=[True, False, True], ignore_index=True
    )
    for name in ("item", "companion"):
        both[name] = baskets.names(both[name])
    columns = ["item", "companion", "customers", "baskets", "share", "expected", "lift",
               "lift_q05", "lift_q95"]  # fmt: skip
    return both[columns].astype({"customers": "int64", "baskets": "int64"})
