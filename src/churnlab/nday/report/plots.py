"""N-day pictures; numbers come from `churnlab.nday.report.data`."""

from __future__ import annotations

from typing import Final

import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.ticker as mticker
import numpy as np
from matplotlib.axes import Axes

from churnlab.errors import UsageError
from churnlab.nday.report.data import (
    CurveData,
    GroupCurves,
    HeatData,
    HeldOutData,
    PlateauData,
    ValueData,
)
from churnlab.report.style import COLOURS, log_scale

#: Median, q05 and q95 of the plateau day (q95 null: none); None without a plateau.
type Flat = tuple[float, float, float | None] | None

_LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "day": ("days since signup", "가입 후 일수"),
    "converted": ("buyers / signups", "구매자 / 가입자"),
    "hazard": ("share of the unconverted who buy that day", "미구매자 중 당일 구매 비율"),
    "data": ("data, all cohorts", "전체 코호트 자료"),
    "model": ("model, 90% band", "모형, 90% 구간"),
    "probability": ("posterior probability", "사후 확률"),
    "none": ("none inside the follow-up: {:.0%}", "관찰 기간 내 없음: {:.0%}"),
    "n": ("N: day of the message", "N: 메시지 발송일"),
    "value": ("value per signup", "가입자당 가치"),
    "best": ("best N = {}", "최적 N = {}"),
    "never_converts": ("never converts (attention stays)", "원래 구매하지 않음 (관심 유지)"),
    "lost_interest": ("lost interest (attention fades)", "관심 상실 (관심 감소)"),
    "plateau": ("plateau: day {} ({}..{})", "정체: {}일 ({}~{})"),
    "no_plateau": ("no plateau", "정체 구간 없음"),
    "never": ("none", "없음"),
    "signup_day": ("signup day", "가입일"),
    "signup_week": ("signup week (Monday)", "가입 주 (월요일)"),
    "not_yet": ("not over yet", "아직 관찰되지 않음"),
    "recommended": ("recommended: day {}", "권장: {}일"),
    "signups": ("{}: {:,} signups", "{}: 가입 {:,}명"),
    "in_use": ("N in use", "현재 N"),
    "predicted": ("predicted, 90% interval", "예측, 90% 구간"),
    "realised": ("realised", "실현"),
    "outside": ("realised, outside", "실현, 구간 밖"),
    "reach": ("reach", "도달률"),
    "organic_after": ("organic share after N", "N일 이후 자발적 전환율"),
    "waste": ("wasted incentive per signup", "가입자당 낭비 비용"),
    "conversion": ("conversion in the window", "관찰 기간 전환율"),
}


def words(key: str, lang: str) -> str:
    """Return the words for a key."""
    if lang not in ("en", "ko"):
        raise UsageError(f"lang must be en or ko; got {lang!r}.")
    if key.startswith("lost_interest_half_life_"):
        return f"{_WORDS['lost_interest'][lang == 'ko']}: {key.rpartition('_')[2]}"
    return _WORDS[key][lang == "ko"] if key in _WORDS else key


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
    bar.set_label(words("converted", lang))
    shown = np.linspace(0, len(data.dates) - 1, min(len(data.dates), 8)).astype(int)
    ax.set_yticks(shown, [str(data.dates[i]) for i in shown])
    ax.invert_yaxis()
    if np.isnan(data.ratio).any():
        ax.plot([], [], "s", color="#e6e6e6", label=words("not_yet", lang))
    # Colours that neither the map nor the page swallows.
    _mark_plateau(ax, plateau, lang, colour="#e53935")
    _mark(ax, n, lang, colour="#00b8d4")
    ax.set_xlabel(words("day", lang))
    ax.set_ylabel(words("signup_week" if data.weekly else "signup_day", lang))
    ax.grid(visible=False)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
    return ax


def draw_groups(ax: Axes, data: GroupCurves, *, n: int | None = None, lang: str = "en") -> Axes:
    """Draw the curve of each group (lead type, channel) with its 90% band."""
    for i, group in enumerate(data.groups):
        colour = _LINES[i % len(_LINES)]
        said = words("signups", lang).format(group, data.signups[i])
        ax.fill_between(data.days, data.q05[i], data.q95[i], color=colour, alpha=0.18, lw=0)
        ax.plot(data.days, data.model[i], color=colour, label=said)
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
    ax.plot(data.days, data.model, color=COLOURS["model"], label=words("model", lang))
    ax.plot(data.days, data.data, ".", color=COLOURS["actual"], label=words("data", lang))
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
    floor = 1e-5
    ax.fill_between(
        data.days,
        np.maximum(data.hazard_q05, floor),
        np.maximum(data.hazard_q95, floor),
        color=COLOURS["model"],
        alpha=0.25,
        step="mid",
    )
    ax.step(data.days, data.hazard, where="mid", color=COLOURS["model"], label=words("model", lang))
    seen = data.data_hazard > 0
    ax.plot(
        data.days[seen], data.data_hazard[seen], ".", color=COLOURS["actual"],
        label=words("data", lang),
    )  # fmt: skip
    if threshold is not None:
        ax.axhline(threshold, color=COLOURS["bad"], ls="--", lw=1, label=f"h = {threshold:.2%}")
    log_scale(ax, "y")
    ax.yaxis.set_major_formatter(mticker.FuncFormatter(lambda v, _: f"{100 * v:g}%"))
    _mark(ax, n, lang)
    return finish(ax, "day", "hazard", lang, percent=False)


def draw_plateau(ax: Axes, data: PlateauData, *, lang: str = "en") -> Axes:
    """Draw the posterior of the plateau day, a colour per definition."""
    width = 0.8 / max(len(data.definitions), 1)
    for i, name in enumerate(data.definitions):
        text = name
        if data.p_none[i] > 0:
            text += "\n" + words("none", lang).format(data.p_none[i])
        shift = (i - (len(data.definitions) - 1) / 2) * width
        ax.bar(data.days[i] + shift, data.probability[i], width, color=_LINES[i], label=text)
    ax.set_ylim(0, 1.05)
    return finish(ax, "day", "probability", lang, percent=True)


def draw_value(
    ax: Axes,
    data: ValueData,
    *,
    recommended: int | None = None,
    n: int | None = None,
    lang: str = "en",
) -> Axes:
    """Draw value over N under every reading, with its best N and the recommended one."""
    for i, reading in enumerate(data.readings):
        colour = _LINES[i % len(_LINES)]
        ax.fill_between(data.n, data.value_q05[i], data.value_q95[i], color=colour, alpha=0.2)
        best = words("best", lang).format(data.best_n[i])
        ax.plot(data.n, data.value[i], color=colour, label=f"{words(reading, lang)}: {best}")
        at = int(data.value[i].argmax())
        ax.plot(data.n[at], data.value[i, at], "o", color=colour)
    ax.axhline(0.0, color=COLOURS["muted"], lw=0.8)
    if recommended is not None:
        ax.axvline(recommended, color=COLOURS["actual"], lw=1.6,
                   label=words("recommended", lang).format(recommended))  # fmt: skip
    _mark(ax, n, lang)
    return finish(ax, "n", "value", lang, percent=False)


def draw_held_out(ax: Axes, data: HeldOutData, *, lang: str = "en") -> Axes:
    """Draw the predicted intervals of held-out cohorts and what came."""
    x = mdates.date2num(data.dates)
    ax.vlines(
        x, data.q05, data.q95, color=COLOURS["model"], alpha=0.5, label=words("predicted", lang)
    )
    inside = data.inside
    ax.plot(
        x[inside], data.realised[inside], "o", ms=3.5, color=COLOURS["actual"],
        label=words("realised", lang),
    )  # fmt: skip
    if (~inside).any():
        ax.plot(
            x[~inside], data.realised[~inside], "x", color=COLOURS["bad"],
            label=words("outside", lang),
        )  # fmt: skip
    ax.xaxis_date()
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(mdates.AutoDateLocator()))
    ax.set_ylabel(words(data.quantity, lang))
    ax.legend()
    return ax


def _mark(ax: Axes, n: int | None, lang: str, colour: str = COLOURS["baseline"]) -> None:
    if n is not None:
        ax.axvline(n, color=colour, ls=":", lw=1.6, label=f"{words('in_use', lang)} ({n})")


def _mark_plateau(ax: Axes, plateau: Flat, lang: str, colour: str = COLOURS["good"]) -> None:
    """Mark the day the curve goes flat; its 90% interval is shaded."""
    if plateau is None:
        ax.plot([], [], " ", label=words("no_plateau", lang))
        return
    mid, low, high = plateau
    end = ax.get_xlim()[1] if high is None else high
    last = words("never", lang) if high is None else f"{high:.0f}"
    ax.axvspan(low, end, color=colour, alpha=0.15, lw=0)
    said = words("plateau", lang).format(f"{mid:.0f}", f"{low:.0f}", last)
    ax.axvline(mid, color=colour, lw=1.6, label=said)


def finish(ax: Axes, x: str, y: str, lang: str, *, percent: bool) -> Axes:
    """Label the axes by key and show the legend."""
    ax.set_xlabel(words(x, lang))
    ax.set_ylabel(words(y, lang))
    if percent:
        ax.yaxis.set_major_formatter(mticker.PercentFormatter(1.0))
    ax.legend()
    return ax
