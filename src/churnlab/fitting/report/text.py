"""What the report of a fit says, in English and Korean, with numbers from the run folder."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churnlab.fitting.late import banner, headline
from churnlab.report.words import bullets, heading, pick, table
from churnlab.vocabulary import OVERDUE, RISK_FORMULAS


def question(fit: dict[str, Any], lang: str) -> str:
    """Return the question that a fit answers."""
    text = pick(
        lang,
        "Which customers have fallen silent for longer than their own rhythm allows, since which "
        "date, and how sure is that on {as_of}?",
        "{as_of} 현재, 자신의 구매 주기에 비해 너무 오래 조용한 고객은 누구이고, 언제부터이며, 얼마나 확실한가?",
    )
    return heading("question", lang) + "\n\n" + text.format(as_of=fit["as_of"])


def answer(fit: dict[str, Any], customers: pd.DataFrame, lang: str) -> str:
    """Return the answer: one sentence with numbers, one table by number of purchases."""
    as_of = pd.Timestamp(fit["as_of"])
    flagged = customers["at_risk_date"] <= as_of
    cut = fit["threshold"]
    late = pick(
        lang,
        "**{flagged:,} of {n:,} customers ({share:.1%}) are at risk**: late by their own rhythm. Of "
        "customers like them who come back, {value:.0%} have come back by now. {model} expects "
        "{expected:,.0f} purchases within the horizon.",
        "**고객 {n:,}명 중 {flagged:,}명({share:.1%})이 위험 상태**입니다. 자신의 구매 주기에 비해 늦었습니다: 다시 "
        "구매하는 비슷한 고객의 {value:.0%}가 이미 돌아왔습니다. {model} 모형은 기간 내 {expected:,.0f}건의 "
        "구매를 예상합니다.",
    )
    on_risk = pick(
        lang,
        "**{flagged:,} of {n:,} customers ({share:.1%}) are at risk**: their risk ({basis}) has "
        "reached {value:.3f}{interval}. {model} expects {expected:,.0f} purchases within the "
        "horizon.",
        "**고객 {n:,}명 중 {flagged:,}명({share:.1%})이 위험 상태**입니다. 위험도({basis})가 "
        "{value:.3f}{interval} 이상입니다. {model} 모형은 기간 내 {expected:,.0f}건의 구매를 예상합니다.",
    )
    text = (late if cut["basis"] == OVERDUE else on_risk).format(
        flagged=int(flagged.sum()),
        n=len(customers),
        share=flagged.mean(),
        basis=RISK_FORMULAS[cut["basis"]],
        value=cut.get("quantile") or cut["value"],
        interval=_interval(cut, lang),
        model=fit["model"],
        expected=customers["expected_purchases"].sum(),
    )
    newly = [bullets(late_lines(fit, lang), none="")] if fit.get("late") else []
    said = (text, *newly, *_money(fit, customers, lang), table(by_purchases(customers, as_of)))
    return "\n\n".join((heading("answer", lang), *said))


def late_lines(found: dict[str, Any], lang: str) -> list[str]:
    """Return the headline of `fit.json` or `segments.json`, and extreme states with the reason."""
    return [headline(found["late"], lang), *map(banner, found["extreme_states"])]


def _money(fit: dict[str, Any], customers: pd.DataFrame, lang: str) -> tuple[str, ...]:
    """Return what the customers are still worth, in one sentence; nothing where it is unknown."""
    if "residual_value" not in customers.columns:
        return ()
    value = fit["spend"]["value"]
    stated = value["per_purchase"] is not None
    basis = pick(
        lang,
        "{:g} per purchase" if stated else "margin rate {:g}",
        "구매당 {:g}" if stated else "마진율 {:g}",
    ).format(value["per_purchase"] if stated else value["margin_rate"])
    text = pick(
        lang,
        "Residual value of the next {days} days: {total:,.0f} in all, {mean:,.2f} per customer "
        "({basis}, {rate:.0%} a year off).",
        "앞으로 {days}일의 잔존 가치: 모두 {total:,.0f}, 고객당 {mean:,.2f} "
        "({basis}, 연 {rate:.0%} 할인).",
    )
    worth = customers["residual_value"]
    return (
        text.format(
            days=value["horizon_days"],
            total=worth.sum(),
            mean=worth.mean(),
            basis=basis,
            rate=value["discount_rate"],
        ),
    )


def _interval(cut: dict[str, Any], lang: str) -> str:
    if cut.get("low") is None:
        return ""
    text = pick(lang, " (90% interval {low:.3f} to {high:.3f})", "(90% 구간 {low:.3f}–{high:.3f})")
    return text.format(low=cut["low"], high=cut["high"])


def by_purchases(customers: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return customers, shares at risk and median cycles by number of repeat purchases."""
    classes = pd.cut(
        customers["x"], [-1, 0, 1, 3, 7, float("inf")], labels=["0", "1", "2-3", "4-7", "8+"]
    )
    groups = customers.assign(at_risk=customers["at_risk_date"] <= as_of).groupby(
        classes, observed=True
    )
    found = groups.agg(
        customers=("x", "size"),
        at_risk=("at_risk", "mean"),
        p_alive=("p_alive", "mean"),
        cycle=("cycle_days", "median"),
    ).reset_index(names="repeat purchases")
    return pd.DataFrame(
        {
            "repeat purchases": found["repeat purchases"].astype(str),
            "customers": found["customers"].map("{:,}".format),
            "at risk": found["at_risk"].map("{:.1%}".format),
            "mean P(alive)": found["p_alive"].map("{:.3f}".format),
            "median cycle (days)": found["cycle"].map("{:.0f}".format),
        }
    )


def silence_claim(people: pd.DataFrame, lang: str) -> str:
    """Return the claim of the silence figure."""
    fast, slow = people.iloc[0], people.iloc[-1]
    text = pick(
        lang,
        "The same silence means more for who buys every {fast:.0f} days than every {slow:.0f}",
        "같은 침묵도 {fast:.0f}일 주기 고객에게는 {slow:.0f}일 주기 고객보다 더 위험하다",
    )
    return text.format(fast=fast["rhythm_days"], slow=slow["rhythm_days"])


def shrinkage_claim(pairs: pd.DataFrame, lang: str) -> str:
    """Return the claim of the shrinkage figure: how far one gap is pulled, and many."""
    shift = (pairs["cycle_days"] / pairs["mean_gap_days"].clip(lower=1.0)).map(
        lambda ratio: max(ratio, 1 / ratio)
    )
    few, many = shift[pairs["x"] == 1].median(), shift[pairs["x"] >= 8].median()
    text = pick(
        lang,
        "One gap moves by a factor of {few:.1f} towards the population, eight or more by {many:.1f}",
        "간격이 하나면 모집단 쪽으로 {few:.1f}배, 여덟 이상이면 {many:.1f}배 이동",
    )
    return text.format(few=few, many=many)


def threshold_claim(cut: dict[str, Any], lang: str) -> str:
    """Return the claim of the threshold figure: what ten points off would cost."""
    if cut.get("extra_cost_lower") is None:
        return pick(lang, "The threshold is stated, not learnt", "임계값은 학습이 아닌 지정값")
    text = pick(
        lang,
        "Ten points off costs {lower:+.4f} (lower) or {higher:+.4f} (higher) per customer",
        "임계값이 10%p 틀리면 고객당 비용 {lower:+.4f}(낮게) / {higher:+.4f}(높게)",
    )
    return text.format(lower=cut["extra_cost_lower"], higher=cut["extra_cost_higher"])


def latest_at_risk(customers: pd.DataFrame, as_of: pd.Timestamp, n: int = 10) -> pd.DataFrame:
    """Return the repeat customers who became at risk most recently, best buyers first."""
    risky = customers[(customers["at_risk_date"] <= as_of) & (customers["x"] > 0)]
    recent = risky.sort_values(["at_risk_date", "x"], ascending=False).head(n)
    shown = recent[["customer_id", "x", "days_since_last", "rhythm_days", "p_alive"]].copy()
    shown["p_alive"] = [
        f"{r.p_alive:.2f} ({r.p_alive_q05:.2f}–{r.p_alive_q95:.2f})" for r in recent.itertuples()
    ]
    shown["rhythm_days"] = shown["rhythm_days"].map("{:.0f}".format)
    shown["days_since_last"] = shown["days_since_last"].map("{:.0f}".format)
    shown["at risk since"] = recent["at_risk_date"].astype(str).str[:10]
    return shown


def recent_risks(fit: dict[str, Any], customers: pd.DataFrame, lang: str) -> str:
    """Return the table of those who became at risk last."""
    title = pick(
        lang, "**Who crossed the threshold most recently**", "**가장 최근에 위험 상태가 된 고객**"
    )
    return title + "\n\n" + table(latest_at_risk(customers, pd.Timestamp(fit["as_of"])))


def checks(fit: dict[str, Any], lang: str) -> str:
    """Return the parameter table with its diagnostics, and the warnings."""
    parameters = pd.DataFrame(fit["parameters"])
    formats = {c: ".4g" for c in parameters.columns if c != "parameter"}
    facts = pick(
        lang,
        "Method: {method}{reason}. {cells:,} distinct cells of {n:,} customers. Log-likelihood at "
        "its maximum {best:.2f} (time in days), at the posterior mode {mode:.2f}.",
        "방법: {method}{reason}. 고객 {n:,}명의 서로 다른 셀 {cells:,}개. 최대 로그가능도 {best:.2f}"
        "(시간 단위: 일), 사후 최빈점에서 {mode:.2f}.",
    ).format(
        method=fit["method"],
        reason=f" ({fit['reason']})" if fit["reason"] else "",
        cells=fit["n_cells"],
        n=fit["n_customers"],
        best=fit["max_log_likelihood"],
        mode=fit["log_likelihood_at_mode"],
    )
    notes = [*fit["warnings"], *fit["threshold"]["notes"]]
    none = pick(lang, "No warnings.", "경고 없음.")
    parts = (facts, table(parameters, formats), *sensitivity(fit, lang), bullets(notes, none=none))
    return "\n\n".join((heading("checks", lang), *parts))


def sensitivity(fit: dict[str, Any], lang: str) -> list[str]:
    """Return what the priors do to the posterior: a sentence and a table; nothing of old runs."""
    rows = pd.DataFrame(fit.get("prior_sensitivity", []))
    if rows.empty:
        return []
    said = pick(
        lang,
        "**Prior sensitivity** (power-scaling; from 0.05 on, a component matters). {led} Shift: "
        "standard deviations that the posterior mean moves when the priors' power doubles.",
        "**사전분포 민감도** (거듭제곱 척도법, 0.05 이상이면 영향이 있음). {led} 이동: 사전분포의 거듭제곱을 두 배로 할 때 "
        "사후 평균이 움직이는 표준편차 수.",
    ).format(led=_led(rows, lang))
    words = {code: pick(lang, *pair) for code, pair in _VERDICTS.items()}
    shown = pd.DataFrame(
        {
            pick(lang, "parameter", "모수"): rows["parameter"],
            pick(lang, "prior", "사전분포"): rows["prior"],
            pick(lang, "sensitivity to prior", "사전분포 민감도"): rows["prior_sensitivity"],
            pick(lang, "to likelihood", "가능도 민감도"): rows["likelihood_sensitivity"],
            pick(lang, "shift (sd)", "이동 (sd)"): rows["shift_sd"],
            pick(lang, "verdict", "판정"): rows["verdict"].map(words),
        }
    )
    formats = dict(zip(shown.columns[2:5], (".3f", ".3f", "+.2f"), strict=True))
    return [said, table(shown, formats)]


_VERDICTS = {
    "robust": ("rests on the data", "데이터에 근거"),
    "possible_conflict": ("prior and data both shape it", "사전분포와 데이터가 함께 결정"),
    "prior_led": ("rests on the prior", "사전분포에 근거"),
}


def _led(rows: pd.DataFrame, lang: str) -> str:
    """Return which parameters the prior shapes, with the largest shift."""
    moved = rows[rows["verdict"] != "robust"]
    if moved.empty:
        return pick(
            lang, "No parameter hangs on its prior.", "사전분포에 좌우되는 모수가 없습니다."
        )
    far = moved.iloc[int(moved["shift_sd"].abs().argmax())]
    text = pick(
        lang,
        "The priors shape {names}; largest shift {shift:+.2f} sd ({far}).",
        "사전분포가 영향을 주는 모수: {names}; 가장 큰 이동 {shift:+.2f} sd ({far}).",
    )
    return text.format(
        names=", ".join(moved["parameter"]), shift=far["shift_sd"], far=far["parameter"]
    )


def predictive_claim(counts: pd.DataFrame, lang: str) -> str:
    """Return the claim of the predictive figure: classes covered, and what the prior allowed."""
    covered = counts["observed"].between(counts["posterior_q05"], counts["posterior_q95"])
    first = counts.iloc[0]
    text = pick(
        lang,
        "{inside} of {n} counts lie in the fit's 90% band; the prior allowed {low:,.0f} to "
        "{high:,.0f} one-time buyers",
        "{n}개 중 {inside}개가 적합의 90% 구간 안; 사전분포는 1회 구매자 {low:,.0f}–{high:,.0f}명을 허용",
    )
    return text.format(
        inside=int(covered.sum()),
        n=len(counts),
        low=first["prior_q05"],
        high=first["prior_q95"],
    )


def change_our_mind(fit: dict[str, Any], lang: str) -> str:
    """Return what would change the conclusion."""
    items = pick(
        lang,
        [
            'P(alive) is identified through the model\'s form only: "will ever buy again" is never '
            "observed. Its interval is parameter uncertainty; it shrinks as customers are added.",
            "Risk is not uplift: who is at risk is not who can be won back. A holdout would tell.",
            "A backtest on held-out periods in which the simple rule does as well: run "
            "`churnlab backtest` on the same data.",
        ],
        [
            "P(alive)는 모형의 형태를 통해서만 식별됩니다. '다시는 사지 않는다'는 관측되지 않습니다. 구간은 모수의 "
            "불확실성이며 고객이 늘수록 줄어듭니다.",
            "위험은 향상 효과(uplift)가 아닙니다. 되찾을 수 있는 고객인지는 홀드아웃 실험이 답합니다.",
            "보류 기간 백테스트에서 단순 규칙이 대등하다면 결론이 바뀝니다: `churnlab backtest`.",
        ],
    )
    return heading("change_our_mind", lang) + "\n\n" + bullets(list(items), none="")
