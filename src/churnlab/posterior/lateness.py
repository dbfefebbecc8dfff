"""Late by the own rhythm: of those who come back within a window, who has come back by now.

The next purchase's distribution function, given that it comes within W own rhythms:

    F(h) = mean[1 - L(t_x+h)/L(t_x)] / mean[1 - L(t_x+W)/L(t_x)],

means over the posterior draws. It rises with the silence h, from 0 to 1 at W. Its q-quantile is
the day by which q of the customers like this one who come back have come back; P(alive) falls with
silence too, so the day is a personal threshold on P(alive) at the same time.
"""

import numpy as np

from churnlab.models.silence import Process, Returning
from churnlab.posterior.settings import Lateness
from churnlab.posterior.silence.stream import chunks
from churnlab.types import Array, Ints


def late_matrix(
    measure: Lateness, process: Process, t_x: Array, T: Array, window: Array | None
) -> Array:
    """Return F of each draw at the silence T - t_x, (row, draw)."""
    assert window is not None, "lateness has a window"
    within, everyone = process.returning(t_x), np.arange(len(t_x))
    return np.asarray(within(_due(measure, T - t_x, window), everyone) / within(window, everyone))


def late_mean(
    measure: Lateness, process: Process, t_x: Array, T: Array, window: Array | None
) -> Array:
    """Return F at the silence T - t_x, (row,): a ratio of means over the draws."""
    return late_by_day(measure, process, t_x, window)(T - t_x, np.arange(len(t_x)))


def late_by_day(measure: Lateness, process: Process, t_x: Array, window: Array | None) -> Returning:
    """Return F as a function of (days of silence, positions); the window's share is found once."""
    assert window is not None, "lateness has a window"
    whole = _mean(process, t_x, window)

    def late(days: Array, rows: Ints) -> Array:
        silence = _due(measure, days, window[rows])
        return np.asarray(_mean(process, t_x[rows], silence) / whole[rows])

    return late


def _mean(process: Process, t_x: Array, within: Array) -> Array:
    """Return P(next purchase within so many days of the last), mean over the draws, (row,)."""
    out = np.empty(len(t_x))
    for part in chunks(len(t_x), process.n_draws):
        n = len(t_x[part])
        out[part] = process.returned(t_x[part])(within[part], np.arange(n))
    return out


def _due(measure: Lateness, days: Array, window: Array) -> Array:
    """Return the silence as it counts: before the shortest that can be late, nobody is due."""
    return np.where(days < measure.shortest(window), 0.0, np.minimum(days, window))
