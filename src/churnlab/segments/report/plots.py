"""Segment pictures in the manner of the source: right = visits more active, up = purchases more.

Each function draws on an `Axes` and returns it; numbers come from `data`.
"""

import itertools

import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.ticker as mticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from churnlab.report.phone import lines
from churnlab.report.style import day_format, legend_below
from churnlab.segments.report import say
from churnlab.segments.report.data import COLUMNS, ROWS, FlowData, GridData, TimeData

#: Okabe-Ito colours, told apart by the colour-blind too.
POLARITY_COLOURS = {"positive": "#009E73", "neutral": "#8C8C8C", "negative": "#D55E00"}
_LINE_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#F0E442",
)  # fmt: skip
_STATE_COLOURS = POLARITY_COLOURS | {
    "visit_active": "#0072B2", "visit_risk": "#E69F00", "visit_inactive": "#D55E00",
    "visit_unknown": "#8C8C8C", "repeat_active": "#009E73", "first_active": "#56B4E9",
    "repeat_risk": "#E69F00", "first_risk": "#D55E00", "none": "#8C8C8C",
    "core_active": "#009E73", "purchase_risk_visit_active": "#0072B2",
}  # fmt: skip
_BEND = 0.16
#: How far below a cell's middle, where its name does not stand, arrows begin and end.
_BELOW = 0.14


def draw_grid(ax: Axes, data: GridData, *, lang: str = "en") -> Axes:
    """Draw the grid: shade = share, arrow and label = change, frame = polarity.

    An arrow is solid when the 90% interval of the change excludes zero, else pale.
    """
    _frame(ax, lang)
    top = max(float(np.nanmax(data.share)), 1e-9)
    for row in range(len(ROWS)):
        for column in range(len(COLUMNS)):
            _grid_cell(ax, data, row, column, data.share[row, column] / top, lang)
    if data.unknown_share > 0:
        text = say("axis.unknown", lang, share=data.unknown_share)
        # below the axis' name, which a long text would run into
        ax.annotate(text, (0, 0), xytext=(0, -20), textcoords="offset points",
                    xycoords="axes fraction", fontsize=8, va="top", color="#555555")  # fmt: skip
    return ax


def draw_flows(ax: Axes, data: FlowData, *, lang: str = "en") -> Axes:
    """Draw the largest moves as arrows on the grid; width and label = customers."""
    _frame(ax, lang)
    for row in range(len(ROWS)):
        for column in range(len(COLUMNS)):
            _rectangle(ax, column, row, "#F4F4F4", "#CCCCCC")
            _name(ax, column, row, str(data.names[row, column]), "#333333", over="#F4F4F4")
            stay = data.stay[row, column]
            if np.isfinite(stay):
                ax.text(column - 0.44, row + 0.38, say("axis.stay", lang, share=stay), fontsize=7,
                        ha="left", va="center", color="#666666")  # fmt: skip
    most = max(int(data.n.max()), 1) if len(data.n) else 1
    for origin, destination, n in zip(data.origin, data.destination, data.n, strict=True):
        _arrow(ax, origin, destination, int(n), n / most)
    return ax


def draw_over_time(
    ax: Axes, data: TimeData, *, beside: TimeData | None = None, lang: str = "en"
) -> Axes:
    """Draw shares by day with their 90% bands, labelled at the line's end.

    beside: The same groups as they were said then (by fits of their own): dashed, without bands.
    """
    ends = _apart(data.share[-1], 0.035 * max(float(data.share_q95.max()), 1e-9) * 1.4)
    for i, (code, name) in enumerate(zip(data.codes, data.names, strict=True)):
        colour = _STATE_COLOURS.get(code, _LINE_COLOURS[i % len(_LINE_COLOURS)])
        ax.plot(data.day, data.share[:, i], color=colour, marker="o", markersize=3)
        if beside is not None:
            ax.plot(beside.day, beside.share[:, beside.codes.index(code)], color=colour,
                    linewidth=1.2, linestyle="--")  # fmt: skip
        ax.fill_between(data.day, data.share_q05[:, i], data.share_q95[:, i],
                        color=colour, alpha=0.2, linewidth=0)  # fmt: skip
        ax.annotate(name, (data.day[-1], ends[i]), xytext=(6, 0), textcoords="offset points",
                    va="center", fontsize=8, color=colour, annotation_clip=False)  # fmt: skip
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(mticker.PercentFormatter(1.0, decimals=0))
    locator = mdates.AutoDateLocator(maxticks=7)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(day_format(locator))
    ax.set_ylabel(say("axis.share", lang))
    if beside is not None:
        for style, word in (("-", "latest_fit"), ("--", "own_fit")):
            ax.plot([], [], color="#555555", linestyle=style, linewidth=1.4,
                    label=say(f"axis.{word}", lang))  # fmt: skip
        legend_below(ax)
    return ax


def _frame(ax: Axes, lang: str) -> None:
    ax.set_xlim(-0.52, len(COLUMNS) - 0.48)
    ax.set_ylim(len(ROWS) - 0.48, -0.52)
    ax.set_xticks(range(len(COLUMNS)), [say(f"axis.{c}", lang) for c in COLUMNS])
    ax.set_yticks(range(len(ROWS)), [say(f"axis.{r}", lang) for r in ROWS])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set_xlabel(say("axis.x", lang), parse_math=True)
    ax.set_ylabel(say("axis.y", lang), parse_math=True)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _grid_cell(ax: Axes, data: GridData, row: int, column: int, shade: float, lang: str) -> None:
    face = mpl.colormaps["Blues"](0.05 + 0.75 * shade)
    dark = shade > 0.7
    ink = "white" if dark else "#222222"
    edge = POLARITY_COLOURS.get(str(data.polarity[row, column]), "#8C8C8C")
    _rectangle(ax, column, row, face, edge)
    _name(ax, column, row, str(data.names[row, column]), ink)
    share = data.share[row, column]
    low, high = data.share_q05[row, column], data.share_q95[row, column]
    ax.text(column - 0.44, row + 0.08, f"{share:.1%}", fontsize=12, color=ink,
            ha="left", va="center")  # fmt: skip
    ax.text(column - 0.44, row + 0.4, f"{low:.1%}–{high:.1%}", fontsize=7, color=ink,
            ha="left", va="center")  # fmt: skip
    _change(ax, data, row, column, ink, lang)


def _change(ax: Axes, data: GridData, row: int, column: int, ink: str, lang: str) -> None:
    change = data.change[row, column]
    if not np.isfinite(change):
        return
    clear = data.change_q05[row, column] > 0 or data.change_q95[row, column] < 0
    alpha = 1.0 if clear else 0.45
    x, half = column + 0.28, 0.16 if change >= 0 else -0.16
    if abs(change) >= 0.0005:
        ax.add_patch(
            FancyArrowPatch((x, row + 0.1 + half), (x, row + 0.1 - half), arrowstyle="-|>",
                            mutation_scale=11, linewidth=1.8, color=ink, alpha=alpha)
        )  # fmt: skip
    ax.text(column - 0.44, row + 0.26, say("axis.points", lang, change=100 * change), fontsize=7,
            color=ink, alpha=alpha, ha="left", va="center")  # fmt: skip


def _rectangle(ax: Axes, column: float, row: float, face: object, edge: str) -> None:
    ax.add_patch(
        Rectangle((column - 0.485, row - 0.485), 0.97, 0.97, facecolor=face, edgecolor=edge,
                  linewidth=1.6)
    )  # fmt: skip


def _name(
    ax: Axes, column: float, row: float, name: str, ink: str, over: str | None = None
) -> None:
    """Write a cell's name in lines that fit a phone; on a ground of its own over arrows."""
    ground = None if over is None else {"facecolor": over, "edgecolor": "none", "pad": 1.0}
    ax.text(column - 0.44, row - 0.44, lines(_parted(name), 18).replace("- ", "-"), fontsize=7.5,
            color=ink, ha="left", va="top", zorder=5, bbox=ground)  # fmt: skip


def _parted(name: str) -> str:
    """Return a cell's name as it may be broken: a Korean one has its only joint at the hyphen."""
    name = name.removesuffix(" 고객")
    return name if " " in name else name.replace("-", "- ")


def _arrow(ax: Axes, origin: np.ndarray, destination: np.ndarray, n: int, share: float) -> None:
    below = np.array([0.0, _BELOW])
    start, end = origin + below, destination + below
    step = end - start
    length = float(np.hypot(*step))
    start, end = start + 0.2 * step / length, end - 0.22 * step / length
    ax.add_patch(
        FancyArrowPatch(tuple(start), tuple(end), arrowstyle="-|>", mutation_scale=9 + 9 * share,
                        linewidth=0.8 + 4 * share, color="#0072B2", alpha=0.7, zorder=2,
                        connectionstyle=f"arc3,rad={_BEND}")
    )  # fmt: skip
    x, y = _bend(ax, start, end)
    ax.text(x, y, f"{n:,}", fontsize=7.5, ha="center", va="center", color="#003f66", zorder=4,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none",
                  "alpha": 0.85})  # fmt: skip


def _bend(ax: Axes, start: np.ndarray, end: np.ndarray) -> tuple[float, float]:
    """Middle of the arc: arc3's control point lies _BEND of the length to the side, on screen."""
    one, two = ax.transData.transform([start, end])
    step = two - one
    control = (one + two) / 2 + _BEND * np.array([step[1], -step[0]])
    x, y = ax.transData.inverted().transform((one + two) / 4 + control / 2)
    return float(x), float(y)


def _apart(values: np.ndarray, gap: float) -> np.ndarray:
    """Shift labels up so that neighbours stand at least `gap` apart."""
    out = values.astype(float).copy()
    order = np.argsort(out)
    for lower, upper in itertools.pairwise(order):
        out[upper] = max(out[upper], out[lower] + gap)
    return out
