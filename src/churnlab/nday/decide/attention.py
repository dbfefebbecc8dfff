"""What the unconverted may still be won by, under both readings of a plateau."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.nday.config import NdayConfig
from churnlab.nday.data import Conversions, attention_from_visits
from churnlab.nday.decide.decision import LOST_INTEREST, NEVER_CONVERTS
from churnlab.nday.decide.value import attention_band
from churnlab.nday.draws import columns
from churnlab.types import Array

#: With fewer unconverted to look at, attention is not measured: its share would be a guess.
LEAST_UNCONVERTED = 30


@dataclass(frozen=True)
class AttentionReadings:
    """Attention under both readings of a plateau.

    readings: Reading -> (draw or 1, age): `never_converts` does not fade; `lost_interest` fades as
        the visit log says, or one reading per half-life of the band without a log (or with a
        follow-up too short to see who visits again).
    table: `n`, `reading`, `attention`, `q05`, `q95`, and from visits `unconverted`, `active`.
    from_visits: Measured, or assumed.
    """

    readings: dict[str, Array]
    table: pd.DataFrame
    from_visits: bool


def attention_readings(
    found: Conversions,
    visits: pd.DataFrame | None,
    config: NdayConfig,
    rng: np.random.Generator,
    time_zone: str | None = None,
) -> AttentionReadings:
    """Measure attention from visits, or take the band of half-lives."""
    last = config.cohort.last_age
    readings: dict[str, Array] = {NEVER_CONVERTS: np.ones((1, last + 1))}
    seen = None
    if visits is not None:
        days = config.active_days
        seen = attention_from_visits(
            found, visits, last_age=last, active_days=days, time_zone=time_zone
        )
    if seen is None or int(seen.unconverted.min()) < LEAST_UNCONVERTED:
        band = attention_band(config.attention_half_lives, last + 1)
        readings |= {f"{LOST_INTEREST}_{name}": a for name, a in band.items()}
        return AttentionReadings(readings, _table(readings, config), from_visits=False)
    readings[LOST_INTEREST] = seen.draws(config.draws, rng)
    table = _table(readings, config)
    measured = table["reading"] == LOST_INTEREST
    table.loc[measured, ["unconverted", "active"]] = np.stack([seen.unconverted, seen.active], 1)
    return AttentionReadings(readings, table, from_visits=True)


def _table(readings: Mapping[str, Array], config: NdayConfig) -> pd.DataFrame:
    days = np.arange(config.cohort.last_age + 1) + config.cohort.day_index
    names = {"attention_q05": "q05", "attention_q95": "q95"}
    parts = [
        pd.DataFrame({"reading": reading, "n": days, **columns(attention=a)}).rename(columns=names)
        for reading, a in readings.items()
    ]
    return pd.concat(parts, ignore_index=True).assign(unconverted=np.nan, active=np.nan)
