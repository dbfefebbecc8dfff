"""Visits as evidence: clocks of customers, outcomes of windows, calibration at 1, 3 and 7 days.

The models live in continuous time and visit-days on a day grid, so short windows are the ones to
check.
"""

import datetime as dt
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import UsageError
from churnlab.events.ids import positions
from churnlab.metrics.binary import calibration_verdicts, jeffreys_interval
from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.silence.stream import chunks, for_each_run, rows_of
from churnlab.summary import Summary
from churnlab.types import Ints

#: Members are also judged by how likely silence was for them.
FORECAST_EDGES = (0.25, 0.5, 0.75)


def any_event(
    customer_id: NDArray[np.object_] | pd.Series,
    days: pd.DataFrame,
    origin: dt.date,
    horizon_days: int,
) -> NDArray[np.bool_]:
    """Return whether each customer has an event in the window origin + 1 .. origin + horizon.

    days: ``customer_id, day`` of events, the later ones included (`EventLog.days`).
    """
    start = pd.Timestamp(origin)
    inside = (days["day"] > start) & (days["day"] <= start + pd.Timedelta(days=horizon_days))
    return positions(customer_id, days.loc[inside, "customer_id"]) >= 0


def forecast_silence(
    summary: Summary, draws: PopulationDraws, horizons: Sequence[int]
) -> NDArray[np.float64]:
    """Return P(no event within each horizon) per customer, averaged over draws, (horizon, row)."""
    rows = rows_of(summary.cells, draws)
    mean = np.empty((len(horizons), len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            ahead = [np.full(len(i), float(h)) for h in horizons]
            for place, risk in enumerate(process.risks(rows.t_x[i], rows.T[i], *ahead)[1:]):
                mean[place, i] = risk.mean(axis=1)

    oldest = float(rows.T.max(initial=0.0)) + max(horizons, default=0) + 1.0
    for_each_run(draws, rows.group, rows.x, oldest, work)
    return mean[:, summary.customers["cell"].to_numpy(dtype=np.int64)]


def visit_calibration(
    summary: Summary,
    draws: PopulationDraws,
    days: pd.DataFrame,
    known_until: dt.date,
    horizons: Sequence[int] = (1, 3, 7),
) -> pd.DataFrame:
    """Compare forecast and observed silence in short windows after an origin.

    summary: Visit-days up to the origin.
    draws: Fitted on data up to the origin.
    days: ``customer_id, day``, the days after the origin included.
    known_until: Last complete day of `days`; windows must end by it.
    Returns: ``horizon_days, forecast_band, n, forecast, observed, observed_q05, observed_q95, bias,
        brier, brier_constant, verdict``: per window all members (``all``), then by the forecast
        itself, since an average may hide that low and high ones are off. `forecast` and `observed`
        are mean shares without a visit, `bias` their ratio minus 1, `brier_constant` the score of
        the observed share itself. Verdicts are for all lines together.
    """
    late = [h for h in horizons if summary.as_of + dt.timedelta(days=h) > known_until]
    if late:
        raise UsageError(
            f"Windows of {late} days after {summary.as_of} end after the last known day "
            f"({known_until}); choose an earlier origin."
        )
    ids = summary.customers["customer_id"]
    rows = []
    for h, p in zip(horizons, forecast_silence(summary, draws, horizons), strict=True):
        silent = ~any_event(ids, days, summary.as_of, h)
        band = np.searchsorted(FORECAST_EDGES, p, side="right")
        names = ["all", *(f"{100 * a:g}-{100 * b:g}%" for a, b in _pairs())]
        for name, at in zip(names, [band >= 0, *(band == i for i in range(4))], strict=True):
            if at.any():
                rows.append({"horizon_days": h, "forecast_band": name, **_line(p[at], silent[at])})
    table = pd.DataFrame(rows)
    k = (table["observed"] * table["n"]).round()
    verdicts = calibration_verdicts(table["forecast"], k, table["n"])
    return table.assign(verdict=pd.array(verdicts, dtype="str"))


def _pairs() -> list[tuple[float, float]]:
    ends = [0.0, *FORECAST_EDGES, 1.0]
    return list(itertools.pairwise(ends))


def _line(p: NDArray[np.float64], silent: NDArray[np.bool_]) -> dict[str, float]:
    """Compare forecasts and outcomes of some members."""
    n, k = len(p), int(silent.sum())
    low, high = jeffreys_interval(k, n)
    observed = k / n
    return {
        "n": n,
        "forecast": float(p.mean()),
        "observed": observed,
        "observed_q05": float(low),
        "observed_q95": float(high),
        "bias": float(p.mean() / observed - 1) if k else np.nan,
        "brier": float(((p - silent) ** 2).mean()),
        "brier_constant": observed * (1 - observed),
    }
