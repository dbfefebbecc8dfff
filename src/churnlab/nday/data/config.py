"""How signups are cut into cohorts and how days are counted."""

import datetime as dt
from dataclasses import dataclass, field

from churnlab.errors import UsageError


@dataclass(kw_only=True)
class CohortConfig:
    """Cohorts by signup day, and the day count.

    day_index: What the signup day is called: 0 ("day 0") or 1 ("day 1"). With 0, day N is N days
        after the signup day; with 1, N - 1 days after it.
    window_days: M: conversion is reported through the end of day M, never at infinity.
    by: Member attribute (lead type, channel, ...) to break curves down by, pooled partially.
    weekday_effects: Let the conversion of a cohort depend on its weekday of signup.
    campaigns: Signup campaigns as ``name: "2026-03-01..2026-03-07"`` (both days included).
    expiry_days: Days (in the same count) on which the signup coupon expires: their rush stands
        apart when the plateau is looked for.
    min_signups, min_follow_up_days: Below these the data are refused.
    """

    day_index: int = 0
    window_days: int = 30
    by: str | None = None
    weekday_effects: bool = True
    campaigns: dict[str, str] = field(default_factory=dict)
    expiry_days: list[int] = field(default_factory=list)
    min_signups: int = 200
    min_follow_up_days: int = 14

    def __post_init__(self) -> None:
        """Check values."""
        if self.day_index not in (0, 1):
            raise UsageError(
                f"day_index must be 0 or 1 (what the signup day is called); got {self.day_index}."
            )
        if self.window_days < self.day_index + 2:
            raise UsageError(
                f"window_days must be at least {self.day_index + 2}; got {self.window_days}."
            )
        if self.min_signups < 1 or self.min_follow_up_days < 1:
            raise UsageError(
                "min_signups and min_follow_up_days must be positive; got "
                f"{self.min_signups} and {self.min_follow_up_days}."
            )
        for day in self.expiry_days:
            if not self.day_index < day <= self.window_days:
                raise UsageError(
                    f"expiry_days must lie in {self.day_index + 1}..{self.window_days} "
                    f"(the window); got {day}."
                )
        self.campaign_dates()

    @property
    def last_age(self) -> int:
        """Age in whole days, counted from 0 on the signup day, at which the window ends."""
        return self.window_days - self.day_index

    @property
    def expiry_ages(self) -> tuple[int, ...]:
        """Ages of the expiry days, counted from 0 on the signup day."""
        return tuple(sorted(day - self.day_index for day in self.expiry_days))

    def campaign_dates(self) -> dict[str, tuple[dt.date, dt.date]]:
        """Return first and last day of each campaign.

        Raises UsageError: A range is unreadable or ends before it starts.
        """
        found = {}
        for name, text in self.campaigns.items():
            try:
                first, last = (dt.date.fromisoformat(p.strip()) for p in text.split(".."))
            except ValueError:
                raise UsageError(
                    f"campaign {name!r} must read like 2026-03-01..2026-03-07; got {text!r}."
                ) from None
            if last < first:
                raise UsageError(f"campaign {name!r} ends before it starts: {text!r}.")
            found[name] = (first, last)
        return found
