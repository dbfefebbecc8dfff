"""Late by the own rhythm: of those who come back within a window, who has come back by now.

The next purchase's distribution function, given that it comes within W own rhythms:

    F(h) = mean[1 - L(t_x+h)/L(t_x)] / mean[1 - L(t_x+W)/L(t_x)],

means over the posterior draws. It rises with the silence h, from 0 to 1 at W. Its q-quantile is
the day by which q of the customers like this one who come back have come back; P(alive) falls with
silence too, so the day is a personal threshold on P(alive) at the same time.
"""

from __future__ import annotations

import numpy as np

from churnlab.models.silence import Process, Returning
from churnlab.posterior.settings import Lateness
from churnlab.posterior.silence.stream import chunks
from churnlab.types import Array


def late_matrix(
    measure: Lateness, process: Process, t_x: Array, T: Array, window: Array | None
) -> Array:
    """Return F of each draw at the silence T - t_x, (row, draw)."""
    back, whole = _returned(measure, process.returning(t_x), t_x, T, window)
    return np.asarray(back / whole)


def late_mean(
    measure: Lateness, process: Process, t_x: Array, T: Array, window: Array | None
) -> Array:
    """Return F at the silence T - t_x, (row,): a ratio of means over the draws."""
    out = np.empty(len(t_x))
    for part in chunks(len(t_x), process.n_draws):
        wide = None if window is None else window[part]
        within = process.returned(t_x[part])
        back, whole = _returned(measure, within, t_x[part], T[part], wide)
        out[part] = back / whole
    return out


def _returned(
    measure: Lateness, within: Returning, t_x: Array, T: Array, window: Array | None
) -> tuple[Array, Array]:
    """Return P(next purchase by T), and P(next purchase within the window), seen from the last.

    Before the shortest silence that can be late, nobody counts as due.
    """
    assert window is not None, "lateness has a window"
    everyone = np.arange(len(t_x))
    silence = np.where(T - t_x < measure.shortest(window), 0.0, np.minimum(T - t_x, window))
    return within(silence, everyone), within(window, everyone)
