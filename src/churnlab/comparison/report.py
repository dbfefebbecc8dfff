"""Runs side by side in words, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from churnlab.comparison.figures import LOWER_IS_BETTER, SCORES
from churnlab.report import words
from churnlab.report.catalogue import MISSING, Catalogue, date, signed
from churnlab.report.front import data_name
from churnlab.report.labels import label
from churnlab.report.style import COLOURS
from churnlab.runs import Run

say = Catalogue(__file__)
#: Lines of a picture or of a table on the console, per window.
MOST: Final = 15


def head(opened: Mapping[str, Run], lang: str = "en") -> str:
    """Return the report's title, whose data the runs are of, and up to which days."""
    data = dict.fromkeys(data_name(run) for run in opened.values())
    days = {
        str(run.json(name)["as_of"])
        for run in opened.values()
        for name in ("data_report.json", "fit.json")
        if run.has(name)
    }
    known = ", ".join(date(day, lang) for day in sorted(days)) or MISSING
    return f"# {say('title', lang)}\n\n{say('of', lang, data=', '.join(data), days=known)}"


def answer(table: pd.DataFrame, lang: str = "en") -> list[str]:
    """Return which forecasts best, window by window, and whether other runs are worse."""
    scores = _scores(table)
    if scores.empty:
        return [say("no_scores", lang)]
    lines = []
    for _, rows in scores.groupby("target", sort=False):
        best = rows.iloc[0]
        others = rows[rows["run"] != best["run"]]
        values = {str(key): value for key, value in best.items()}
        line = say("best", lang, **values | {"target": window(best["target"], lang)})
        if len(others):
            other = others.iloc[0]
            key = "apart" if other["q05"] > best["q95"] else "alike"
            line += " " + say(key, lang, **other)
        lines.append(line)
    return lines


def console(table: pd.DataFrame) -> list[str]:
    """Return the table for a terminal: scores best first, other figures with the runs beside."""
    lines: list[str] = []
    scored = table["figure"].isin(SCORES)
    for target, rows in table[scored].groupby("target", sort=False):
        ends = _scores(rows).set_index(["run", "name"])
        wide = rows.pivot_table(index=["run", "name"], columns="figure", values="value", sort=False)
        wide = wide.loc[ends.index].head(MOST)
        wide["brier 90%"] = [_interval(row, ".4f") for _, row in ends.head(MOST).iterrows()]
        lines += [f"{target}, best first:", *_printed(wide, ".4f")]
    if not scored.all():
        others = table[~scored]
        keys = [k for k in ("command", "target", "name") if len(set(others[k])) > 1]
        wide = others.pivot_table(
            index=[*keys, "figure"], columns="run", values="value", sort=False
        )
        lines += _printed(wide, ".4g")
    return lines


def _printed(wide: pd.DataFrame, spec: str) -> list[str]:
    text = wide.reset_index().to_string(
        index=False, float_format=f"{{:{spec}}}".format, na_rep=MISSING
    )
    return text.split("\n")


def window(target: str, lang: str) -> str:
    """Return a window of days in words; other targets and levels as they are."""
    days = target.removesuffix("d")
    return label("days", lang, n=days) if target != days and days.isdigit() else target


def markdown(table: pd.DataFrame, lang: str = "en") -> str:
    """Return all figures as a Markdown table."""
    shown = table[["run", "target", "name", "figure", "value"]].assign(
        target=[window(target, lang) for target in table["target"]],
        value=[signed(f"{v:,.0f}" if v == round(v) else f"{v:.4g}") for v in table["value"]],
        interval=[_interval(row, ".4g") for _, row in table.iterrows()],
    )
    told = shown.loc[:, [bool((column.fillna("") != "").any()) for _, column in shown.items()]]
    return words.table(say.heads(told, lang))


def draw_scores(ax: Axes, table: pd.DataFrame, target: str, *, lang: str = "en") -> Axes:
    """Draw the Brier scores of one window with their intervals, the best on top."""
    rows = _scores(table).query("target == @target").head(MOST)[::-1]
    at = range(len(rows))
    error = [rows["value"] - rows["q05"], rows["q95"] - rows["value"]]
    ax.errorbar(rows["value"], at, xerr=error, fmt="o", color=COLOURS["model"], capsize=0)
    ax.set_yticks(
        at, [f"{run}: {name}" for run, name in zip(rows["run"], rows["name"], strict=True)]
    )
    ax.set_xlabel(say("intervals", lang))
    return ax


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    assert SCORES[0] in LOWER_IS_BETTER  # what comes first is best
    return table[table["figure"] == SCORES[0]]


def _interval(row: pd.Series, spec: str) -> str:
    low, high = row["q05"], row["q95"]
    return MISSING if pd.isna(low) else f"{low:{spec}}–{high:{spec}}"
