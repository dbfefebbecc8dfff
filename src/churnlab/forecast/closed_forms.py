"""Forecasts of a model from draws of its population parameters: closed forms averaged over draws.

The average of the formula, never the formula at the average (docs/risk.md). Equal rows are
computed once, through `posterior`'s processes.
"""

import numpy as np

from churnlab.errors import UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.origins.past import Past
from churnlab.origins.visitdays import Visits
from churnlab.posterior.silence.stream import chunks, for_each_run
from churnlab.summary import Clock
from churnlab.summary.cells import distinct_rows
from churnlab.types import Array, Ints

#: Columns of the count distribution, at most.
_MOST_COUNTS = 60


class Rows:
    """Distinct (group, x, t_x, T, window) of a history; results are spread back to customers.

    past: Customers at the origin: their x, t_x, T.
    windows (customer,): Forecast window of each customer, in days.
    clock: Then times and windows here are clock days.
    draws: With groups: each customer's is looked up by name; one that the fit has not seen is drawn
        from the population. Default: no groups.
    """

    def __init__(
        self,
        past: Past | Visits,
        windows: Ints,
        clock: Clock | None = None,
        draws: PopulationDraws | None = None,
    ) -> None:
        t_x, T, length = past.t_x, past.T, windows.astype(np.float64)
        if clock is not None:
            if not isinstance(past, Past):
                raise UsageError("only purchases have a seasonal clock; got visit-days.")
            (t_x, T), length = past.times(clock), clock.ahead(past.origin, windows)
        group = _group_codes(past, draws)
        first, self.inverse = distinct_rows(group, past.x, t_x, T, length)
        self.x, self.t_x, self.T, self.window = (c[first] for c in (past.x, t_x, T, length))
        self.group = group[first]

    @property
    def oldest(self) -> float:
        """Largest age that is asked for, in days."""
        return float((self.T + self.window).max()) + 1.0

    @property
    def weight(self) -> Array:
        """Customers per distinct row."""
        return np.bincount(self.inverse, minlength=len(self.x)).astype(np.float64)


def _group_codes(past: Past | Visits, draws: PopulationDraws | None) -> Ints:
    """Return each customer's code among the groups of the draws; 0 where these have none."""
    if draws is None or (len(draws.groups) == 1 and draws.unseen is None):
        return np.zeros(len(past.x), dtype=np.int64)
    if not isinstance(past, Past):
        raise UsageError("only purchases have groups; got visit-days.")
    names, of = past.groups_present()
    return draws.codes_of(names)[of]


def risk_and_alive(rows: Rows, draws: PopulationDraws) -> tuple[Array, Array]:
    """P(no purchase in the window) and P(alive at the origin), per customer."""
    out = np.empty((2, len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            alive, quiet = process.states(rows.t_x[i], rows.T[i], rows.window[i])
            out[0, i] = (1.0 - alive * (1.0 - quiet)).mean(axis=1)
            out[1, i] = alive.mean(axis=1)

    for_each_run(draws, rows.group, rows.x, rows.oldest, work)
    risk, alive = np.clip(out, 0.0, 1.0)[:, rows.inverse]
    return risk, alive


def expected_of(rows: Rows, draws: PopulationDraws) -> Array:
    """Expected purchases in the window per customer."""
    out = np.empty(len(rows.x))

    def work(process: Process, at: Ints) -> None:
        mean = process.mean_by_horizon()
        for window in np.unique(rows.window[at]):
            same = at[rows.window[at] == window]
            for part in chunks(len(same), process.n_draws):
                i = same[part]
                out[i] = mean(rows.t_x[i], rows.T[i])(float(window)).mean(axis=1)

    for_each_run(draws, rows.group, rows.x, rows.oldest, work, age=rows.T)
    values: Array = out[rows.inverse]
    return values


def expected_by_horizon(rows: Rows, draws: PopulationDraws, horizons: Array) -> Array:
    """Expected purchases of all customers together within each horizon, (draw, horizon)."""
    weight = rows.weight
    parts: list[Array] = []

    def work(process: Process, at: Ints) -> None:
        total, mean = np.zeros((process.n_draws, len(horizons))), process.mean_by_horizon()
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            within = mean(rows.t_x[i], rows.T[i])
            for j, horizon in enumerate(horizons):
                total[:, j] += weight[i] @ within(float(horizon))
        parts.append(total)

    # one thread: sums of floats must not depend on which run ends first
    oldest = rows.oldest + float(horizons.max())
    for_each_run(draws, rows.group, rows.x, oldest, work, age=rows.T, threads=1)
    return np.sum(parts, axis=0)


def pmf_of(rows: Rows, draws: PopulationDraws, largest: int) -> Array:
    """P(n purchases in the window), n = 0 .. columns - 1, per distinct row, (row, n)."""
    columns = min(largest, _MOST_COUNTS) + 1
    out = np.zeros((len(rows.x), columns))

    def work(process: Process, at: Ints) -> None:
        for window in np.unique(rows.window[at]):
            same = at[rows.window[at] == window]
            for part in chunks(len(same), process.n_draws):
                i = same[part]
                law = process.count_law(rows.t_x[i], rows.T[i], float(window))
                out[i, 0] = law.first()
                for n in range(1, columns):
                    out[i, n] = law.next()

    for_each_run(draws, rows.group, rows.x, rows.oldest, work, age=rows.T)
    return np.clip(out, 0.0, 1.0, out=out)
