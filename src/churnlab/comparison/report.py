"""Runs side by side in words, as a table and as a picture."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from churnlab.comparison.figures import LOWER_IS_BETTER, SCORES
from churnlab.report import words
from churnlab.report.catalogue import MISSING, Catalogue, date, signed
from churnlab.report.front import data_name
from churnlab.report.labels import label, window
from churnlab.report.style import COLOURS
from churnlab.runs import Run

say = Catalogue(__file__)
#: Lines of a picture or of a table on the console, per window.
MOST: Final = 15


def head(opened: Mapping[str, Run], lang: str = "en") -> str:
    """Return the report's title, whose data the runs are of, and up to which days."""
    data = dict.fromkeys(data_name(run) for run in opened.values())
    steps = [step for run in opened.values() for step in (run, run.part("check")) if step]
    days = {
        str(step.json(name)["as_of"])
        for step in steps
        for name in ("data_report.json", "fit.json")
        if step.has(name)
    }
    known = ", ".join(date(day, lang) for day in sorted(days))
    of = say("of" if known else "of_data", lang, data=", ".join(data), days=known)
    return f"# {say('title', lang)}\n\n{of}"


def answer(table: pd.DataFrame, lang: str = "en") -> list[str]:
    """Return, for people, which run forecasts best and what each says of one number.

    Candidates are named in `details`.
    """
    lines = []
    for best, other in _pairs(table):
        key = "alone" if other is None else "best"
        line = say(key, lang, window=window(best["target"], lang), run=best["run"])
        if other is not None:
            key = "apart" if other["q05"] > best["q95"] else "alike"
            line += " " + say(key, lang, run=other["run"])
        lines.append(line)
    for figure in ("at_risk_share", "n"):
        rows = table[table["figure"] == figure].dropna(subset="value")
        if len(rows) > 1:
            each = [say(f"of_{figure}", lang, run=row["run"], value=row["value"])
                    for _, row in rows.iterrows()]  # fmt: skip
            lines.append(say(figure, lang, each=", ".join(each)))
    return lines or [say("no_scores", lang)]


def checks(table: pd.DataFrame, lang: str = "en") -> str:
    """Return the candidates behind the answers, and all figures."""
    numbers = words.bullets(details(table, lang), none="")
    told = [say("details", lang), numbers] if numbers else []
    return "\n\n".join([*told, f"**{say('all', lang)}**", markdown(table, lang)])


def details(table: pd.DataFrame, lang: str = "en") -> list[str]:
    """Return the candidates behind the answers, with their scores."""
    return [
        say("detail", lang, window=window(best["target"], lang),
            each="; ".join(say("candidate", lang, **row) for row in pair if row is not None))
        for pair in _pairs(table) for best in pair[:1]
    ]  # fmt: skip


def _pairs(table: pd.DataFrame) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Return the best candidate of each window, and the best of the other runs."""
    pairs = []
    for _, rows in _scores(table).groupby("target", sort=False):
        best = rows.iloc[0]
        others = rows[rows["run"] != best["run"]]
        other = _values(others.iloc[0]) if len(others) else None
        pairs.append((_values(best), other))
    return pairs


def _values(row: pd.Series) -> dict[str, Any]:
    return {str(key): value for key, value in row.items()}


def console(table: pd.DataFrame) -> list[str]:
    """Return the table for a terminal: scores best first, other figures with the runs beside."""
    lines: list[str] = []
    for target, wide in _scored(table):
        lines += [f"{target}, best first:", *_printed(wide.head(MOST), ".4f")]
    rest, keys = _others(table)
    return [*lines, *_printed(_beside(rest, keys, "value"), ".4g")] if len(rest) else lines


def markdown(table: pd.DataFrame, lang: str = "en") -> str:
    """Return all figures as Markdown tables: scores best first, others with the runs beside."""
    parts = []
    for target, wide in _scored(table):
        shown = label.heads(say.heads(wide, lang), lang)
        formats = {str(name): ".4f" for name in shown.columns[2:-1]}  # the last is text
        parts += [f"**{window(target, lang)}**", words.table(shown, formats, names=2)]
    rest, keys = _others(table)
    if len(rest):
        named = [" · ".join(filter(None, row)) for row in rest[keys].itertuples(index=False)]
        written = [_written(row) for _, row in rest.iterrows()]
        told = _beside(rest.assign(figure=named, written=written), ["figure"], "written")
        parts.append(words.table(say.heads(told, lang), names=1))
    return "\n\n".join(parts)


def _scored(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return the scores of each window, a row each candidate of a run, best first."""
    for target, rows in table[table["figure"].isin(SCORES)].groupby("target", sort=False):
        ends = _scores(rows).set_index(["run", "name"])
        wide = rows.pivot_table(index=["run", "name"], columns="figure", values="value", sort=False)
        wide = wide.loc[ends.index]
        wide["brier 90%"] = [_interval(row, ".4f") for _, row in ends.iterrows()]
        yield str(target), wide.reset_index()


def _others(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return what is no score, and the columns that tell its rows apart."""
    rest = table[~table["figure"].isin(SCORES)]
    return rest, [k for k in ("command", "target", "name") if len(set(rest[k])) > 1] + ["figure"]


def _beside(rest: pd.DataFrame, keys: list[str], values: str) -> pd.DataFrame:
    """Return one column of values for each run."""
    told = rest.drop_duplicates([*keys, "run"]).set_index([*keys, "run"])[values]
    return told.unstack("run", sort=False).reset_index()  # noqa: PD010 - that drops empty rows


def _printed(wide: pd.DataFrame, spec: str) -> list[str]:
    text = wide.to_string(index=False, float_format=f"{{:{spec}}}".format, na_rep=MISSING)
    return text.split("\n")


def _written(row: pd.Series) -> str:
    """Return a figure with its interval, where it has one."""
    value = row["value"]
    if pd.isna(value):  # no day is recommended, say
        return MISSING
    text = signed(f"{value:,.0f}" if value == round(value) else f"{value:.4g}")
    ends = _interval(row, ".4g")
    return text if ends == MISSING else f"{text} ({ends})"


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
    if pd.isna(low):
        return MISSING
    dash = "–" if low >= 0 else " … "  # a minus beside a dash is hard to read
    return dash.join(signed(f"{end:{spec}}") for end in (low, high))
