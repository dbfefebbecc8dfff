"""Calendar effects in SQL: days of the calendar turned into the draws' time.

Days with one multiplier that follow one another are a stretch; within it time is a line. A literal
table of the stretches is looked up once for each distinct day, then joined by equal days.
"""

import datetime as dt
from typing import Final

from churnlab.models.sql import doubles
from churnlab.posterior.settings import LAST_DAY, LONGEST_WINDOW_DAYS
from churnlab.summary import Clock
from churnlab.summary.calendar import number as day_of

#: Columns of days beside the clock's: the day that is scored, first to last purchase, and age.
PLAIN: Final = ("today", "days_t_x", "days_age")
#: Days before the bundle's that the table reaches back, or more where the fit's history does.
BACK: Final = 30 * 365


def day_number(day: str) -> str:
    """Return the days from 1970-01-01 to a date."""
    return f"DATE_DIFF('day', CAST('1970-01-01' AS DATE), {day})"


def clock_ctes(clock: Clock, as_of: dt.date, counted: str, *, labelled: bool) -> list[str]:
    """Return CTEs that end in `counted`: t_x and age in the draws' time, beside those in days.

    clock: Of the bundle.
    as_of: Day that the table of stretches lies around; later days can be scored for ten years.
    counted: SELECT of `customer_id, x, t_x, age, last_day` in days (and `label`).
    labelled: Whether `counted` has the label.
    """
    now = day_of(as_of)
    first = min(day_of(clock.origin), now - BACK)
    last = now + LAST_DAY + LONGEST_WINDOW_DAYS
    starts, times, rates = clock.stretches(first, last)
    ends = [*starts[1:], last + 1]
    rows = [
        tuple(f"{float(v):.17e}" for v in row)
        for row in zip(starts, ends, times, rates, strict=True)
    ]
    label = ", p.label" if labelled else ""
    return [
        *doubles("stretches", (), ("first_day", "end_day", "elapsed", "rate"), rows),
        f"in_days AS ({counted})",
        "spanned AS (SELECT k.*, k.last_day - k.t_x AS first_day, k.last_day - k.t_x + k.age AS "
        "today FROM in_days AS k)",
        "asked AS (SELECT p.first_day AS on_day FROM spanned AS p "
        "UNION SELECT p.last_day AS on_day FROM spanned AS p "
        "UNION SELECT p.today AS on_day FROM spanned AS p)",
        _reached("day_times", "asked"),
        f"counted AS (SELECT p.customer_id, p.x, l.reached - f.reached AS t_x, n.reached - "
        f"f.reached AS age, p.today, p.t_x AS days_t_x, p.age AS days_age{label} "
        "FROM spanned AS p LEFT JOIN day_times AS f ON f.on_day = p.first_day LEFT JOIN day_times "
        "AS l ON l.on_day = p.last_day LEFT JOIN day_times AS n ON n.on_day = p.today)",
    ]


def timed_ctes() -> list[str]:
    """Return the CTEs `timed` and `windowed` from `looks`, cells with a window of `days`."""
    return [
        "ends AS (SELECT k.today AS on_day FROM looks AS k UNION SELECT k.today + k.days AS on_day "
        "FROM looks AS k)",
        _reached("end_times", "ends"),
        "timed AS (SELECT k.grp, k.x, k.t_x, k.age, k.today, k.days, e.reached - b.reached AS "
        "horizon FROM looks AS k JOIN end_times AS b ON b.on_day = k.today "
        "JOIN end_times AS e ON e.on_day = k.today + k.days)",
        "windowed AS (SELECT DISTINCT t.grp, t.x, t.t_x, t.age, t.horizon FROM timed AS t)",
    ]


def _reached(name: str, asked: str) -> str:
    """Return a CTE of the time reached at the end of each day of `asked`."""
    return (
        f"{name} AS (SELECT a.on_day, s.elapsed + s.rate * (a.on_day - s.first_day + 1) AS reached "
        f"FROM {asked} AS a JOIN stretches AS s ON a.on_day >= s.first_day "
        "AND a.on_day < s.end_day)"
    )
