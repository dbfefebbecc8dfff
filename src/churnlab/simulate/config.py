"""What the simulated shop is like. Probabilities, shares and days are the story's known truth."""

import datetime as dt
from dataclasses import dataclass

from churnlab.errors import UsageError
from churnlab.parts import whole

LEAD_TYPES = ("information_seeker", "social_media", "acquaintance", "high_involvement")
CHANNELS = ("search", "social", "referral", "direct")
TIERS = ("basic", "silver", "gold")


@dataclass(kw_only=True)
class ShopConfig:
    """A simulated shop: members, visits, purchases, items and one randomised day-N message.

    Members sign up at a constant rate. Visits come in bouts of a few days and end by a dropout
    toss after each bout. A share of the members converts, most of them before `plateau_day`;
    afterwards they buy again until they drop out.

    With `visits_lead` a repeat purchase happens on a visit-day, so visits stop no later than
    purchases do; without it, purchases are a process of their own, independent of the visits.
    """

    n_members: int = 3000
    start: str = "2024-01-01"
    days: int = 540
    """Days from `start` to the last known day, both inclusive."""
    visits_lead: bool = True

    visit_rate_mean: float = 0.10
    """Bouts of visits per day while interested, mean over members."""
    visit_rate_shape: float = 1.5
    visit_dropout_mean: float = 0.10
    """Probability that a bout is the last one, mean over members."""
    visit_dropout_concentration: float = 5.0
    bout_extra_days: float = 0.7
    """Mean number of further visit-days in a bout."""
    unseen_share: float = 0.03
    """Share of members whose visits the log never shows (a blocked tracker)."""

    conversion_share: float = 0.40
    """Share of members who buy of their own accord, before the lead types' multipliers."""
    same_day_share: float = 0.30
    """Share of the converters who buy on the day of signup."""
    late_share: float = 0.06
    """Share of the converters who buy on day `plateau_day` or later, up to day 59."""
    plateau_day: int = 10

    purchase_per_visit_mean: float = 0.20
    """With `visits_lead`: probability that a visit-day after the first purchase has a purchase."""
    purchase_per_visit_concentration: float = 8.0
    purchase_rate_mean: float = 0.025
    """Without `visits_lead`: purchases per day, mean over purchasers."""
    purchase_rate_shape: float = 1.2
    purchase_dropout_mean: float = 0.10
    """Probability that a purchase is the last one for reasons other than the visits' end."""
    purchase_dropout_concentration: float = 5.0

    coupon_days: int = 30
    """Days from signup to the expiry of the signup coupon."""
    experiment_day: int = 10
    """Day N after signup on which members without a purchase are randomised."""
    experiment_from_share: float = 0.5
    """The experiment starts when this share of the days has passed."""
    holdout_share: float = 0.2
    response: float = 0.15
    """P(the message makes a member buy | visits alive on day N, no purchase of their own soon)."""
    response_window_days: int = 30
    message_cost: float = 20.0

    n_items: int = 40
    n_categories: int = 6

    def __post_init__(self) -> None:
        """Check the values."""
        self._check_counts()
        self._check_shares()
        self._check_positive()
        self.first_day()
        if not self.plateau_day < 60:
            raise UsageError(f"plateau_day must be below 60; got {self.plateau_day}.")
        if self.n_categories > self.n_items:
            raise UsageError(
                f"n_categories must not exceed n_items ({self.n_items}); got {self.n_categories}."
            )

    def first_day(self) -> dt.date:
        """Return `start` as a date."""
        try:
            return dt.date.fromisoformat(str(self.start))
        except ValueError as error:
            raise UsageError(
                f"start must be a date such as 2024-01-01; got {self.start!r}."
            ) from error

    def as_of(self) -> dt.date:
        """Return the last known day."""
        return self.first_day() + dt.timedelta(days=self.days - 1)

    def _check_counts(self) -> None:
        for name, least in (
            ("n_members", 1), ("days", 2), ("plateau_day", 2), ("experiment_day", 1),
            ("response_window_days", 1), ("coupon_days", 1), ("n_items", 3), ("n_categories", 1),
        ):  # fmt: skip
            whole(name, getattr(self, name), least)

    def _check_shares(self) -> None:
        for name in (
            "unseen_share", "conversion_share", "same_day_share", "late_share", "holdout_share",
            "experiment_from_share", "response",
        ):  # fmt: skip
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie in [0, 1]; got {getattr(self, name)}.")
        if self.same_day_share + self.late_share > 1:
            raise UsageError(
                "same_day_share + late_share must not exceed 1; got "
                f"{self.same_day_share} + {self.late_share}."
            )
        for name in ("visit_dropout_mean", "purchase_dropout_mean", "purchase_per_visit_mean"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} must lie between 0 and 1; got {getattr(self, name)}.")

    def _check_positive(self) -> None:
        for name in (
            "visit_rate_mean", "visit_rate_shape", "visit_dropout_concentration",
            "purchase_per_visit_concentration", "purchase_rate_mean", "purchase_rate_shape",
            "purchase_dropout_concentration",
        ):  # fmt: skip
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be positive; got {getattr(self, name)}.")
        for name in ("bout_extra_days", "message_cost"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must not be negative; got {getattr(self, name)}.")
