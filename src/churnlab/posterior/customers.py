"""The per-customer table: what `customers.parquet` holds (docs/files.md, docs/risk.md)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from churnlab.errors import UsageError, nearest
from churnlab.models.draws import PopulationDraws
from churnlab.posterior.bands import BAND, days_since, risk_band
from churnlab.posterior.columns import (
    ALIVE,
    DATES,
    NEXT_DATES,
    STATE_COLUMNS,
    Request,
    Values,
    cell_columns,
    overrule,
)
from churnlab.posterior.dates import to_dates
from churnlab.posterior.risk import risk_summary
from churnlab.posterior.season import Season
from churnlab.posterior.settings import LATE, RiskConfig, StateCut
from churnlab.posterior.silence.stream import rows_of
from churnlab.progress import Update
from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from churnlab.summary import Summary


COLUMNS: Final = (
    "customer_id", "x", "t_x", "T", "first_purchase_at", "last_purchase_at", "days_since_last",
    "p_alive", "p_alive_q05", "p_alive_q95", "cycle_days", "cycle_q05", "cycle_q95",
    "rhythm_days", "rate_per_day", "rate_q05", "rate_q95", "expected_purchases",
    "expected_purchases_q05", "expected_purchases_q95", "purchase_risk", "purchase_risk_q05",
    "purchase_risk_q95", "horizon_days", "risk_p_alive", "risk_personal_cycles",
    "risk_fixed_days", "at_risk_date", "at_risk_q05", "at_risk_q95", "p_alive_at_risk",
    "risk_band", "p_return_year", "due_date", "due_q10", "due_q90",
    "next_purchase_q10", "next_purchase_q50", "next_purchase_q90",
)  # fmt: skip


@dataclass(frozen=True)
class CustomerTable:
    """The per-customer table before its rows are made: columns by cell, and each customer's own.

    Millions of customers share some hundred thousand cells, so this takes a fraction of the
    table's memory; columns and rows are made as they are asked for.

    summary: Whose rows, in its order.
    cells (cell,): What the cell decides.
    own (customer,): What it does not.
    attrs: Of the frames.
    """

    summary: Summary
    names: tuple[str, ...]
    cells: Mapping[str, Values]
    own: Mapping[str, Any] = field(default_factory=dict)
    attrs: dict[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.summary.customers)

    @property
    def alive(self) -> Array | None:
        """Mean P(alive) per cell, as `value_table` takes it; None where no risk was computed."""
        return None if ALIVE not in self.cells else np.asarray(self.cells[ALIVE], float)

    def frame(
        self, columns: Iterable[str] | None = None, rows: slice | Ints = slice(None)
    ) -> pd.DataFrame:
        """Return the rows, or some of them, of all columns or of those of `columns` it has."""
        wanted = self.names if columns is None else [c for c in columns if c in self.names]
        joined = _join(self.summary, self.cells, [c for c in wanted if c not in self.own], rows)
        made = {c: self.own[c][rows] if c in self.own else joined[c] for c in wanted}
        table = pd.DataFrame(made, copy=False)
        table.attrs |= self.attrs
        return table

    def joined(self, frame: pd.DataFrame) -> CustomerTable:
        """Return the table with the columns of another of its rows; the groups' stay last."""
        own = {name: frame[name].to_numpy() for name in frame.columns if name != "customer_id"}
        last = len(self.names) - len(self.summary.group_columns)
        names = (*self.names[:last], *own, *self.names[last:])
        attrs = self.attrs | frame.attrs
        return replace(self, names=names, own={**self.own, **own}, attrs=attrs)


def first_purchase_warning(draws: PopulationDraws) -> str | None:
    """Return what the caller must say when a BG model would decide first-purchase states."""
    if draws.likelihood.judges_first_purchasers:
        return None
    return (
        f"{draws.model} tosses dropout only after a repeat purchase: it sets P(alive) = 1 for "
        "every customer with one purchase, however long ago. Their risk, dates and purchases to "
        "come say nothing; take mbg_nbd or pareto_nbd, or pass first_draws of one of them."
    )


def customers_table(
    summary: Summary,
    draws: PopulationDraws,
    risk: RiskConfig | None = None,
    *,
    state: StateCut | None = LATE,
    first_draws: PopulationDraws | None = None,
    columns: Sequence[str] | None = None,
    next_levels: tuple[float, ...] = (0.5, 0.1, 0.9),
    threads: int | None = None,
    progress: Update | None = None,
) -> pd.DataFrame:
    """Return one row per customer, in the order of the summary (docs/risk.md).

    summary: x, t_x, T per customer and their distinct cells, days; on a clock (`summary.clock`) the
        windows are days of the calendar all the same, rates and cycles are per clock day.
    state: From where on a purchaser is at risk; default: late by the own rhythm. With None
        `at_risk_date` and what belongs to it are left out.
    first_draws: Draws of another model, on the same groups, that fill the rows of customers with
        one purchase; for BG models, which cannot. See `first_purchase_warning`.
    columns: Only these columns are returned, and only what they need is computed; default: all.
    next_levels: Levels of the model's law behind `next_purchase_q50`, `_q10`, `_q90`.
    threads: Default: one per core.
    Returns: `COLUMNS`, with `first_draws` the `model` of each row, then the group columns. Dates
        are datetime64[s]: the far date 9999-12-31 does not fit nanoseconds. ``attrs["warnings"]``
        holds `first_purchase_warning` when it applies.
    """
    given = (summary, draws, risk)
    return customer_columns(
        *given, state=state, first_draws=first_draws, columns=columns, next_levels=next_levels,
        threads=threads, progress=progress,
    ).frame()  # fmt: skip


def customer_columns(
    summary: Summary,
    draws: PopulationDraws,
    risk: RiskConfig | None = None,
    *,
    state: StateCut | None = LATE,
    first_draws: PopulationDraws | None = None,
    columns: Sequence[str] | None = None,
    next_levels: tuple[float, ...] = (0.5, 0.1, 0.9),
    threads: int | None = None,
    progress: Update | None = None,
) -> CustomerTable:
    """Return what `customers_table` makes its rows of; arguments as there."""
    risk = risk or RiskConfig()
    wanted = _wanted(columns, state, tuple(summary.group_columns))
    request = Request(
        rows_of(summary.cells, draws),
        draws,
        risk,
        state,
        tuple(wanted) + (("at_risk_date", "p_return_year") if BAND in wanted else ()),
        threads,
        Season.of(summary, risk),
        next_levels,
    )
    cells = cell_columns(request, progress)
    first = np.flatnonzero(request.rows.x == 0)
    warning = first_purchase_warning(draws)
    if first_draws is not None and first.size:
        overrule(cells, cell_columns(request.only(first, first_draws)), first)
    own, attrs = {}, {}
    if first_draws is not None and columns is None:
        wanted.insert(len(wanted) - len(summary.group_columns), "model")
        own["model"] = _models(summary, draws, first_draws)
    if warning and first_draws is None and first.size:
        attrs["warnings"] = [warning]
    return CustomerTable(summary, tuple(wanted), cells, own, attrs)


def _models(
    summary: Summary, draws: PopulationDraws, first: PopulationDraws
) -> pd.Categorical[str]:
    """Return the model that each customer's row comes from."""
    once = (summary.customers["x"].to_numpy() == 0).astype(np.int8)
    return pd.Categorical.from_codes(once, pd.Index([draws.model, first.model]))


def _wanted(
    columns: Sequence[str] | None, state: StateCut | None, groups: tuple[str, ...]
) -> list[str]:
    known = [*COLUMNS, *groups]
    if columns is None:
        return [c for c in known if state is not None or c not in (*STATE_COLUMNS, BAND)]
    for name in columns:
        if name not in known:
            raise UsageError(
                f"Unknown column {name!r} of the customers table.{nearest(name, known)}"
            )
    if state is None and not {*STATE_COLUMNS, BAND}.isdisjoint(columns):
        raise UsageError(
            f"{', '.join((*STATE_COLUMNS, BAND))} need a state; leave `state` at its default, or "
            "pass StateCut(measure, value, first_value)."
        )
    return list(columns)


def _join(
    summary: Summary, cells: Mapping[str, Values], wanted: Sequence[str], rows: slice | Ints
) -> dict[str, Any]:
    """Bring cell columns back to customers and turn days after the last purchase into dates."""
    people = summary.customers.iloc[rows]
    cell = people["cell"].to_numpy()
    last = people["last_purchase_at"].to_numpy()
    out: dict[str, Any] = {}
    if BAND in wanted:
        dates = to_dates(last, cells["at_risk_date"][cell])
        days_at_risk = days_since(dates, summary.as_of)
    for name in wanted:
        if name == "x":
            out[name] = people[name].to_numpy().astype(np.int64)
        elif name == "days_since_last":
            out[name] = people["T"].to_numpy() - people["t_x"].to_numpy()
        elif name in ("first_purchase_at", "last_purchase_at"):
            out[name] = people[name].to_numpy().astype("datetime64[s]")
        elif name in (*DATES, *NEXT_DATES) and name in cells:
            since = last if name in DATES else np.array([summary.as_of], "datetime64[D]")
            out[name] = to_dates(since, cells[name][cell])
        elif name in DATES:  # a windowed risk that may fall has no interval of its date
            out[name] = np.full(len(cell), np.datetime64("NaT", "s"))
        elif name in STATE_COLUMNS and name not in cells:
            out[name] = np.full(len(cell), np.nan)
        elif name in cells:
            out[name] = cells[name][cell]
        elif name == BAND:
            out[name] = risk_band(days_at_risk, cells["p_return_year"][cell])
        elif name == "horizon_days":
            out[name] = pd.array(np.full(len(cell), pd.NA, object), dtype="Int64")
        else:
            out[name] = people[name].to_numpy() if name != "customer_id" else people[name].array
    return out


def p_alive_table(
    summary: Summary,
    draws: PopulationDraws,
    *,
    at: dt.date | str | None = None,
    first_draws: PopulationDraws | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return P(alive) per customer at the cutoff, or on a later day without a purchase until then.

    at: A day not before `summary.as_of` (default: that day).
    first_draws: Judge customers with one purchase, as in `customers_table`.
    Returns: customer_id, p_alive, p_alive_q05, p_alive_q95.
    """
    later: float = days_later(summary.as_of, at)
    if summary.clock is not None:
        later = float(summary.clock.ahead(summary.as_of, later))
    risk = np.array(risk_summary(draws, summary.cells, days_later=later, threads=threads)[:3])
    rows = rows_of(summary.cells, draws)
    first = np.flatnonzero(rows.x == 0)
    if first_draws is not None and first.size:
        once = rows_of(summary.cells, first_draws).at(first)
        risk[:, first] = risk_summary(first_draws, once, days_later=later, threads=threads)[:3]
    mean, q05, q95 = risk
    cell = summary.customers["cell"].to_numpy()
    return pd.DataFrame(
        {
            "customer_id": summary.customers["customer_id"].array,
            "p_alive": (1.0 - mean)[cell],
            "p_alive_q05": (1.0 - q95)[cell],
            "p_alive_q95": (1.0 - q05)[cell],
        }
    )


def days_later(as_of: dt.date, at: dt.date | str | None) -> int:
    """Return whole days from `as_of` to `at`, refusing earlier and unreadable days."""
    if at is None:
        return 0
    try:
        day = at if isinstance(at, dt.date) else dt.date.fromisoformat(at)
    except ValueError as error:
        raise UsageError(f"at must be a date such as 2011-12-31; got {at!r}.") from error
    later = (dt.date(day.year, day.month, day.day) - as_of).days
    if later < 0:
        raise UsageError(
            f"at ({day}) lies before the cutoff ({as_of}); "
            "summarise the log as of that day instead."
        )
    return later
