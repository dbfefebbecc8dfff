"""The columns of the customers table, per cell: each block is computed only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.counts import expected_purchases
from churnlab.posterior.cycles import rate_quantiles
from churnlab.posterior.dates import at_risk_days, due_days, next_days, whole_due_days
from churnlab.posterior.risk import key_rhythm, mean_and_interval, personal_window
from churnlab.posterior.season import Season
from churnlab.posterior.settings import DAYS_PER_YEAR, RiskConfig, StateCut
from churnlab.posterior.silence.stream import Keys, Rows, chunks, for_each_run, keys_of
from churnlab.posterior.states import state_days
from churnlab.progress import Update
from churnlab.types import Array, Ints
from churnlab.vocabulary import RISK_BASES

Values = NDArray[np.float64] | NDArray[np.int64]

#: Columns that hold days after the last purchase here and dates in the table.
STATE_DATES: Final = ("at_risk_date", "at_risk_q05", "at_risk_q95")
DUE_DATES: Final = ("due_date", "due_q10", "due_q90")
DATES: Final = (*STATE_DATES, *DUE_DATES)
#: Columns that hold days after the cutoff here and dates in the table.
NEXT_DATES: Final = ("next_purchase_q50", "next_purchase_q10", "next_purchase_q90")


@dataclass(frozen=True)
class Request:
    """What to compute, for which rows, under which draws."""

    rows: Rows
    draws: PopulationDraws
    risk: RiskConfig
    state: StateCut | None
    wanted: tuple[str, ...]
    threads: int | None = None
    season: Season | None = None
    next_levels: tuple[float, ...] = (0.5, 0.1, 0.9)
    found: dict[str, Values] = field(default_factory=dict)
    """What was computed so far: the wanted columns, and mean P(alive) where a block had it."""

    def ahead(self, days: Array | float) -> Array:
        """Return so many days after the cutoff in the time of the rows."""
        return np.asarray(days, float) if self.season is None else self.season.ahead(days)

    @cached_property
    def keys(self) -> Keys:
        """Distinct (group, x, t_x)."""
        return keys_of(self.rows)

    @cached_property
    def rhythm(self) -> Array:
        """Rhythm per key, days."""
        return key_rhythm(self.draws, self.keys, threads=self.threads)

    @property
    def window(self) -> Array:
        """Personal window per row, days."""
        return personal_window(self.rhythm, self.risk.cycles)[self.keys.of]

    def only(self, at: Ints, draws: PopulationDraws) -> Request:
        """Return the request for some rows under other draws."""
        return replace(self, rows=self.rows.at(at), draws=draws, found={})


def _risk_columns(request: Request) -> dict[str, Values]:
    """P(alive), the three risks' means, and the interval of the chosen one, as far as wanted."""
    rows, chosen = request.rows, RISK_BASES.index(request.risk.basis)
    n, place = len(rows.x), _RISK_OF | dict.fromkeys(_CHOSEN, chosen)
    whole = np.empty(n)
    wanted = [name for name in RISK_COLUMNS if name in request.wanted]
    asked = {place[name] for name in wanted}
    fixed = np.full(n, request.ahead(request.risk.horizon_days))
    personal = request.ahead(request.window)
    year = np.full(n, request.ahead(DAYS_PER_YEAR))
    ahead = {i: w for i, w in enumerate((personal, fixed, year), 1) if i in asked}
    mean, bands = np.empty((4, n)), {place[c]: np.empty((2, n)) for c in wanted if "_q" in c}

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            alive, *quiet = process.states(rows.t_x[i], rows.T[i], *(w[i] for w in ahead.values()))
            whole[i] = alive.mean(axis=1)  # 1 - the mean risk has other last bits
            risks = process.risks_of(alive, *quiet)
            for of, risk in zip((0, *ahead), risks, strict=True):
                if of in bands:
                    mean[of, i], *bands[of][:, i] = mean_and_interval(risk)
                elif of in asked:
                    mean[of, i] = risk.mean(axis=1)

    top = float(rows.T.max(initial=0.0))
    top += max(window.max(initial=0.0) for window in (fixed, personal, year))
    for_each_run(request.draws, rows.group, rows.x, top + 1.0, work, threads=request.threads)

    def column(name: str) -> Values:
        upper = name.endswith("_q95") != (name in _ALIVE)
        found = bands[place[name]][int(upper)] if "_q" in name else mean[place[name]]
        return np.asarray(1.0 - found if name in _ALIVE else found)

    return {ALIVE: whole} | {name: column(name) for name in wanted}


def _horizon_column(request: Request) -> dict[str, Values]:
    """The window of the chosen basis; absent under `p_alive`."""
    if request.risk.basis == "personal_cycles":
        return {"horizon_days": request.window.astype(np.int64)}
    if request.risk.basis == "fixed_days":
        return {"horizon_days": np.full(len(request.rows.x), request.risk.horizon_days)}
    return {}


def _rhythm_column(request: Request) -> dict[str, Values]:
    return {"rhythm_days": request.rhythm[request.keys.of]}


def _state_columns(request: Request) -> dict[str, Values]:
    """The day from which a purchaser is at risk, its interval, and P(alive) on it."""
    cut, season = request.state, request.season
    if cut is None:
        return {}
    draws, threads, levels = request.draws, request.threads, (cut.value, cut.first_value)
    if season is None:
        keys = request.keys
        days = at_risk_days(draws, keys, cut.measure, *levels, threads=threads)
        known = state_days(draws, keys, cut, days, threads=threads)
    else:
        found = season.keys(request.rows)
        keys = found.keys
        days = season.at_risk_days(draws, found, cut.measure, *levels, threads=threads)
        known = season.state_days(draws, found, cut, days, threads=threads)
    columns: dict[str, Values] = {"at_risk_date": days[keys.of]}
    if known is not None:
        columns |= {"at_risk_q05": known.q05[keys.of], "at_risk_q95": known.q95[keys.of]}
        columns["p_alive_at_risk"] = known.p_alive[keys.of]
    return columns


def _due_columns(request: Request) -> dict[str, Values]:
    within, levels = request.risk.due_window_days, request.risk.levels
    threads = request.threads
    if request.season is None:
        keys = request.keys
        days = due_days(request.draws, keys, within=within, levels=levels, threads=threads)
    else:
        found = request.season.keys(request.rows)
        keys = found.keys
        days = request.season.due_days(request.draws, found, within, levels, threads)
    return dict(zip(DUE_DATES, whole_due_days(days)[:, keys.of], strict=True))


def _next_columns(request: Request) -> dict[str, Values]:
    within = float(request.ahead(request.risk.due_window_days))
    days = next_days(
        request.draws,
        request.rows,
        within=within,
        levels=request.next_levels,
        threads=request.threads,
    )
    if request.season is not None:
        days = request.season.days_ahead(days)
    return dict(zip(NEXT_DATES, whole_due_days(days), strict=True))


def _cycle_columns(request: Request) -> dict[str, Values]:
    rate = rate_quantiles(request.draws, request.rows, threads=request.threads)
    cycles = (1.0 / rate.median, 1.0 / rate.q95, 1.0 / rate.q05)
    columns = (*cycles, rate.mean, rate.q05, rate.q95)
    return dict(zip(CYCLE_COLUMNS, columns, strict=True))


def _count_columns(request: Request) -> dict[str, Values]:
    horizon = float(request.ahead(request.risk.horizon_days))
    alive = None if ALIVE not in request.found else np.asarray(request.found[ALIVE], float)
    coming = expected_purchases(
        request.draws, request.rows, horizon, alive=alive, threads=request.threads
    )
    whole = (coming.q05.astype(np.int64), coming.q95.astype(np.int64))
    return dict(zip(COUNT_COLUMNS, (coming.mean, *whole), strict=True))


#: Mean P(alive) per row, which purchases to come and their value rest on; no column of the table.
ALIVE: Final = "mean of P(alive)"
RISK_COLUMNS: Final = (
    "p_alive", "p_alive_q05", "p_alive_q95", "purchase_risk", "purchase_risk_q05",
    "purchase_risk_q95", "risk_p_alive", "risk_personal_cycles", "risk_fixed_days",
    "p_return_year",
)  # fmt: skip
#: Which of the risks a column is of: 1 - P(alive), then by personal cycles, fixed days, a year.
_RISK_OF: Final = {
    "p_alive": 0, "p_alive_q05": 0, "p_alive_q95": 0, "risk_p_alive": 0,
    "risk_personal_cycles": 1, "risk_fixed_days": 2, "p_return_year": 3,
}  # fmt: skip
_CHOSEN: Final = ("purchase_risk", "purchase_risk_q05", "purchase_risk_q95")
#: Columns of 1 - risk: their interval's ends change places.
_ALIVE: Final = ("p_alive", "p_alive_q05", "p_alive_q95", "p_return_year")
STATE_COLUMNS: Final = (*STATE_DATES, "p_alive_at_risk")
CYCLE_COLUMNS: Final = (
    "cycle_days", "cycle_q05", "cycle_q95", "rate_per_day", "rate_q05", "rate_q95",
)  # fmt: skip
COUNT_COLUMNS: Final = (
    "expected_purchases", "expected_purchases_q05", "expected_purchases_q95",
)  # fmt: skip

_Block = Callable[[Request], dict[str, Values]]
#: Stage shown as progress, its columns, and what computes them.
_BLOCKS: Final[tuple[tuple[str, tuple[str, ...], _Block], ...]] = (
    ("rhythm", ("rhythm_days",), _rhythm_column),
    ("risk", RISK_COLUMNS, _risk_columns),
    ("risk", ("horizon_days",), _horizon_column),
    ("at-risk dates", STATE_COLUMNS, _state_columns),
    ("due dates", DUE_DATES, _due_columns),
    ("next purchases", NEXT_DATES, _next_columns),
    ("cycles", CYCLE_COLUMNS, _cycle_columns),
    ("purchases to come", COUNT_COLUMNS, _count_columns),
)


def cell_columns(request: Request, progress: Update | None = None) -> dict[str, Values]:
    """Return the wanted columns per row (dates as days after the last purchase), and `ALIVE`."""
    out = request.found
    for done, (stage, names, block) in enumerate(_BLOCKS):
        if progress is not None:
            progress(stage, done / len(_BLOCKS))
        if any(name in request.wanted for name in names):
            out |= block(request)
    if progress is not None:
        progress("customers", 1.0)
    return out


def overrule(columns: dict[str, Values], by: dict[str, Values], at: Ints) -> None:
    """Put the columns in `by` over those of the rows `at`, in place."""
    for name, values in by.items():
        columns[name][at] = values
