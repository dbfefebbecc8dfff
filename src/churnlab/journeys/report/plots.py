"""Pictures of journeys; every function takes an `Axes` and a table of the run."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from churnlab.journeys.report import say
from churnlab.report.style import COLOURS, legend_below, log_scale

_FLOWS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#D55E00")
_GAP = 0.03
"""Between the bars of a column, as a share of the height."""


def draw_sankey(ax: Axes, journeys: pd.DataFrame, *, most: int = 4) -> Axes:
    """Draw the ways from the best supported first items, with the customers who bought them.

    journeys: Rows of one `who`; pairs and triples.
    most: First items, and ways from each step.

    Bands are customers who walked a way, bars at the left those who bought the item: what no band
    leaves stopped there. A customer can walk several ways; where these come to more than the
    buyers, the bar is as high as they are together.
    """
    pairs = journeys[journeys["length"] == 2]
    firsts = pairs.groupby("item_1", sort=False)["exposed_customers"].first().head(most)
    pairs = pairs[pairs["item_1"].isin(firsts.index)].groupby("item_1").head(most)
    triples = journeys[(journeys["length"] == 3) & journeys["item_1"].isin(firsts.index)]
    triples = triples.merge(pairs[["item_1", "item_2"]]).groupby(["item_1", "item_2"]).head(1)
    steps = [("item_1", "item_2", pairs), ("item_2", "item_3", triples)]
    steps = [step for step in steps if len(step[2])]
    sizes = firsts.clip(lower=pairs.groupby("item_1")["support"].sum()[firsts.index])
    most_bars = max([len(firsts), *(rows[to].nunique() for _, to, rows in steps)])
    scale = (1 - _GAP * (most_bars - 1)) / float(sizes.sum())
    left = _bars(ax, 0, sizes * scale, firsts)
    order = list(firsts.index)
    for x, (source, target, rows) in enumerate(steps, 1):
        ways = rows.groupby(target)["support"]
        walked = ways.sum().sort_values(ascending=False)
        # Who came along two ways would count twice.
        right = _bars(ax, x, walked * scale, walked[ways.size()[walked.index] == 1])
        out, into = dict(left), dict(right)
        for a, b, n in rows[[source, target, "support"]].itertuples(index=False):
            colour, thick = _FLOWS[order.index(a) % len(_FLOWS)], n * scale
            ax.add_patch(_band((x - 0.96, out[a], thick), (x, into[b], thick), colour))
            out[a], into[b] = out[a] - thick, into[b] - thick
        left, order = right, list(walked.index)
    ax.set_xlim(-0.1, len(steps) + 0.6)
    ax.set_ylim(-0.02, 1.02)
    ax.axis("off")
    return ax


def _bars(ax: Axes, x: int, heights: pd.Series, customers: pd.Series) -> dict[str, float]:
    """Draw a column of bars, with the customers known; return each one's upper end."""
    high, n = heights.to_numpy(float), len(heights)
    gap = (1 - high.sum()) / (n - 1) if n > 1 else 0.0
    tops = (1.0 if n > 1 else (1 + high[0]) / 2) - np.cumsum(high + gap) + high + gap
    box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.0}
    for name, height, top in zip(heights.index, high, tops, strict=True):
        ax.fill_between([x, x + 0.04], top - height, top, color=COLOURS["actual"], lw=0)
        label = _short(str(name)) + (f"\n{customers[name]:,}" if name in customers else "")
        ax.text(x + 0.05, top - height / 2, label, va="center", fontsize=8, zorder=3, bbox=box)
    return dict(zip(heights.index, tops, strict=True))


def _band(
    start: tuple[float, float, float], end: tuple[float, float, float], colour: str
) -> PathPatch:
    """Return a curved band between two edges, each given as x, upper end and thickness."""
    (x0, y0, h0), (x1, y1, h1) = start, end
    middle = (x0 + x1) / 2
    lower0, lower1 = y0 - h0, y1 - h1
    points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1), (x1, lower1),
              (middle, lower1), (middle, lower0), (x0, lower0), (x0, y0)]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return PathPatch(Path(points, codes), facecolor=colour, alpha=0.35, lw=0)


def draw_lifts(ax: Axes, journeys: pd.DataFrame, *, lang: str = "en", most: int = 12) -> Axes:
    """Draw lifts with intervals: the best supported, and those farthest above chance."""
    half = most // 2
    rows = journeys.nlargest(half, "support")
    farthest = journeys.drop(rows.index).nlargest(most - len(rows), "lift_q05")
    rows = pd.concat([rows, farthest])[::-1]
    labels = [f"{_short(p, 46)}  ({n:,})" for p, n in rows[["path", "support"]].to_numpy()]
    _intervals(ax, labels, rows, "lift", centre=1.0)
    ax.set_xlabel(say("axis.lift", lang))
    return ax


def draw_persona(ax: Axes, personas: pd.DataFrame, *, lang: str = "en", most: int = 14) -> Axes:
    """Draw ratios of shares with intervals, the surest differences first."""
    sure = (personas["p_more"] - 0.5).abs().sort_values(ascending=False)
    rows = personas.loc[sure.index[:most]].sort_values("ratio")
    labels = [
        f"{r.attribute} = {_short(str(r.value))}  ({r.share_group:.0%} / {r.share_others:.0%})"
        for r in rows.itertuples()
    ]
    _intervals(ax, labels, rows, "ratio", centre=1.0)
    log_scale(ax, "x")
    low, high = ax.get_xlim()
    ticks = [t for t in (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6) if low <= t <= high]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel(say("axis.ratio", lang))
    return ax


def draw_predicts(ax: Axes, predicts: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw the matched differences with intervals, and the raw ones beside them."""
    rows = predicts.dropna(subset="difference")[::-1]
    points = ["difference", "difference_q05", "difference_q95", "raw_difference"]
    rows = rows.assign(**{c: 100 * rows[c] for c in points})
    _intervals(ax, [_short(p, 46) for p in rows["path"]], rows, "difference", centre=0.0,
               label=say("legend.matched", lang))  # fmt: skip
    ax.plot(rows["raw_difference"], np.arange(len(rows)), "x", color=COLOURS["muted"],
            label=say("legend.raw", lang))  # fmt: skip
    ax.set_xlabel(say("axis.points", lang))
    legend_below(ax)
    return ax


def draw_cycles(ax: Axes, cycles: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw the cycle of every item with its interval, and the median gap seen."""
    rows = cycles[::-1]
    labels = [f"{_short(i)}  ({n:,})" for i, n in rows[["item", "repeaters"]].to_numpy()]
    _intervals(ax, labels, rows, "cycle", middle="cycle_days", label=say("legend.cycle", lang))
    ax.plot(rows["gap_days"], np.arange(len(rows)), "x", color=COLOURS["muted"],
            label=say("legend.gap", lang))  # fmt: skip
    ax.set_xlim(left=0)
    ax.set_xlabel(say("axis.days", lang))
    legend_below(ax)
    return ax


def _intervals(
    ax: Axes,
    labels: list[str],
    rows: pd.DataFrame,
    name: str,
    *,
    centre: float | None = None,
    middle: str | None = None,
    label: str | None = None,
) -> None:
    """Draw a row per label: a point and its 90% interval, coloured by the side of the centre."""
    y = np.arange(len(rows))
    low, high = rows[f"{name}_q05"].to_numpy(float), rows[f"{name}_q95"].to_numpy(float)
    colours = [COLOURS["model"]] * len(rows)
    if centre is not None:
        sides = np.select([low > centre, high < centre], ["good", "bad"], "muted")
        colours = [COLOURS[str(s)] for s in sides]
        ax.axvline(centre, color=COLOURS["actual"], lw=0.8)
    ax.hlines(y, low, high, colors=colours, lw=2)
    ax.scatter(rows[middle or name], y, c=colours, s=24, zorder=3, label=label)
    ax.set_yticks(y, labels)


def _short(text: str, most: int = 30) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
