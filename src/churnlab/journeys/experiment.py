"""An experiment's uplift, where messages named a journey: the only figure here that is an effect.

Intention to treat: of everybody whom the log of treatments gave an arm under the journey's id, the
share who bought B within the window after it.
"""

from __future__ import annotations

from typing import Final

import ibis
import numpy as np
import pandas as pd
from ibis import _

from churnlab.events import EventLog
from churnlab.events.engine import frame
from churnlab.journeys.baskets import Baskets
from churnlab.metrics.arms import Arm, uplift

DRAWS: Final = 4000


def experiment_table(
    log: EventLog, baskets: Baskets, pairs: pd.DataFrame, *, seed: int
) -> pd.DataFrame:
    """Return the uplift of every journey with both arms and a window that is over.

    Returns
    -------
    DataFrame
        ``journey_id, path, n_treat, n_holdout, share_treat, share_holdout, uplift, uplift_q05,
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
    at = sent["event_at"].epoch_seconds() * 1_000_000 + sent["event_at"].microsecond()
    sent = sent.mutate(sent_at=at).group_by("customer_id")
    first = sent.aggregate(arm=_.arm.argmin(_.sent_at), sent_at=_.sent_at.min())
    first = first.filter(_.sent_at + baskets.window < baskets.end)
    people = baskets.table.select("customer", "customer_id").distinct()
    bought = baskets.lines.filter(_["item"] == item).inner_join(people, "customer")
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
