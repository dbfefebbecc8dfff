"""The window that the follow-up carries: shortened where it is too long, a longer one suggested."""

from dataclasses import replace

import numpy as np
import pandas as pd

from churnlab.nday.config import NdayConfig
from churnlab.nday.data import CohortCounts, Conversions
from churnlab.nday.decide.plateau import PlateauDay
from churnlab.nday.report.advice import Sentence, log_cut, window_cut, window_longer

#: Signup days that must have the whole window when it is shortened or lengthened.
WHOLE_DAYS = 7
#: So many purchases the last week's pace would bring, and not one came: no curve ends like that.
LEAST_MISSING = 20.0


def longest_window(found: Conversions, day_index: int) -> int:
    """Last day that the oldest cohort is followed through, in the configured count."""
    return int((pd.Timestamp(found.as_of) - found.frame["signup_date"].min()).days) + day_index


def fitting_window(config: NdayConfig, found: Conversions) -> tuple[NdayConfig, list[Sentence]]:
    """Shorten a window that reaches past the follow-up, so that a week of cohorts has all of it.

    Returns the configuration to use and, when it differs, a sentence that says so. Too short for
    `min_follow_up_days` or for the N in use it stays as asked, and is refused later.
    """
    cohort, index = config.cohort, config.cohort.day_index
    if found.frame.empty:
        return config, []
    longest = longest_window(found, index)
    used = longest - WHOLE_DAYS + 1
    needed = max(cohort.min_follow_up_days, config.n, *config.n_by_group.values(), index + 2)
    if cohort.window_days <= longest or used < needed:
        return config, []
    expiry = [day for day in cohort.expiry_days if day <= used]
    low, high = (day if day is None else min(day, used) for day in (config.n_min, config.n_max))
    shorter = replace(cohort, window_days=used, expiry_days=expiry)
    said = window_cut(cohort.window_days, used, str(found.as_of))
    return replace(config, cohort=shorter, n_min=low, n_max=high), [said]


def longer_window(
    config: NdayConfig, found: Conversions, flat: PlateauDay, slow: tuple[int, float]
) -> list[Sentence]:
    """Suggest a longer window when there is no plateau and people bought after this one.

    Not past the last day on which anybody bought: a log that is cut there would go flat.
    """
    cohort = config.cohort
    longest = longest_window(found, cohort.day_index) - WHOLE_DAYS + 1
    last = int(found.frame["age"].max()) + cohort.day_index
    longer = min(2 * cohort.window_days, longest, last)
    if not flat.missing or longer <= cohort.window_days:
        return []
    day, share = slow
    return [window_longer(share, day, longer)]


def cut_window(counts: CohortCounts) -> list[Sentence]:
    """Say that the log seems cut where buying ends all at once, long before the window does."""
    y, r = counts.conversions.sum(axis=0), counts.at_risk.sum(axis=0)
    last = int(np.flatnonzero(y).max(initial=0))
    week = slice(max(last - 6, 0), last + 1)
    pace = float(y[week].sum()) / max(float(r[week].sum()), 1.0)
    missing = pace * float(r[last + 1 :].sum())
    return [log_cut(last + counts.day_index, missing)] if missing >= LEAST_MISSING else []
