"""The words of the N-day report, in English and Korean; figures come from the run's tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from churnlab.nday.report.data import best_at, flat_after

Rule = Mapping[str, Any]


def pick(lang: str, english: str, korean: str) -> str:
    """Return the words of the language asked for."""
    return korean if lang == "ko" else english


def share(part: Mapping[str, float], digits: int = 1) -> str:
    """Mean with its 90% interval, in percent."""
    low, mid, high = (f"{part[k]:.{digits}%}" for k in ("q05", "mean", "q95"))
    return f"{mid} ({low}..{high})"


def question(rule: Rule, lang: str = "en") -> str:
    """State what the run was asked."""
    n, m = rule["n"], rule["window_days"]
    first = rule["day_zero_index"]
    return pick(
        lang,
        f"Members who have not bought by the end of day {n - 1} get an offer on day {n} (the "
        f"signup day is day {first}). When does the conversion curve go flat, is day {n} the right "
        f"day, and what does it cost? Conversion is counted through day {m}; data up to "
        f"{rule['as_of']}.",
        f"가입일을 {first}일로 셀 때 {n - 1}일까지 구매하지 않은 회원에게 {n}일 차에 "
        f"혜택을 보냅니다. 전환 곡선은 "
        f"언제 정체되고, {n}일이 적절하며, 비용은 얼마인가? 전환은 {m}일까지 집계하며 자료 "
        f"기준일은 "
        f"{rule['as_of']}입니다.",
    )


def answer(rule: Rule, best: pd.DataFrame | None, lang: str = "en") -> str:
    """Answer: the recommendation, what weakens it, and with stated costs the readings."""
    at, code = rule["at_n"], lang if lang == "ko" else "en"
    flat = rule["plateau"]["statement"][code]
    said = rule["recommendation"]["sentence"][code]
    pays_en = pays_ko = ""
    if at["break_even_uplift"] is not None:
        pays_en = f"; it pays from an uplift of {share(at['break_even_uplift'], 2)}"
        pays_ko = f" 손익분기 효과는 {share(at['break_even_uplift'], 2)}입니다."
    warned = "".join(f"\n\n> ⚠ {w[code]}" for w in rule["warnings"])
    facts = pick(
        lang,
        f"Rule({rule['n']}) reaches {share(at['reach'])} of the signups; "
        f"{share(at['organic_after'])} "
        f"of them would have bought anyway by day {rule['window_days']}{pays_en}. "
        f"{uplift(rule, lang)}",
        f"규칙({rule['n']})은 가입자의 {share(at['reach'])}에 도달하며, 그중 "
        f"{share(at['organic_after'])}는 "
        f"{rule['window_days']}일까지 어차피 구매합니다.{pays_ko} {uplift(rule, lang)}",
    )
    table = (
        "" if best is None else f"\n\n{best_markdown(best_at(best, assumed_uplift(rule)), lang)}"
    )
    return f"**{said}** {flat} {facts}{warned}{table}"


def assumed_uplift(rule: Rule) -> float | None:
    """u0 that the recommendation rests on; None where it rests on none."""
    u0 = rule["recommendation"]["u0"]
    return None if u0 is None else float(u0["mean"])


def uplift(rule: Rule, lang: str = "en") -> str:
    """State the measured uplift, or that none is claimed."""
    if rule.get("uplift") is None:
        return pick(
            lang,
            "No uplift is claimed: there is no randomised experiment.",
            "무작위 실험이 없어 효과를 주장하지 않습니다.",
        )
    return pick(
        lang,
        f"Measured uplift (intention to treat): {share(rule['uplift'])}.",
        f"측정된 효과(ITT): {share(rule['uplift'])}.",
    )


def best_markdown(best: pd.DataFrame, lang: str = "en") -> str:
    """Both readings side by side, rows of `nday_best.parquet`."""
    head = pick(
        lang,
        "| reading | u0 | best N | P(best) | 90% interval of N | regret of N in use | "
        "raise for all "
        "| advice |",
        "| 해석 | u0 | 최적 N | P(최적) | N의 90% 구간 | 현재 N의 후회 | 전체 인상 | 권고 |",
    )
    rows = [head, "|---|---:|---:|---:|---:|---:|---:|---|"]
    rows += [
        f"| {r.reading} | {r.u0:.3g} | {r.best_n} | {_sure(r.p_best, lang)} | "
        f"{r.best_n_q05}..{r.best_n_q95} "
        f"| {r.regret_n:.3f} | {r.value_all:.3f} | {r.advice} |"
        for r in best.itertuples()
    ]
    return "\n".join(rows)


def _sure(p: object, lang: str) -> str:
    """Probability, or that N lies at an edge of what was tried."""
    if isinstance(p, float) and math.isfinite(p):
        return f"{p:.0%}"
    return pick(lang, "edge of N tried", "시도 범위의 끝")


def heat_claim(rule: Rule, lang: str = "en") -> str:
    """Title of the cohort heat map."""
    later = rule["at_n"]["organic_after"]["mean"]
    return pick(
        lang,
        f"Cohorts by signup day: {later:.1%} of those left on day {rule['n']} buy by day "
        f"{rule['window_days']}",
        f"가입일별 코호트: {rule['n']}일까지 남은 회원의 {later:.1%}가 {rule['window_days']}일까지 "
        "구매",
    )


def plateau_claim(rule: Rule, lang: str = "en") -> str:
    """Title of the plateau's figure."""
    parts = []
    for name, d in rule["plateau"]["definitions"].items():
        mid = pick(lang, "none", "없음") if d["median"] is None else f"{d['median']:.0f}"
        parts.append(f"{name.partition('(')[0]}: {mid}")
    return pick(lang, "Plateau day by definition: ", "정의별 정체일: ") + ", ".join(parts)


def flat_sentence(rule: Rule, flat: pd.DataFrame, lang: str = "en") -> str:
    """State the share of flat cohorts beside chance."""
    row = flat_after(flat, rule["n"])
    if not row:
        return ""
    return pick(
        lang,
        f"After day {row['after_n']:.0f}, through day {row['through']:.0f}: {row['share']:.0%} of "
        f"{row['cohorts']:.0f} cohorts are perfectly flat; chance alone makes "
        f"{row['expected']:.0%} "
        f"({row['expected_q05']:.0%}..{row['expected_q95']:.0%}) at "
        f"{row['median_unconverted']:.0f} unconverted per cohort.",
        f"{row['after_n']:.0f}일 이후 {row['through']:.0f}일까지 {row['cohorts']:.0f}개 코호트 중 "
        f"{row['share']:.0%}가 완전히 정체되었으나, 우연만으로도 {row['expected']:.0%} "
        f"({row['expected_q05']:.0%}..{row['expected_q95']:.0%})가 그렇게 됩니다.",
    )


def value_claim(rule: Rule, best: pd.DataFrame, lang: str = "en") -> str:
    """Title of the value's figure."""
    part = best_at(best, assumed_uplift(rule))
    days = sorted({int(n) for n in part["best_n"]})
    if len(days) == 1:
        return pick(lang, f"Both readings: best N = {days[0]}", f"두 해석 모두 최적 N = {days[0]}")
    return pick(
        lang,
        f"The readings disagree: best N from {days[0]} to {days[-1]}",
        f"해석에 따라 최적 N이 다릅니다: {days[0]}~{days[-1]}",
    )


def cannot_tell(rule: Rule, lang: str = "en") -> str:
    """Write the honest box."""
    items = [a[lang if lang == "ko" else "en"] for a in rule["assumptions"]]
    items.append(
        pick(
            lang,
            "Conversion data alone cannot tell 'never converts' from 'lost interest before "
            "converting': the likelihood is the same, the advice on sending early is opposite.",
            "전환 자료만으로는 '원래 구매하지 않음'과 '구매 전 관심 상실'을 구분할 수 "
            "없습니다. 우도는 같지만 조기 "
            "발송에 대한 권고는 반대입니다.",
        )
    )
    if rule.get("power"):
        p = rule["power"]
        items.append(
            pick(
                lang,
                f"To find an uplift of {p['uplift']:.2%} (break-even) with power {p['power']:.0%}: "
                f"{p['signups']:,} signups with a holdout of {p['holdout_share']:.0%}.",
                f"손익분기 효과 {p['uplift']:.2%}를 검정력 {p['power']:.0%}로 찾으려면 홀드아웃 "
                f"{p['holdout_share']:.0%}로 가입자 {p['signups']:,}명이 필요합니다.",
            )
        )
    title = pick(lang, "What this cannot tell", "이 분석이 말할 수 없는 것")
    return f"> **{title}**\n>\n" + "\n".join(f"> - {item}" for item in items)


def checks(rule: Rule, table: pd.DataFrame, lang: str = "en") -> str:
    """Fit, predictive checks, held-out coverage, what was left out."""
    fit, back, data = rule["fit"], rule["backtest"], rule["data"]
    figures = ", ".join(f"{k} {_short(v)}" for k, v in fit["diagnostics"].items())
    lines = [
        f"- {fit['model']}, {fit['method']}: {figures}; {fit['seconds']:.1f} s. {fit['reason']}"
    ]
    wrong = table.loc[~table["inside"], "statistic"].tolist()
    lines.append(
        pick(lang, "- Predictive checks inside their 90% band: ", "- 사후 예측 점검 90% 구간 내: ")
        + fit["predictive_checks_inside"]
        + (f" ({pick(lang, 'outside', '벗어남')}: {', '.join(wrong)})" if wrong else "")
    )
    lines += _backtest_lines(back, fit["model"], lang)
    lines.append(
        pick(lang, "- Left out: ", "- 제외: ")
        + f"purchase before signup {data['purchase_before_signup']}, "
        + f"signup after as_of {data['signup_after_as_of']}, "
        + f"repeated signup {data['repeated_signup']}, missing time {data['missing_time']}."
    )
    return "\n".join(lines)


def _backtest_lines(back: Mapping[str, Any], model: str, lang: str) -> list[str]:
    if back["split"] == "none":
        return [pick(lang, "- No backtest: ", "- 백테스트 없음: ") + str(back["skipped"])]
    covered = [c for c in back["coverage"] if c["model"] == model]
    text = ", ".join(f"{c['quantity']} {c['coverage']:.0%}" for c in covered)
    order = " > ".join(c["model"] for c in back["comparison"])
    lines = [
        pick(lang, "- Held-out cohorts", "- 검증 코호트")
        + f" ({back['split']}): "
        + pick(lang, "share inside the 90% interval: ", "90% 구간 포함 비율: ")
        + text,
        pick(lang, "- Models by held-out log score: ", "- 검증 로그 점수 순: ") + order,
    ]
    if back["split"] == "interleaved":
        lines.append(f"- {back['skipped']}")
    return lines


def change_our_mind(rule: Rule, lang: str = "en") -> str:
    """Say what evidence would overturn the answer."""
    return pick(
        lang,
        "A randomised holdout (or a randomised N) whose uplift lies below the break-even; a visit "
        "log that shows attention gone earlier; a redemption share unlike the assumed one; cohorts "
        "that convert outside of their predicted intervals.",
        "손익분기에 못 미치는 무작위 홀드아웃(또는 무작위 N)의 효과, 관심이 더 일찍 "
        "사라짐을 보이는 방문 로그, 가정과 "
        "다른 쿠폰 사용률, 예측 구간을 벗어나는 코호트가 나오면 결론을 바꿉니다.",
    )


def experiment_markdown(table: pd.DataFrame, lang: str = "en") -> str:
    """Return the arms of the experiment as a table."""
    head = pick(
        lang,
        "| rule | N | treat | holdout | uplift (90%) | P(> 0) | sample ratio p |",
        "| 규칙 | N | 처치 | 홀드아웃 | 효과 (90%) | P(> 0) | 표본비 p |",
    )
    rows = [head, "|---|---:|---:|---:|---:|---:|---:|"]
    for r in table.itertuples():
        n = pick(lang, "all", "전체") if pd.isna(r.n) else str(r.n)  # type: ignore[arg-type]
        effect = f"{r.uplift:.1%} ({r.uplift_q05:.1%}..{r.uplift_q95:.1%})"
        rows.append(
            f"| {r.rule_id} | {n} | {r.n_treat} | {r.n_holdout} | {effect} | {r.p_positive:.0%} "
            f"| {r.srm_p:.2g} |"
        )
    return "\n".join(rows)


def _short(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.3g}"
    return str(value)
