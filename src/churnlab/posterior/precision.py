"""How far dates and states hang on which draws happened to be taken: their Monte Carlo error."""

from typing import Any, NamedTuple

import numpy as np

from churnlab.models.draws import PopulationDraws
from churnlab.posterior.dates import at_risk_days
from churnlab.posterior.settings import LAST_DAY, NEVER, StateCut
from churnlab.posterior.silence.stream import keys_of, rows_of
from churnlab.summary import Cells

#: Cells that stand for all.
_CELLS = 5_000


class MonteCarlo(NamedTuple):
    """How at-risk dates and states differ between the two halves of the draws.

    Halves differ by at least the square root of two more than two fits with other seeds do, so
    these are upper estimates of what another seed would move. A date on the very edge of a day is
    the exception: it moves by that day for all who share the history, those who bought once, say.
    """

    dates_moved: float
    """Share of customers whose date differs."""
    dates_beyond_one_day: float
    largest_days: int
    states_moved: float
    """Share of customers whose state on the cutoff differs."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return self._asdict()

    def line(self) -> str:
        """Say it in one line."""
        return (
            f"Monte Carlo error: between halves of the draws {self.dates_moved:.1%} of the at-risk "
            f"dates differ, {self.dates_beyond_one_day:.2%} by more than a day, "
            f"{self.states_moved:.2%} of the states"
        )


def monte_carlo(draws: PopulationDraws, cells: Cells, cut: StateCut) -> MonteCarlo:
    """Hold the dates under the first half of the draws against those under the second.

    draws: Equal-weight draws, in no order (or chain after chain).
    cells: Customers with their weights; of many, an even choice of cells stands for all.
    cut: From where on a purchaser is at risk.
    """
    half = np.array_split(np.arange(draws.n_draws), 2)
    some = np.unique(np.linspace(0, len(cells.x) - 1, _CELLS).round().astype(np.int64))
    rows = rows_of(cells, draws).at(some)
    keys, weight = keys_of(rows), cells.weight[some]

    def days(which: int) -> np.ndarray:
        found = at_risk_days(
            draws.keep(half[which]), keys, cut.measure, cut.value, cut.first_value
        )[keys.of]
        return np.where(found == NEVER, LAST_DAY + 1, found)

    first, second = days(0), days(1)
    gap, silence = np.abs(first - second), rows.T - rows.t_x
    share = weight / weight.sum()
    return MonteCarlo(
        float(share @ (gap > 0)),
        float(share @ (gap > 1)),
        int(gap.max(initial=0)),
        float(share @ ((first <= silence) != (second <= silence))),
    )
