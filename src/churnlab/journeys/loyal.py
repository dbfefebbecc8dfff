"""Who is loyal: by posterior rate and P(alive), or by the business' own grades.

Judged on a day that ends before the outcome window begins, from what was known then.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.errors import DataError, UsageError, nearest
from churnlab.events import EventLog
from churnlab.fitting import fit
from churnlab.journeys.config import LoyalConfig
from churnlab.posterior import customers_table
from churnlab.summary import summarise


@dataclass(frozen=True)
class Loyal:
    """The loyal customers among the purchasers known on a day.

    customers: ``customer_id, loyal`` (bool), under the rule `posterior` also ``x, rate_per_day,
        p_alive``.
    known_until: Last day that the judgement knows.
    least_rate: Purchases per day of the slowest loyal customer; None by tier.
    outcome: ``loyal, customers, purchase_days`` (mean in the outcome window), ``bought`` (share
        with a purchase there): what the judgement is worth afterwards.
    """

    customers: pd.DataFrame
    known_until: dt.date
    least_rate: float | None
    outcome: pd.DataFrame

    @property
    def n(self) -> int:
        """Number of loyal customers."""
        return int(self.customers["loyal"].sum())


def find_loyal(log: EventLog, config: LoyalConfig, *, seed: int) -> Loyal:
    """Judge every purchaser known before the outcome window.

    Raises DataError: No purchase before the outcome window, no such tier column, or fewer loyal
        customers than `least_customers`.
    Raises FitRefusedError: Under the rule `posterior`: the fit's diagnostics do not support it.
    """
    day = log.as_of - dt.timedelta(days=config.outcome_days)
    past = log.until(day)
    days = log.days()
    known = days[days["day"] <= pd.Timestamp(day)]
    if known.empty:
        raise DataError(
            f"no purchase on or before {day}, {config.outcome_days} days before the last known "
            f"day {log.as_of}; give more history or a smaller journey.loyal.outcome_days."
        )
    least_rate = None
    if config.rule == "tier":
        people = by_tier(log.members(), known["customer_id"].unique(), config)
    else:
        people, least_rate = by_posterior(past, config, seed)
    found = Loyal(people, day, least_rate, _outcome(people, days, day))
    if found.n < config.least_customers:
        raise DataError(
            f"{found.n} customers are loyal by the rule {config.rule!r} on {day}; at least "
            f"{config.least_customers} are needed (journey.loyal.least_customers). Take a wider "
            "rule (top_share, least_p_alive, tiers) or a smaller journey.loyal.outcome_days."
        )
    return found


def by_posterior(past: EventLog, config: LoyalConfig, seed: int) -> tuple[pd.DataFrame, float]:
    """Return the judgement by P(alive) and rate, and the least rate of a loyal customer.

    Loyal are those of the highest posterior mean rate among the purchasers who are probably alive
    and have come back, up to `top_share` of all purchasers. Without `least_repeats` newcomers
    would be among them, of whom the model knows no more than the population's rate.
    """
    fitted = fit(summarise(past), model=config.model, seed=seed)
    columns = ["customer_id", "x", "rate_per_day", "p_alive"]
    people = customers_table(fitted.data, fitted.draws, columns=columns)
    able = (people["p_alive"] >= config.least_p_alive) & (people["x"] >= config.least_repeats)
    rates = people["rate_per_day"][able].sort_values(ascending=False)
    chosen = rates.head(int(config.top_share * len(people)))
    return people.assign(loyal=people.index.isin(chosen.index)), float(chosen.min())


def by_tier(members: pd.DataFrame, purchasers: np.ndarray, config: LoyalConfig) -> pd.DataFrame:
    """Return the judgement by the grades of the business.

    The members table holds one grade per member, its last; a grade given after the judgement's day
    may know the outcome window, and the report says so.
    """
    column = config.tier_column
    if column not in members.columns:
        known = [c for c in members.columns if c not in ("customer_id", "signed_up_at")]
        raise DataError(
            f"members have no column {column!r} (journey.loyal.tier_column); they have "
            f"{', '.join(known) or 'no attributes'}.{nearest(column, known)}"
        )
    grades = members[column].dropna().astype("str")
    unknown = sorted(set(config.tiers) - set(grades))
    if unknown:
        raise UsageError(
            f"journey.loyal.tiers names {', '.join(unknown)}, which {column!r} does not have; it "
            f"has {', '.join(sorted(set(grades))[:10])}."
        )
    people = members[members["customer_id"].isin(purchasers)]
    loyal = people[column].astype("str").isin(config.tiers)
    return people[["customer_id"]].assign(loyal=loyal.to_numpy()).reset_index(drop=True)


def later_days(customer_id: pd.Series, days: pd.DataFrame, after: dt.date) -> np.ndarray:
    """Return each customer's purchase-days after a day."""
    later = days[days["day"] > pd.Timestamp(after)]["customer_id"].value_counts()
    return customer_id.map(later).fillna(0).to_numpy(float)


def _outcome(people: pd.DataFrame, days: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    later = later_days(people["customer_id"], days, day)
    rows = people[["loyal"]].assign(purchase_days=later, bought=later > 0)
    found = rows.groupby("loyal").agg(
        customers=("bought", "size"), purchase_days=("purchase_days", "mean"),
        bought=("bought", "mean"),
    )  # fmt: skip
    return found.reset_index()
