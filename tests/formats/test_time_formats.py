"""Times as numbers and as slash dates: read, or refused in words that name what fits."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.events import read_events
from churnlab.formats.detect import ENOUGH, candidates

DAYS = pd.date_range("2022-01-03", periods=300, freq="37h").floor("min")


def orders(times, **columns):
    frame = pd.DataFrame({"customer_id": [f"c{i % 40}" for i in range(len(times))]})
    return frame.assign(event_at=np.asarray(times, dtype=object), **columns).infer_objects()


def dated(log):
    return log.frame("purchases").sort_values("event_at")["event_at"].tolist()


def epoch(per_second):
    return ((DAYS - pd.Timestamp(0)) // pd.Timedelta("1s")) * per_second


SERIAL = (DAYS - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D")
NUMBERS = {
    "epoch_s": epoch(1),
    "epoch_ms": epoch(10**3),
    "epoch_us": epoch(10**6),
    "epoch_ns": epoch(10**9),
    "excel_days": SERIAL,
    "%Y%m%d%H%M": DAYS.strftime("%Y%m%d%H%M").astype("int64"),
}


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("unit", NUMBERS)
def test_d3_numbers_are_times_in_their_unit_whole_or_broken(unit, as_text):
    """A gap makes pandas turn whole numbers into floats, and a CSV of it says 1641202560.0."""
    for values in (pd.Series(NUMBERS[unit]), pd.Series(NUMBERS[unit]).astype(float)):
        typed = values.map(repr) if as_text else values
        frame = orders(range(len(typed))).assign(event_at=typed)
        assert dated(read_events(frame, time_format=unit)) == list(DAYS)


@pytest.mark.parametrize("unit", NUMBERS)
def test_numbers_without_a_format_name_the_one_that_is_plausible(unit):
    wanted = unit if unit != "%Y%m%d%H%M" else None
    frame = orders(range(300)).assign(event_at=NUMBERS[unit])
    with pytest.raises(DataError) as caught:
        read_events(frame)
    assert "not times" in str(caught.value)
    assert wanted is None or f"time_format='{wanted}' reads 300" in str(caught.value)


def test_a_missing_number_is_one_missing_time():
    frame = orders(range(300)).assign(event_at=pd.Series(NUMBERS["epoch_s"]).astype(float))
    frame.loc[5, "event_at"] = np.nan
    report = read_events(frame, time_format="epoch_s").report.tables["purchases"]
    assert (report.kept, report.dropped["missing_time"]) == (299, 1)


@pytest.mark.parametrize("unit", ["epoch_s", "epoch_ms", "epoch_us"])
def test_a_wrong_unit_ends_in_1970_and_is_named(unit):
    frame = orders(range(300)).assign(event_at=SERIAL)
    with pytest.raises(DataError, match=r"lies in 1970.*time_format='excel_days' reads 300"):
        read_events(frame, time_format=unit)
    with pytest.raises(
        DataError, match="lies in 1970"
    ):  # pd.to_datetime(seconds) means nanoseconds
        read_events(orders(range(300)).assign(event_at=pd.to_datetime(epoch(1))))


def test_one_day_outside_1970_is_enough_to_pass():
    inside = orders(["1970-01-01", "1970-12-31"])
    with pytest.raises(DataError, match="lies in 1970"):
        read_events(inside)
    assert len(dated(read_events(orders(["1970-12-31", "1971-01-01"])))) == 2
    assert len(dated(read_events(orders(["1969-12-31", "1970-01-01"])))) == 2


def test_d4_slash_dates_that_both_orders_read_are_an_error_that_names_both():
    first = [f"{t.month}/{t.day % 12 + 1}/{t.year}" for t in DAYS]
    with pytest.raises(DataError) as caught:
        read_events(orders(first))
    assert "'%d/%m/%Y'" in str(caught.value)
    assert "'%m/%d/%Y'" in str(caught.value)
    assert "say which" in str(caught.value)
    log = read_events(orders(first), time_format="%m/%d/%Y")
    assert log.as_of == max(dt.date(t.year, t.month, t.day % 12 + 1) for t in DAYS)


def test_slash_dates_are_tried_on_the_whole_column():
    """The first rows fit both orders; one far below decides."""
    early = ["1/2/2022"] * 200
    with pytest.raises(DataError, match=r"time_format='%m/%d/%Y' reads 201"):
        read_events(orders([*early, "12/31/2022"]))
    with pytest.raises(DataError, match=r"time_format='%d/%m/%Y' reads 201"):
        read_events(orders([*early, "31/12/2022"]))


def test_a_day_far_ahead_is_a_bad_row_not_another_format():
    days = [f"{1 + i % 28}.{1 + i % 12}.2022 10:00" for i in range(299)]
    for bad, found in ((1, True), (300 - int(300 * ENOUGH) + 1, False)):
        times = days[: 300 - bad] + ["31.12.2099 10:00"] * bad
        with pytest.raises(DataError) as caught:
            read_events(orders(times))
        said = "time_format='%d.%m.%Y %H:%M' reads 29" in str(caught.value)
        assert said is found


def test_a_format_of_the_wrong_order_is_refused_although_bad_rows_may_go():
    """Below the share of bad rows, too: the rest would be read with day and month exchanged."""
    times = ["1/2/2022"] * 400 + ["12/31/2022"]
    for options in ({}, {"on_bad_rows": "drop"}):
        with pytest.raises(DataError, match=r"time_format='%m/%d/%Y' reads 401"):
            read_events(orders(times, n=range(401)), time_format="%d/%m/%Y", **options)
    bad = ["1/2/2022"] * 400 + ["soon"]
    log = read_events(orders(bad, n=range(401)), time_format="%d/%m/%Y")
    assert log.report.tables["purchases"].dropped["unreadable_time"] == 1


def test_more_than_half_unreadable_is_another_format():
    for bad, said in ((50, None), (51, "another format")):
        times = ["2022-01-01"] * (100 - bad) + ["soon"] * bad
        frame = orders(times, n=range(100))
        if said is None:
            assert read_events(frame, on_bad_rows="drop").report.tables["purchases"].kept == 50
        else:
            with pytest.raises(DataError, match=said):
                read_events(frame, on_bad_rows="drop")


def test_candidates_may_miss_one_in_a_hundred(backend):
    days = [f"{1 + i % 28}.{1 + i % 12}.2022" for i in range(99)]
    for extra, found in ((1, ["%d.%m.%Y"]), (2, [])):
        backend.create_table("t", pd.DataFrame({"t": days + ["soon"] * extra}), overwrite=True)
        got = [c.time_format for c in candidates(backend.table("t"), "t", "UTC")]
        assert got == found
    assert ENOUGH == 99 / 100


@pytest.mark.parametrize(("last", "found"), [("19891231", []), ("19900101", ["%Y%m%d"])])
def test_candidates_end_in_1990_or_later(last, found, backend):
    backend.create_table("t", pd.DataFrame({"t": ["19850101", last]}))
    got = [c.time_format for c in candidates(backend.table("t"), "t", "UTC")]
    assert [f for f in got if f == "%Y%m%d"] == found
    later = dt.date.today() + dt.timedelta(days=800)
    backend.create_table("u", pd.DataFrame({"t": ["19900101", later.strftime("%Y%m%d")]}))
    assert candidates(backend.table("u"), "t", "UTC") == []


def test_what_only_looks_like_a_date_is_no_local_time():
    """A placeholder or garbage in the shape of a date does not make a column of offsets mixed."""
    zoned = [f"2022-01-{1 + i % 28:02d}T10:00:00+09:00" for i in range(300)]
    frame = orders([*zoned, "abcd-ef-gh", "0001-01-01"], n=range(302))
    report = read_events(frame, time_zone="Asia/Seoul").report.tables["purchases"]
    assert (report.times, report.dropped["unreadable_time"]) == ("offset", 2)


def test_missing_times_are_neither_local_nor_offset():
    zoned = [f"2022-01-{1 + i % 28:02d}T10:00:00+09:00" for i in range(300)]
    report = read_events(orders([*zoned, None, ""], n=range(302))).report.tables["purchases"]
    assert (report.times, report.dropped["missing_time"]) == ("offset", 2)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("KST", "Asia/Seoul"),
        ("kst", "Asia/Seoul"),
        ("Seoul", "Asia/Seoul"),
        ("new york", "America/New_York"),
        ("Asia/Soul", "Asia/Seoul"),
        ("PDT", "America/Los_Angeles"),
    ],
)
def test_a_zone_is_known_by_its_abbreviation_and_its_city(typed, meant):
    with pytest.raises(UsageError, match=f"Did you mean '{meant}'"):
        read_events(orders(["2022-01-01"]), time_zone=typed)
