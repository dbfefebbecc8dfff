"""Purchase risk when purchases are thinned visits: the silence of the visits speaks too.

P(no purchase in H | data) = sum_k P(k visit-days in H) E[(1 - pi)^k] (`likelihoods.thinned`). The
two factors are independent a posteriori, so each is averaged over its own draws. The law of the
visit-days to come holds the dropout: k = 0 for those who are gone.
"""

from typing import NamedTuple

import numpy as np

from churnlab.errors import UsageError
from churnlab.models.counts import CountLaw
from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.models.thinned import Conversion, check_thinned
from churnlab.posterior.silence.stream import Cells, chunks, for_each_run, rows_of
from churnlab.types import Array, Ints

#: What the visit-days not summed may add to a probability, at most.
_TAIL = 1e-8
_MOST = 20_000


class Tally(NamedTuple):
    """Visit-days and how many of them were purchase-days, per row; purchase-days count as both."""

    visits: Array
    purchases: Array


def thinned_silence(
    draws: PopulationDraws,
    cells: Cells,
    conversion: Conversion,
    tally: Tally,
    horizon_days: float,
    *,
    threads: int | None = None,
) -> Array:
    """Return P(no purchase in (T, T + horizon]) per row, averaged over draws.

    draws: Posterior draws of the visit-days' model.
    cells: Rows of visit-days: group, x, t_x, T (days).
    conversion: Posterior draws of c and d.
    tally: Days behind each row's posterior of pi: Beta(c + purchases, d + visits - purchases).
    horizon_days: Days to look ahead.
    Raises DataError: More purchase-days than visit-days.
    Raises UsageError: A horizon that is not positive.
    """
    if not horizon_days > 0:
        raise UsageError(f"horizon_days must be positive; got {horizon_days}.")
    check_thinned(*tally)
    rows = rows_of(cells, draws)
    out = np.empty(len(rows.x))

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            law = process.count_law(rows.t_x[i], rows.T[i], float(horizon_days))
            out[i] = _none_bought(law, conversion, Tally(tally.visits[i], tally.purchases[i]))

    oldest = float(rows.T.max(initial=0.0)) + horizon_days + 1.0
    for_each_run(draws, rows.group, rows.x, oldest, work, threads=threads)
    return np.clip(out, 0.0, 1.0)


def _none_bought(law: CountLaw, conversion: Conversion, tally: Tally) -> Array:
    """Sum P(k visit-days) E[(1 - pi)^k] until what is left cannot matter."""
    without = conversion.d + (tally.visits - tally.purchases)[:, None]
    every = conversion.c + conversion.d + tally.visits[:, None]
    none = np.ones_like(without)
    total = law.first()
    left = 1.0 - total
    for k in range(_MOST):
        none = none * ((without + k) / (every + k))
        mean = none.mean(axis=1)
        if float((left * mean).max(initial=0.0)) <= _TAIL:
            break
        mass = law.next()
        total = total + mass * mean
        left = left - mass
    return np.asarray(total)


def conversion_mean(conversion: Conversion, tally: Tally) -> Array:
    """Return E[pi | data] per row: purchases per visit-day of each customer."""
    share = (conversion.c + tally.purchases[:, None]) / (
        conversion.c + conversion.d + tally.visits[:, None]
    )
    return np.asarray(share.mean(axis=1))
