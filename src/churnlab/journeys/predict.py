"""Does a journey go before loyalty? On held-out time, with matching; association, not effect.

Among those who bought A in time, those who then bought B within the window are compared with those
who did not: who of them is loyal *in the outcome window*, that is buys on at least as many days
there as the top share of all purchasers. Both groups are matched exactly on strata of what was
known when the window of A closed: baskets before A and within the window, days from the first
basket to A and from A to the outcome window. The estimate is the Mantel-Haenszel risk difference
with the variance of Sato (1989), which holds for many thin strata.

Only an experiment gives an effect: where the log of treatments has arms under a journey's id, the
share of each that bought B within the window, by intention to treat.
"""

import datetime as dt
from typing import Final

import ibis
import numpy as np
import pandas as pd
from ibis import _
from numpy.typing import NDArray
from scipy.stats import norm

from churnlab.engine import frame
from churnlab.events import EventLog
from churnlab.journeys.baskets import DAY, Baskets, moment
from churnlab.journeys.config import JourneyConfig
from churnlab.journeys.loyal import later_days
from churnlab.metrics.arms import Arm, uplift

#: Upper edges, inclusive, of the classes that are matched on; the last class is open.
EDGES: Final = {
    "before": (0, 1, 3, 7, 15, 31),
    "within": (0, 1, 2, 4, 8),
    "tenure": (0, 30, 90, 180, 365),
    "since": (30, 60, 90, 180, 365),
}

#: Draws from the Betas of an experiment's arms.
DRAWS: Final = 4000


def predict_table(
    log: EventLog, baskets: Baskets, pairs: pd.DataFrame, until: dt.date, config: JourneyConfig
) -> pd.DataFrame:
    """Return, for each pair, how much oftener those who walked it are loyal later.

    pairs: ``journey_id, path, item_1, item_2`` (names).
    until: Last day before the outcome window.
    Returns: ``journey_id, path, least_days`` (purchase-days that make loyal), ``walked, others``
        (matched customers), ``unmatched`` (walkers without a like), ``loyal_walked, loyal_others``
        (shares, strata weighted by n1 n0 / n), ``difference, difference_q05, difference_q95,
        p_positive``, ``raw_difference`` (before matching).
    """
    days = log.days()
    known = days.loc[days["day"] <= pd.Timestamp(until), "customer_id"].drop_duplicates()
    later = pd.Series(later_days(known, days, until), index=known.to_numpy())
    least = max(float(np.quantile(later, 1 - config.loyal.top_share)), 1.0)
    codes = {name: i for i, name in enumerate(baskets.items)}
    rows = []
    for pair in pairs.itertuples(index=False):
        people = first_chances(baskets, codes[str(pair.item_1)], codes[str(pair.item_2)], until)
        loyal = people["customer_id"].map(later).to_numpy(float) >= least
        found = matched_difference(strata(people), people["walked"].to_numpy(bool), loyal)
        rows.append({"journey_id": pair.journey_id, "path": pair.path, "least_days": least} | found)
    return pd.DataFrame(rows)


def first_chances(baskets: Baskets, a: int, b: int, until: dt.date) -> pd.DataFrame:
    """Return who bought A with the window over by `until`, by their first such purchase.

    Returns: ``customer_id, walked, before, within`` (baskets before that of A and within its
        window, it itself not counted), ``tenure`` (days from the first basket to it), ``since``
        (days from it to the end of `until`).
    """
    end = ((until - dt.date(1970, 1, 1)).days + 1) * DAY
    place = baskets.table.filter(_.at + baskets.window < end)
    mine = baskets.lines.filter(_["item"] == a).drop("at").inner_join(place, ["customer", "pos"])
    first = mine.group_by("customer").aggregate(
        customer_id=_.customer_id.min(), pos=_.pos.min(), last=_["last"].argmin(_.pos),
        at=_.at.min(),
    )  # fmt: skip
    theirs = baskets.lines.filter(_["item"] == b).select("customer", b_pos="pos")
    hits = first.inner_join(theirs, "customer").filter((_.b_pos > _.pos) & (_.b_pos <= _["last"]))
    walked = hits.select("customer", met=ibis.literal(True)).distinct()
    begun = baskets.table.group_by("customer").aggregate(begun=_.at.min())
    rows = first.left_join(walked, "customer").inner_join(begun, "customer")
    found = rows.select(
        "customer_id", walked=_.met.coalesce(False), before=_.pos - 1,
        within=_["last"] - _.pos, tenure=(_["at"] - _.begun) / DAY, since=(end - _["at"]) / DAY,
    )  # fmt: skip
    return frame(found.order_by("customer_id"))


def strata(people: pd.DataFrame) -> NDArray[np.int64]:
    """Return the stratum of everyone: the same class of every column of `EDGES`."""
    classes = [np.searchsorted(edges, people[c].to_numpy(float)) for c, edges in EDGES.items()]
    return np.ravel_multi_index(classes, [len(e) + 1 for e in EDGES.values()])


def matched_difference(
    stratum: NDArray[np.int64], walked: NDArray[np.bool_], loyal: NDArray[np.bool_]
) -> dict[str, float]:
    """Return the Mantel-Haenszel risk difference with a 90% interval.

    stratum, walked, loyal (customer,): Strata in which one group is missing say nothing and are
        left out.
    """
    code = np.unique(stratum, return_inverse=True)[1]
    size = int(code.max(initial=-1)) + 1
    n1, n0 = (np.bincount(code[w], minlength=size).astype(float) for w in (walked, ~walked))
    a, c = (np.bincount(code[w & loyal], minlength=size).astype(float) for w in (walked, ~walked))
    raw = _share(a.sum(), n1.sum()) - _share(c.sum(), n0.sum())
    both = (n1 > 0) & (n0 > 0)
    unmatched = n1[~both].sum()
    n1, n0, a, c = n1[both], n0[both], a[both], c[both]
    n = n1 + n0
    weight = float((n1 * n0 / n).sum())
    difference = _share(float(((a * n0 - c * n1) / n).sum()), weight)
    p = (n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / n**2
    q = (a * (n0 - c) + c * (n1 - a)) / (2 * n)
    variance = max(difference * float(p.sum()) + float(q.sum()), 0.0) if weight else np.nan
    error = np.sqrt(variance) / weight if weight else np.nan
    low, high = np.clip(difference + norm.ppf([0.05, 0.95]) * error, -1.0, 1.0)
    return {
        "walked": int(n1.sum()),
        "others": int(n0.sum()),
        "unmatched": int(unmatched),
        "loyal_walked": _share(float((a * n0 / n).sum()), weight),
        "loyal_others": _share(float((c * n1 / n).sum()), weight),
        "difference": difference,
        "difference_q05": float(low),
        "difference_q95": float(high),
        "p_positive": float(norm.cdf(difference / error)) if error else np.nan,
        "raw_difference": raw,
    }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def experiment_table(
    log: EventLog, baskets: Baskets, pairs: pd.DataFrame, *, seed: int
) -> pd.DataFrame:
    """Return the uplift of every journey with both arms and a window that is over.

    Returns: ``journey_id, path, n_treat, n_holdout, share_treat, share_holdout, uplift, uplift_q05,
        uplift_q95, p_positive``: shares with a Jeffreys prior, uplift their difference.
    """
    if "treatments" not in log.tables or "rule_id" not in log.table("treatments").columns:
        return pd.DataFrame()
    rng = np.random.default_rng(seed)
    codes = {name: i for i, name in enumerate(baskets.items)}
    rows = []
    for pair in pairs.itertuples(index=False):
        arms = _arms(log, baskets, str(pair.journey_id), codes[str(pair.item_2)])
        if set(arms["arm"]) == {"treat", "holdout"}:
            rows.append({"journey_id": pair.journey_id, "path": pair.path} | _uplift(arms, rng))
    return pd.DataFrame(rows)


def _arms(log: EventLog, baskets: Baskets, rule: str, item: int) -> pd.DataFrame:
    """Return the first treatment of each customer under a rule, and whether the item followed."""
    sent = log.table("treatments").filter(_.rule_id == rule)
    sent = sent.mutate(sent_at=moment(sent["event_at"])).group_by("customer_id")
    first = sent.aggregate(arm=_.arm.argmin(_.sent_at), sent_at=_.sent_at.min())
    first = first.filter(_.sent_at + baskets.window < baskets.end)
    bought = baskets.lines.filter(_["item"] == item).inner_join(baskets.people, "customer")
    hits = first.inner_join(bought.select("customer_id", "at"), "customer_id").filter(
        (_["at"] > _.sent_at) & (_["at"] <= _.sent_at + baskets.window)
    )
    met = hits.select("customer_id", met=ibis.literal(True)).distinct()
    rows = first.left_join(met, "customer_id").select("arm", met=_.met.coalesce(False))
    return frame(rows)


def _uplift(arms: pd.DataFrame, rng: np.random.Generator) -> dict[str, float]:
    met = {arm: arms.loc[arms["arm"] == arm, "met"] for arm in ("treat", "holdout")}
    treat, holdout = (Arm(int(m.sum()), len(m)) for m in met.values())
    sizes = {"n_treat": treat.n, "n_holdout": holdout.n}
    return sizes | uplift(treat, holdout, rng, DRAWS)
