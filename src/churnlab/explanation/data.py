"""Why one customer stands where they stand: history, rhythm, risk by day, dates, cell, actions."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.events import EventLog
from churnlab.explanation.curves import risk_by_day
from churnlab.explanation.text import paragraph
from churnlab.posterior import Lateness, Measure, RiskConfig, rows_of
from churnlab.report.labels import LANGUAGES
from churnlab.segments.actions.playbook import Playbook
from churnlab.segments.grid.axes import Axis
from churnlab.segments.grid.placed import Placed
from churnlab.summary import Summary
from churnlab.vocabulary import OVERDUE, VISIT_UNKNOWN

#: Days of silence shown beyond today.
_AHEAD = 120
#: The measure whose other side is P(alive).
ALIVE: Final = RiskConfig(basis="p_alive")
#: Ids are compared with an unknown one up to this many.
_COMPARED = 100_000


def near_ids(customer: str, known: list[str]) -> list[str]:
    """Return up to three ids like the one given: the same but for zeros and case, then similar."""
    same = [i for i in known if _plain(i) == _plain(customer)]
    similar = difflib.get_close_matches(customer, known[:_COMPARED], n=3, cutoff=0.5)
    return list(dict.fromkeys([*same, *similar]))[:3]


def _plain(text: str) -> str:
    """Return an id without zeros in front of its digits, in lower case."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", text.strip().lower())


def explanation(
    log: EventLog,
    customer: str,
    placed: Placed,
    customers: pd.DataFrame,
    threshold: dict[str, Any],
    playbook: Playbook,
) -> dict[str, Any]:
    """Return what `explain.json` holds of one member (docs/files.md).

    customers: Risk and dates of every customer (`Fit.customers`).
    threshold: `Threshold.to_dict()`.
    """
    member: Any = placed.snapshot.membership.set_index("customer_id").loc[customer]
    rows = customers.set_index("customer_id")
    bought: Any = rows.loc[customer] if customer in rows.index else None
    purchases = _days(log, "purchases", customer)
    visits = _days(log, "visits", customer) if "visits" in log.tables else None
    actions = playbook.for_cell(str(member["segment_code"]))
    axis = placed.purchase_axis
    told = {
        "customer_id": customer,
        "as_of": log.as_of,
        "model": axis.draws.model,
        "risk": _measure(axis.risk),
        "purchase_days": _iso(purchases),
        "visit_days": None if visits is None else _iso(visits),
        "member": member.to_dict(),
        "customer": None if bought is None else bought.to_dict(),
        "threshold": threshold | {"curve": None},
        "visit_cuts": None if placed.visit_axis is None else placed.visit_axis.cuts,
        "visit_basis": None
        if placed.visit_axis is None
        else _measure(placed.visit_axis.risk)["basis"],
        "risk_by_day": _risk(placed.purchases, axis, customer, purchases, log),
        "alive_by_day": _alive(
            _risk(placed.purchases, replace(axis, risk=ALIVE), customer, purchases, log)
        ),
        "visit_risk_by_day": _visit_risk(placed, member, visits, log),
        "actions": [
            {"action_id": a.action_id, "en": a.text("en"), "ko": a.text("ko")} for a in actions
        ],
    }  # fmt: skip
    return told | {"paragraph": {lang: paragraph(told, lang) for lang in LANGUAGES}}


def _measure(measure: Measure) -> dict[str, Any]:
    """Return what the purchase axis is cut on."""
    if isinstance(measure, Lateness):
        return {"basis": OVERDUE, "window_cycles": measure.window_cycles}
    return {name: getattr(measure, name) for name in ("basis", "horizon_days", "cycles")}


def _days(log: EventLog, events: str, customer: str) -> NDArray[np.datetime64]:
    return log.days(events, of=[customer])["day"].to_numpy().astype("datetime64[D]")


def _iso(days: NDArray[np.datetime64]) -> list[str]:
    return [str(day) for day in days]


def _visit_risk(
    placed: Placed, member: pd.Series[Any], visits: NDArray[np.datetime64] | None, log: EventLog
) -> dict[str, Any] | None:
    """Risk of the visits; who never visited nor bought is judged by the time since signup."""
    if placed.visits is None or placed.visit_axis is None or visits is None:
        return None
    if member["visit_state"] == VISIT_UNKNOWN:
        return None
    counted = placed.visits.customers
    own = counted[counted["customer_id"] == member.name]
    if len(own) and own["x"].iloc[0] + 1 != len(visits):  # purchase-days count as visits too
        visits = np.union1d(visits, _days(log, "purchases", str(member.name)))
    if not len(visits):
        visits = np.array([member["signed_up_at"]], dtype="datetime64[D]")
    return _risk(placed.visits, placed.visit_axis, str(member.name), visits, log)


def _risk(
    summary: Summary, axis: Axis, customer: str, events: NDArray[np.datetime64], log: EventLog
) -> dict[str, Any] | None:
    """Return the basis' risk by day, from the first event to some time beyond today."""
    if not len(events):
        return None
    people = summary.customers
    cell = people.loc[people["customer_id"] == customer, "cell"].to_numpy()
    group = int(rows_of(summary.cells, axis.draws).group[cell[0]]) if len(cell) else 0
    until = np.datetime64(log.as_of, "D") + np.timedelta64(_AHEAD, "D")
    if isinstance(axis.risk, Lateness):  # the share as it is; who is late yet, the date says
        axis = replace(axis, risk=replace(axis.risk, least_cycles=0.0))
    curve = risk_by_day(axis, events, until, group=group)
    return {
        "day": _iso(curve["day"].to_numpy().astype("datetime64[D]")),
        **{name: [None if np.isnan(v) else float(v) for v in curve[name]]
           for name in ("mean", "q05", "q95")},
    }  # fmt: skip


def _alive(dead: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return P(alive) by day from 1 - P(alive)."""
    if dead is None:
        return None
    other = {"mean": "mean", "q05": "q95", "q95": "q05"}
    sides = {k: [None if v is None else 1 - v for v in dead[o]] for k, o in other.items()}
    return {"day": dead["day"], **sides}
