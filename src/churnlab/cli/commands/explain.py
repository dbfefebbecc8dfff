"""`churnlab explain customer=ID`: why one customer stands where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from churnlab.cli.commands import fit as fit_command
from churnlab.cli.commands import segment
from churnlab.cli.console import Console
from churnlab.cli.grid import Placed
from churnlab.cli.opening import open_data
from churnlab.config.schemas.segment import ExplainSettings
from churnlab.errors import DataError, nearest
from churnlab.events import EventLog
from churnlab.plots.explain import draw_explanation
from churnlab.plots.style import styled
from churnlab.posterior import risk_curve
from churnlab.report.explain_text import paragraph
from churnlab.runs import RunFolder
from churnlab.segments import default_playbook

#: Days of silence shown beyond today.
_AHEAD = 180


def run(settings: ExplainSettings, folder: RunFolder, console: Console) -> None:
    """Fit, place everybody, and tell the story of one customer in a picture and a paragraph."""
    settings.model.require_plain_days("churnlab explain")
    log = open_data(settings, folder, console)
    _require(log, settings.customer)
    fitted = fit_command.fit_log(log, settings, console)
    placed = segment.place(log, fitted, settings, console)
    told = explanation(log, placed, settings)
    with console.stage("drawing"), styled():
        figure = draw_explanation(told)
        folder.write("explain.png", figure.savefig)
        plt.close(figure)
    folder.write_json("explain.json", told)
    console.say(paragraph(told, "en"), "", paragraph(told, "ko"))
    console.say(f"files: {folder.path}/explain.json, explain.png")


def _require(log: EventLog, customer: str) -> None:
    known = set(log.members()["customer_id"])
    if customer not in known:
        padded = next((i for i in known if i.lstrip("0") == customer.lstrip("0")), None)
        close = (
            f" Did you mean {padded!r}?" if padded else nearest(customer, sorted(known)[:100_000])
        )
        raise DataError(
            f"there is no customer {customer!r} among the {len(known):,} members.{close} "
            "Ids are text, to the letter."
        )


def explanation(log: EventLog, placed: Placed, settings: ExplainSettings) -> dict[str, Any]:
    """Return history, rhythm, risk by day, dates, cell and actions of one customer."""
    customer = settings.customer
    member = placed.snapshot.membership.set_index("customer_id").loc[customer]
    rows = placed.fitted.customers.set_index("customer_id")
    bought: Any = rows.loc[customer] if customer in rows.index else None
    actions = default_playbook().for_cell(str(member["segment_code"]))
    return {
        "customer_id": customer,
        "as_of": log.as_of,
        "model": placed.fitted.fit.model,
        "purchase_days": _days(log, "purchases", customer),
        "visit_days": _days(log, "visits", customer) if "visits" in log.tables else None,
        "member": member.to_dict(),
        "customer": None if bought is None else bought.to_dict(),
        "threshold": placed.fitted.threshold.to_dict() | {"curve": None},
        "risk_by_day": None if bought is None else _risk_by_day(placed, settings, bought),
        "actions": [
            {"action_id": a.action_id, "en": a.text("en"), "ko": a.text("ko")} for a in actions
        ],
    }


def _days(log: EventLog, events: str, customer: str) -> list[str]:
    days = log.days(events)
    own = days.loc[days["customer_id"] == customer, "day"]
    return [day.date().isoformat() for day in own]


def _risk_by_day(placed: Placed, settings: ExplainSettings, row: pd.Series[Any]) -> dict[str, Any]:
    """Return the chosen basis' risk on each day since the last purchase, and beyond today."""
    fit = placed.fitted.fit
    silence = np.arange(1.0, float(row["days_since_last"]) + _AHEAD + 1)
    curve = risk_curve(fit.draws, float(row["x"]), float(row["t_x"]), silence, settings.risk)
    days = pd.Timestamp(row["last_purchase_at"]) + pd.to_timedelta(silence, unit="D")
    return {
        "day": [d.date().isoformat() for d in days],
        "mean": curve.mean,
        "q05": curve.q05,
        "q95": curve.q95,
    }
