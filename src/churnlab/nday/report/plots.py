"""N-day pictures; numbers come from `churnlab.nday.report.data`."""

import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.ticker as mticker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from churnlab.nday.report import say, text
from churnlab.nday.report.data import CurveData, HeatData
from churnlab.nday.report.words import definition
from churnlab.report.style import COLOURS, day_format, legend_below, log_scale

#: Median, q05 and q95 of the plateau day (q95 null: none); None without a plateau.
type Flat = tuple[float, float, float | None] | None

_LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


def draw_heat(
    ax: Axes, data: HeatData, *, plateau: Flat = None, n: int | None = None, lang: str = "en"
) -> Axes:
    """Draw signup days down, days since signup across, the share converted so far as colour.

    A row that stops changing colour is a cohort that stopped buying.
    """
    edges = np.append(data.days - 0.5, data.days[-1] + 0.5)
    rows = np.arange(len(data.dates) + 1) - 0.5
    colours = mpl.colormaps["cividis"].with_extremes(bad="#e6e6e6")
    top = float(np.nanquantile(data.ratio, 0.98))
    mesh = ax.pcolormesh(
        edges, rows, np.ma.masked_invalid(data.ratio), cmap=colours, vmin=0, vmax=top
    )
    bar = ax.figure.colorbar(mesh, ax=ax, format=mticker.PercentFormatter(1.0, decimals=0))
    bar.set_label(say("axis.converted", lang))
    shown = np.linspace(0, len(data.dates) - 1, min(len(data.dates), 8)).astype(int)
    ax.set_yticks(shown, [str(data.dates[i]) for i in shown])
    ax.invert_yaxis()
    if np.isnan(data.ratio).any():
        ax.plot([], [], "s", color="#e6e6e6", label=say("axis.not_yet", lang))
    # Colours that neither the map nor the page swallows.
    _mark_plateau(ax, plateau, lang, colour="#e53935")
    _mark(ax, n, lang, colour="#00b8d4")
    ax.set_xlabel(say("axis.day", lang))
    ax.set_ylabel(say("axis.signup_week" if data.weekly else "axis.signup_day", lang))
    ax.grid(visible=False)
    legend_below(ax)
    return ax


def draw_groups(ax: Axes, fitted: pd.DataFrame, *, n: int | None = None, lang: str = "en") -> Axes:
    """Draw each group's curve of `nday_fitted` with its 90% band, highest conversion first."""
    parts = {str(g): part for g, part in fitted.groupby("group") if g != "all"}
    by_end = sorted(parts, key=lambda g: -float(parts[g]["model"].iloc[-1]))
    for i, group in enumerate(by_end):
        rows, colour = parts[group], _LINES[i % len(_LINES)]
        said = say("axis.signups", lang, group=group, n=int(rows["at_risk"].iloc[0]))
        band = (rows["model_q05"], rows["model_q95"])
        ax.fill_between(rows["day"], *band, color=colour, alpha=0.18, lw=0)
        ax.plot(rows["day"], rows["model"], color=colour, label=said)
    _mark(ax, n, lang)
    ax.set_ylim(bottom=0)
    return finish(ax, "day", "converted", lang, percent=True)


def draw_curve(
    ax: Axes, data: CurveData, *, plateau: Flat = None, n: int | None = None, lang: str = "en"
) -> Axes:
    """Draw cohorts faintly, the pooled curve, the model's band and where it goes flat."""
    days = data.days[: data.cohorts.shape[1]]
    for line in data.cohorts:
        ax.plot(days, line[: len(days)], color=COLOURS["muted"], alpha=0.25, lw=0.7)
    ax.fill_between(data.days, data.model_q05, data.model_q95, color=COLOURS["model"], alpha=0.25)
    ax.plot(data.days, data.model, color=COLOURS["model"], label=say("axis.model", lang))
    ax.plot(data.days, data.data, ".", color=COLOURS["actual"], label=say("axis.data", lang))
    _mark_plateau(ax, plateau, lang)
    _mark(ax, n, lang)
    # A small cohort's jump must not press the curve flat.
    ax.set_ylim(0, 1.6 * float(np.nanmax(data.model_q95)))
    return finish(ax, "day", "converted", lang, percent=True)


def draw_hazard(
    ax: Axes,
    data: CurveData,
    *,
    threshold: float | None = None,
    n: int | None = None,
    lang: str = "en",
) -> Axes:
    """Draw the hazard on a log axis, with the plateau's threshold."""
    model, said = COLOURS["model"], say("axis.model", lang)
    low, high = np.maximum(data.hazard_q05, 1e-5), np.maximum(data.hazard_q95, 1e-5)
    ax.fill_between(data.days, low, high, color=model, alpha=0.25, step="mid")
    ax.step(data.days, data.hazard, where="mid", color=model, label=said)
    seen = data.data_hazard > 0
    ax.plot(
        data.days[seen], data.data_hazard[seen], ".", color=COLOURS["actual"],
        label=say("axis.data", lang),
    )  # fmt: skip
    if threshold is not None:
        ax.axhline(threshold, color=COLOURS["bad"], ls="--", lw=1, label=f"h = {threshold:.2%}")
    log_scale(ax, "y")
    ax.yaxis.set_major_formatter(mticker.FuncFormatter(lambda v, _: f"{100 * v:g}%"))
    _mark(ax, n, lang)
    return finish(ax, "day", "hazard", lang, percent=False)


def draw_plateau(ax: Axes, table: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw the posterior of the plateau day (`nday_plateau`), a colour per definition."""
    names = table["definition"].drop_duplicates()
    width = 0.8 / max(len(names), 1)
    for i, name in enumerate(names):
        rows = table[table["definition"] == name]
        known, none = rows.dropna(subset="day"), rows["day"].isna()
        said = definition(name, lang, short=True)
        if none.any():
            said += "\n" + say("axis.none", lang, p=float(rows.loc[none, "probability"].sum()))
        days = known["day"].to_numpy(float) + (i - (len(names) - 1) / 2) * width
        ax.bar(days, known["probability"], width, color=_LINES[i], label=said)
    ax.set_ylim(0, 1.05)
    ax.xaxis.set_major_locator(mticker.MaxNLocator(integer=True))
    return finish(ax, "day", "probability", lang, percent=True)


def draw_value(
    ax: Axes,
    table: pd.DataFrame,
    *,
    recommended: int | None = None,
    n: int | None = None,
    lang: str = "en",
) -> Axes:
    """Draw value over N under every reading, with its best N and the recommended one.

    table: Rows of `nday_value` at one uplift.
    """
    for i, (reading, rows) in enumerate(table.groupby("reading", sort=False)):
        colour, best = _LINES[i % len(_LINES)], rows.iloc[int(rows["value"].argmax())]
        band = (rows["value_q05"], rows["value_q95"])
        ax.fill_between(rows["n"], *band, color=colour, alpha=0.2)
        said = say("axis.best", lang, reading=text.reading(str(reading), lang), n=int(best["n"]))
        ax.plot(rows["n"], rows["value"], color=colour, label=said)
        ax.plot(best["n"], best["value"], "o", color=colour)
    ax.axhline(0.0, color=COLOURS["muted"], lw=0.8)
    if recommended is not None:
        ax.axvline(recommended, color=COLOURS["actual"], lw=1.6,
                   label=say("axis.recommended", lang, n=recommended))  # fmt: skip
    _mark(ax, n, lang)
    return finish(ax, "n", "value", lang, percent=False)


def draw_held_out(ax: Axes, rows: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw the predicted intervals of held-out cohorts and what came (`data.held_out`)."""
    quantity, rows = rows["quantity"].iloc[0], rows.assign(x=mdates.date2num(rows["signup_date"]))
    said = say("axis.predicted", lang)
    ax.vlines(rows["x"], rows["q05"], rows["q95"], color=COLOURS["model"], alpha=0.5, label=said)
    inside = rows["inside"].astype(bool)
    for part, mark, colour, key in (
        (rows[inside], "o", "actual", "realised"), (rows[~inside], "x", "bad", "outside")
    ):  # fmt: skip
        if len(part):
            said = say(f"axis.{key}", lang)
            ax.plot(part["x"], part["realised"], mark, ms=3.5, color=COLOURS[colour], label=said)
    ax.xaxis_date()
    locator = mdates.AutoDateLocator(maxticks=7)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(day_format(locator))
    if quantity != "waste":
        ax.yaxis.set_major_formatter(mticker.PercentFormatter(1.0))
    ax.set_ylabel(say(f"quantity.{quantity}", lang))
    ax.legend()
    return ax


def _mark(ax: Axes, n: int | None, lang: str, colour: str = COLOURS["baseline"]) -> None:
    if n is not None:
        ax.axvline(n, color=colour, ls=":", lw=1.6, label=say("axis.in_use", lang, n=n))


def _mark_plateau(ax: Axes, plateau: Flat, lang: str, colour: str = COLOURS["good"]) -> None:
    """Mark the day the curve goes flat; its 90% interval is shaded."""
    if plateau is None:
        ax.plot([], [], " ", label=say("axis.no_plateau", lang))
        return
    mid, low, high = plateau
    end = ax.get_xlim()[1] if high is None else high
    ax.axvspan(low, end, color=colour, alpha=0.15, lw=0)
    key = "axis.plateau_open" if high is None else "axis.plateau"
    said = say(key, lang, mid=mid, low=low, high=high)
    ax.axvline(mid, color=colour, lw=1.6, label=said)


def finish(ax: Axes, x: str, y: str, lang: str, *, percent: bool) -> Axes:
    """Label the axes by key and show the legend."""
    ax.set_xlabel(say(f"axis.{x}", lang))
    ax.set_ylabel(say(f"axis.{y}", lang))
    if percent:
        ax.yaxis.set_major_formatter(mticker.PercentFormatter(1.0))
    ax.legend()
    return ax
