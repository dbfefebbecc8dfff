"""What a misfit means and what cures it: one sentence each."""

from __future__ import annotations

import datetime as dt
import math
from typing import NamedTuple

from churnlab import models
from churnlab.fitting.misfit.checks import Misfit
from churnlab.report.words import pick

#: A flagged check whose z is below this share of the first one's may be its consequence.
FOLLOWS = 1 / 3
#: The first fifth of the customers is of before the log if nobody buys like it afterwards.
FIRST_COHORT = "1"


class Fitted(NamedTuple):
    """What the cure depends on."""

    model: str
    k: int
    calendar: str | None
    start: dt.date
    """First purchase of the log."""
    as_of: dt.date

    @property
    def two_years(self) -> bool:
        """Whether a season has come twice."""
        return (self.as_of - self.start).days >= 730

    @property
    def regular(self) -> bool:
        """Whether gaps are Erlang."""
        return models.named(self.model).regular


def sentences(found: list[Misfit], fitted: Fitted, lang: str = "en") -> list[str]:
    """Return a sentence for each flagged check that is not likely a consequence of the first."""
    flagged = [one for one in found if one.flagged]
    led = [one for one in flagged if abs(one.z) >= FOLLOWS * abs(flagged[0].z)]
    return [sentence(one, fitted, lang) for one in led]


def sentence(one: Misfit, fitted: Fitted, lang: str = "en") -> str:
    """Return what a check saw and which setting cures it."""
    seen = _SEEN[one.check](one, lang)
    cure = _CURES[one.check](one, fitted, lang)
    return (
        pick(lang, "The model does not fit", "모형이 맞지 않음") + f" ({one.check}): {seen}; {cure}"
    )


def _silence_seen(one: Misfit, lang: str) -> str:
    purchases, low, *high = one.cell.split(" ")
    days = f"{low}-{high[0]}" if high and high[0] else f"{low}+"
    text = pick(
        lang,
        "of customers with {x} repeat purchases {seen:.0%} have been silent for {days} days, the "
        "model makes it {made:.0%}, so P(alive) and dates of such customers are off",
        "재구매 {x}회 고객 중 {days}일 침묵한 비율은 {seen:.0%}, 모형은 {made:.0%}이므로 이런 "
        "고객의 P(alive)와 날짜가 어긋남",
    )
    return text.format(x=purchases, days=days, seen=one.observed, made=one.expected)


def _silence_cure(one: Misfit, fitted: Fitted, lang: str) -> str:
    del one, fitted
    return pick(
        lang,
        "try a group that tells kinds of customers apart (model.group=COLUMN) or another dropout "
        "law (model=pareto_nbd, model=ggom_nbd).",
        "고객 유형을 나누는 그룹(model.group=COLUMN)이나 다른 이탈 법칙(model=pareto_nbd, "
        "model=ggom_nbd)을 시도하십시오.",
    )


def _ageing_seen(one: Misfit, lang: str) -> str:
    text = pick(
        lang,
        "of long-known repeat customers {seen:.0%} stopped midway through their time, the model "
        "makes it {made:.0%}: {what}",
        "오래된 재구매 고객 중 {seen:.0%}가 관측 기간 중간에 멈췄고 모형은 {made:.0%}: {what}",
    )
    what = (
        pick(lang, "lifetimes age", "수명이 나이를 먹음")
        if one.z > 0
        else pick(lang, "who stays at first, stays", "초기에 남은 고객은 계속 남음")
    )
    return text.format(seen=one.observed, made=one.expected, what=what)


def _ageing_cure(one: Misfit, fitted: Fitted, lang: str) -> str:
    if one.z > 0 and fitted.model != "ggom_nbd":
        return pick(
            lang,
            "take a dropout law that ages (model=ggom_nbd).",
            "나이에 따라 변하는 이탈 법칙(model=ggom_nbd)을 쓰십시오.",
        )
    return pick(
        lang,
        "try another dropout law (model=pareto_nbd, model=mbg_nbd) or model.group=COLUMN.",
        "다른 이탈 법칙(model=pareto_nbd, model=mbg_nbd)이나 model.group=COLUMN을 시도하십시오.",
    )


def _cohorts_seen(one: Misfit, lang: str) -> str:
    text = pick(
        lang,
        "customers of the {fifth}. fifth of the log buy {change:+.0%} again beside the model",
        "로그의 {fifth}번째 5분위에 시작한 고객의 재구매가 모형 대비 {change:+.0%}",
    )
    return text.format(fifth=one.cell, change=math.exp(one.observed - one.expected) - 1)


def _cohorts_cure(one: Misfit, fitted: Fitted, lang: str) -> str:
    if one.cell == FIRST_COHORT and one.z > 0:
        return pick(
            lang,
            "if some of them bought before the log begins, leave them out "
            "(data.history_from=DAY, some months after {start}), else model.group=signup_month.",
            "일부가 로그 이전에 구매했다면 제외하고(data.history_from=날짜, {start} 이후 몇 달), "
            "아니면 model.group=signup_month를 쓰십시오.",
        ).format(start=fitted.start)
    return pick(
        lang,
        "let cohorts differ (model.group=signup_month).",
        "코호트별 차이를 두십시오(model.group=signup_month).",
    )


def _regularity_seen(one: Misfit, lang: str) -> str:
    if one.z < 0:
        return pick(
            lang,
            "a customer's gaps are more regular than the model's, so silence is taken too lightly",
            "고객의 구매 간격이 모형보다 규칙적이어서 침묵이 과소평가됨",
        )
    return pick(
        lang,
        "purchases come in bursts with long pauses, so silence is taken too seriously",
        "구매가 몰린 뒤 길게 쉬므로 침묵이 과대평가됨",
    )


def _regularity_cure(one: Misfit, fitted: Fitted, lang: str) -> str:
    if one.z < 0 and not fitted.regular:
        return pick(
            lang,
            "take regular gaps (model=mbg_cnbd_k).",
            "규칙적 간격 모형(model=mbg_cnbd_k)을 쓰십시오.",
        )
    if one.z < 0:
        return pick(
            lang,
            "k = {k} is too low for many of them: raise model.k, or model.group=COLUMN.",
            "다수 고객에게 k = {k}가 낮습니다: model.k를 올리거나 model.group=COLUMN을 쓰십시오.",
        ).format(k=fitted.k)
    return pick(
        lang,
        "no model here has bursts: count a burst as one purchase in your data, or judge forecasts "
        "by `churnlab backtest` with candidates gradient_boosting and stacked.",
        "몰아서 사는 모형은 없습니다: 데이터에서 한 묶음을 구매 1회로 세거나, gradient_boosting과 "
        "stacked 후보로 `churnlab backtest`를 실행해 예측을 판단하십시오.",
    )


def _yearly_seen(one: Misfit, lang: str) -> str:
    text = pick(
        lang,
        "{seen:.0%} of the gaps of ten to fourteen months are a year long, the model makes it "
        "{made:.0%}: customers have a yearly cycle of their own, and their silence of months says "
        "little",
        "10-14개월 간격 중 {seen:.0%}가 1년 간격(모형 {made:.0%}): 고객마다 연 주기가 있어 "
        "몇 달의 침묵은 의미가 작음",
    )
    return text.format(seen=one.observed, made=one.expected)


def _yearly_cure(one: Misfit, fitted: Fitted, lang: str) -> str:
    del one, fitted
    return pick(
        lang,
        "forecast windows with the candidates gradient_boosting or stacked of `churnlab backtest`, "
        "and split yearly buyers off (model.group=COLUMN).",
        "`churnlab backtest`의 gradient_boosting이나 stacked 후보로 기간을 예측하고 연 구매자를 "
        "나누십시오(model.group=COLUMN).",
    )


def _trend_seen(one: Misfit, lang: str) -> str:
    text = pick(
        lang,
        "repeat purchases {verb} by {change:.0%} over the log beside the model",
        "재구매가 로그 기간에 모형 대비 {change:.0%} {verb}",
    )
    change = math.exp(one.observed - one.expected) - 1
    verb = pick(lang, "grow", "증가") if change > 0 else pick(lang, "fall", "감소")
    return text.format(verb=verb, change=abs(change))


def _trend_cure(one: Misfit, fitted: Fitted, lang: str) -> str:
    del one
    middle = fitted.start + (fitted.as_of - fitted.start) / 2
    return pick(
        lang,
        "fit a shorter history of later customers (data.history_from={day}) or let cohorts differ "
        "(model.group=signup_month).",
        "더 짧은 이력의 최근 고객으로 적합하거나(data.history_from={day}) 코호트별 차이를 두십시오"
        "(model.group=signup_month).",
    ).format(day=middle)


def _season_seen(one: Misfit, lang: str) -> str:
    text = pick(
        lang,
        "repeat purchases of month {month} are {change:+.0%} beside the model",
        "{month}월 재구매가 모형 대비 {change:+.0%}",
    )
    return text.format(month=one.cell, change=math.exp(one.observed - one.expected) - 1)


def _season_cure(one: Misfit, fitted: Fitted, lang: str) -> str:
    del one
    if fitted.calendar is not None:
        return pick(
            lang,
            "name the occasions (model.events) or take weeks (model.calendar=week).",
            "행사일을 지정하거나(model.events) 주 단위(model.calendar=week)를 쓰십시오.",
        )
    if fitted.two_years:
        return pick(
            lang,
            "take the calendar (model=mbg_nbd model.calendar=month).",
            "달력 효과(model=mbg_nbd model.calendar=month)를 쓰십시오.",
        )
    return pick(
        lang,
        "a season needs two years to be told from growth: read forecasts with care, or name the "
        "occasion (model.events).",
        "계절을 성장과 구별하려면 2년이 필요합니다: 예측을 주의해서 읽거나 "
        "행사일(model.events)을 지정하십시오.",
    )


_SEEN = {
    "silence": _silence_seen,
    "ageing": _ageing_seen,
    "cohorts": _cohorts_seen,
    "regularity": _regularity_seen,
    "yearly": _yearly_seen,
    "trend": _trend_seen,
    "season": _season_seen,
}
_CURES = {
    "silence": _silence_cure,
    "ageing": _ageing_cure,
    "cohorts": _cohorts_cure,
    "regularity": _regularity_cure,
    "yearly": _yearly_cure,
    "trend": _trend_cure,
    "season": _season_cure,
}
