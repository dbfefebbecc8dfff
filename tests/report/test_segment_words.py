"""What the segments' report and one customer's story say, in both languages."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pytest

from churnlab.explanation import text as explain_text
from churnlab.report.labels import label
from churnlab.runs import Run, RunFolder, open_run
from churnlab.segments import segment_name
from churnlab.segments.report import text
from churnlab.vocabulary import OVERDUE, RISK_BASES

LEAK = {
    "alert": True, "p_value": 0.012, "level": 0.05, "share": 0.4, "usual_share": 0.25,
    "n_core": 200, "n_periods": 5, "dispersion": 1.0, "period_days": 30, "reason": None,
}  # fmt: skip


ACTIONS = pd.DataFrame({"n": [3, 0], "action_id": ["keep", "cart"],
                        "reason": [None, "no customer qualifies today"]})  # fmt: skip


def checked(leak, lang, basis="overdue"):
    """What the checks say."""
    cut = {"value": 0.287, "basis": basis, "rule": "cost_ratio", "notes": []}
    segments = {"threshold": cut, "notes": [], "visit_cuts": None, "core_leak": leak}
    run = SimpleNamespace(has=lambda _: False, frame=lambda _: ACTIONS)
    return text.checks(run, segments, lang)


def test_whom_nobody_needs_to_write_to_stands_under_checks():
    assert "- nobody to write to, no customer qualifies today: cart" in checked(None, "en")
    assert "오늘 해당하는 고객이 없습니다): cart" in checked(None, "ko")


def test_the_alert_comes_with_its_false_alarm_rate_or_its_reason():
    said = text.leak_alert(LEAK, "en")
    assert said.startswith("**Core-leak alert.**")
    assert "40.0% of 200 core customers" in said
    assert "usually 25.0% do" in said
    assert "p = " not in said  # statistics stand under Checks
    assert "one-sided p = 0.012 against 5 earlier periods" in checked(LEAK, "en")
    assert "at most 5% of such checks" in checked(LEAK, "en")
    assert "5% 이하" in checked(LEAK, "ko")
    assert "No core-leak alert: a closed cohort." in checked(
        LEAK | {"alert": None, "reason": "a closed cohort"}, "en"
    )
    assert text.leak_alert(LEAK | {"alert": False}, "en").startswith("No core-leak alert.")
    none = text.leak_alert(LEAK | {"alert": None, "reason": "a closed cohort"}, "en")
    assert none == "No core-leak alert: a closed cohort."
    assert "(inflow fell)" in text.leak_alert(LEAK | {"reason": "inflow fell"}, "en")
    assert text.leak_alert(None, "en") == ""


@pytest.mark.parametrize(("lang", "words"), [("en", "Nobody was in the core"), ("ko", "없어")])
def test_an_empty_core_is_said_instead_of_a_share_of_nobody(lang, words):
    row = {"destination": "total", "n_core": 0, "n": 0, "share": 0.0, "share_q05": 0.0,
           "share_q95": 0.0}  # fmt: skip
    assert words in text.leaks(pd.DataFrame([row]), lang)
    assert words not in text.leaks(pd.DataFrame([row | {"n_core": 1}]), lang)


@pytest.mark.parametrize("basis", [*RISK_BASES, OVERDUE])
def test_the_checks_say_which_risk_the_threshold_cuts(basis):
    said = checked(None, "en", basis)
    assert f"purchase threshold: {label(f'formula.{basis}')} = 0.287 (cost_ratio)" in said


def test_the_claim_over_time_is_of_one_fit():
    rows = [
        ("own_fit", "2024-01-01", 0.1), ("own_fit", "2024-03-01", 0.9),
        ("latest_fit", "2024-03-01", 0.4), ("latest_fit", "2024-01-01", 0.3),
    ]  # fmt: skip
    shares = pd.DataFrame(rows, columns=["scored_by", "as_of", "share"]).assign(
        level="polarity", segment_code="positive", name_en="Positive", name_ko="긍정"
    )
    claim = text.over_time_claim(shares, "polarity", "en")
    assert claim == "Positive: 30.0% to 40.0% since 1 January 2024, by one model"


GROUP = {"level": "polarity", "segment_code": "positive", "name_en": "Positive", "name_ko": "긍정"}


@pytest.mark.parametrize(("n", "name"), [(0, "Repeat, at risk"), (1, "No purchase, visit-active")])
def test_without_visits_the_largest_state_is_told(n, name):
    rows = [
        ("segment", "none.visit_active", n, 0.5),
        ("segment", "repeat_risk.visit_unknown", 4, 0.4),
        ("purchase_state", "repeat_risk", 4, 0.6),
    ]
    shares = pd.DataFrame(rows, columns=["level", "segment_code", "n", "share"])
    shares["name_en"] = [segment_name(code) for code in shares["segment_code"]]
    assert name in text.grid_claim(shares, "en")


def test_the_first_bullet_counts_both_days_by_one_fit_and_says_what_was_counted_then():
    shares = pd.DataFrame([GROUP | {"n": 121, "share": 0.12, "share_q05": 0.1, "share_q95": 0.14}])
    changes = pd.DataFrame([GROUP | {"change": -0.06, "change_q05": -0.08, "change_q95": -0.04,
                                     "compared_to": pd.Timestamp("2024-10-31")}])  # fmt: skip
    moved = pd.DataFrame([GROUP | {"n_before": 187, "n": 121, "behaviour": 7, "reestimation": -73}])
    said = text.answer(shares, changes, moved, "en")
    assert "−6.0 points (−8.0 to −4.0) since 31 October 2024: 114 to 121 members (both" in said
    assert "187 were counted then" in said
    assert "당시 집계는 187명" in text.answer(shares, changes, moved, "ko")
    same = moved.assign(n_before=114, reestimation=0)
    assert "counted" not in text.answer(shares, changes, same, "en")
    assert "members (" not in text.answer(shares, changes, None, "en")


def _finished(path, tables) -> Run:
    folder = RunFolder(path, "segment", config={}, seed=1)
    for name, table in tables.items():
        folder.write_parquet(f"{name}.parquet", table)
    folder.finish()
    return open_run(path)


def test_a_breakdown_shows_each_value_with_its_groups(tmp_path):
    def rows(value, positive, negative):
        both = [
            ("positive", "Positive", "긍정", positive),
            ("negative", "Negative", "부정", negative),
        ]
        return [
            {"attribute": "tier", "value": value, "level": "polarity", "segment_code": code,
             "name_en": en, "name_ko": ko, "n": n, "share": n / 200, "share_q05": n / 250,
             "share_q95": n / 160} for code, en, ko, n in both
        ]  # fmt: skip

    table = pd.DataFrame(rows("gold", 150, 50) + rows("plain", 40, 160))
    run, none = (_finished(tmp_path / name, tables) for name, tables in (
        ("run", {"breakdown_tier": table}), ("none", {})
    ))  # fmt: skip
    said = text.breakdowns(run, "en")
    assert "**By tier**" in said
    assert "| gold | 200 | 75.0% (60.0%–93.8%) | 25.0% (20.0%–31.2%) |" in said
    assert "| plain | 200 |" in said
    assert "tier별 비중" in text.breakdowns(run, "ko")
    assert text.breakdowns(none, "en") == ""


def told(**changes) -> dict:
    """A repeat customer of 2024-06-30 with visits, and what is changed."""
    far = dt.datetime(9999, 12, 31)
    day = dt.datetime
    member = {
        "segment_code": "repeat_active.visit_active", "probability": 0.9,
        "visit_state": "visit_active", "signed_up_at": day(2024, 1, 1),
        "visit_risk_date": day(2024, 7, 9), "visit_inactive_date": far,
    }  # fmt: skip
    customer = {
        "x": 3, "last_purchase_at": day(2024, 6, 20), "days_since_last": 10.0, "cycle_days": 21.0,
        "cycle_q05": 12.0, "cycle_q95": 40.0, "purchase_risk": 0.2, "purchase_risk_q05": 0.1,
        "purchase_risk_q95": 0.3, "at_risk_date": day(2024, 7, 20), "due_date": day(2024, 7, 5),
        "due_q10": day(2024, 6, 23), "due_q90": day(2024, 8, 1), "horizon_days": 42,
    }  # fmt: skip
    story = {
        "customer_id": "a", "as_of": dt.date(2024, 6, 30), "member": member, "customer": customer,
        "risk": {"basis": "p_alive", "horizon_days": 90, "cycles": 2.0},
        "threshold": {"value": 0.4, "first_value": 0.3}, "visit_days": ["2024-06-28"],
        "actions": [{"action_id": "x", "en": "Greet.", "ko": "인사."}],
    }  # fmt: skip
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(story[key], dict)
        story[key] = story[key] | value if both else value
    return story


CASES = {
    "active": ({}, "active, and at risk from 20 July 2024 if nothing is bought until then"),
    "at risk": ({"customer": {"at_risk_date": dt.datetime(2024, 6, 30)}},
                "against a threshold of 40%: at risk since 30 June 2024"),
    "never": ({"customer": {"at_risk_date": dt.datetime(9999, 12, 31)}}, "within ten years"),
    "once": ({"customer": {"x": 0}}, "a guess from the other customers, 21 days"),
    "once, own cut": ({"customer": {"x": 0}}, "against a threshold of 30%"),
    "overdue": ({"customer": {"due_q90": dt.datetime(2024, 6, 29)}}, "29 June 2024: long overdue"),
    "due": ({"customer": {"due_q90": dt.datetime(2024, 6, 30)}}, "80% interval 23 June 2024 to"),
    "left": ({"customer": {f"next_purchase_q{q}": dt.datetime(2024, 7, q // 10 + 1)
                           for q in (10, 50, 90)}}, "by 6 July 2024 (80% interval 2 July 2024 to"),
    "personal": ({"risk": {"basis": "personal_cycles"}}, "no purchase within 42 days (2 of their"),
    "no purchase": ({"customer": None}, "signed up on 1 January 2024, 181 days ago, and have not"),
    "visits": ({}, "visited on 1 day, last on 28 June 2024; their visits are active (thinning from "
               "9 July 2024, inactive not within ten years"),
    "no visit": ({"visit_days": []}, "They have never visited"),
    "unknown": ({"member": {"visit_state": "visit_unknown"}}, "visit log never shows them"),
    "no log": ({"visit_days": None}, "The shop has no visit log."),
    "action": ({}, "What to do: Greet."),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_story_says_what_holds(case):
    changes, words = CASES[case]
    assert words in explain_text.paragraph(told(**changes), "en")


@pytest.mark.parametrize("case", CASES)
def test_the_korean_story_has_no_english_and_no_gaps(case):
    said = explain_text.paragraph(told(**CASES[case][0]), "ko")
    assert "{" not in said
    assert not any(word in said for word in (" the ", "They", "risk", "9999"))
    assert said.endswith("인사.")


@pytest.mark.parametrize(
    ("lang", "mark"), [("en", "✗ forecast too low"), ("ko", "✗ 예측이 너무 낮음")]
)
def test_calibrations_carry_their_verdict_where_they_are_shown(lang, mark):
    line = {"n": 50, "forecast": 0.3, "observed": 0.5, "observed_q05": 0.4, "observed_q95": 0.6}
    rows = pd.DataFrame(
        [line | {"churn_band": "25-50%", "verdict": "forecast too low"},
         line | {"churn_band": "50-75%", "verdict": "fits"},
         line | {"churn_band": "75-100%", "verdict": None, "n": 0}]
    )  # fmt: skip
    run = SimpleNamespace(has=lambda name: name.startswith("churn"), frame=lambda _: rows)
    said = text.calibrations(run, lang)
    assert "1 of 2 lines fit" in said or "2개 중 1개가 맞음" in said
    assert mark in said
    assert "75-100%" not in said
    assert text.calibrations(SimpleNamespace(has=lambda _: False), lang) == ""
