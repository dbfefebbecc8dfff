"""`churnlab explain customer=ID`: why one customer stands where they stand."""

from __future__ import annotations

import difflib
import re
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from churnlab.cli.commands import fit as fit_command
from churnlab.cli.commands import segment
from churnlab.cli.console import Console
from churnlab.config.schemas.segment import ExplainSettings
from churnlab.errors import DataError
from churnlab.events import EventLog
from churnlab.fitting import Fit
from churnlab.posterior import rows_of
from churnlab.report.labels import LANGUAGES
from churnlab.report.style import styled
from churnlab.runs.folder import RunFolder
from churnlab.segments import Axis, load_playbook, risk_by_day
from churnlab.segments.person.plots import draw_explanation
from churnlab.segments.person.text import paragraph
from churnlab.vocabulary import VISIT_UNKNOWN
from churnlab.workflows.grid import Placed
from churnlab.workflows.opening import open_data

#: Days of silence shown beyond today.
_AHEAD = 120
#: Ids are compared with an unknown one up to this many.
_COMPARED = 100_000


def run(settings: ExplainSettings, folder: RunFolder, console: Console) -> None:
    """Fit, place everybody, and tell the story of one customer in a picture and a paragraph."""
    settings.model.require_plain_days("churnlab explain")
    segment.require_first_purchases(settings.model.name)
    load_playbook(settings.playbook)  # a wrong playbook is said before anything is opened
    log = open_data(settings, folder, console)
    _require(log, settings.customer)
    fitted = fit_command.fit_log(log, settings, console)
    placed = segment.place(log, fitted, settings, console)
    told = explanation(log, placed, settings)
    with console.stage("drawing"), styled():
        figure = draw_explanation(told, lang=settings.lang)
        folder.write("explain.png", figure.savefig)
        plt.close(figure)
    folder.write_json("explain.json", told)
    console.say(told["paragraph"][settings.lang])
    console.say(f"files: {folder.path}/explain.json, explain.png")


def _require(log: EventLog, customer: str) -> None:
    known = log.members()["customer_id"].tolist()
    if customer in set(known):
        return
    near = near_ids(customer, known)
    close = f" Near it: {', '.join(map(repr, near))}." if near else ""
    raise DataError(
        f"there is no customer {customer!r} among the {len(known):,} members.{close} "
        "Ids are text, to the letter."
    )


def near_ids(customer: str, known: list[str]) -> list[str]:
    """Return up to three ids like the one given: the same but for zeros and case, then similar."""
    same = [i for i in known if _plain(i) == _plain(customer)]
    similar = difflib.get_close_matches(customer, known[:_COMPARED], n=3, cutoff=0.5)
    return list(dict.fromkeys([*same, *similar]))[:3]


def _plain(text: str) -> str:
    """Return an id without zeros in front of its digits, in lower case."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", text.strip().lower())


def explanation(log: EventLog, placed: Placed, settings: ExplainSettings) -> dict[str, Any]:
    """Return history, rhythm, risk by day, dates, cell and actions of one customer."""
    customer = settings.customer
    member: Any = placed.snapshot.membership.set_index("customer_id").loc[customer]
    rows = placed.fitted.customers.set_index("customer_id")
    bought: Any = rows.loc[customer] if customer in rows.index else None
    purchases = _days(log, "purchases", customer)
    visits = _days(log, "visits", customer) if "visits" in log.tables else None
    actions = load_playbook(settings.playbook).for_cell(str(member["segment_code"]))
    told = {
        "customer_id": customer,
        "as_of": log.as_of,
        "model": placed.fitted.fit.model,
        "risk": {"basis": settings.risk.basis, "horizon_days": settings.risk.horizon_days,
                 "cycles": settings.risk.cycles},
        "purchase_days": _iso(purchases),
        "visit_days": None if visits is None else _iso(visits),
        "member": member.to_dict(),
        "customer": None if bought is None else bought.to_dict(),
        "threshold": placed.fitted.threshold.to_dict() | {"curve": None},
        "visit_cuts": None if placed.visit_axis is None else placed.visit_axis.cuts,
        "risk_by_day": _risk(placed.fitted.fit, placed.purchase_axis, customer, purchases, log),
        "visit_risk_by_day": _visit_risk(placed, member, visits, log),
        "actions": [
            {"action_id": a.action_id, "en": a.text("en"), "ko": a.text("ko")} for a in actions
        ],
    }  # fmt: skip
    return told | {"paragraph": {lang: paragraph(told, lang) for lang in LANGUAGES}}


def _days(log: EventLog, events: str, customer: str) -> NDArray[np.datetime64]:
    days = log.days(events)
    own = days.loc[days["customer_id"] == customer, "day"]
    return np.sort(own.to_numpy().astype("datetime64[D]"))


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
    counted = placed.visits.summary.customers
    own = counted[counted["customer_id"] == member.name]
    if len(own) and own["x"].iloc[0] + 1 != len(visits):  # purchase-days count as visits too
        visits = np.union1d(visits, _days(log, "purchases", str(member.name)))
    if not len(visits):
        visits = np.array([member["signed_up_at"]], dtype="datetime64[D]")
    return _risk(placed.visits, placed.visit_axis, str(member.name), visits, log)


def _risk(
    fit: Fit, axis: Axis, customer: str, events: NDArray[np.datetime64], log: EventLog
) -> dict[str, Any] | None:
    """Return the basis' risk by day, from the first event to some time beyond today."""
    if not len(events):
        return None
    people = fit.summary.customers
    cell = people.loc[people["customer_id"] == customer, "cell"].to_numpy()
    group = int(rows_of(fit.summary.cells, axis.draws).group[cell[0]]) if len(cell) else 0
    until = np.datetime64(log.as_of, "D") + np.timedelta64(_AHEAD, "D")
    curve = risk_by_day(axis.draws, events, until, axis.risk, group=group)
    return {
        "day": _iso(curve["day"].to_numpy().astype("datetime64[D]")),
        **{name: [None if np.isnan(v) else float(v) for v in curve[name]]
           for name in ("mean", "q05", "q95")},
    }  # fmt: skip
