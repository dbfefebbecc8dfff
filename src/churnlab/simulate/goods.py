"""Items, baskets, what is looked at and what it costs."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.simulate.config import ShopConfig
from churnlab.types import Ints

#: P(the next order holds the follow-up item | an order with the item before it).
FOLLOW_UP_SHARE = 0.5
#: Items 0 -> 1 -> 2 follow one another: the journey that `journey` should find.
FOLLOW_UPS = {0: 1, 1: 2}


def catalogue(config: ShopConfig, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``item, category, price, popularity``; popularity falls like 1/sqrt(rank)."""
    rank = np.arange(1, config.n_items + 1)
    weight = rank**-0.5
    return pd.DataFrame(
        {
            "item": [f"item-{i:03d}" for i in rank],
            "category": [f"category-{i % config.n_categories + 1}" for i in range(config.n_items)],
            "price": np.round(np.exp(rng.normal(np.log(25_000), 0.6, config.n_items)), -2),
            "popularity": weight / weight.sum(),
        }
    )


def baskets(member: Ints, items: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Fill each purchase-day with items; one row per item of an order.

    Returns: ``order`` (index of the purchase-day), ``item_code``, ``amount``.
    """
    popularity = items["popularity"].to_numpy()
    main = rng.choice(len(items), len(member), p=popularity)
    same = np.concatenate([[False], np.diff(member) == 0])[: len(member)]
    follows = same & (rng.random(len(member)) < FOLLOW_UP_SHARE)
    for i in np.flatnonzero(follows):
        main[i] = FOLLOW_UPS.get(int(main[i - 1]), main[i])
    extra = rng.poisson(0.4, len(member))
    order = np.concatenate([np.arange(len(member)), np.repeat(np.arange(len(member)), extra)])
    code = np.concatenate([main, rng.choice(len(items), int(extra.sum()), p=popularity)])
    lines = pd.DataFrame({"order": order, "item_code": code}).drop_duplicates()
    lines = lines.sort_values(["order", "item_code"], ignore_index=True)
    price = items["price"].to_numpy()[lines["item_code"].to_numpy()]
    lines["amount"] = np.round(price * np.exp(rng.normal(0, 0.05, len(lines))), -1)
    return lines


def looks(
    member: Ints, bought: NDArray[np.bool_], items: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Spread each visit-day over sessions that view an item or put it into the cart.

    bought (visit-day,): Whether the member bought that day; such days always have a cart.
    Returns: ``visit`` (index of the visit-day), ``item_code``, ``event``, ``source``,
        ``day_share``.
    """
    n_sessions = 1 + rng.poisson(0.6, len(member))
    visit = np.repeat(np.arange(len(member)), n_sessions)
    cart = rng.random(len(visit)) < np.where(bought[visit], 0.5, 0.08)
    first = np.concatenate([[True], np.diff(visit) != 0])[: len(visit)]
    cart |= first & bought[visit]
    sources = np.array(["direct", "search", "social", "push"])
    return pd.DataFrame(
        {
            "visit": visit,
            "item_code": rng.choice(len(items), len(visit), p=items["popularity"].to_numpy()),
            "event": np.where(cart, "cart", "view"),
            "source": rng.choice(sources, len(visit), p=[0.4, 0.3, 0.2, 0.1]),
            "day_share": rng.uniform(7 / 24, 1.0 - 1e-5, len(visit)),
        }
    )
