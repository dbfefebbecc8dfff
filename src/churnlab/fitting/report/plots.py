"""Figures of a fit: three customers' silence, shrinkage of the cycles, predictive checks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, MaxNLocator
from numpy.typing import ArrayLike

from churnlab.fitting.report import data
from churnlab.models.draws import PopulationDraws
from churnlab.report.labels import label
from churnlab.report.style import COLOURS, log_scale
from churnlab.types import Array

_COLOURS = ("#0072B2", "#009E73", "#D55E00")


def silence(
    axes: Sequence[Axes],
    draws: PopulationDraws,
    people: pd.DataFrame,
    *,
    horizon_days: int,
    threshold: float | None = None,
    fit: Mapping[str, Any],
    lang: str = "en",
) -> None:
    """Draw P(alive) and the risk of no purchase against silence, one line per customer.

    axes: Left P(alive), right P(no purchase in `horizon_days`).
    people: Rows of the customers table; dots mark where they stand today.
    threshold: On 1 - P(alive): drawn in the left panel.
    fit: ``fit.json``.
    """
    left, right = axes
    reach = max(
        1.3 * float(people["days_since_last"].max()), 3.0 * float(people["rhythm_days"].max())
    )
    days = np.unique(np.linspace(0.0, reach, 121).round())
    person: Any
    for person, colour in zip(people.itertuples(), _COLOURS, strict=False):
        name = label("customer", lang, name=person.customer_id, days=person.rhythm_days)
        today = float(person.days_since_last)
        curves = data.silence_curves(draws, person, days, horizon_days, fit)
        for ax, curve in zip(axes, curves, strict=True):
            risk_over_silence(ax, *curve, name=name, colour=colour, today=today, lang=lang)
    if threshold is not None:
        left.axhline(1 - threshold, color="#555555", lw=1, ls=":")
        said, at = label("threshold", lang), (0, 1 - threshold)
        left.annotate(said, at, ha="left", va="top", fontsize=8, color="#555555")
    left.set_ylabel(label("p_alive", lang))
    right.set_ylabel(label("no_purchase_in", lang, days=horizon_days))
    right.plot([], [], "o", color=COLOURS["actual"], label=label("today", lang))
    right.legend(title=label("rhythm", lang), loc="lower right")


def shrinkage(ax: Axes, pairs: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw each repeat customer's mean gap against the posterior cycle; the more gaps, the darker.

    pairs: `x`, `mean_gap_days`, `cycle_days`.
    """
    shown = pairs[pairs["mean_gap_days"] > 0].sort_values("x")
    x, y, gaps = shown["mean_gap_days"], shown["cycle_days"], np.log2(shown["x"])
    points = ax.scatter(x, y, c=gaps, s=10, cmap="viridis_r", alpha=0.7, linewidths=0)
    both = pd.concat([shown["mean_gap_days"], shown["cycle_days"]])
    ends = [float(both.min()), float(both.max())]
    ax.plot(ends, ends, color="#999999", lw=1, ls="--")
    log_scale(ax, "xy")
    ax.set_xlabel(label("raw_gap", lang))
    ax.set_ylabel(label("posterior_cycle", lang))
    bar = ax.figure.colorbar(points, ax=ax, pad=0.02)
    ticks = [t for t in range(8) if t <= np.log2(max(int(shown["x"].max()), 1))]
    bar.set_ticks(ticks, labels=[str(2**t) for t in ticks])
    bar.set_label(label("gaps_observed", lang))
    return ax


def predictive(ax: Axes, counts: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw customers by repeat purchases: what came, 90% intervals before and after the data."""
    position = counts["repeats"].to_numpy(float)
    for name, width, colour in (
        ("prior", 0.8, COLOURS["muted"]),
        ("posterior", 0.45, COLOURS["model"]),
    ):
        low, high = counts[f"{name}_q05"], counts[f"{name}_q95"]
        ax.bar(
            position,
            high - low,
            width,
            bottom=low,
            color=colour,
            alpha=0.35 if name == "prior" else 0.7,
            linewidth=0,
            label=label(f"{name}_predictive", lang),
        )
    ax.plot(position, counts["observed"], "o", color=COLOURS["actual"], label=label("actual", lang))
    ax.set_yscale("symlog", linthresh=10)
    ax.yaxis.set_major_formatter(LogFormatter())  # matplotlib's own are mathematics
    ax.set_ylim(bottom=0)
    last = int(position[-1])
    ax.set_xticks(position, [*map(str, range(last)), f"{last}+"])
    ax.set_xlabel(label("repeat_purchases", lang))
    ax.set_ylabel(label("customers", lang))
    ax.legend()
    return ax


def risk_over_silence(
    ax: Axes,
    idle_days: ArrayLike,
    mean: ArrayLike,
    q05: ArrayLike,
    q95: ArrayLike,
    *,
    name: str,
    colour: str,
    today: float | None = None,
    mark: str = "",
    lang: str = "en",
) -> Axes:
    """Draw one customer's probability against the days of silence, with its band.

    idle_days, mean, q05, q95 (day,): Days since the last purchase, and the probability with its
        interval.
    today: Where the customer stands now; marked with a point.
    mark: What the point is, for the legend.
    """
    days, centre = np.asarray(idle_days, float), np.asarray(mean, float)
    ax.fill_between(days, np.asarray(q05), np.asarray(q95), color=colour, alpha=0.2, lw=0)
    ax.plot(days, centre, color=colour, label=name)
    if today is not None:
        at = np.interp(today, days, centre)
        ax.plot([today], [at], "o", color=colour, ms=6, label=mark or None)
    ax.set(xlabel=label("days_since_last", lang), ylim=(0, 1))
    return ax


def tracking(ax: Axes, weeks: pd.DataFrame, *, lang: str = "en") -> Axes:
    """Draw cumulative repeat purchases by week: what came, and what each model expects.

    weeks: `candidate`, `week`, `cumulative_actual`, `cumulative_expected`, `cumulative_q05`,
        `cumulative_q95`: of a fit `data.repeats_by_week`, held out a backtest's `tracking.parquet`.
    """
    alone = len(set(weeks["candidate"])) == 1
    for position, (name, rows) in enumerate(weeks.groupby("candidate", sort=False)):
        said = label("model", lang) if alone else str(name)
        colour = f"C{position}"
        band = (rows["cumulative_q05"], rows["cumulative_q95"])
        ax.fill_between(rows["week"], *band, color=colour, alpha=0.15, lw=0)
        ax.plot(rows["week"], rows["cumulative_expected"], color=colour, label=said)
    first = weeks.drop_duplicates("week")
    x, y, said = first["week"], first["cumulative_actual"], label("actual", lang)
    ax.plot(x, y, color=COLOURS["actual"], lw=2.4, label=said)
    ax.set(xlabel=label("week", lang), ylabel=label("cumulative_purchases", lang))
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left", title=label("band_90", lang))
    return ax


def matrix(
    ax: Axes, x: ArrayLike, silence: ArrayLike, p_alive: ArrayLike, *, lang: str = "en"
) -> Axes:
    """Draw P(alive) by repeat purchases, up, and days of silence, across."""
    mesh = ax.pcolormesh(silence, x, p_alive, cmap="viridis", vmin=0, vmax=1, shading="nearest")
    ax.figure.colorbar(mesh, ax=ax, pad=0.02, label=label("p_alive", lang))
    ax.set(xlabel=label("days_since_last", lang), ylabel=label("repeat_purchases", lang))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def lateness(
    ax: Axes,
    alive_over: Callable[[float], Callable[[str], data.SilenceCurve]],
    people: pd.DataFrame,
    *,
    lang: str = "en",
) -> Axes:
    """Draw customers' P(alive) against silence, the day from which each is at risk marked.

    alive_over: Days of silence to what tells a customer's curve up to there, by id.
    people: Rows of the customers table.
    """
    late = (people["at_risk_date"] - people["last_purchase_at"]).dt.days.to_numpy(float)
    curve_of = alive_over(max(1.3 * np.nanmax(late), float(people["rhythm_days"].max())))
    person: Any
    for person, colour, day in zip(people.itertuples(), _COLOURS, late, strict=False):
        name = label("customer", lang, name=person.customer_id, days=person.rhythm_days)
        risk_over_silence(
            ax, *curve_of(person.customer_id), name=name, colour=colour, today=float(day), lang=lang
        )
    ax.plot([], [], "o", color=COLOURS["actual"], label=label("late_from", lang))
    ax.set_ylabel(label("p_alive", lang))
    ax.legend(title=label("rhythm", lang))
    return ax


def parameters(
    panels: Sequence[Axes], drawn: Mapping[str, tuple[Array, Array]], *, lang: str = "en"
) -> None:
    """Draw posterior and prior of each quantity, one panel each, where the posterior lies.

    drawn: Posterior and prior draws by name, each of shape (draw,).
    """
    for ax, (name, (posterior, prior)) in zip(panels, drawn.items(), strict=True):
        edges = np.linspace(posterior.min(), posterior.max(), 31)
        ax.hist(posterior, edges.tolist(), density=True, color=COLOURS["model"], alpha=0.7,
                label=label("posterior", lang))  # fmt: skip
        wide = edges[::5]  # prior draws are few where the posterior lies
        inside = np.histogram(prior, wide)[0] / (len(prior) * np.diff(wide))
        ax.stairs(inside, wide, color=COLOURS["actual"], label=label("prior", lang))
        ax.set(xlabel=name, yticks=[])
    panels[0].legend(fontsize=8)
