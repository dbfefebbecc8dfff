"""Value over N, the best N with its probability, and the regret of the N in use."""

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
import pandas as pd

from churnlab.nday.config import NdayCosts
from churnlab.nday.decide import value as nday
from churnlab.nday.draws import columns
from churnlab.types import Array

#: Name of the reading under which non-buyers never would have bought and stay as persuadable.
NEVER_CONVERTS = "never_converts"
#: Name of the reading under which they lose interest, with attention as the measure.
LOST_INTEREST = "lost_interest"


def organic_table(
    G: Array, ages: Sequence[int], costs: NdayCosts, day_index: int = 0
) -> pd.DataFrame:
    """What cohorts before the policy can say of each N: reach, organic share, waste, break-even.

    Returns: One row per N: `n`, and with mean, `_q05`, `_q95`: `reach`, `organic_after`, and with
        stated costs `waste` (per signup), `break_even_uplift`.
    """
    shown = {"reach": nday.reach(G, ages), "organic_after": nday.organic_after(G, ages)}
    if costs.stated:
        shown |= {
            "waste": nday.waste(G, ages, costs),
            "break_even_uplift": nday.break_even(G, ages, costs),
        }
    return pd.DataFrame({"n": np.asarray(ages) + day_index, **columns(**shown)})


def value_table(
    G: Array,
    ages: Sequence[int],
    attention: Mapping[str, Array],
    uplifts: Sequence[float],
    costs: NdayCosts,
    day_index: int = 0,
) -> pd.DataFrame:
    """Value per signup over N for every reading and uplift.

    G (draw, age): Curve draws to the window's end.
    ages: Candidate ages of the message, at least 1.
    attention: Reading -> (draw or 1, age) share of the unconverted still reachable.
    uplifts: u0: extra purchases per messaged person at full attention.
    Returns: `reading`, `u0`, `n`, `uplift`, `value` with `_q05`, `_q95`, `p_best` (probability that
        this N has the highest value), `p_positive`, `regret` (mean of best minus this),
        `cost_ratio` and `cost_ratio_extra` (without organic buyers).
    """
    rows = []
    for reading, a in attention.items():
        for u0 in uplifts:
            u = nday.uplift(G, ages, u0, a)
            V = nday.value(G, ages, u, costs)
            both, extra = nday.cost_ratio(G, ages, u, costs)
            best = np.bincount(V.argmax(axis=1), minlength=len(ages)) / len(V)
            table = pd.DataFrame(
                {
                    "reading": reading,
                    "u0": float(u0),
                    "n": np.asarray(ages) + day_index,
                    "uplift": u.mean(axis=0),
                    **columns(value=V),
                    "p_best": best,
                    "p_positive": (V > 0).mean(axis=0),
                    "regret": (V.max(axis=1, keepdims=True) - V).mean(axis=0),
                    "cost_ratio": both.mean(axis=0),
                    "cost_ratio_extra": extra.mean(axis=0),
                }
            )
            rows.append(table)
    return pd.concat(rows, ignore_index=True)


def best_table(
    G: Array,
    ages: Sequence[int],
    attention: Mapping[str, Array],
    uplifts: Sequence[float],
    costs: NdayCosts,
    *,
    n: int,
    day_index: int = 0,
) -> pd.DataFrame:
    """Per reading and uplift: the best N, how sure, and policies side by side.

    Policies: no message (0), the larger coupon for everybody at signup (age 0: reach 1, organic
    G(M)), rule(N) at the N in use, rule(N) at the best N. All see the same u0 and attention.

    Returns: `reading`, `u0`, `best_n` (highest mean value), `edge` (whether it is the first or last
        N tried), `p_best` (null at an edge: better days may lie outside), `best_n_q05`,
        `best_n_q95`, `value_best`, `p_worth_it` (best N beats no message), `n`, `value_n`,
        `regret_n` with `_q05`, `_q95`, `value_all`, `value_all_q05`, `value_all_q95`,
        `p_rule_beats_all` (rule at the N in use against raise-for-all), `advice`.
    """
    rows = []
    at = list(ages).index(n - day_index)
    for reading, a in attention.items():
        for u0 in uplifts:
            V = nday.value(G, ages, nday.uplift(G, ages, u0, a), costs)
            everyone = nday.value(G, [0], nday.uplift(G, [0], u0, a), costs)[:, 0]
            rows.append(
                {"reading": reading, "u0": float(u0), **_best(V, everyone, ages, at, day_index)}
            )
    return pd.DataFrame(rows)


def _best(
    V: Array, everyone: Array, ages: Sequence[int], at: int, day_index: int
) -> dict[str, object]:
    top = int(V.mean(axis=0).argmax())
    edge = top in (0, len(ages) - 1)
    winners = np.asarray(ages)[V.argmax(axis=1)] + day_index
    low, high = np.quantile(winners, [0.05, 0.95], method="inverted_cdf")
    means = {"none": 0.0, "everyone": float(everyone.mean()), "rule": float(V[:, top].mean())}
    return {
        "best_n": int(ages[top] + day_index),
        "edge": edge,
        "p_best": nan if edge else float((V.argmax(axis=1) == top).mean()),
        "best_n_q05": int(low),
        "best_n_q95": int(high),
        "value_best": means["rule"],
        "p_worth_it": float((V[:, top] > 0).mean()),
        "n": int(ages[at] + day_index),
        "value_n": float(V[:, at].mean()),
        **columns(regret_n=V.max(axis=1) - V[:, at], value_all=everyone),
        "p_rule_beats_all": float((V[:, at] > everyone).mean()),
        "advice": max(means, key=lambda k: means[k]),
    }
