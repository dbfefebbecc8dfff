"""One customer in a picture: what they did, and how their risk moved with it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib import pyplot as plt
from matplotlib import ticker as mticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from churnlab.explanation.text import say
from churnlab.report.style import COLOURS, day_format
from churnlab.segments import segment_name
from churnlab.vocabulary import FAR_DATE, OVERDUE

_VISITS = "#CC79A7"
#: Days behind today that are shown at least, and how near a curve is to its end to be flat.
_AHEAD = 30
_FLAT = 0.02


def draw_explanation(told: Mapping[str, Any], *, lang: str = "en") -> Figure:
    """Draw history above, purchase and visit risk by day below it, on one time axis.

    told: What `explain.json` holds.
    """
    panels = [p for p in ("risk_by_day", "visit_risk_by_day") if told[p] is not None]
    figure, axes = plt.subplots(
        1 + len(panels), 1, figsize=(9, 1.9 + 2.5 * len(panels)), sharex=True, squeeze=False,
        height_ratios=[1.1, *[2.0] * len(panels)],
    )  # fmt: skip
    history, *below = axes[:, 0]
    _history(history, told, lang)
    for ax, panel in zip(below, panels, strict=True):
        (_purchase_risk if panel == "risk_by_day" else _visit_risk)(ax, told, lang)
    as_of = _number(str(told["as_of"]))
    for ax in axes[:, 0]:
        ax.axvline(as_of, color=COLOURS["muted"], lw=1.2, ls="--")
    history.annotate(
        say("axis.today", lang, day=told["as_of"]), (as_of, 1), xycoords=("data", "axes fraction"),
        xytext=(3, -2), textcoords="offset points", va="top", fontsize=8, color="#666666",
    )  # fmt: skip
    _calendar(axes[-1, 0])
    axes[-1, 0].set_xlim(right=_reach(told))
    name = segment_name(str(told["member"]["segment_code"]), lang).removesuffix(" 고객")
    history.set_title(f"{told['customer_id']}: {name}")
    return figure


def _reach(told: Mapping[str, Any]) -> float:
    """The day up to which a curve still moves; a flat rest would squeeze what there is to see."""
    days = [_number(str(told["as_of"])) + _AHEAD]
    for name in ("risk_by_day", "alive_by_day", "visit_risk_by_day"):
        curve = told[name] or {"day": [], "mean": []}
        mean = np.array(curve["mean"], dtype=float)
        moving = np.flatnonzero((mean > _FLAT) & (mean < 1 - _FLAT))
        days += [_number(str(curve["day"][i])[:10]) for i in moving[-1:]]
    return max(days)


def _history(ax: Axes, told: Mapping[str, Any], lang: str) -> None:
    rows = [("purchases", told["purchase_days"], COLOURS["model"])]
    if told["visit_days"] is not None:
        rows.append(("visits", told["visit_days"], _VISITS))
    for height, (_, days, colour) in enumerate(rows):
        at = pd.to_datetime(pd.Series(days, dtype="str")).to_numpy()
        ax.plot(at, np.full(len(at), height), "|", color=colour, ms=13, mew=1.4)
    ax.set_yticks(range(len(rows)), [say(f"axis.{name}", lang) for name, _, _ in rows])
    ax.set_ylim(-0.6, len(rows) - 0.3)
    ax.grid(visible=False)
    if not any(len(days) for _, days, _ in rows):
        ax.text(0.02, 0.5, say("axis.none", lang), transform=ax.transAxes, va="center")


def _purchase_risk(ax: Axes, told: Mapping[str, Any], lang: str) -> None:
    row, cut = told["customer"], told["threshold"]
    late = told["risk"]["basis"] == OVERDUE
    _curve(ax, told["alive_by_day"], COLOURS["muted"], lang, "alive")
    _curve(ax, told["risk_by_day"], COLOURS["model"], lang, "late" if late else "band")
    value = cut["first_value"] if row["x"] == 0 else cut["value"]
    ax.axhline(value, color=COLOURS["bad"], lw=1, ls=":",
               label=say("axis.threshold", lang, value=value))  # fmt: skip
    low, high = (str(row[c])[:10] for c in ("due_q10", "due_q90"))
    ax.axvspan(_number(low), _number(high), color=COLOURS["good"], alpha=0.13, lw=0,
               label=say("axis.due", lang, day=str(row["due_date"])[:10]))  # fmt: skip
    _mark(ax, str(row["at_risk_date"])[:10], "since", COLOURS["bad"], "-", lang)
    _finish(ax, "back" if late else "purchase_risk", lang)


def _visit_risk(ax: Axes, told: Mapping[str, Any], lang: str) -> None:
    member, (low, high) = told["member"], told["visit_cuts"]
    late = told["visit_basis"] == OVERDUE
    _curve(ax, told["visit_risk_by_day"], _VISITS, lang, "late" if late else "band")
    for value, label in ((low, say("axis.cuts", lang, low=low, high=high)), (high, None)):
        ax.axhline(value, color=COLOURS["bad"], lw=1, ls=":", label=label)
    _mark(ax, str(member["visit_risk_date"])[:10], "thin", COLOURS["bad"], "-", lang)
    _mark(ax, str(member["visit_inactive_date"])[:10], "gone", "#555555", "-", lang)
    _finish(ax, "visits_back" if late else "visit_risk", lang)


def _curve(ax: Axes, curve: Mapping[str, Any], colour: str, lang: str, name: str) -> None:
    """The measure by day; days with an event are gaps in the line."""
    days = pd.to_datetime(pd.Series(curve["day"])).to_numpy()
    mean, low, high = (np.array(curve[c], dtype=float) for c in ("mean", "q05", "q95"))
    ax.fill_between(days, low, high, color=colour, alpha=0.25, lw=0)
    ax.plot(days, mean, color=colour, lw=1.5, label=say(f"axis.{name}", lang))


def _mark(ax: Axes, date: str, word: str, colour: str, style: str, lang: str) -> None:
    """A date as a line, where it is on the axis; said in the legend either way, if ever reached."""
    if date == FAR_DATE:
        return
    days = ax.lines[0].get_xdata()
    here = np.datetime64(date) <= np.max(np.asarray(days, dtype="datetime64[D]"))
    label = say(f"axis.{word}", lang, day=date)
    if here:
        ax.axvline(_number(date), color=colour, lw=1.3, ls=style, label=label)
    else:
        ax.plot([], [], color=colour, lw=1.3, ls=style, label=label)


def _finish(ax: Axes, name: str, lang: str) -> None:
    ax.set(ylim=(0, 1), ylabel=say(f"axis.{name}", lang))
    ax.yaxis.set_major_formatter(mticker.PercentFormatter(1.0, decimals=0))
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.1), ncols=2, fontsize=8)


def _calendar(ax: Axes) -> None:
    locator = mdates.AutoDateLocator(minticks=4, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(day_format(locator))
    for other in ax.figure.axes:
        other.tick_params(labelbottom=other is not ax.figure.axes[0])


def _number(date: str) -> float:
    return float(mdates.date2num(np.datetime64(date)))
