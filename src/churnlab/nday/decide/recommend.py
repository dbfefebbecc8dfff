"""One N to send on, what it rests on, and what it leaves.

With stated costs N maximises the value per signup. Without them no N is economic: the answer is the
plateau with the share of later buyers that it leaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from churnlab.nday.config import NdayConfig, NdayCosts
from churnlab.nday.decide import value as nday
from churnlab.nday.decide.decision import LOST_INTEREST
from churnlab.nday.decide.plateau import PlateauDay, to_come
from churnlab.nday.decide.uplift import Uplift
from churnlab.nday.draws import Interval, interval
from churnlab.types import Array

#: Basis of a recommendation.
VALUE, PLATEAU_DAY, NOTHING = "value", "plateau", "none"
#: Reading of the plateau when attention is not measured: the N whose worst regret is least.
LEAST_WORST = "least_worst_regret"


@dataclass(frozen=True)
class Recommendation:
    """N with what it rests on; days are in the configured count.

    n: Day of the message; None when the curve gives none, or when no day tried pays.
    basis: ``value`` (stated costs), ``plateau`` (no costs) or ``none`` (neither a cost nor a
        plateau).
    reading: What non-buyers are taken for: ``lost_interest`` where attention is measured from
        visits; otherwise ``least_worst_regret`` over the readings.
    u0: Uplift at full attention with its interval, and whether it was measured.
    value, regret: Value per signup; what the next best N loses against it (mean, q05, q95), in the
        reading that speaks most against it. Where no day pays: of the best day tried, and what it
        loses against no message.
    next_best: The next best N; the best one tried where none pays.
    p_best: Probability that no other N tried is better; None at an edge, where better days may lie
        outside.
    edge: ``first`` or ``last``: N is the first or last day tried.
    leaves: Share of the window's buyers who come on day N or later (mean, q05, q95).
    """

    n: int | None
    basis: str
    reading: str | None = None
    u0: dict[str, float | bool] | None = None
    value: Interval | None = None
    next_best: int | None = None
    regret: Interval | None = None
    p_best: float | None = None
    edge: str | None = None
    leaves: Interval | None = None


def recommend(
    G: Array, flat: PlateauDay, attention: Mapping[str, Array], uplift: Uplift, config: NdayConfig
) -> Recommendation:
    """Take N by value where costs are stated, else the headline plateau."""
    index = config.cohort.day_index
    if not config.costs.stated:
        return by_plateau(G, flat, index)
    return by_value(G, config.ages(), attention, uplift, config.costs, index)


def by_plateau(G: Array, flat: PlateauDay, day_index: int = 0) -> Recommendation:
    """Take the plateau for N; none when it is more likely that there is no plateau."""
    if flat.missing:
        return Recommendation(None, NOTHING)
    age = max(int(flat.quantile(0.5)), 1)
    return Recommendation(age + day_index, PLATEAU_DAY, leaves=interval(to_come(G)[:, age]))


def by_value(
    G: Array,
    ages: Sequence[int],
    attention: Mapping[str, Array],
    uplift: Uplift,
    costs: NdayCosts,
    day_index: int = 0,
) -> Recommendation:
    """Take the N of the highest value per signup.

    G (draw, age): Curve draws to the window's end.
    ages: Candidates, at least 1, consecutive.
    attention: Reading -> (draw or 1, age) share of the unconverted still reachable.
    uplift: At full attention; as many draws as G has, or one.
    """
    values = {
        reading: nday.value(G, ages, nday.uplift(G, ages, uplift.draws, a), costs)
        for reading, a in attention.items()
    }
    if LOST_INTEREST in values:
        values = {LOST_INTEREST: values[LOST_INTEREST]}
    found = _best(np.stack(list(values.values())), G, ages, uplift, day_index)
    return replace(found, reading=LOST_INTEREST if LOST_INTEREST in values else LEAST_WORST)


def _best(
    V: Array, G: Array, ages: Sequence[int], uplift: Uplift, day_index: int
) -> Recommendation:
    """Take the N whose worst regret over the readings of V (reading, draw, N) is least.

    Its value is that of the reading in which it is worth least; the next best loses what it loses
    in the reading that speaks most against it.
    """
    mean = V.mean(axis=1)
    regret = mean.max(axis=1, keepdims=True) - mean
    top, *others = np.argsort(regret.max(axis=0), kind="stable")
    worth = V[mean[:, top].argmin(), :, top]
    edge = "first" if top == 0 else "last" if top == len(ages) - 1 else None
    found = Recommendation(
        n=None, basis=VALUE, value=interval(worth), edge=edge,
        u0={**interval(uplift.draws), "measured": uplift.measured},
    )  # fmt: skip
    if worth.mean() <= 0:
        return replace(found, next_best=int(ages[top]) + day_index, regret=interval(-worth))
    worst = (V.max(axis=2, keepdims=True) - V).max(axis=0)
    found = replace(
        found,
        n=int(ages[top]) + day_index,
        p_best=None if edge else float((worst.argmin(axis=1) == top).mean()),
        leaves=interval(to_come(G)[:, ages[top]]),
    )
    if not others:
        return found
    against = V[regret[:, others[0]].argmax()]
    loss = against[:, top] - against[:, others[0]]
    return replace(found, next_best=int(ages[others[0]]) + day_index, regret=interval(loss))
