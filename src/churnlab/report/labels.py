"""Words on figures and in reports, in English and Korean: one table, looked up by key."""

from __future__ import annotations

from typing import Final

from churnlab.errors import UsageError

LANGUAGES: Final = ("en", "ko")

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "week": ("week", "주"),
    "cumulative_purchases": ("cumulative repeat purchase-days", "누적 재구매 일수"),
    "weekly_purchases": ("repeat purchase-days per week", "주간 재구매 일수"),
    "actual": ("what came", "실제"),
    "forecast": ("forecast", "예측"),
    "band_90": ("90% band", "90% 구간"),
    "held_out_starts": ("held-out weeks start", "검증 기간 시작"),
    "days_since_last": ("days since the last purchase", "마지막 구매 후 경과 일수"),
    "p_alive": ("P(alive)", "생존 확률 P(alive)"),
    "purchase_risk": ("purchase risk", "구매 위험"),
    "threshold": ("threshold", "임계값"),
    "predicted": ("forecast probability of no purchase", "예측한 미구매 확률"),
    "observed": ("observed share without a purchase", "실제 미구매 비율"),
    "consistency_band": ("90% consistency band", "90% 일관성 구간"),
    "cost_per_customer": ("cost per customer", "고객당 비용"),
    "chosen": ("chosen", "선택"),
    "cost_of_ten_points": ("ten points off", "10%p 오차"),
    "customers": ("customers", "고객 수"),
    "today": ("today", "오늘"),
    "at_risk_since": ("at risk since", "위험 시작일"),
    "brier": ("Brier score (lower is better)", "Brier 점수 (낮을수록 좋음)"),
    "model": ("model", "모형"),
    "raw_gap": ("mean gap observed (days)", "관측된 평균 구매 간격 (일)"),
    "posterior_cycle": ("posterior purchase cycle (days)", "사후 구매 주기 (일)"),
    "purchases": ("purchases", "구매"),
    "no_purchase_in": ("P(no purchase in {days} days)", "{days}일 내 미구매 확률"),
    "share": ("share of members (90% interval)", "회원 비중 (90% 구간)"),
    "rhythm": ("customer (rhythm)", "고객 (구매 주기)"),
    "repeat_purchases": ("repeat purchases", "재구매 횟수"),
    "prior_predictive": ("prior predictive (90%)", "사전 예측 (90%)"),
    "posterior_predictive": ("posterior predictive (90%)", "사후 예측 (90%)"),
    "gaps_observed": ("gaps observed", "관측된 구매 간격 수"),
    "apart": ("each group on its own (90%)", "그룹별 개별 추정 (90%)"),
    "partial": ("partial pooling (90%)", "부분 풀링 (90%)"),
    "population": ("population of groups", "그룹 모집단"),
    "truth": ("truth", "참값"),
    "group_customers": ("group (customers)", "그룹 (고객 수)"),
    "few_gaps": ("one or two gaps", "구매 간격 1–2개"),
    "many_gaps": ("three gaps or more", "구매 간격 3개 이상"),
    "no_shrinkage": ("cycle = mean gap", "주기 = 평균 간격"),
}


def label(key: str, lang: str = "en") -> str:
    """Return the words for a key.

    Raises
    ------
    UsageError
        The language is neither `en` nor `ko`.
    """
    if lang not in LANGUAGES:
        raise UsageError(f"lang must be one of {', '.join(LANGUAGES)}; got {lang!r}.")
    return _WORDS[key][LANGUAGES.index(lang)]
