"""The answer of a fit's report says what customers are still worth, where that is known."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from churnlab.fitting.report.data import SHOWN
from churnlab.fitting.report.text import answer, latest_at_risk

CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["a", "b"],
        "x": [0, 2],
        "at_risk_date": pd.to_datetime(["2024-01-01", "2024-12-01"]),
        "p_return_year": [0.2, 0.9],
        "cycle_days": [90.0, 20.0],
        "expected_purchases": [0.1, 3.0],
    }
)


def report(**value: object) -> dict[str, object]:
    config = {"horizon_days": 365, "discount_rate": 0.1, "margin_rate": 0.3, "per_purchase": None}
    return {
        "as_of": "2024-06-30",
        "model": "mbg_nbd",
        "threshold": {"value": 0.5, "basis": "p_alive", "low": None},
        "spend": {"value": config | value},
    }


def test_reports_read_every_column_that_they_show():
    assert set(CUSTOMERS) <= set(SHOWN)


def test_nobody_is_certain_to_buy_again():
    sure = CUSTOMERS.assign(p_alive=0.996, p_alive_q05=0.4, p_alive_q95=1.0, rhythm_days=9.0,
                            days_since_last=9.0)  # fmt: skip
    assert latest_at_risk(sure, pd.Timestamp("2025-01-01"))["own_p_alive"].item() == "99% (40%–99%)"


def test_people_hear_that_the_model_does_not_fit_and_statisticians_why():
    misfit = {"en": ["x (model.group=COLUMN)", "y"], "ko": ["엑스", "와이"]}
    said = answer(report() | {"misfit_words": misfit}, CUSTOMERS, 90, "en")
    assert "in 2 ways these customers are not as the model" in said
    assert "model.group" not in said
    assert "2가지 점에서" in answer(report() | {"misfit_words": misfit}, CUSTOMERS, 90, "ko")
    for none in (report(), report() | {"misfit_words": {"en": [], "ko": []}}):
        assert "with care" not in answer(none, CUSTOMERS, 90, "en")


def test_residual_value_is_totalled_with_its_basis():
    customers = CUSTOMERS.assign(residual_value=[100.0, 2000.0])
    said = answer(report(), customers, 90, "en")
    assert "next 365 days these customers should bring 2,100, 1,050 each (30% of what" in said
    said = answer(report(per_purchase=12.5), customers, 90, "ko")
    assert (
        "365일 동안 이 고객들에게서 기대되는 금액은 모두 2,100, 고객당 1,050입니다(구매 1건당 12"
        in said
    )


@pytest.mark.parametrize(
    ("lang", "currency", "total"),
    [("en", "USD", "US$2,100.00"), ("ko", "USD", "US$2,100.00"), ("ko", "KRW", "2,100원")],
)
def test_money_is_written_in_its_currency(lang, currency, total):
    customers = CUSTOMERS.assign(residual_value=[100.0, 2000.0])
    assert total in answer(report(), customers, 90, lang, currency)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_nothing_is_said_of_money_that_nobody_knows(lang):
    said = answer(report(), CUSTOMERS, 90, lang)
    assert "bring" not in said
    assert "금액" not in said


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_threshold_is_of_a_risk_and_says_of_which(lang):
    """Of the chance that they have stopped, in words: high is bad."""
    said = answer(report(), CUSTOMERS, 90, lang)
    assert {"en": "have stopped buying has reached 50%", "ko": "멈췄을 확률이 50% 이상"}[
        lang
    ] in said
    assert not re.search("p_alive|P\\(alive|mbg_nbd", said)
