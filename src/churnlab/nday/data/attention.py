"""Attention: the share of the unconverted whom a message can still win, by age."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.nday.data.conversions import Conversions, local_times
from churnlab.types import Array


@dataclass(frozen=True)
class Attention:
    """Who among the unconverted visits again and does not buy unasked.

    Looking ahead, not back: a visit or the signup a few days ago would keep everyone attentive
    until exactly that many days after signup. Those who buy within the window anyway always visit
    again, but there is nothing to win from them.

    unconverted (age,): Members unconverted through the end of the day before that age, observed for
        the window and for the days ahead.
    active (age,): Those of them who visit on that day or in the `active_days` - 1 days after it and
        do not buy within the window.
    active_days: Days ahead.
    """

    unconverted: NDArray[np.int64]
    active: NDArray[np.int64]
    active_days: int

    @property
    def share(self) -> Array:
        """Share still active at each age; NaN where nobody is observed."""
        with np.errstate(invalid="ignore"):
            return np.where(
                self.unconverted > 0, self.active / np.maximum(self.unconverted, 1), np.nan
            )

    def draws(self, n: int, rng: np.random.Generator) -> Array:
        """Posterior draws of the share, Beta(1/2 + active, 1/2 + rest), of shape (draw, age)."""
        rest = self.unconverted - self.active
        return rng.beta(self.active + 0.5, rest + 0.5, size=(n, len(self.active)))


def attention_from_visits(
    found: Conversions,
    visits: pd.DataFrame,
    *,
    last_age: int,
    active_days: int = 7,
    time_zone: str | None = None,
) -> Attention:
    """Count, for each age, the unconverted who visit again within `active_days`, without buying.

    found: Members with their age at the first purchase.
    visits: `customer_id`, `event_at`.
    last_age: Last age to report; the window's end.
    active_days: The day itself and the days after it that are looked at.
    """
    frame = found.frame
    ages, owners = _visit_ages(frame, visits, last_age + active_days, time_zone)
    observed = (pd.Timestamp(found.as_of) - frame["signup_date"]).dt.days.to_numpy(np.int64)
    bought = frame["age"].to_numpy(np.int64)
    winnable = (bought < 0) | (bought > last_age)
    following = np.full(len(frame), np.iinfo(np.int64).max)
    unconverted = np.zeros(last_age + 1, np.int64)
    active = np.zeros(last_age + 1, np.int64)
    for age in reversed(range(last_age + active_days)):
        following[owners[ages == age]] = age
        if age <= last_age:
            seen = observed >= max(last_age, age + active_days - 1)
            left = seen & ((bought < 0) | (bought >= age))
            unconverted[age] = left.sum()
            active[age] = (left & winnable & (following < age + active_days)).sum()
    return Attention(unconverted=unconverted, active=active, active_days=active_days)


def _visit_ages(
    frame: pd.DataFrame, visits: pd.DataFrame, last_age: int, time_zone: str | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct (age, member row) of the visits from the signup day on."""
    row = pd.Series(np.arange(len(frame)), index=frame["customer_id"])
    owner = visits["customer_id"].astype(str).map(row)
    day = local_times(visits["event_at"], time_zone).dt.normalize()
    known = owner.notna() & day.notna()
    owners = owner[known].to_numpy(np.int64)
    signup = frame["signup_date"].to_numpy()[owners]
    ages = ((day[known].to_numpy() - signup) / np.timedelta64(1, "D")).astype(np.int64)
    inside = (ages >= 0) & (ages < last_age)
    pairs = np.unique(np.column_stack([ages[inside], owners[inside]]), axis=0)
    return pairs[:, 0], pairs[:, 1]
