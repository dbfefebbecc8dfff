"""Who they are: the share of each attribute value in a group against the others, shrunk.

Each group's share of a value has a Beta prior around the share in both groups together, worth
`prior_customers` customers, so that a value few people have keeps near a ratio of 1.
"""

from typing import Final

import numpy as np
import pandas as pd

from churnlab.errors import UsageError, nearest
from churnlab.events import SIGNUP_MONTH, EventLog
from churnlab.journeys.config import LoyalConfig, PersonaConfig

#: Draws from the two Betas: Monte Carlo error of a 5% quantile well under the second digit.
DRAWS: Final = 4000
#: A number with more different values than this is cut at its quartiles.
MOST_VALUES: Final = 12
#: A value of which at least this share is loyal, and which at least half of the loyal have, says
#: who is loyal rather than who they are.
TELLTALE: Final = 0.95
COLUMNS: Final = [
    "comparison", "attribute", "value", "customers", "n_group", "n_others", "share_group",
    "share_others", "ratio", "ratio_q05", "ratio_q95", "p_more",
]  # fmt: skip


def persona_table(
    people: pd.DataFrame, group: pd.Series, comparison: str, config: PersonaConfig, *, seed: int
) -> pd.DataFrame:
    """Compare a group with the others, attribute by attribute.

    people: One row per customer, one column per attribute (text; missing values are left out).
    group: Who is in the group.
    Returns: `COLUMNS`. The shares are among those whose attribute is known; ``ratio`` is the
        posterior median of their shrunk ratio, ``p_more`` the probability that the group has the
        value more often than the others.
    """
    rng = np.random.default_rng(seed)
    parts = [_compare(people[a], group, config, rng) for a in people.columns]
    filled = [p for p in parts if len(p)]
    if not filled:
        return pd.DataFrame(columns=COLUMNS)
    found = pd.concat(filled, ignore_index=True)
    return found.assign(comparison=comparison)[COLUMNS]


def _compare(
    values: pd.Series, group: pd.Series, config: PersonaConfig, rng: np.random.Generator
) -> pd.DataFrame:
    known = values.notna()
    counts = pd.crosstab(values[known], group[known]).reindex(columns=[True, False], fill_value=0)
    total = counts.sum().to_numpy(float)
    counts = counts[counts.sum(axis="columns") >= config.least_customers]
    if counts.empty or not (total > 0).all():
        return pd.DataFrame()
    n = counts.to_numpy(float)
    pooled = (n.sum(axis=1) / total.sum())[:, None]
    prior = config.prior_customers
    a, b = n + prior * pooled, total - n + prior * (1 - pooled)
    share = rng.beta(a, np.maximum(b, 1e-9), size=(DRAWS, *a.shape))
    ratio = share[:, :, 0] / share[:, :, 1]
    low, middle, high = np.quantile(ratio, [0.05, 0.5, 0.95], axis=0)
    return pd.DataFrame(
        {
            "attribute": values.name,
            "value": counts.index.astype("str"),
            "customers": n.sum(axis=1).astype("int64"),
            "n_group": n[:, 0].astype("int64"),
            "n_others": n[:, 1].astype("int64"),
            "share_group": n[:, 0] / total[0],
            "share_others": n[:, 1] / total[1],
            "ratio": middle,
            "ratio_q05": low,
            "ratio_q95": high,
            "p_more": (ratio > 1).mean(axis=0),
        }
    ).sort_values("ratio", ascending=False)


def attributes_of(
    members: pd.DataFrame, loyal: LoyalConfig, config: PersonaConfig
) -> tuple[pd.DataFrame, list[str]]:
    """Return the attributes to compare as text, and those left out because they define loyalty.

    Raises UsageError: A wanted attribute does not exist, or defines loyalty.
    """
    defining = {loyal.tier_column, *loyal.defined_by}
    present = [c for c in members.columns if c not in ("customer_id", "signed_up_at")]
    for name in config.attributes:
        if name not in present:
            raise UsageError(
                f"journey.persona.attributes names {name!r}; members have "
                f"{', '.join(present) or 'no attributes'}.{nearest(name, present)}"
            )
        if name in defining:
            raise UsageError(
                f"{name!r} defines loyalty (journey.loyal.tier_column, .defined_by), so of course "
                "the loyal have it; take it out of journey.persona.attributes."
            )
    # Who signed up long ago has had longer to become loyal: only compared when asked for.
    wanted = config.attributes or [c for c in present if c not in {*defining, SIGNUP_MONTH}]
    chosen = {name: _as_text(members[name]) for name in wanted}
    usable = {k: v for k, v in chosen.items() if v is not None}
    return pd.DataFrame(usable, index=members.index), sorted(defining & set(present))


def telltales(people: pd.DataFrame, loyal: pd.Series) -> list[str]:
    """Return attributes with a value that all but names the loyal: at least `TELLTALE` of those
    who have it are loyal, and at least half of the loyal have it."""
    found = []
    for name in people.columns:
        counts = pd.crosstab(people[name], loyal).reindex(columns=[True, False], fill_value=0)
        purity = counts[True] / counts.sum(axis="columns")
        cover = counts[True] / max(int(loyal.sum()), 1)
        if ((purity >= TELLTALE) & (cover >= 0.5)).any():
            found.append(str(name))
    return found


def _as_text(column: pd.Series) -> pd.Series | None:
    """Return an attribute as text: numbers in quartiles; None for times."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return None
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and column.nunique() > MOST_VALUES:
        column = pd.qcut(column, 4, duplicates="drop")
    return column.astype("str").where(column.notna() & (column.astype("str") != ""))


def converted(log: EventLog, within_days: int) -> tuple[pd.Series, int]:
    """Return who of the signups bought within so many days, by customer_id.

    Only signups whose days are over are in it: those of the members table, for the first event of
    anybody else is no signup. A purchase before the signup makes the member no lead.

    Returns Series of bool.
    Returns: Signups left out because they had bought before.
    """
    members = log.signup_table().select("customer_id", "signed_up_at")
    purchases = log.table("purchases")
    first = purchases.group_by("customer_id").aggregate(first_at=purchases["event_at"].min())
    joined = members.left_join(first, "customer_id")
    frame = joined.select("customer_id", "signed_up_at", "first_at").to_pandas()
    last = pd.Timestamp(log.as_of) - pd.Timedelta(days=within_days)
    frame = frame[frame["signed_up_at"].dt.normalize() <= last]
    early = frame["first_at"] < frame["signed_up_at"]
    rows = frame[~early].set_index("customer_id")
    age = rows["first_at"].dt.normalize() - rows["signed_up_at"].dt.normalize()
    return (age <= pd.Timedelta(days=within_days)).rename("converted"), int(early.sum())
