"""The obvious way to count journeys: loops over each customer's baskets. A twin for the engine."""

from __future__ import annotations

from collections import defaultdict
from math import comb


def by_customer(baskets):
    """Return customer -> list of (day, set of items), in order, one per moment."""
    moments = defaultdict(lambda: defaultdict(set))
    for who, day, items in baskets:
        moments[who][day] |= set(items.split())
    return {who: sorted(found.items()) for who, found in moments.items()}


def chance(pool, k, m):
    """Return P(one of k among m of pool)."""
    return 1.0 if k + m > pool else 1 - comb(pool - k, m) / comb(pool, m)


def walks(history, path, start, window, span):
    """Return the positions of the first and the last arrival at every step after the start."""
    t0 = history[start][0]
    reached = [(start, start)]
    for item in path[1:]:
        first, final = reached[-1]
        limit = t0 + window if span == "whole" else history[final][0] + window
        hits = [
            i
            for i in range(first + 1, len(history))
            if history[i][0] <= limit and item in history[i][1]
        ]
        if not hits:
            return reached
        reached.append((hits[0], hits[-1]))
    return reached


def chains(history, path, start, window, span):
    """Say whether any choice of baskets walks the path: no cleverness about first arrivals."""

    def go(at, left):
        if not left:
            return True
        limit = history[start][0] + window if span == "whole" else history[at][0] + window
        return any(
            left[0] in history[i][1] and go(i, left[1:])
            for i in range(at + 1, len(history))
            if history[i][0] <= limit
        )

    return go(start, list(path[1:]))


def count(baskets, path, window, span, end):
    """Return exposures, completed, support, expected, and the last steps' gaps of a journey."""
    found = {"exposures": 0, "completed": 0, "expected": 0.0, "gaps": []}
    walkers = set()
    need = window if span == "whole" else window * (len(path) - 1)
    for who, history in by_customer(baskets).items():
        for start, (day, items) in enumerate(history):
            if path[0] not in items or not day + need < end:
                continue
            reached = walks(history, path[:-1], start, window, span)
            if len(reached) < len(path) - 1:
                continue
            now, final = reached[-1]
            limit = day + window if span == "whole" else history[final][0] + window
            ahead = [i for i in range(now + 1, len(history)) if history[i][0] <= limit]
            outside = [i for i in range(len(history)) if not start <= i <= now]
            k = sum(path[-1] in history[i][1] for i in outside)
            hits = [i for i in ahead if path[-1] in history[i][1]]
            assert bool(hits) == chains(history, path, start, window, span)
            found["exposures"] += 1
            found["expected"] += chance(len(outside), k, len(ahead))
            if hits:
                found["completed"] += 1
                found["gaps"].append(history[hits[0]][0] - history[now][0])
                walkers.add(who)
    return found | {"support": len(walkers)}
