"""Amounts as shops write them, decided on the whole column; amounts as SQL expressions."""

import numpy as np
import pandas as pd
import pytest
from sqlglot import exp

from churnlab.errors import DataError
from churnlab.events import read_events
from churnlab.formats.expressions import NotAnExpressionError, parse


def read(amounts, **options):
    frame = pd.DataFrame({"customer_id": "a", "amount": amounts})
    frame["event_at"] = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.arange(len(frame)), "D")
    return read_events(frame, **options)


def values(log):
    return log.frame("purchases")["amount"].tolist()


WRITTEN = {
    "dollars": (["$1,204.50", "$3.00", "-$4.00", "($5.00)"], [1204.5, 3, -4, -5]),
    "won": (["₩12,000", "₩950", "₩1,250,000"], [12000, 950, 1250000]),
    "won behind": (["12,000원", "950 원"], [12000, 950]),
    "yen with a point": (["¥12.000", "¥950"], [12000, 950]),
    "decimal commas": (["195,54", "12,5", "7"], [195.54, 12.5, 7]),
    "euros": (["1.204,50 €", "12.000 €", "0,99 €"], [1204.5, 12000, 0.99]),
    "codes": (["EUR 1.204,50", "12,00EUR"], [1204.5, 12]),
    "blanks between thousands": (["1 204,50 €", "1\u202f204,50\u00a0€"], [1204.5, 1204.5]),
    "apostrophes": (["1'204.50", "CHF 12.05"], [1204.5, 12.05]),
    "points repeated": (["1.204.500", "950"], [1204500, 950]),
    "one clear value decides": (["1.204", "950", "0,5"], [1204, 950, 0.5]),
    "commas repeated": (["1,204,500", "1,204"], [1204500, 1204]),
    "plain": (["1204.5", "1e3", " 7 ", "-2", ""], [1204.5, 1000, 7, -2, None]),
    "minus signs": (["−4.00", "4.00-", "$1.25"], [-4, -4, 1.25]),
    "three decimals among others": (["1.250", "1.2"], [1.25, 1.2]),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_d2_amounts_are_read_as_written(case):
    text, wanted = WRITTEN[case]
    got = pd.Series(values(read(text, returns="keep")))
    pd.testing.assert_series_equal(got, pd.Series(wanted, dtype=float), check_names=False)


def test_three_digits_behind_the_only_mark_want_several_values_or_a_word():
    few = [f"{i},000" for i in range(1, 5)]
    with pytest.raises(DataError, match=r"either mark: say decimal"):
        read([*few, "2"])
    assert values(read([*few, "2"], decimal="."))[0] == 1000
    assert values(read([*few, "2"], decimal=","))[0] == 1
    assert values(read([*few, "5,000"]))[0] == 1000
    points = [f"{i}.204" for i in range(1, 6)]
    assert values(read(points[:-1])) == [float(p) for p in points[:-1]]
    with pytest.raises(DataError, match="either mark"):
        read([*points, "950"])


def test_values_against_the_grain_of_their_column_are_unreadable():
    amounts = [f"{i},50" for i in range(300)] + ["1.23.4", "12.5.2022"]
    report = read(amounts).report.tables["purchases"]
    assert report.unreadable == {"amount": 2}
    assert any("','" in note for note in report.notes)


def test_several_currencies_are_no_amount():
    with pytest.raises(DataError, match=r"several currencies: EUR \(2\), USD \(1\)"):
        read(["€1.00", "EUR 2.00", "$3.00"])
    assert values(read(["$1.00", "USD 2.00", "US$3.00"])) == [1, 2, 3]


def test_d2_an_amount_may_be_an_expression_over_text_and_numbers():
    frame = pd.DataFrame(
        {
            "customer_id": list("abcd"),
            "event_at": "2022-01-01",
            "Quantity": ["2", "3", "", "x"],
            "unit price": ["1.250,50 €", "2,00 €", "3,00 €", "4,00 €"],
            "status": ["paid", "gift", "paid", "paid"],
            "fee": [1.0, 0.0, 0.0, 0.0],
        }
    )
    log = read_events(frame, columns={"amount": 'quantity * "unit price" + fee'}, max_bad_share=0.5)
    assert log.frame("purchases")["amount"].fillna(-1).tolist() == [2502, 6, -1, -1]
    assert log.report.tables["purchases"].unreadable == {"amount": 1}
    chosen = "CASE WHEN status = 'gift' THEN 0 ELSE \"unit price\" END"
    log = read_events(frame, columns={"amount": chosen})
    assert log.frame("purchases")["amount"].tolist() == [1250.5, 0, 3, 4]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a; DROP TABLE x",
        "(SELECT 1)",
        "a IN (SELECT b FROM c)",
        "EXISTS (SELECT 1)",
        "sum(a)",
        "read_csv('x')",
        "read_text('/etc/passwd')",
        "pg_read_file('x')",
        "getenv('HOME')",
        "dblink('x', 'y')",
        "a AS b",
        "a) OR (1 = 1",
        "DROP TABLE x",
        "COPY x TO 'y'",
        "ATTACH 'x'",
        "row_number() OVER ()",
        "a > now()",
        "current_date > a",
        "random() < a",
        "repeat(a, 1000000000)",
        "lpad(a, 1000000000, 'x')",
        "a.lower()",
        "brand_new_function(a)",
        "date_part2(a)",
        "current_user = a",
        "uuid() = a",
        "COLUMNS(*) > 1",
        "* > 1",
        "unnest(a)",
        "$1 = a",
        "? = a",
        "list_transform(a, x -> x)",
        "a COLLATE nocase = 'x'",
    ],
)
def test_more_than_one_expression_over_a_row_is_refused(text):
    with pytest.raises(NotAnExpressionError):
        parse(text)
    frame = pd.DataFrame({"customer_id": ["a"], "event_at": "2022-01-01", "a": [1.0]})
    if text:
        with pytest.raises(DataError, match="amount"):
            read_events(frame, columns={"amount": text})
        with pytest.raises(DataError, match="where"):
            read_events(frame, where={"purchases": text})


@pytest.mark.parametrize(
    "text",
    [
        "a = 1 AND NOT (b < 2 OR c IS NULL)",
        "a IN ('x', 'y') AND b BETWEEN 1 AND 2",
        "lower(trim(a)) LIKE '%x%' OR a ILIKE 'y' OR a SIMILAR TO 'z'",
        "regexp_matches(a, 'x') AND regexp_extract(a, '(x)', 1) = 'x' AND replace(a, ',', '') = b",
        "CASE WHEN a THEN b ELSE -c END + if(a, 1, 2) * coalesce(b, 0) // 2 % 3 ** 2",
        "round(abs(a), 2) + least(b, c) - greatest(b, 0) / nullif(c, 0)",
        "CAST(a AS DOUBLE) > 0 AND TRY_CAST(b AS DATE) >= DATE '2020-01-01' AND c::INT = 1",
        "date_trunc('month', a) = b AND datediff('day', a, b) > 3 AND a > b - INTERVAL 3 DAY",
        "extract(year FROM a) = 20 AND hour(a) > 3 AND date_part('dow', a) = 1 AND weekday(a) = 1",
        "strptime(a, '%Y') > b AND try_strptime(a, '%Y') > b AND strftime(b, '%Y') = a",
        "a ->> '$.x' = 'y' AND json_extract_string(a, '$.y') = 'z' AND b[1] = 2",
        "left(a, 2) || right(b, 1) = concat(a, b) AND split_part(a, '-', 1) = 'x'",
        "contains(a, 'x') AND starts_with(a, 'y') AND a IS DISTINCT FROM b",
        "a AT TIME ZONE 'UTC' > b AND epoch(b) > 3 AND to_timestamp(a) < b",
    ],
)
def test_plain_functions_of_a_row_are_allowed(text):
    assert parse(text).sql(dialect="duckdb")
    assert parse(f'"{text}" > 1').find(exp.Column).name == text
