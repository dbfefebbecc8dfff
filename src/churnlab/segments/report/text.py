"""What the report of the segments says, with numbers from the run folder."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churnlab.fitting.report.text import late_lines
from churnlab.metrics.binary import FITS
from churnlab.report.labels import label
from churnlab.report.notes import told
from churnlab.report.words import bullets, heading, table
from churnlab.runs.reading import Run
from churnlab.segments.report import say
from churnlab.vocabulary import SEGMENT_CODES


def name_column(lang: str) -> str:
    """Return the column that holds a cell's name."""
    return f"name_{lang}"


def question(segments: dict[str, Any], lang: str) -> str:
    """Return the question that the grid answers."""
    text = say("question", lang, n=segments["n_members"], as_of=segments["as_of"])
    return heading("question", lang) + "\n\n" + text


def answer(
    shares: pd.DataFrame,
    changes: pd.DataFrame | None,
    reestimation: pd.DataFrame | None,
    lang: str,
    segments: dict[str, Any] | None = None,
) -> str:
    """Return the shares of the groups in a sentence, what moved them, and the cells' table.

    With `segments.json` the first bullets say who is newly late, worth a message, probably gone.
    """
    groups = shares[(shares["level"] == "polarity") & (shares["n"] > 0)]
    if (groups["segment_code"] == "neutral").all():  # no visits are known: the purchase states
        groups = shares[(shares["level"] == "purchase_state") & (shares["n"] > 0)]
    said = [
        say("group", lang, name=g[name_column(lang)], **_share(g))
        + _moved(changes, g["level"], g["segment_code"], lang)
        + _why(reestimation, g["level"], g["segment_code"], lang)
        for g in groups.to_dict("records")
        if g["segment_code"] != "neutral"
    ]
    if segments is not None and "late" in segments:
        said = [*late_lines(segments, lang), *said]
    return "\n\n".join(
        (heading("answer", lang), bullets(said, none="–"), cells_table(shares, lang))
    )


def _share(row: Any) -> dict[str, float]:
    return {"share": row["share"], "low": row["share_q05"], "high": row["share_q95"]}


def _row(frame: pd.DataFrame, level: str, code: str) -> pd.Series[Any]:
    return frame[(frame["level"] == level) & (frame["segment_code"] == code)].iloc[0]


def _moved(changes: pd.DataFrame | None, level: str, code: str, lang: str) -> str:
    if changes is None:
        return ""
    row = _row(changes, level, code)
    points = {"change": "change", "low": "change_q05", "high": "change_q95"}
    values = {name: 100 * row[column] for name, column in points.items()}
    return say("moved", lang, day=row["compared_to"], **values)


def _why(moved: pd.DataFrame | None, level: str, code: str, lang: str) -> str:
    """Return a group's members then and now by the latest fit, and what was counted then."""
    if moved is None:
        return ""
    row = _row(moved, level, code)
    key = "why_new" if row["reestimation"] else "why"
    before = row["n_before"] + row["reestimation"]
    return say(key, lang, before=before, n=row["n"], own=row["n_before"])


def _shares(rows: pd.DataFrame, lang: str) -> list[str]:
    return [say("share", lang, **_share(row)) for row in rows.to_dict("records")]


def cells_table(shares: pd.DataFrame, lang: str) -> str:
    """Return the cells that anybody stands in, largest first."""
    cells = shares[(shares["level"] == "segment") & (shares["n"] > 0)]
    shown = cells.sort_values("share", ascending=False)
    columns = {"cell": shown[name_column(lang)], "members": shown["n"].map("{:,}".format),
               "share": _shares(shown, lang)}  # fmt: skip
    return table(say.heads(pd.DataFrame(columns), lang))


def grid_claim(shares: pd.DataFrame, lang: str) -> str:
    """Return the claim of the grid figure: its largest cell, without visits its largest state."""
    visited = shares["segment_code"].isin(SEGMENT_CODES) & (shares["n"] > 0)
    level = "segment" if visited.any() else "purchase_state"
    cells = shares[shares["level"] == level].sort_values("share").iloc[-1]
    return say("grid_claim", lang, name=cells[name_column(lang)], share=cells["share"])


def leaks(leaked: pd.DataFrame, lang: str) -> str:
    """Return the core's leak as a sentence."""
    total = leaked[leaked["destination"] == "total"].iloc[0]
    if total["n_core"] == 0:
        return say("leak.empty", lang)
    return say("leak.share", lang, n=int(total["n_core"]), **_share(total))


def core(run: Run, segments: dict[str, Any], lang: str) -> str:
    """Return who left the core: the alert's sentence, without a verdict what the moves say."""
    found = segments["core_leak"]
    if found is not None and found["alert"] is not None:
        return leak_alert(found, lang)
    moved = run.frame("leaks.parquet") if run.has("leaks.parquet") else None
    return "" if moved is None or not moved["n_core"].any() else leaks(moved, lang)


def leak_alert(found: dict[str, Any] | None, lang: str) -> str:
    """Return the core-leak alert for people, or why there is none."""
    if found is None:
        return ""
    reason = told(found["reason"], lang)
    if found["alert"] is None:
        return say("leak.none", lang, reason=reason)
    text = say(
        "leak.text", lang, days=found["period_days"], share=found["share"], n=found["n_core"],
        usual=found["usual_share"],
    )  # fmt: skip
    weak = "" if found["reason"] is None else say("leak.weak", lang, reason=reason)
    return say("leak.alert" if found["alert"] else "leak.quiet", lang, text=text) + weak


def over_time_claim(shares: pd.DataFrame, level: str, lang: str) -> str:
    """Return how a level's first group moved from the first day to the last, by the latest fit."""
    rows = shares[(shares["scored_by"] == "latest_fit") & (shares["level"] == level)]
    rows = rows[rows["segment_code"] == rows["segment_code"].iloc[0]].sort_values("as_of")
    first, last = rows.iloc[0], rows.iloc[-1]
    return say("over_time_claim", lang, name=first[name_column(lang)], a=first["share"],
               b=last["share"], day=first["as_of"])  # fmt: skip


def behaviour(moved: pd.DataFrame, lang: str) -> str:
    """Return, per group and cell, what customers did and what the new fit alone moved."""
    some = moved["level"].isin(["polarity", "segment"]) & (moved["n_before"] + moved["n"] > 0)
    shown = moved[some]
    columns = {
        "name": shown[name_column(lang)], "n_before": shown["n_before"].map("{:,}".format),
        "reestimation": shown["reestimation"].map(_change), "behaviour":
        shown["behaviour"].map(_change), "now": shown["n"].map("{:,}".format),
    }  # fmt: skip
    return say("behaviour", lang) + "\n\n" + table(say.heads(pd.DataFrame(columns), lang))


def _change(n: int) -> str:
    return f"{n:+,}".replace("-", "−")


def calibrations(run: Run, lang: str) -> str:
    """Return the printed calibrations with their verdicts, marks first; nothing without any."""
    kinds = {"churn_band": "churn_band", "visits": "horizon_days"}
    files = {"churn_band": "churn_band_calibration.parquet", "visits": "visit_calibration.parquet"}
    lines = {kind: run.frame(file) for kind, file in files.items() if run.has(file)}
    judged = {kind: rows[rows["n"] > 0] for kind, rows in lines.items()}
    return "\n\n".join(
        _calibration(rows, kind, kinds[kind], lang) for kind, rows in judged.items() if len(rows)
    )


def _calibration(rows: pd.DataFrame, kind: str, line: str, lang: str) -> str:
    fits = int((rows["verdict"] == FITS).sum())
    what = say(f"calibration.{kind}", lang)
    head = say("calibration.head", lang, what=what, fits=fits, n=len(rows))
    keep = [line, *(c for c in ("forecast_band",) if c in rows), "n", "forecast", "observed"]
    rows = rows.assign(**{line: rows[line].astype(str).str.replace("-", "–")})
    if "forecast_band" in rows:
        bands = rows["forecast_band"].str.replace("-", "–")
        rows = rows.assign(forecast_band=bands.replace("all", say("calibration.all", lang)))
    shown = rows[keep].assign(
        interval=[f"{r.observed_q05:.1%}–{r.observed_q95:.1%}" for r in rows.itertuples()],
        verdict=[say(f"calibration.{verdict}", lang) for verdict in rows["verdict"]],
    )
    formats = {say(f"col.{c}", lang): ".1%" for c in ("forecast", "observed")}
    return head + "\n\n" + table(say.heads(shown, lang), formats)


def breakdowns(run: Run, lang: str) -> str:
    """Return one table per member attribute that was asked for: each value's groups."""
    found = [run.frame(name) for name in run.names("breakdown_*.parquet")]
    return "\n\n".join(_breakdown(frame, lang) for frame in found)


def _breakdown(frame: pd.DataFrame, lang: str) -> str:
    level = "polarity"
    if (frame.loc[(frame["level"] == level) & (frame["n"] > 0), "segment_code"] == "neutral").all():
        level = "purchase_state"
    rows = frame[frame["level"] == level]
    members = rows.groupby("value", sort=False)["n"].sum()
    shown = {
        str(name): _shares(part, lang)
        for name, part in rows.groupby(name_column(lang), sort=False)
        if part["n"].sum()
    }
    column = str(frame["attribute"].iloc[0])
    head = {column: members.index, say("col.members", lang): members.map("{:,}".format)}
    title = say("attribute", lang, attribute=column)
    return title + "\n\n" + table(pd.DataFrame(head | shown))


def channel(name: str, lang: str) -> str:
    """Return a channel in words; one of the user's own stands as it is."""
    return say(f"channel.{name}", lang) if say.has(f"channel.{name}") else name


def actions(frame: pd.DataFrame, lang: str) -> str:
    """Return the actions with somebody to reach, those that reach most first."""
    frame = frame[frame["n"] > 0].sort_values("n", ascending=False)
    shown = pd.DataFrame(
        {
            "text": frame[f"text_{lang}"], "channel": [channel(c, lang) for c in frame["channel"]],
            "reached": frame["n"].map("{:,}".format), "action_id": frame["action_id"],
        }
    )  # fmt: skip
    return say("actions", lang) + "\n\n" + table(say.heads(shown, lang))


def unreached(frame: pd.DataFrame, lang: str) -> list[str]:
    """Return why actions reach nobody: each reason once, with the actions."""
    empty = frame[frame["n"] == 0].groupby("reason", sort=False)["action_id"]
    return [
        say("unreached", lang, reason=told(str(reason), lang), names=", ".join(ids))
        for reason, ids in empty
    ]


def checks(run: Run, segments: dict[str, Any], lang: str) -> str:
    """Return thresholds, cut points and what had to be decided on the way."""
    cut = segments["threshold"]
    risk = label(f"formula.{cut['basis']}", lang)
    items = [say("checks.threshold", lang, risk=risk, value=cut["value"], rule=cut["rule"])]
    if segments["visit_cuts"]:
        low, high = segments["visit_cuts"]
        items.append(say("checks.visit_cuts", lang, low=low, high=high))
    leak = segments["core_leak"]
    if leak is not None and leak["alert"] is None:
        items.append(leak_alert(leak, lang))
    elif leak is not None:
        items.append(say("leak.check", lang, p=leak["p_value"], periods=leak["n_periods"],
                         level=leak["level"]))  # fmt: skip
    items += [told(note, lang) for note in (*cut["notes"], *segments["notes"])]
    if run.has("reestimation.parquet"):
        moved = run.frame("reestimation.parquet")
        moved = moved[moved["level"] == "segment"]
        n = int(moved["moved_by_reestimation"].sum()) // 2
        items.append(say("checks.reestimated", lang, n=n))
    items += unreached(run.frame("actions.parquet"), lang)
    return heading("checks", lang) + "\n\n" + bullets(items, none="–")


def change_our_mind(lang: str) -> str:
    """Return what would change the conclusion."""
    return heading("change_our_mind", lang) + "\n\n" + bullets(say.several("mind", lang), none="")
