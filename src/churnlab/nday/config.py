"""Configuration of an N-day study."""

import datetime as dt
from dataclasses import dataclass, field

from churnlab.errors import UsageError
from churnlab.nday.data import CohortConfig


@dataclass(kw_only=True)
class NdayCosts:
    """What a message, a coupon and an order are worth, in one currency.

    There are no defaults for margin and coupon: until both are stated nothing economic is said.

    margin: m: margin of a first order before the coupon.
    coupon: c: what a redeemed coupon costs.
    message: k: cost of one message.
    organic_redemption: rho: share of those who would have bought anyway that redeem the coupon. A
        *larger* coupon has no history: this is an assumption and is printed as one.
    revenue: Revenue of a first order, for the cost ratio; without it there is none.
    """

    margin: float | None = None
    coupon: float | None = None
    message: float = 0.0
    organic_redemption: float = 0.8
    revenue: float | None = None

    def __post_init__(self) -> None:
        """Check values."""
        if (self.margin is None) != (self.coupon is None):
            raise UsageError(
                "costs.margin and costs.coupon are stated together or not at all; got "
                f"{self.margin} and {self.coupon}."
            )
        for name in ("margin", "coupon", "message"):
            cost = getattr(self, name)
            if cost is not None and not cost >= 0:
                raise UsageError(f"costs.{name} must not be negative; got {cost}.")
        if self.stated and self.unit <= 0:
            raise UsageError(
                f"costs.margin ({self.margin}) must exceed costs.coupon ({self.coupon}): "
                "otherwise every extra order loses money and no uplift breaks even."
            )
        if not 0 <= self.organic_redemption <= 1:
            raise UsageError(
                f"costs.organic_redemption must lie in 0..1; got {self.organic_redemption}."
            )
        if self.revenue is not None and not self.revenue > 0:
            raise UsageError(f"costs.revenue must be positive; got {self.revenue}.")

    @property
    def stated(self) -> bool:
        """Whether margin and coupon are known."""
        return self.margin is not None and self.coupon is not None

    @property
    def unit(self) -> float:
        """m - c: what an extra order earns."""
        return self._known("margin") - self._known("coupon")

    @property
    def organic_coupon(self) -> float:
        """rho c: what an organic buyer costs."""
        return self.organic_redemption * self._known("coupon")

    def _known(self, name: str) -> float:
        cost = getattr(self, name)
        if cost is None:
            raise UsageError(
                f"costs.{name} is not stated; set nday.costs.margin and nday.costs.coupon."
            )
        return float(cost)


@dataclass(kw_only=True)
class NdayConfig:
    """What `churnlab nday` is asked.

    n: N in use: the message goes out on day N to those without a purchase through day N - 1.
    n_by_group: Overrides N for groups of `cohort.by`.
    n_min, n_max: Candidates; default: the first possible day, and the last that leaves a week of
        window.
    uplifts: u0: extra purchases per messaged person at full attention.
    attention_half_lives: Days, used when there is no visit log.
    active_days: Who visits on day N or in the days after it, this many in all, is attentive on day
        N.
    early_share: The headline plateau: the week ahead brings less than this share of the busiest
        week.
    hazard_threshold, fraction: Settings of the other plateau definitions.
    holdout_share: Standing random holdout; by default that of the simulated shop.
    rule_id: Name in the audience and in the treatments.
    action_id: What is sent: an id of the actions table.
    policy_start: First day (ISO) on which any message went out. Organic shares are learnt from what
        was known before; default: the first treatment, or everything when there is none.
    backtest: Whether to backtest on held-out cohorts.
    test_share: Share of the complete cohorts, the latest, that is held out.
    """

    cohort: CohortConfig = field(default_factory=CohortConfig)
    costs: NdayCosts = field(default_factory=NdayCosts)
    n: int = 10
    n_by_group: dict[str, int] = field(default_factory=dict)
    n_min: int | None = None
    n_max: int | None = None
    draws: int = 1000
    uplifts: list[float] = field(default_factory=lambda: [0.01, 0.02, 0.05, 0.1])
    attention_half_lives: list[float] = field(default_factory=lambda: [7.0, 21.0])
    active_days: int = 30
    early_share: float = 0.1
    hazard_threshold: float = 0.001
    fraction: float = 0.9
    holdout_share: float = 0.2
    rule_id: str = "nday"
    action_id: str = "nday_offer"
    policy_start: str | None = None
    backtest: bool = True
    test_share: float = 0.3

    def __post_init__(self) -> None:
        """Check values."""
        self._check_days()
        if not 0 <= self.holdout_share < 1:
            raise UsageError(f"holdout_share must lie in 0..1; got {self.holdout_share}.")
        for name in ("test_share", "early_share", "hazard_threshold", "fraction"):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise UsageError(f"{name} must lie between 0 and 1; got {share}.")
        if not self.uplifts or not all(0 < u < 1 for u in self.uplifts):
            raise UsageError(f"uplifts must be shares between 0 and 1; got {self.uplifts}.")
        if any(h <= 0 for h in self.attention_half_lives):
            raise UsageError(
                f"attention_half_lives must be positive days; got {self.attention_half_lives}."
            )
        if self.draws < 100 or self.active_days < 1:
            raise UsageError(
                f"draws must be at least 100 and active_days at least 1; got {self.draws} and "
                f"{self.active_days}."
            )
        self.policy_date()

    def _check_days(self) -> None:
        first, last = self.cohort.day_index + 1, self.cohort.window_days
        for name, n in [
            ("n", self.n),
            *((f"n_by_group[{g}]", v) for g, v in self.n_by_group.items()),
        ]:
            if not first <= n <= last:
                raise UsageError(
                    f"{name} must lie in {first}..{last} (after the signup day, inside the "
                    f"window); got {n}."
                )
        if self.n_by_group and self.cohort.by is None:
            raise UsageError("n_by_group needs cohort.by: the attribute that its groups belong to.")
        if self.n_min is not None and self.n_max is not None and self.n_min > self.n_max:
            raise UsageError(f"n_min must not exceed n_max; got {self.n_min} and {self.n_max}.")
        low, high = self.n_range()
        if not first <= low <= high <= last:
            raise UsageError(
                f"candidates n_min..n_max must lie in {first}..{last}; got {low}..{high}."
            )

    def n_range(self) -> tuple[int, int]:
        """First and last candidate N; the N in use is always among them."""
        first, last = self.cohort.day_index + 1, self.cohort.window_days
        low = first if self.n_min is None else self.n_min
        high = max(low, last - 7) if self.n_max is None else self.n_max
        every = [self.n, *self.n_by_group.values()]
        return min(low, *every), max(high, *every)

    def ages(self) -> list[int]:
        """Candidate ages of the message, counted from 0 on the signup day."""
        low, high = self.n_range()
        return list(range(low - self.cohort.day_index, high - self.cohort.day_index + 1))

    def policy_date(self) -> dt.date | None:
        """Return `policy_start` as a date."""
        if self.policy_start is None:
            return None
        try:
            return dt.date.fromisoformat(self.policy_start)
        except ValueError:
            raise UsageError(
                f"policy_start must be a date like 2026-03-01; got {self.policy_start!r}."
            ) from None
