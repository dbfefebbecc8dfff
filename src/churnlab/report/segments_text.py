"""What the report of the segments says, in English and Korean, with numbers from the run folder."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churnlab.report.reading import Run
from churnlab.report.words import bullets, heading, pick, table


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


def answer(shares: pd.DataFrame, changes: pd.DataFrame | None, lang: str) -> str:
    """Return the shares of the groups in a sentence, and the table of the cells."""
    groups = shares[shares["level"] == "polarity"].set_index("segment_code")
    said = [
        pick(
            lang,
            f"**{g.share:.1%}** ({g.share_q05:.1%} to {g.share_q95:.1%}) stand in a {code} cell",
            f"{g.name_ko} 셀: **{g.share:.1%}** ({g.share_q05:.1%}–{g.share_q95:.1%})",
        )
        + _moved(changes, str(code), lang)
        for code, g in groups.iterrows()
        if code != "neutral"
    ]
    return "\n\n".join(
        (heading("answer", lang), bullets(said, none="–"), cells_table(shares, lang))
    )


def _moved(changes: pd.DataFrame | None, code: str, lang: str) -> str:
    if changes is None:
        return ""
    row = changes[(changes["level"] == "polarity") & (changes["segment_code"] == code)].iloc[0]
    text = pick(
        lang,
        ", {c:+.1%} ({lo:+.1%} to {hi:+.1%}) since {day}",
        ", {day} 이후 {c:+.1%} ({lo:+.1%}–{hi:+.1%})",
    )
    return text.format(
        c=row["change"],
        lo=row["change_q05"],
        hi=row["change_q95"],
        day=str(row["compared_to"])[:10],
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


def flows_title(lang: str) -> str:
    """Return the title of the transition figure."""
    return pick(lang, "Who moved where", "누가 어디로 이동했나")


def leaks(leaked: pd.DataFrame, lang: str) -> str:
    """Return the core's leak as a sentence."""
    total = leaked[leaked["destination"] == "total"].iloc[0]
    text = pick(
        lang,
        "Of {n:,} core customers, {share:.1%} ({lo:.1%} to {hi:.1%}) have left the core.",
        "핵심 활성 고객 {n:,}명 중 {share:.1%}({lo:.1%}–{hi:.1%})가 핵심을 벗어났습니다.",
    )
    return text.format(
        n=int(total["n_core"]), share=total["share"], lo=total["share_q05"], hi=total["share_q95"]
    )


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
        + f" {cut['value']:.3f} ({cut['basis']}, {cut['rule']})",
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
