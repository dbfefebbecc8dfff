"""Figures of shrinkage: small groups and short histories lean on the others."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from churnlab.report.labels import label
from churnlab.report.style import COLOURS, log_scale


def groups(
    ax: Axes,
    table: pd.DataFrame,
    *,
    truth: Mapping[str, float] | None = None,
    quantity: str = "",
    lang: str = "en",
) -> Axes:
    """Draw each group's estimate on its own above the one under partial pooling.

    truth: True value by group, where it is known.
    quantity: Name of the axis of values.
    """
    place = np.arange(len(table), dtype=float)
    for what, colour, shift in (
        ("apart", COLOURS["muted"], -0.16),
        ("partial", COLOURS["model"], 0.16),
    ):
        ax.hlines(
            place + shift, table[f"{what}_q05"], table[f"{what}_q95"], color=colour, lw=2, alpha=0.8
        )
        ax.plot(table[what], place + shift, "o", color=colour, label=label(what, lang))
    if truth is not None:
        values = [truth[name] for name in table["group"]]
        ax.plot(
            values, place, "|", color=COLOURS["actual"], ms=16, mew=2, label=label("truth", lang)
        )
    ax.axvline(
        table["population"].iloc[0], color="#777777", lw=1, ls="--", label=label("population", lang)
    )
    names = [f"{row.group} ({row.customers:,})" for row in table.itertuples()]
    ax.set_yticks(place, names)
    ax.invert_yaxis()
    log_scale(ax, "x")
    ax.set_xlabel(quantity)
    ax.set_ylabel(label("group_customers", lang))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4)  # rows hold the plot
    return ax


def individuals(ax: Axes, pairs: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw customers' mean gap against the posterior cycle with its 90% interval."""
    gap, cycle = pairs["mean_gap_days"], pairs["cycle_days"]
    few = pairs["x"] <= 2
    for rows, colour, name in (
        (few, COLOURS["muted"], "few_gaps"),
        (~few, COLOURS["model"], "many_gaps"),
    ):
        ax.vlines(
            gap[rows], pairs["cycle_q05"][rows], pairs["cycle_q95"][rows], color=colour, alpha=0.5
        )
        ax.plot(gap[rows], cycle[rows], "o", ms=4, color=colour, label=label(name, lang))
    ends = [float(gap.min()), float(gap.max())]
    ax.plot(ends, ends, color="#777777", lw=1, ls="--", label=label("no_shrinkage", lang))
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel(label("raw_gap", lang))
    ax.set_ylabel(label("posterior_cycle", lang))
    ax.legend(loc="lower right")
    return ax
