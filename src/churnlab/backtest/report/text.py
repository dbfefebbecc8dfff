"""What the report of a backtest says, in English and Korean, with numbers from the run folder."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from churnlab.backtest.report.data import cheapest
from churnlab.report.words import bullets, heading, pick, table

_FORMATS: Final = {
    "brier": ".4f",
    "mcb": ".4f",
    "dsc": ".4f",
    "log_score": ".4f",
    "auc": ".3f",
    "bias": "+.1%",
    "lift_10": ".2f",
    "mae": ".3f",
    "count_bias": "+.1%",
    "crps": ".4f",
}


def question(summary: dict[str, Any], lang: str) -> str:
    """Return the question that a backtest answers."""
    text = pick(
        lang,
        "Held out after {origins}: which model forecasts best who stops buying, which threshold "
        "costs least, and does any of it beat the simple rule a shop would use anyway?",
        "{origins} 이후를 보류했을 때, 누가 구매를 멈추는지 가장 잘 예측하는 모형은 무엇이고, 비용이 가장 적은 "
        "임계값은 무엇이며, 단순 규칙보다 나은가?",
    )
    return heading("question", lang) + "\n\n" + text.format(origins=", ".join(summary["origins"]))


def answer(summary: dict[str, Any], headline: pd.DataFrame, lang: str) -> str:
    """Return the answers in words and the table of candidates."""
    said = bullets([f"**{a}**" for a in summary["answers"]], none="–")
    return "\n\n".join((heading("answer", lang), said, candidates_table(headline)))


def candidates_table(headline: pd.DataFrame) -> str:
    """Return scores per target and candidate, means over origins, best Brier first."""
    keep = ["target", "candidate", "variant", *[m for m in _FORMATS if m in headline]]
    ordered = headline.sort_values(["target", "brier"], na_position="last")
    return table(ordered[keep], _FORMATS)


def visits_section(summary: dict[str, Any], differences: pd.DataFrame, lang: str) -> str | None:
    """Return what the visit log adds, per origin and over all; None where no candidate used it.

    Parameters
    ----------
    differences : DataFrame
        The run's paired differences: each visit candidate less its twin without visits.
    """
    pairs = {(a["best"], a["simple"]) for a in summary["comparisons"] if a["metric"] == "visits"}
    if not pairs:
        return None
    plain = differences[
        (differences["metric"] == "brier") & (differences["variant"] == "plain")
    ].set_index(["candidate", "baseline"])
    rows = plain[plain.index.isin(list(pairs))].reset_index()
    keep = ["target", "candidate", "baseline", "origin", "difference", "q05", "q95", "n_customers"]
    text = pick(
        lang,
        "### Do visits fall before purchases do?\n\nBrier score with the visit log less the same "
        "forecast without it; below 0 the visits help. Customers are resampled with all their "
        "origins.",
        "### 방문이 구매보다 먼저 줄어드는가?\n\n방문 로그를 쓴 예측의 Brier 점수에서 쓰지 않은 같은 예측의 점수를 뺀 값. "
        "0보다 작으면 방문이 도움이 됩니다. 고객 단위로(모든 기준일과 함께) 재표집했습니다.",
    )
    formats = dict.fromkeys(("difference", "q05", "q95"), "+.5f")
    return text + "\n\n" + table(rows[keep], formats)


def ranking_claim(ranked: pd.DataFrame, lang: str) -> str:
    """Return the claim of the ranking figure: the best candidate and the best baseline."""
    best = ranked.iloc[0]
    simple = ranked[ranked["kind"] == "baseline"]
    rival = f"{simple.iloc[0]['name']} {simple.iloc[0]['brier']:.4f}" if len(simple) else "–"
    text = pick(
        lang,
        "Best Brier score: {name} {value:.4f}; best baseline: {rival}",
        "최고 Brier 점수: {name} {value:.4f}; 최고 기준선: {rival}",
    )
    return text.format(name=best["name"], value=best["brier"], rival=rival)


def reliability_claim(headline: pd.DataFrame, names: list[str], lang: str) -> str:
    """Return the claim of the reliability figure: bias of the models shown."""
    rows = headline[(headline["candidate"].isin(names)) & (headline["variant"] == "plain")]
    biases = ", ".join(
        f"{r.candidate} {r.bias:+.0%}" for r in rows.drop_duplicates("candidate").itertuples()
    )
    text = pick(
        lang,
        "Forecast of no purchase against what came (bias: {biases})",
        "미구매 예측과 실제 (편향: {biases})",
    )
    return text.format(biases=biases)


def tracking_claim(weeks: pd.DataFrame, lang: str) -> str:
    """Return the claim of the tracking figure: how far each model ended from what came."""
    last = weeks[weeks["week"] == weeks["week"].max()]
    gaps = ", ".join(
        f"{r.candidate} {r.cumulative_expected / r.cumulative_actual - 1:+.0%}"
        for r in last.itertuples()
    )
    text = pick(lang, "After {n} weeks the forecasts stand at {gaps}", "{n}주 후 예측 오차: {gaps}")
    return text.format(n=int(last["week"].iloc[0]), gaps=gaps)


def cost_claim(rules: pd.DataFrame, lang: str) -> str:
    """Return the claim of the cost figure: the decision whose curve it shows."""
    best = cheapest(rules)
    if best is None:
        return ""
    variant = "" if best["variant"] == "plain" else f", {best['variant']}"
    text = pick(
        lang,
        "Cheapest decision on a risk, no purchase in {target}: {name}, {cost:.4f} per customer",
        "위험 기준 가장 저렴한 결정(미구매 {target}): {name}, 고객당 {cost:.4f}",
    )
    name = f"{best['candidate']} ({best['rule']} on {best['basis']}{variant})"
    return text.format(target=best["target"], name=name, cost=best["cost_per_customer"])


def rules_table(rules: pd.DataFrame) -> str:
    """Return whom the rules flagged and what it cost where stated: means over origins."""
    keys = ["target", "candidate", "variant", "basis", "rule"]
    numbers = [
        c
        for c in (
            "threshold", "flagged_share", "precision", "recall", "cost_per_customer", "regret",
        )
        if c in rules
    ]  # fmt: skip
    means = rules.groupby(keys, dropna=False)[numbers].mean().dropna(axis="columns", how="all")
    means = means.reset_index()
    order = [c for c in ("target", "cost_per_customer") if c in means]
    ordered = means.sort_values(order, kind="stable").groupby("target").head(12)
    formats = {
        "threshold": ".3f",
        "flagged_share": ".1%",
        "precision": ".1%",
        "recall": ".1%",
        "cost_per_customer": ".4f",
        "regret": ".4f",
    }
    return table(ordered, formats)


def checks(summary: dict[str, Any], lang: str) -> str:
    """Return what was dropped, degraded and refused, and that the guards held."""
    found = [
        *(f"{d['what']}: {d['reason']}" for d in summary["degradations"]),
        *(str(d) for d in summary["dropped"]),
        *(str(r) for r in summary["refused_fits"]),
    ]
    guard = pick(
        lang,
        "Leakage: every candidate, recalibration and threshold carried the last day it had seen, "
        "and scoring asserted that it does not lie after its origin.",
        "누출 점검: 모든 후보, 재보정, 임계값은 마지막으로 본 날짜를 지니며, 채점 시 기준일 이후가 아님을 확인했습니다.",
    )
    none = pick(lang, "Nothing was dropped, degraded or refused.", "제외되거나 제한된 항목 없음.")
    parts = (guard, *prior_sensitivity(summary, lang), bullets(found, none=none))
    return "\n\n".join((heading("checks", lang), *parts))


def prior_sensitivity(summary: dict[str, Any], lang: str) -> list[str]:
    """Return the largest prior sensitivity of each Bayesian candidate at its last origin."""
    rows = [row for row in summary["learnt"] if row.get("prior_sensitivity")]
    last = {row["candidate"]: row for row in sorted(rows, key=lambda row: str(row["origin"]))}
    if not last:
        return []
    said = "; ".join(
        f"{name} {worst['prior_sensitivity']:.3f} ({worst['parameter']}, {worst['shift_sd']:+.2f} sd)"
        for name, worst in ((n, row["prior_sensitivity"]) for n, row in last.items())
    )
    text = pick(
        lang,
        "Prior sensitivity at the last origin, largest over parameters (power-scaling; from 0.05 "
        "on the prior matters; sd that the mean moves when its power doubles): {said}. The report "
        "of `churnlab fit` shows every parameter, and the prior predictive against the data.",
        "마지막 기준일의 사전분포 민감도, 모수 중 최댓값(거듭제곱 척도법, 0.05 이상이면 사전분포의 영향이 있음; 거듭제곱을 두 배로 "
        "할 때 평균이 움직이는 sd): {said}. 모든 모수와 사전 예측 점검은 `churnlab fit`의 리포트에 있습니다.",
    )
    return [text.format(said=said)]


def change_our_mind(summary: dict[str, Any], lang: str) -> str:
    """Return what would change the conclusion."""
    items = pick(
        lang,
        [
            _about_costs(summary["costs"], lang),
            f"The policy: {summary['policy']}.",
            "More origins: with one origin, the interval holds customers' chance, not the season's.",
        ],
        [
            _about_costs(summary["costs"], lang),
            "정책: 결과는 당시 시행 중이던 마케팅 정책 아래에서 생겼고, 위험은 향상 효과가 아닙니다.",
            "기준일이 더 많아지면: 기준일이 하나면 구간은 고객의 우연만 담고 계절의 우연은 담지 못합니다.",
        ],
    )
    return heading("change_our_mind", lang) + "\n\n" + bullets(list(items), none="")


def _about_costs(costs: dict[str, float] | None, lang: str) -> str:
    """Return what decisions were paid in, or that nobody has said."""
    if costs is None:
        return pick(
            lang,
            "Costs are not stated, so decisions are counted and not priced: state rule.contact_cost, "
            "rule.save_probability and rule.value_per_customer.",
            "비용이 지정되지 않아 결정을 세기만 하고 값을 매기지 않았습니다: rule.contact_cost, "
            "rule.save_probability, rule.value_per_customer를 지정하세요.",
        )
    text = pick(
        lang,
        "Costs: {wasted:g} for a wasted contact against {missed:g} for a missed one are stated, "
        "not measured.",
        "지정한 비용: 헛된 접촉 {wasted:g}, 놓친 이탈 {missed:g} (측정값이 아님).",
    )
    return text.format(**costs)
