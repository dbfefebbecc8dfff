"""Where journeys stop: no further basket within the window after a prefix was reached.

A customer counts once per prefix, from the first time it was reached; those whose window is not
over are censored at the log's end (Kaplan-Meier). The interval is a Beta's with the effective
sample size of Greenwood's variance (Dorey and Korn 1987).
"""

from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _
from scipy.stats import beta

from churnlab.engine import frame
from churnlab.journeys.baskets import DAY, Baskets
from churnlab.journeys.mine import ARROW, Mined


def stop_table(baskets: Baskets, mined: Mined) -> pd.DataFrame:
    """Return the stop rate of every first item and of every pair looked at for a third step.

    Returns: ``path, length, customers`` (who reached it), ``censored`` (their window is not over
        and nothing has come), ``stopped`` (window over, nothing came), ``stop_rate, stop_q05,
        stop_q95`` (missing where all are censored).
    """
    singles = pd.DataFrame({"prefix": range(len(baskets.items)), "path": baskets.items})
    pairs = mined.prefixes.assign(
        path=baskets.names(mined.prefixes["item_1"])
        + ARROW
        + baskets.names(mined.prefixes["item_2"])
    )
    everyone = baskets.lines.select("customer", prefix="item", now="pos")
    parts = [
        _stops(baskets, reached, names, length)
        for length, (reached, names) in enumerate(((everyone, singles), (mined.walked, pairs)), 1)
        if len(names)
    ]
    return pd.concat(parts, ignore_index=True)


def _stops(baskets: Baskets, reached: Any, names: pd.DataFrame, length: int) -> pd.DataFrame:
    window = baskets.window / DAY
    rows = [
        {"prefix": prefix, "length": length, **stop_rate(part["days"], part["came"], window)}
        for prefix, part in first_waits(baskets, reached).groupby("prefix")
    ]
    found = names[["prefix", "path"]].merge(pd.DataFrame(rows), on="prefix")
    found = found.drop(columns="prefix")
    return found.sort_values(["customers", "path"], ascending=[False, True], ignore_index=True)


def first_waits(baskets: Baskets, reached: Any) -> pd.DataFrame:
    """Return per customer and prefix the days to the next basket, or to the end of the log."""
    first = reached.group_by(["customer", "prefix"]).aggregate(pos=_.now.min())
    here = baskets.table.select("customer", "pos", "at")
    then = here.select("customer", next_at="at", pos=_.pos - 1)
    rows = first.inner_join(here, ["customer", "pos"])
    rows = rows.left_join(then, ["customer", "pos"])
    until = ibis.coalesce(_.next_at, baskets.end) - _.at
    return frame(rows.select("prefix", days=until / DAY, came=_.next_at.notnull()))  # noqa: PD004


def stop_rate(days: pd.Series, came: pd.Series, window: float) -> dict[str, float]:
    """Return the Kaplan-Meier share without an event by `window` days, with a 90% interval.

    days: Days to the event, or to where it was last looked for.
    came: Whether it came.
    """
    time, event = days.to_numpy(float), came.to_numpy(bool)
    inside = event & (time <= window)
    over = ~inside & (time > window)
    times, deaths = np.unique(time[inside], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    left = at_risk - deaths
    share = float(np.prod(left / at_risk))
    hazard = np.divide(deaths, at_risk * left, out=np.zeros(len(times)), where=left > 0)
    spread = share**2 * float(hazard.sum())
    size = share * (1 - share) / spread if spread > 0 else float(inside.sum() + over.sum())
    low, high = beta.ppf([0.05, 0.95], size * share + 0.5, size * (1 - share) + 0.5)
    if not (inside | over).any():
        share = low = high = np.nan
    return {
        "customers": len(time),
        "censored": int((~inside & ~over).sum()),
        "stopped": int(over.sum()),
        "stop_rate": share,
        "stop_q05": float(low),
        "stop_q95": float(high),
    }
