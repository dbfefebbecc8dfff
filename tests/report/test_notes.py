"""Notes of run files: told in the reader's language, and phrased as the code writes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import churnlab
from churnlab.report.labels import label
from churnlab.report.notes import all_told, told

SOURCE = Path(churnlab.__file__).parent
NOTES = {k: str(v) for k, v in label.phrases("en").items() if k.startswith("note.")}


def written() -> str:
    """The source's strings, those of several lines joined."""
    texts = (path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    joined = re.sub(r"\"\s*\n\s*f?\"", "", "\n".join(texts))
    return joined.replace("{{", "{").replace("}}", "}")


def test_every_note_is_phrased_as_the_code_writes_it():
    """Its longest piece between values stands in the source, or the source takes it from here."""
    source = written()
    lost = []
    for key, phrase in NOTES.items():
        plain = re.sub(r"(?<!\{)\{\w[^}]*\}", "\0", phrase).replace("{{", "{").replace("}}", "}")
        longest = max(plain.split("\0"), key=len)
        if longest not in source and f'"{key}"' not in source:
            lost.append((key, longest))
    assert lost == []


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("no customer qualifies today", "오늘 해당하는 고객이 없습니다"),
        ("learnt on windows of 136 days instead of 273d: only 272 days of history at 1997-09-30",
         "1997년 9월 30일까지의 기록이 272일뿐이어서 273일 대신 136일 기간으로 학습했습니다"),
        ("members have no column coupon_expires_at; map it with "
         "data.members.attributes={coupon_expires_at: COLUMN}",
         "회원 테이블에 쿠폰 만료일(coupon_expires_at) 열이 없습니다. "
         "data.members.attributes={coupon_expires_at: 열 이름}으로 지정하세요"),
        # of one candidate, and how often
        ("mbg_nbd: The likelihood has no proper maximum (runs off along a -> 3e-07); the posterior "
         "is held by the priors there. Report intervals, not point estimates, or use a simpler "
         "model. (3 times, the last at 2011-09-10)",
         "mbg_nbd: 가능도에 제대로 된 최댓값이 없습니다(a -> 3e-07 방향). 그 방향의 사후분포는 "
         "사전분포가 붙잡고 있으므로 점추정값 대신 구간을 쓰거나 더 단순한 모형을 쓰세요. "
         "(3번, 마지막은 2011년 9월 10일)"),
        ("mbg_nbd+none: Two starts ended in different maxima; run inference=nuts to compare. "
         "(in a, b) (3 times, the last at 2011-09-10)",
         "mbg_nbd+none: 두 시작점이 서로 다른 최댓값에 이르렀습니다. inference=nuts와 비교하세요. "
         "(그룹: a, b) (3번, 마지막은 2011년 9월 10일)"),
        # a note inside a note
        ("no spend model: all amounts are equal (3): there is no spread to learn. State what a "
         "purchase is worth in value.per_purchase, the margin of one purchase.",
         "금액 모형을 만들지 않았습니다. 금액이 모두 같아(3) 배울 변동이 없습니다. 구매 한 건의 "
         "마진을 value.per_purchase에 지정하세요."),
        # several in a row, one of which holds the sign between them
        ("turned off; 0 backtest origins; at least 3 are expected; the hiatus baseline is "
         "missing from the backtest",
         "꺼져 있음; 백테스트 기준일이 0개이며 3개 이상이어야 합니다; 백테스트에 hiatus 기준선이 "
         "없습니다"),
        # a list of notes, one with a note inside
        ("fewer than 50 customers at an origin in: age 180-364 days, age 365 days or more, "
         "age 90-179 days, age under 90 days, frequency 6, frequency 7+, group Seoul, North",
         "기준일에 고객이 50명 미만인 칸: 첫 구매 후 180–364일, 첫 구매 후 365일 이상, "
         "첫 구매 후 90–179일, 첫 구매 후 90일 미만, 재구매 6회, 재구매 7+회, 그룹 Seoul, North"),
        ("fewer than 50 customers at an origin in: frequency 4, frequency 5",
         "기준일에 고객이 50명 미만인 칸: 재구매 4회, 재구매 5회"),
    ],
)  # fmt: skip
def test_a_stored_note_is_told_in_korean(english, korean):
    assert told(english, "ko") == korean
    assert told(english, "en") == english


def test_what_has_no_phrase_stays_as_it_is():
    assert told("the moon is full", "ko") == "the moon is full"
    assert told(None, "ko") == ""


def test_the_same_note_is_told_once():
    assert all_told(["turned off", "turned off", "x"], "ko") == ["꺼져 있음", "x"]


def test_every_class_of_a_backtest_has_korean_words():
    """The names that `limits` writes are those of the classes by which scores are broken down."""
    from churnlab.backtest.scores import board

    cells = [f"frequency {name}" for name in board._FREQUENCIES]
    cells += [f"age {name}" for _, name in board._AGES]
    for cell in [*cells, "group 3"]:
        said = told(f"fewer than 50 customers at an origin in: {cell}", "ko")
        assert not re.search("[a-z]", said), said
