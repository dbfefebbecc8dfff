"""One customer in a picture: what they did, and how their risk has moved since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from churnlab.plots.style import COLOURS
from churnlab.vocabulary import FAR_DATE


def draw_explanation(told: Mapping[str, Any]) -> Figure:
    """Draw history above, risk by day below, on one time axis.

    Parameters
    ----------
    told : mapping
        What `explain.json` holds.
    """
    figure, (history, risk) = plt.subplots(
        2, 1, figsize=(9, 5), sharex=True, height_ratios=[1, 2.4]
    )
    _history(history, told)
    _risk(risk, told)
    as_of = float(mdates.date2num(np.datetime64(told["as_of"])))
    for ax in (history, risk):
        ax.axvline(as_of, color=COLOURS["muted"], lw=1, ls="--")
    locator = mdates.AutoDateLocator(minticks=4, maxticks=9)
    risk.xaxis.set_major_locator(locator)
    risk.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    segment = str(told["member"]["segment_code"])
    history.set_title(f"{told['customer_id']}: {segment} on {told['as_of']}")
    return figure


def _history(ax: Axes, told: Mapping[str, Any]) -> None:
    rows = [("purchases", told["purchase_days"], COLOURS["model"])]
    if told["visit_days"] is not None:
        rows.append(("visits", told["visit_days"], COLOURS["muted"]))
    for height, (_, days, colour) in enumerate(rows):
        at = pd.to_datetime(pd.Series(days, dtype="str")).to_numpy()
        ax.plot(at, np.full(len(at), height), "|", color=colour, ms=14, mew=1.6)
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.grid(visible=False)


def _risk(ax: Axes, told: Mapping[str, Any]) -> None:
    curve, cut = told["risk_by_day"], told["threshold"]
    if curve is None:
        ax.text(0.5, 0.5, "no purchase yet", transform=ax.transAxes, ha="center")
        return
    days = pd.to_datetime(pd.Series(curve["day"])).to_numpy()
    ax.fill_between(days, curve["q05"], curve["q95"], color=COLOURS["model"], alpha=0.2, lw=0)
    ax.plot(days, curve["mean"], color=COLOURS["model"])
    first = told["customer"]["x"] == 0
    ax.axhline(cut["first_value"] if first else cut["value"], color=COLOURS["bad"], lw=1, ls=":")
    marks = (("at risk since", "at_risk_date", "bad"), ("next purchase due", "due_date", "good"))
    for text, key, colour in marks:
        date = str(told["customer"][key])[:10]
        if date == FAR_DATE or not days[0] <= np.datetime64(date) <= days[-1]:
            continue
        at = float(mdates.date2num(np.datetime64(date)))
        ax.axvline(at, color=COLOURS[colour], lw=1.2)
        ax.annotate(
            f"{text} {date}",
            (at, 0.5 if colour == "good" else 0.58),
            textcoords="offset points",
            xytext=(-4, 0),
            ha="right",
            fontsize=8,
            color=COLOURS[colour],
        )
    ax.set(ylim=(0, 1), ylabel=f"risk ({cut['basis']}), 90% band")
