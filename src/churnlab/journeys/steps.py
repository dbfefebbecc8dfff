"""One step of a journey: what was bought next within the window, and how often by chance.

An exposure is a customer who has walked a prefix (A, or A then B) from basket `start` to basket
`now`. Chance: the baskets outside of [start, now] in random order. Of these `pool` baskets, `k`
hold the next item and `m` lie in what is left of the window, so the item is met with probability
1 - C(pool - k, m) / C(pool, m). The contents up to `now` are conditioned on and `now` is a stopping
time, so observed minus expected has mean 0 for every exposure when order means nothing.
"""

from typing import Any, Final

import ibis
from ibis import _

from churnlab.journeys.baskets import Baskets

KEYS: Final = ("customer", "prefix", "start")


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def lgamma(x: float) -> float:  # type: ignore[empty-body]
    """Logarithm of the gamma function, the engine's own."""


def first_exposures(baskets: Baskets) -> Any:
    """Return every purchase of an item as the beginning of a journey.

    Returns: ``customer, prefix`` (the item's code), ``start, now`` (positions, equal), ``start_at,
        now_at`` (their times), ``last`` (last position within the window), ``n`` (the customer's
        baskets). Exposures whose window is not wholly known are left out, completed or not.
    """
    whole = baskets.table.filter(_["at"] + baskets.window < baskets.end).drop("at")
    return baskets.lines.inner_join(whole, ["customer", "pos"]).select(
        "customer", "n", "last", prefix="item",
        start="pos", now="pos", start_at="at", now_at="at",
    )  # fmt: skip


def reached(exposures: Any, lines: Any, excluded: Any) -> Any:
    """Return what each exposure bought within what is left of its window.

    exposures: As `first_exposures`.
    lines: Of `Baskets`.
    excluded: ``prefix, item``: the prefix's own items.
    Returns: ``customer, prefix, start, item``, ``first`` and ``final`` (positions of its first and
        last purchase within the window), ``first_at``, and ``start_at, now_at, n, last`` of the
        exposure.
    """
    ahead = exposures.mutate(pos=ibis.range(exposures["now"] + 1, exposures["last"] + 1).unnest())
    met = ahead.inner_join(lines, ["customer", "pos"])
    met = met.anti_join(excluded, ["prefix", "item"])
    kept = {c: met[c].arbitrary() for c in ("start_at", "now_at", "n", "last")}
    return met.group_by([*KEYS, "item"]).aggregate(
        first=_.pos.min(), final=_.pos.max(), first_at=_["at"].min(), **kept
    )


def step_counts(exposures: Any, met: Any, lines: Any, excluded: Any) -> Any:
    """Return N, E and their sums of squares for every prefix and next item.

    Returns: ``prefix, item, completed`` (exposures), ``support`` (customers who completed one),
        ``expected``, ``customers`` (with a chance to), ``n_n, n_e, e_e`` (sums over customers of
        N_i^2, N_i E_i, E_i^2).
    """
    by = ["customer", "prefix", "item"]
    expected = _expected(exposures, lines, excluded)
    seen = met.group_by(by).aggregate(seen=_.count())
    both = expected.left_join(seen, by).select(*by, "expected", seen=ibis.coalesce(_.seen, 0))
    return both.group_by(["prefix", "item"]).aggregate(
        completed=_.seen.sum(),
        support=(_.seen > 0).sum(),
        expected=_.expected.sum(),
        customers=_.count(),
        n_n=(_.seen * _.seen).sum(),
        n_e=(_.seen * _.expected).sum(),
        e_e=(_.expected * _.expected).sum(),
    )


def _expected(exposures: Any, lines: Any, excluded: Any) -> Any:
    """Return the expectation of completed exposures by customer, prefix and item.

    Chance depends on an exposure only through (pool, k, m), so exposures alike are counted first,
    with k the customer's baskets with the item; those that hold it within [start, now] are then
    put right one by one.
    """
    sized = exposures.mutate(pool=_.n - (_.now - _.start + 1), m=_.last - _.now).filter(_.m > 0)
    owned = lines.group_by(["customer", "item"]).aggregate(k=_.count())
    sizes = sized.select("customer", "pool", "m").distinct()
    chances = sizes.inner_join(owned, "customer")
    chances = chances.mutate(p=_chance(_.pool, _.k, _.m)).cache()
    alike = sized.group_by(["customer", "prefix", "pool", "m"]).aggregate(times=_.count())
    base = alike.inner_join(chances, ["customer", "pool", "m"])
    base = base.anti_join(excluded, ["prefix", "item"])
    base = base.select("customer", "prefix", "item", part=_.times * _.p)
    parts = ibis.union(base, _held(sized, lines, chances, excluded), distinct=False)
    found = parts.group_by(["customer", "prefix", "item"]).aggregate(expected=_.part.sum())
    return found.mutate(expected=ibis.greatest(_.expected, 0.0))


def _held(sized: Any, lines: Any, chances: Any, excluded: Any) -> Any:
    """Return what to add where baskets of [start, now] hold the item themselves."""
    behind = sized.mutate(pos=ibis.range(sized["start"], sized["now"] + 1).unnest())
    inside = behind.inner_join(lines, ["customer", "pos"]).anti_join(excluded, ["prefix", "item"])
    inside = inside.group_by([*KEYS, "item", "pool", "m"]).aggregate(held=_.count())
    alike = inside.group_by(["customer", "prefix", "item", "pool", "m", "held"]).aggregate(
        times=_.count()
    )
    right = alike.inner_join(chances, ["customer", "item", "pool", "m"])
    return right.select(
        "customer", "prefix", "item", part=_.times * (_chance(_.pool, _.k - _.held, _.m) - _.p)
    )


def _chance(pool: Any, k: Any, m: Any) -> Any:
    """Return P(at least one of k among m drawn from pool without replacement), m <= pool."""
    missed = lgamma(pool - k + 1.0) - lgamma(pool - k - m + 1.0)
    missed = missed - lgamma(pool + 1.0) + lgamma(pool - m + 1.0)
    return ibis.ifelse(k + m > pool, 1.0, 1.0 - missed.exp())
