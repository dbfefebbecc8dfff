"""What the report of the segments says, in English and Korean, with numbers from the run folder."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churnlab.fitting.report.text import late_lines
from churnlab.metrics.binary import FITS, TOO_HIGH, TOO_LOW
from churnlab.report.words import bullets, heading, pick, table
from churnlab.runs.reading import Run
from churnlab.vocabulary import RISK_FORMULAS


def name_column(lang: str) -> str:
    """Return the column that holds a cell's name."""
    return pick(lang, "name_en", "name_ko")


def question(segments: dict[str, Any], lang: str) -> str:
    """Return the question that the grid answers."""
    text = pick(
        lang,
        "Where does each of {n:,} members stand on {as_of}, by visits and by purchases, and what "
        "has moved?",
        "{as_of} 현재 회원 {n:,}명은 방문·구매 기준으로 어디에 있으며, 무엇이 움직였는가?",
    )
    return (
        heading("question", lang)
        + "\n\n"
        + text.format(n=segments["n_members"], as_of=segments["as_of"])
    )


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
        pick(
            lang,
            f"{g.name_en}: **{g.share:.1%}** ({g.share_q05:.1%} to {g.share_q95:.1%})",
            f"{g.name_ko}: **{g.share:.1%}** ({g.share_q05:.1%}–{g.share_q95:.1%})",
        )
        + _moved(changes, str(g.level), str(g.segment_code), lang)
        + _why(reestimation, str(g.level), str(g.segment_code), lang)
        for g in groups.itertuples()
        if g.segment_code != "neutral"
    ]
    if segments is not None and "late" in segments:
        said = [*late_lines(segments, lang), *said]
    return "\n\n".join(
        (heading("answer", lang), bullets(said, none="–"), cells_table(shares, lang))
    )


def _moved(changes: pd.DataFrame | None, level: str, code: str, lang: str) -> str:
    if changes is None:
        return ""
    row = changes[(changes["level"] == level) & (changes["segment_code"] == code)].iloc[0]
    text = pick(
        lang,
        ", {c:+.1f} points ({lo:+.1f} to {hi:+.1f}) since {day}",
        ", {day} 이후 {c:+.1f}%p ({lo:+.1f}–{hi:+.1f})",
    )
    return text.format(
        c=100 * row["change"],
        lo=100 * row["change_q05"],
        hi=100 * row["change_q95"],
        day=str(row["compared_to"])[:10],
    )


def _why(moved: pd.DataFrame | None, level: str, code: str, lang: str) -> str:
    """Return what of a group's change is the customers', and the new fit's part beside it."""
    if moved is None:
        return ""
    row = moved[(moved["level"] == level) & (moved["segment_code"] == code)].iloc[0]
    text = pick(
        lang,
        ": {before:,} to {n:,} members, {behaviour:+,} by behaviour (both days by the latest fit). "
        "Not in it: {own:,} were counted then; {new:+,} because the model was fitted anew",
        ": {before:,}명에서 {n:,}명으로, 행동에 따른 변화 {behaviour:+,}명(두 날 모두 최신 적합으로 평가). "
        "여기에 넣지 않은 것: 당시에는 {own:,}명으로 집계되었고, 모형을 새로 적합한 데 따른 변화는 {new:+,}명",
    )
    return text.format(
        before=row["n_before"] + row["reestimation"],
        n=row["n"],
        behaviour=row["behaviour"],
        own=row["n_before"],
        new=row["reestimation"],
    )


def cells_table(shares: pd.DataFrame, lang: str) -> str:
    """Return the cells that anybody stands in, largest first."""
    cells = shares[(shares["level"] == "segment") & (shares["n"] > 0)]
    shown = cells.sort_values("share", ascending=False)
    frame = pd.DataFrame(
        {
            pick(lang, "cell", "셀"): shown[name_column(lang)],
            pick(lang, "members", "회원"): shown["n"].map("{:,}".format),
            pick(lang, "share", "비중"): [
                f"{r.share:.1%} ({r.share_q05:.1%}–{r.share_q95:.1%})" for r in shown.itertuples()
            ],
        }
    )
    return table(frame)


def grid_claim(shares: pd.DataFrame, lang: str) -> str:
    """Return the claim of the grid figure: its largest cell."""
    cells = shares[shares["level"] == "segment"].sort_values("share").iloc[-1]
    text = pick(lang, "Largest cell: {name} ({share:.0%})", "가장 큰 셀: {name} ({share:.0%})")
    return text.format(name=cells[name_column(lang)], share=cells["share"])


def grid_caption(lang: str) -> str:
    """Return how to read the grid figure."""
    return pick(
        lang,
        "Right: visits more active; up: purchases more active. Shade and number: share of all "
        "members, with its 90% interval. Arrow: change; pale where its interval holds zero. Frame: "
        "green positive, orange negative, grey neutral.",
        "오른쪽일수록 방문이, 위쪽일수록 구매가 활성화됩니다. 음영과 숫자: 전체 회원 대비 비중과 90% 구간. 화살표: "
        "변화(구간이 0을 포함하면 흐리게). 테두리: 초록 긍정, 주황 부정, 회색 중립.",
    )


def flows_title(lang: str) -> str:
    """Return the title of the transition figure."""
    return pick(lang, "Who moved where", "누가 어디로 이동했나")


def leaks(leaked: pd.DataFrame, lang: str) -> str:
    """Return the core's leak as a sentence."""
    total = leaked[leaked["destination"] == "total"].iloc[0]
    if total["n_core"] == 0:
        return pick(
            lang,
            "Nobody was in the core then, so nobody could leave it.",
            "당시 핵심 활성 고객이 없어 이탈도 없습니다.",
        )
    text = pick(
        lang,
        "Of {n:,} core customers then, {share:.1%} ({lo:.1%} to {hi:.1%}) have left the core, both "
        "days by the latest fit.",
        "당시 핵심 활성 고객 {n:,}명 중 {share:.1%}({lo:.1%}–{hi:.1%})가 핵심을 벗어났습니다(두 날 모두 최신 "
        "적합).",
    )
    return text.format(
        n=int(total["n_core"]), share=total["share"], lo=total["share_q05"], hi=total["share_q95"]
    )


def leak_alert(found: dict[str, Any] | None, lang: str) -> str:
    """Return the core-leak alert with its false-alarm rate, or why there is none."""
    if found is None:
        return ""
    if found["alert"] is None:
        return pick(lang, "No core-leak alert: ", "핵심 이탈 경보 없음: ") + f"{found['reason']}."
    verdict = (
        pick(lang, "**Core-leak alert.**", "**핵심 이탈 경보.**")
        if found["alert"]
        else pick(lang, "No core-leak alert.", "핵심 이탈 경보가 울리지 않았습니다.")
    )
    text = pick(
        lang,
        "In the last {days} days {share:.1%} of {n:,} core customers left the core; usual over "
        "{periods} earlier periods is {usual:.1%} (one-sided p = {p:.3f}, all days by one fit). "
        "Where nothing changes and the inflow is constant, at most {level:.0%} of such checks "
        "raise a false alarm.",
        "최근 {days}일간 핵심 활성 고객 {n:,}명 중 {share:.1%}가 핵심을 벗어났고, 앞선 {periods}개 기간에는 "
        "{usual:.1%}였습니다(단측 p = {p:.3f}, 모든 날을 한 적합으로 평가). 변화가 없고 유입이 일정하면 이런 "
        "점검의 거짓 경보는 {level:.0%} 이하입니다.",
    ).format(
        days=found["period_days"], share=found["share"], n=found["n_core"], p=found["p_value"],
        periods=found["n_periods"], usual=found["usual_share"], level=found["level"],
    )  # fmt: skip
    weak = "" if found["reason"] is None else f" ({found['reason']})"
    return f"{verdict} {text}{weak}"


def over_time_claim(shares: pd.DataFrame, level: str, lang: str) -> str:
    """Return how a level's first group moved from the first day to the last, by the latest fit."""
    rows = shares[(shares["scored_by"] == "latest_fit") & (shares["level"] == level)]
    rows = rows[rows["segment_code"] == rows["segment_code"].iloc[0]].sort_values("as_of")
    first, last = rows.iloc[0], rows.iloc[-1]
    text = pick(
        lang,
        "{name}: {a:.1%} to {b:.1%} since {day}, by one fit",
        "{name}: {day} 이후 {a:.1%}에서 {b:.1%}로 (한 적합 기준)",
    )
    return text.format(
        name=first[name_column(lang)],
        a=first["share"],
        b=last["share"],
        day=str(first["as_of"])[:10],
    )


def behaviour(moved: pd.DataFrame, lang: str) -> str:
    """Return, per group and cell, what customers did and what the new fit alone moved."""
    title = pick(
        lang,
        "**Behaviour or re-estimation?** What was said then, what the latest fit alone changes of it "
        "(parameters and cut points), and the change with both days by the latest fit (members)",
        "**행동인가 재추정인가?** 당시 집계, 최신 적합(모수와 구분점)만의 변화, 두 날을 최신 적합으로 본 변화 (회원 수)",
    )
    some = moved["level"].isin(["polarity", "segment"]) & (moved["n_before"] + moved["n"] > 0)
    shown = moved[some]
    frame = pd.DataFrame(
        {
            pick(lang, "group or cell", "그룹·셀"): shown[name_column(lang)],
            pick(lang, "said then", "당시 집계"): shown["n_before"].map("{:,}".format),
            pick(lang, "re-estimation", "재추정"): shown["reestimation"].map("{:+,}".format),
            pick(lang, "behaviour", "행동"): shown["behaviour"].map("{:+,}".format),
            pick(lang, "now", "현재"): shown["n"].map("{:,}".format),
        }
    )
    return title + "\n\n" + table(frame)


def calibrations(run: Run, lang: str) -> str:
    """Return the printed calibrations with their verdicts, marks first; nothing without any."""
    kinds = {
        "churn_band_calibration.parquet": (
            "churn_band",
            pick(lang, "churn-rate bands", "이탈률 구간"),
        ),
        "visit_calibration.parquet": ("horizon_days", pick(lang, "visit model", "방문 모형")),
    }
    parts = []
    for name, (line, title) in kinds.items():
        if not run.has(name):
            continue
        rows = run.frame(name)
        rows = rows[rows["n"] > 0]
        fits = int((rows["verdict"] == FITS).sum())
        head = pick(
            lang,
            f"**Calibration of the {title}**: {fits} of {len(rows)} lines fit, judged together (90%)",
            f"**{title} 보정**: {len(rows)}개 중 {fits}개가 맞음(함께 판정, 90%)",
        )
        marked = rows["verdict"].map(
            {
                FITS: "✓",
                TOO_LOW: "✗ " + pick(lang, "forecast too low", "예측이 너무 낮음"),
                TOO_HIGH: "✗ " + pick(lang, "forecast too high", "예측이 너무 높음"),
            }
        )
        columns = [line, *(c for c in ("forecast_band",) if c in rows), "n", "forecast", "observed",
                   "observed_q05", "observed_q95"]  # fmt: skip
        shown = rows[columns].assign(verdict=marked)
        formats = dict.fromkeys(columns[-4:], ".1%")
        parts.append(head + "\n\n" + table(shown, formats))
    return "\n\n".join(parts)


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
        str(name): [
            f"{r.share:.1%} ({r.share_q05:.1%}–{r.share_q95:.1%})" for r in part.itertuples()
        ]
        for name, part in rows.groupby(name_column(lang), sort=False)
        if part["n"].sum()
    }
    column = str(frame["attribute"].iloc[0])
    title = pick(lang, f"**By {column}**, with 90% intervals", f"**{column}별 비중**(90% 구간)")
    head = {column: members.index, pick(lang, "members", "회원"): members.map("{:,}".format)}
    return title + "\n\n" + table(pd.DataFrame(head | shown))


def actions(frame: pd.DataFrame, lang: str) -> str:
    """Return the actions with somebody to reach, and why the others are empty."""
    title = pick(lang, "**Audiences of the playbook**", "**플레이북 대상자**")
    words = pick(lang, "text_en", "text_ko")
    return title + "\n\n" + table(frame[["action_id", "channel", "n", "reason", words]])


def checks(run: Run, segments: dict[str, Any], lang: str) -> str:
    """Return thresholds, cut points and what had to be decided on the way."""
    cut = segments["threshold"]
    items = [
        pick(lang, "purchase threshold", "구매 임계값")
        + f": {RISK_FORMULAS[cut['basis']]} = {cut['value']:.3f} ({cut['rule']})",
        *cut["notes"],
        *segments["notes"],
    ]
    if segments["visit_cuts"]:
        low, high = segments["visit_cuts"]
        items.insert(1, pick(lang, "visit cut points", "방문 구분점") + f" {low:.2f}, {high:.2f}")
    if run.has("reestimation.parquet"):
        moved = run.frame("reestimation.parquet")
        moved = moved[moved["level"] == "segment"]
        items.append(
            pick(
                lang,
                "moved by re-estimation alone (behaviour unchanged): {n:,} members",
                "재추정만으로 이동한 회원(행동 변화 없음): {n:,}명",
            ).format(n=int(moved["moved_by_reestimation"].sum()) // 2)
        )
    return heading("checks", lang) + "\n\n" + bullets(items, none="–")


def change_our_mind(lang: str) -> str:
    """Return what would change the conclusion."""
    items = pick(
        lang,
        [
            "Other cut points: the source names none; they are configuration.",
            "The interval joins customers' chance and the parameters' uncertainty, not the model's "
            "form: `churnlab backtest` judges that.",
            "Moves are described, not explained: an effect of a campaign needs a holdout.",
        ],
        [
            "다른 구분점: 원문에는 값이 없으므로 설정값입니다.",
            "구간은 고객의 우연과 모수의 불확실성만 담으며 모형의 형태는 `churnlab backtest`가 판단합니다.",
            "이동은 설명이 아닌 기술입니다. 캠페인 효과에는 홀드아웃이 필요합니다.",
        ],
    )
    return heading("change_our_mind", lang) + "\n\n" + bullets(list(items), none="")
