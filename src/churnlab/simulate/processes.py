"""Buy-till-you-die processes in continuous time, one event round at a time for all customers.

Each round draws the next gap of every customer still alive and inside the window, so the cost is
the number of events, not customers x days. Apart from the formulas of `churnlab.models` on purpose:
the simulator is an outside check of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.types import Array


class Events(NamedTuple):
    """Events of many customers, ordered by customer and time."""

    customer: NDArray[np.int64]
    """Index of the customer, shape (event,)."""
    time: Array
    """Days since the customer's own start, shape (event,); the start itself (0) is included."""
    ended: Array
    """Days since the start at which each customer became inactive, inf if not within the window."""


def dropout_after_event(
    rate: Array,
    dropout: Array,
    window: Array,
    rng: np.random.Generator,
    *,
    k: float | Array = 1,
    toss_at_start: bool = True,
) -> Events:
    """Events with Gamma gaps and a dropout toss after each of them (MBG, BG and their CNBD-k).

    rate (customer,): Rate of the exponential stages, per day; the mean gap is ``k / rate``.
    dropout (customer,): Probability of leaving after an event.
    window (customer,): Length of the observation in days; later events are not returned.
    k (customer,): Shape of the gaps: 1 exponential, above regular, below in bursts.
    toss_at_start: Whether the start can already be the last event (MBG) or not (BG).
    """
    n = len(rate)
    ended = np.full(n, np.inf)
    customers, times = [np.arange(n)], [np.zeros(n)]
    active = np.arange(n)
    clock = np.zeros(n)
    shape = np.broadcast_to(np.asarray(k, float), n)
    toss = toss_at_start
    while active.size:
        if toss:
            leaves = rng.random(active.size) < dropout[active]
            ended[active[leaves]] = clock[leaves]
            active, clock = active[~leaves], clock[~leaves]
        toss = True
        clock = clock + rng.gamma(shape[active], 1.0 / rate[active])
        inside = clock <= window[active]
        active, clock = active[inside], clock[inside]
        customers.append(active)
        times.append(clock)
    return _ordered(customers, times, ended)


def until_death(
    rate: Array, death: Array, window: Array, rng: np.random.Generator, *, k: float | Array = 1
) -> Events:
    """Events with Gamma gaps until death.

    rate, window (customer,): As in `dropout_after_event`.
    death (customer,): Days from the start to death.
    """
    stop = np.minimum(window, death)
    ended = np.where(death <= window, death, np.inf)
    events = dropout_after_event(rate, np.zeros(len(rate)), stop, rng, k=k)
    return Events(events.customer, events.time, ended)


def _ordered(customers: list[NDArray[np.int64]], times: list[Array], ended: Array) -> Events:
    customer, time = np.concatenate(customers), np.concatenate(times)
    order = np.lexsort((time, customer))
    return Events(customer[order], time[order], ended)
