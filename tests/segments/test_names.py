"""Names, groups and polarity: P6, P9."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.segments import SegmentsConfig, Snapshot, change_table, segment_name, shares_table
from churnlab.segments.grid.polarity import check_polarity, polarity_of
from churnlab.vocabulary import SEGMENT_CODES

#: The table of the domain document, copied by hand.
TABLE = """
repeat_active.visit_active|재구매 핵심 활성 고객|Core active, repeat purchase
first_active.visit_active|첫구매 핵심 활성 고객|Core active, first purchase
repeat_risk.visit_active|재구매위험-방문활성 고객|Repeat-purchase risk, visit-active
first_risk.visit_active|첫구매위험-방문활성 고객|First-purchase risk, visit-active
none.visit_active|미구매-방문활성 고객|No purchase, visit-active
repeat_active.visit_risk|재구매활성-방문위험 고객|Repeat-purchase active, visit-risk
first_active.visit_risk|첫구매활성-방문위험 고객|First-purchase active, visit-risk
repeat_risk.visit_risk|재구매위험-방문위험 고객|Repeat-purchase risk, visit-risk
first_risk.visit_risk|첫구매위험-방문위험 고객|First-purchase risk, visit-risk
none.visit_risk|미구매-방문위험 고객|No purchase, visit-risk
repeat_active.visit_inactive|재구매활성-방문비활성 고객|Repeat-purchase active, visit-inactive
first_active.visit_inactive|첫구매활성-방문비활성 고객|First-purchase active, visit-inactive
repeat_risk.visit_inactive|재구매위험-방문비활성 고객|Repeat-purchase risk, visit-inactive
first_risk.visit_inactive|첫구매위험-방문비활성 고객|First-purchase risk, visit-inactive
none.visit_inactive|미구매-방문비활성 고객|No purchase, visit-inactive
"""


def test_p6_names_equal_the_table() -> None:
    lines = [line.split("|") for line in TABLE.strip().splitlines()]
    assert tuple(code for code, _, _ in lines) == SEGMENT_CODES
    for code, korean, english in lines:
        assert segment_name(code, "ko") == korean
        assert segment_name(code, "en") == english
    assert segment_name("core_active", "ko") == "핵심 활성 고객"
    assert segment_name("purchase_risk_visit_active", "ko") == "구매위험-방문활성 고객"
    assert segment_name("first_risk.visit_unknown", "ko") == "첫구매위험-방문 정보 없음 고객"


def test_p9_default_polarity_is_the_one_stated() -> None:
    polarity = polarity_of()
    positive = {c for c, p in polarity.items() if p == "positive"}
    negative = {c for c, p in polarity.items() if p == "negative"}
    assert positive == {"repeat_active.visit_active", "first_active.visit_active"}
    column = {c for c in SEGMENT_CODES if c.endswith("visit_inactive")}
    assert negative == column | {"repeat_risk.visit_risk", "first_risk.visit_risk"}


def test_p9_changing_the_mapping_changes_the_group_rows_only(
    november: Snapshot, december: Snapshot
) -> None:
    other = polarity_of() | {"none.visit_active": "positive", "none.visit_inactive": "neutral"}
    one, two = SegmentsConfig(), SegmentsConfig(polarity=other)
    for table in (
        lambda c: shares_table(december, c, np.random.default_rng(1)),
        lambda c: change_table(november, december, c, np.random.default_rng(1)),
    ):
        first, second = table(one), table(two)
        group = first["level"] == "polarity"
        pd.testing.assert_frame_equal(first[~group], second[~group])
        assert (first.loc[group, "n"] != second.loc[group, "n"]).any()
        assert first.loc[group, "n"].sum() == second.loc[group, "n"].sum()


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"none.visit_active": "positive"}, "misses 14 of 15 cells: repeat_active.visit_active"),
        ({"none.visit_activ": "positive"}, "Did you mean 'none.visit_active'"),
        ({"none.visit_active": "good"}, "must be one of positive, neutral, negative; got 'good'"),
    ],
)
def test_p9_maps_that_miss_a_cell_or_name_a_wrong_one_are_refused(
    mapping: dict, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        check_polarity(mapping)
    with pytest.raises(UsageError, match=words):
        SegmentsConfig(polarity=mapping)


def test_unknown_codes_and_languages_are_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'core_active'"):
        segment_name("core_activ")
    with pytest.raises(UsageError, match="lang must be one of en, ko; got 'fr'"):
        segment_name("core_active", "fr")
