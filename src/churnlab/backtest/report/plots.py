"""Figures of forecasts: reliability, threshold cost, scores.

Each function draws numbers that were computed elsewhere on an `Axes` and returns it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from churnlab.report.labels import label
from churnlab.report.style import COLOURS


def reliability(
    ax: Axes,
    predicted: ArrayLike,
    observed: ArrayLike,
    *,
    band: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    name: str,
    colour: str | None = None,
    lang: str = "en",
) -> Axes:
    """Draw a CORP reliability curve, with the consistency band of a calibrated forecast.

    predicted, observed (point,): Forecast probability and the recalibrated (isotonic) frequency.
    band: Positions, lower and upper limits of the consistency band.
    """
    ax.plot([0, 1], [0, 1], color=COLOURS["muted"], lw=1, ls="--")
    if band is not None:
        (at, low, high), said = map(np.asarray, band), label("consistency_band", lang)
        ax.fill_between(at, low, high, color=COLOURS["muted"], alpha=0.25, lw=0, label=said)
    ax.plot(np.asarray(predicted), np.asarray(observed), color=colour, label=name)
    ax.set(
        xlabel=label("predicted", lang), ylabel=label("observed", lang), xlim=(0, 1), ylim=(0, 1)
    )
    ax.legend(loc="upper left")
    return ax


def threshold_cost(
    ax: Axes,
    thresholds: ArrayLike,
    cost: ArrayLike,
    *,
    chosen: float,
    interval: tuple[float, float] | None = None,
    lang: str = "en",
) -> Axes:
    """Draw realised cost per customer against the threshold, and the one chosen."""
    at, values = np.asarray(thresholds, float), np.asarray(cost, float)
    ax.plot(at, values, color=COLOURS["model"])
    if interval is not None:
        ax.axvspan(*interval, color=COLOURS["good"], alpha=0.15, lw=0)
    height = float(np.interp(chosen, at, values))
    ax.plot([chosen], [height], "o", color=COLOURS["good"], ms=7, label=label("chosen", lang))
    ax.annotate(
        f"{chosen:.2f}", (chosen, height), textcoords="offset points", xytext=(8, 8), fontsize=9
    )
    ax.set(xlabel=label("threshold", lang), ylabel=label("cost_per_customer", lang), xlim=(0, 1))
    ax.legend()
    return ax


def purchase_axis(ax: Axes, shares: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw the purchase states' shares with their intervals: the grid where visits are unknown.

    shares: From `segments.shares_table`; the rows of level ``purchase_state`` are shown.
    """
    states = shares[shares["level"] == "purchase_state"].iloc[::-1]
    names = states["name_ko" if lang == "ko" else "name_en"]
    error = [states["share"] - states["share_q05"], states["share_q95"] - states["share"]]
    risky = states["segment_code"].astype(str).str.endswith("_risk")
    colours = np.where(risky, COLOURS["bad"], COLOURS["good"])
    colours[(states["segment_code"] == "none").to_numpy()] = COLOURS["muted"]
    ax.barh(
        names, states["share"], xerr=np.clip(np.array(error), 0, None), color=colours, height=0.7
    )
    for position, row in enumerate(states.itertuples()):
        _beside(ax, f"{row.share:.1%}  ({row.n:,})", (row.share_q95, position), 6, fontsize=9)
    ax.set_xlim(0, float(states["share_q95"].max()) * 1.3)
    ax.set_xlabel(label("share", lang))
    ax.grid(axis="y", visible=False)
    return ax


def score_bars(
    ax: Axes,
    names: Sequence[str],
    values: ArrayLike,
    *,
    baselines: Sequence[str] = (),
    axis_label: str,
) -> Axes:
    """Draw one bar per candidate, best on top; baselines in their own colour."""
    scores = np.asarray(values, float)
    order = np.argsort(scores)[::-1]
    ordered = [names[i] for i in order]
    colours = [COLOURS["baseline"] if n in baselines else COLOURS["model"] for n in ordered]
    ax.barh(ordered, scores[order], color=colours, height=0.7)
    for position, value in enumerate(scores[order]):
        _beside(ax, f"{value:.4f}", (value, position), 4, fontsize=8)
    ax.set_xlabel(axis_label)
    ax.set_xlim(0, float(np.nanmax(scores)) * 1.15)
    ax.grid(axis="y", visible=False)
    return ax


def _beside(ax: Axes, text: str, place: Any, points: int, **how: Any) -> None:
    ax.annotate(text, place, textcoords="offset points", xytext=(points, 0), va="center", **how)
