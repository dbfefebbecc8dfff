"""Sufficient statistics: per cohort and age, how many converted of those still unconverted."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import DataError
from churnlab.nday.data.config import CohortConfig
from churnlab.nday.data.conversions import Conversions
from churnlab.types import Ints


@dataclass(frozen=True)
class CohortCounts:
    """Cohort x age counts; a million signups of a year become a few hundred rows.

    cohorts: One row per signup day and group, sorted: `signup_date`, `group`, `signups`.
    conversions (cohort, age): First purchases at each age in whole days from the signup day; 0
        where not yet observed.
    as_of: Last complete day: a cell is observed when signup_date + age <= as_of.
    day_index: What the signup day is called (0 or 1).
    """

    cohorts: pd.DataFrame
    conversions: Ints
    as_of: dt.date
    day_index: int = 0

    @property
    def signups(self) -> Ints:
        """Signups per cohort."""
        return self.cohorts["signups"].to_numpy(np.int64)

    @property
    def groups(self) -> tuple[str, ...]:
        """The distinct groups, sorted."""
        return tuple(sorted(self.cohorts["group"].unique()))

    @property
    def group_codes(self) -> Ints:
        """Code of each cohort's group into `groups`."""
        codes = {g: i for i, g in enumerate(self.groups)}
        return np.array([codes[g] for g in self.cohorts["group"]], dtype=np.int64)

    @property
    def last_age(self) -> int:
        """The last age counted."""
        return int(self.conversions.shape[1]) - 1

    @property
    def horizon(self) -> Ints:
        """Last fully observed age of each cohort, at most `last_age`."""
        days = (pd.Timestamp(self.as_of) - self.cohorts["signup_date"]).dt.days
        return np.asarray(np.minimum(days.to_numpy(np.int64), self.last_age), np.int64)

    @property
    def observed(self) -> NDArray[np.bool_]:
        """(cohort, age): whether the day is over for the whole cohort."""
        return np.arange(self.last_age + 1)[None, :] <= self.horizon[:, None]

    @property
    def buyers(self) -> Ints:
        """(cohort, age): bought up to and including that age."""
        return np.cumsum(self.conversions, axis=1)

    @property
    def at_risk(self) -> Ints:
        """(cohort, age): unconverted at the start of that age; 0 where not observed."""
        before = self.signups[:, None] - self.buyers + self.conversions
        return np.where(self.observed, before, 0)

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Cohorts followed through the whole window."""
        return self.horizon >= self.last_age

    def select(self, keep: NDArray[np.bool_]) -> CohortCounts:
        """Return the cohorts where `keep` holds."""
        return replace(
            self,
            cohorts=self.cohorts[keep].reset_index(drop=True),
            conversions=self.conversions[keep],
        )

    def until(self, as_of: dt.date) -> CohortCounts:
        """Return what was known at the end of an earlier day: nothing after it is looked at."""
        if as_of > self.as_of:
            raise ValueError(f"counts end on {self.as_of}; cannot look at {as_of}")
        keep = (self.cohorts["signup_date"] <= pd.Timestamp(as_of)).to_numpy()
        cut = replace(self.select(keep), as_of=as_of)
        return replace(cut, conversions=np.where(cut.observed, cut.conversions, 0))

    def pooled(self) -> CohortCounts:
        """Return the counts with all groups of a day added up."""
        days, code = np.unique(self.cohorts["signup_date"].to_numpy(), return_inverse=True)
        conversions = np.zeros((len(days), self.last_age + 1), np.int64)
        np.add.at(conversions, code, self.conversions)
        signups = np.bincount(code, weights=self.signups).astype(np.int64)
        cohorts = pd.DataFrame({"signup_date": days, "group": "all", "signups": signups})
        return replace(self, cohorts=cohorts, conversions=conversions)


def count_cohorts(found: Conversions, config: CohortConfig) -> CohortCounts:
    """Compress members to cohort x age counts.

    Conversions later than the window are not counted: at the window's end the member is
    unconverted.
    """
    frame = found.frame
    n = frame["n"].to_numpy() if "n" in frame else np.ones(len(frame), np.int64)
    keys = frame.assign(signups=n).groupby(["signup_date", "group"], sort=True)
    code = keys.ngroup().to_numpy(np.int64)
    cohorts = keys["signups"].sum().reset_index()
    age = frame["age"].to_numpy(np.int64)
    inside = (age >= 0) & (age <= config.last_age)
    width = config.last_age + 1
    at = code[inside] * width + age[inside]
    flat = np.bincount(at, weights=n[inside], minlength=len(cohorts) * width)
    return CohortCounts(
        cohorts=cohorts,
        conversions=flat.reshape(len(cohorts), width).astype(np.int64),
        as_of=found.as_of,
        day_index=config.day_index,
    )


def require_enough(counts: CohortCounts, config: CohortConfig) -> None:
    """Refuse data that cannot carry the question.

    Raises DataError: Too few signups, too short a follow-up, or a window longer than any cohort's
        follow-up.
    """
    total = int(counts.signups.sum())
    if total < config.min_signups:
        raise DataError(
            f"{total} signups up to {counts.as_of}, expected at least {config.min_signups}; "
            "give more data or lower cohort.min_signups."
        )
    first = counts.cohorts["signup_date"].min()
    longest = int((pd.Timestamp(counts.as_of) - first).days)
    if longest < config.min_follow_up_days:
        raise DataError(
            f"the oldest cohort ({first.date()}) is followed for {longest} days up to "
            f"{counts.as_of}, expected at least {config.min_follow_up_days}; wait, or lower "
            "cohort.min_follow_up_days."
        )
    if config.last_age > longest:
        raise DataError(
            f"the window ends on day {config.window_days}, but the longest follow-up of any "
            f"cohort ends on day {longest + config.day_index} ({counts.as_of}); set "
            f"cohort.window_days to at most {longest + config.day_index}."
        )
    if int(counts.conversions.sum()) == 0:
        raise DataError(
            f"none of {total} signups bought within the window; expected some conversions. "
            "Do the ids of members and purchases agree?"
        )
