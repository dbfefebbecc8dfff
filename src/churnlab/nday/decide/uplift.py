"""What a message gains: measured by an experiment, or the middle of an assumed grid."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.nday.config import NdayConfig
from churnlab.nday.decide import value as nday
from churnlab.nday.decide.decision import LOST_INTEREST
from churnlab.nday.draws import columns
from churnlab.types import Array

#: (rule, N) -> draws of the uplift; N is None for all of a rule's together.
Effects = Mapping[tuple[str, int | None], Array]


@dataclass(frozen=True)
class Uplift:
    """What a message gains at full attention.

    draws (draw, 1): u0: extra purchases per messaged person.
    measured: From an experiment; otherwise the middle of the assumed grid.
    """

    draws: Array
    measured: bool

    def grid(self, assumed: list[float]) -> list[float]:
        """Return the assumed grid, and the measured uplift where it is positive."""
        mean = float(self.draws.mean())
        return sorted({*assumed, *([mean] if self.measured and mean > 0 else [])})


def full_uplift(readings: Mapping[str, Array], effects: Effects, config: NdayConfig) -> Uplift:
    """Uplift at full attention: the measured one, or the middle of the assumed grid.

    Measured on the N nearest to the one in use, it is divided by the attention on that day (1
    where attention is not measured).
    """
    assumed = np.sort(config.uplifts)[len(config.uplifts) // 2]
    tried = {n: draws for (_, n), draws in effects.items() if n is not None}
    if not tried:
        return Uplift(np.array([[assumed]]), measured=False)
    n = min(tried, key=lambda day: abs(day - config.n))
    drawn = np.resize(tried[n], config.draws)
    if LOST_INTEREST in readings:
        drawn = drawn / readings[LOST_INTEREST][:, n - config.cohort.day_index]
    return Uplift(np.maximum(drawn, 0.0)[:, None], measured=True)


def experiment_value(effects: Effects, G: Array, config: NdayConfig) -> pd.DataFrame:
    """Value per signup of every N that was tried, with the uplift that was measured.

    Returns: `rule_id`, `n`, `value` with `_q05`, `_q95`, `p_positive`, `p_best` (among the N tried
        under the same rule). Empty when the log does not tell N apart.
    """
    parts = []
    for rule_id in dict.fromkeys(rule for rule, _ in effects):
        tried = {n: effects[r, n] for r, n in effects if r == rule_id and n is not None}
        if not tried:
            continue
        values = np.column_stack([_value(u, G, n, config) for n, u in tried.items()])
        best = np.bincount(values.argmax(axis=1), minlength=len(tried)) / len(values)
        shown = {"rule_id": rule_id, "n": list(tried), **columns(value=values)}
        found = pd.DataFrame(shown | {"p_positive": (values > 0).mean(axis=0), "p_best": best})
        parts.append(found)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _value(uplift: Array, G: Array, n: int, config: NdayConfig) -> Array:
    """Pair uplift draws with curve draws: they come from different people, so independently."""
    size = min(len(uplift), len(G))
    ages = [n - config.cohort.day_index]
    return nday.value(G[:size], ages, uplift[:size, None], config.costs)[:, 0]
