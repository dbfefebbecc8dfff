"""The data contract: what is kept, what is dropped and why, and that ids and days survive."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.events import DataConfig, PurchasesTable, log_from_frames, open_log, read_events
from churnlab.events.schema import REASONS

HEADER = "customer_id,event_at,amount\n"


def csv(tmp_path, text, name="orders.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return str(path)


def kept(log, name="purchases"):
    return log.frame(name)[["customer_id", "event_at"]].astype(str).to_numpy().tolist()


def test_d6_every_row_is_kept_or_dropped_for_one_reason(tmp_path):
    text = (
        HEADER
        + "a,2020-01-01,1\n"  # kept
        + "a,2020-01-01,1\n"  # duplicate
        + ",2020-01-02,1\n  ,2020-01-02,1\n"  # missing id, twice
        + "a,,1\n"  # missing time
        + "a,soon,1\na,2020-02-30,1\na,9999-12-31,1\n"  # unreadable time
        + "a,2020-01-03,-1\n"  # returned
        + "a,2020-01-04,0\n"  # kept: a zero amount is a purchase
        + "a,2020-01-05,\n"  # kept: an unknown amount is no return
        + "b,2020-01-06,1\n,2020-01-06,1\n"  # after as_of, whatever else is wrong
    )
    log = read_events(csv(tmp_path, text), as_of="2020-01-05", on_bad_rows="drop")
    report = log.report.tables["purchases"]
    assert report.rows == 13
    assert report.kept == 3
    assert report.dropped == {
        "after_as_of": 2,
        "missing_id": 2,
        "missing_time": 1,
        "unreadable_time": 3,
        "returned": 1,
        "duplicate": 1,
    }
    assert kept(log) == [["a", "2020-01-01"], ["a", "2020-01-04"], ["a", "2020-01-05"]]


def test_the_report_is_json_and_names_every_reason(tmp_path):
    log = read_events(csv(tmp_path, HEADER + "a,2020-01-01,1\na,2020-01-01,2\nb,2020-01-03,1\n"))
    report = json.loads(json.dumps(log.report.to_dict()))
    assert list(report["tables"]["purchases"]["dropped"]) == list(REASONS)
    assert report["as_of"] == "2020-01-03"
    assert report["as_of_given"] is False
    assert report["purchase_days"] == 2
    assert report["days_with_several"] == 1
    assert report["members"]["derived"] is True
    assert set(report["hashes"]) == {"purchases"}
    assert any("3 of 3 rows kept" in line for line in log.report.lines())


def test_as_of_is_inclusive_and_complete(tmp_path):
    text = "customer_id,event_at\na,2020-01-01 23:59:59.999999\na,2020-01-02 00:00:00\n"
    log = read_events(csv(tmp_path, text), as_of="2020-01-01")
    assert len(log.frame("purchases")) == 1
    assert log.report.tables["purchases"].dropped["after_as_of"] == 1


# ---- times -------------------------------------------------------------------------------------


def test_naive_times_are_local_and_offsets_are_converted(tmp_path):
    naive = csv(tmp_path, "customer_id,event_at\na,2020-01-01 23:30\nb,2020/1/2T00:30:05.25\n")
    log = read_events(naive, time_zone="Asia/Seoul")
    assert log.days()["day"].dt.day.tolist() == [1, 2]
    zoned = csv(
        tmp_path,
        "customer_id,event_at\n"
        "a,2020-01-01T15:00:00Z\n"  # midnight in Seoul: the 2nd
        "b,2020-01-01T14:59:59.999+00:00\n"
        "c,2020-01-01 23:30+09:00\n"
        "d,2020-01-01 10:00:00 -0500\n"
        "e,2020-01-01 15:00:00 UTC\n"
        "f,2020-01-01T15:00:00+00\n",
    )
    log = read_events(zoned, time_zone="Asia/Seoul")
    assert log.days()["day"].dt.day.tolist() == [2, 1, 1, 2, 2, 2]
    assert log.report.tables["purchases"].times == "offset"


def test_days_follow_daylight_saving(tmp_path):
    text = (
        "customer_id,event_at\n"
        "a,2021-03-14T04:59:00Z\n"  # 23:59 on the 13th: winter time, -5
        "b,2021-03-15T03:59:00Z\n"  # 23:59 on the 14th: summer time, -4
        "c,2021-03-15T04:00:00Z\n"  # midnight of the 15th; the 14th's 23:00 were it winter time
    )
    log = read_events(csv(tmp_path, text), time_zone="America/New_York")
    assert log.days()["day"].dt.day.tolist() == [13, 14, 15]


def test_zoned_and_naive_timestamps_of_frames():
    at = pd.to_datetime(["2020-01-01 20:00", "2020-01-02 20:00"])
    frame = pd.DataFrame({"customer_id": ["a", "b"], "event_at": at})
    assert read_events(frame, time_zone="Asia/Seoul").days()["day"].dt.day.tolist() == [1, 2]
    frame["event_at"] = at.tz_localize("UTC")
    assert read_events(frame, time_zone="Asia/Seoul").days()["day"].dt.day.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("values", "time_format"),
    [
        (["31/01/2020 10:00", "01/02/2020 00:00"], "%d/%m/%Y %H:%M"),
        (["20200131", "20200201"], "%Y%m%d"),
        ([20200131, 20200201], "%Y%m%d"),
        ([1580428800, 1580515200], "epoch_s"),
        (["1580428800000", "1580515200000"], "epoch_ms"),
        (["31/01/2020 23:00 -0200", "01/02/2020 02:00 +0100"], "%d/%m/%Y %H:%M %z"),
    ],
)
def test_unusual_times_are_read_by_their_format(values, time_format):
    frame = pd.DataFrame({"customer_id": ["a", "b"], "event_at": values})
    log = read_events(frame, time_format=time_format)
    want = ["2020-02-01", "2020-02-01"] if "%z" in time_format else ["2020-01-31", "2020-02-01"]
    assert log.days()["day"].dt.strftime("%Y-%m-%d").tolist() == want


def test_naive_and_offset_times_in_one_column_are_refused(tmp_path):
    text = HEADER + "a,2020-01-01 10:00:00,1\nb,2020-01-02T10:00:00+09:00,2\n"
    with pytest.raises(DataError, match=r"no offset.*'2020-01-01 10:00:00'.*\+09:00"):
        read_events(csv(tmp_path, text))


# ---- ids and columns ---------------------------------------------------------------------------

IDS = ["0001", "1", "9223372036854775807", "9223372036854775806", "회원-1", 'a"b', "x;y", " pad "]


def test_ids_survive_to_the_letter_in_csv_and_parquet(tmp_path):
    frame = pd.DataFrame({"customer_id": IDS, "event_at": "2020-01-01"})
    frame.to_csv(tmp_path / "ids.csv", index=False)
    frame.to_parquet(tmp_path / "ids.parquet")
    for name in ("ids.csv", "ids.parquet"):
        assert set(read_events(tmp_path / name).frame("purchases")["customer_id"]) == set(IDS)


def test_whole_float_ids_are_mended_and_said_so_others_refused():
    frame = pd.DataFrame({"customer_id": [1.0, 17850.0], "event_at": "2020-01-01"})
    log = read_events(frame)
    assert log.frame("purchases")["customer_id"].tolist() == ["1", "17850"]
    assert any("floating-point" in note for note in log.report.tables["purchases"].notes)
    for broken in (1.5, 2.0**53):
        with pytest.raises(DataError, match="Store ids as text"):
            read_events(frame.assign(customer_id=[1.0, broken]))


def test_integer_ids_keep_all_digits_beside_missing_ones():
    ids = pd.array([9223372036854775807, None, 9223372036854775806], dtype="Int64")
    frame = pd.DataFrame({"customer_id": ids, "event_at": pd.Timestamp("2020-01-01")})
    log = read_events(frame, on_bad_rows="drop")
    assert log.frame("purchases")["customer_id"].tolist() == [
        "9223372036854775806",
        "9223372036854775807",
    ]


@pytest.mark.parametrize("name", ["회원번호", 'it"s; "odd', "a'b", "select", "at", "x.y", "row"])
def test_column_names_of_any_kind_are_safe(tmp_path, name):
    pd.DataFrame({name: ["c1"], "when": ["2020-01-01"]}).to_csv(tmp_path / "x.csv", index=False)
    log = read_events(tmp_path / "x.csv", columns={"customer_id": name, "event_at": "when"})
    assert kept(log) == [["c1", "2020-01-01"]]


def test_optional_columns_are_taken_by_name_or_by_mapping():
    frame = pd.DataFrame(
        {"customer_id": ["a"], "event_at": "2020-01-01", "amount": "2.5", "sku": 7, "colour": "red"}
    )
    log = read_events(frame, columns={"item": "sku"})
    row = log.frame("purchases").iloc[0]
    assert row["amount"] == 2.5
    assert row["item"] == "7"
    assert "colour" not in row.index


# ---- returns, duplicates, bad rows -------------------------------------------------------------


@pytest.mark.parametrize(
    "flags", [[True, False, None], ["Yes", "no", ""], [1, 0, None], ["1", "0", "0"]]
)
def test_cancelled_purchases_are_returns(flags):
    frame = pd.DataFrame({"customer_id": list("abc"), "event_at": "2020-01-01", "cancelled": flags})
    assert read_events(frame).frame("purchases")["customer_id"].tolist() == ["b", "c"]
    assert len(read_events(frame, returns="keep").frame("purchases")) == 3
    with pytest.raises(DataError, match=r"1 rows are returns"):
        read_events(frame, returns="error")


def test_rows_are_duplicates_only_when_equal_in_every_column_of_the_source():
    """Two lines of an order may agree in all mapped columns and differ in one that is not."""
    frame = pd.DataFrame(
        {"customer_id": list("aaa"), "event_at": "2020-01-01", "amount": 1.0, "line": [1, 2, 2]}
    )
    log = read_events(frame)
    assert log.report.tables["purchases"].dropped["duplicate"] == 1
    assert log.frame("purchases")["amount"].sum() == 2.0
    assert len(read_events(frame, duplicates="keep").frame("purchases")) == 3
    with pytest.raises(DataError, match="duplicates"):
        read_events(frame, duplicates="error")


def test_bad_rows_up_to_the_share_are_dropped_above_it_refused():
    frame = pd.DataFrame(
        {"customer_id": "a", "event_at": ["2020-01-01", *["x"] * 2, *["2020-01-02"] * 97]}
    )
    frame["line"] = range(100)
    with pytest.raises(DataError, match=r"2 of 100 rows \(2.0%\)"):
        read_events(frame)
    assert read_events(frame, max_bad_share=0.02).report.tables["purchases"].kept == 98
    assert read_events(frame, on_bad_rows="drop").report.tables["purchases"].kept == 98
    with pytest.raises(DataError, match="Allowed: none"):
        read_events(frame, on_bad_rows="error", max_bad_share=0.5)


def test_unreadable_amounts_are_counted_never_silently_eaten():
    frame = pd.DataFrame(
        {"customer_id": list("ab"), "event_at": "2020-01-01", "amount": ["1,000", "2"]}
    )
    with pytest.raises(DataError, match=r"'1,000' \(row 1\)"):
        read_events(frame)
    log = read_events(frame, on_bad_rows="drop")
    assert log.report.tables["purchases"].unreadable == {"amount": 1}
    assert log.report.tables["purchases"].kept == 2


# ---- members -----------------------------------------------------------------------------------


def shop(**changes):
    frames = {
        "purchases": pd.DataFrame(
            {"customer_id": ["a", "b", "z"], "event_at": ["2020-01-05", "2020-01-01", "2020-01-09"]}
        ),
        "visits": pd.DataFrame(
            {"customer_id": ["a", "v"], "event_at": ["2020-01-04", "2020-01-07"]}
        ),
        "members": pd.DataFrame(
            {
                "customer_id": ["a", "b", "n"],
                "signed_up_at": ["2020-01-04", "2020-01-03", "2020-01-02"],
                "channel": ["web", None, "app"],
                "coupon_expires_at": ["2020-02-01", "", "2020-02-03 10:00"],
                "age": [30, 40, 50],
                "code": ["001", "2020-01-01", "x"],
            }
        ),
    }
    return frames | changes


def test_members_are_everybody_with_sensible_types():
    log = log_from_frames(shop())
    members = log.members()
    assert members["customer_id"].tolist() == ["a", "b", "n", "v", "z"]
    assert members["signed_up_at"].dt.day.tolist() == [4, 3, 2, 7, 9]
    assert members["coupon_expires_at"].dtype.kind == "M"
    assert members["coupon_expires_at"].notna().tolist() == [True, False, True, False, False]
    assert members["code"].tolist()[:3] == ["001", "2020-01-01", "x"]
    assert members["age"].dtype.kind == "f"  # whole numbers with gaps
    report = log.report.members
    assert (report.derived, report.count) == (False, 5)
    assert (report.added_purchasers, report.added_visitors) == (1, 1)
    assert (report.early_purchase_rows, report.early_purchasers) == (1, 1)
    assert not log.members_derived


def test_members_are_derived_from_purchases_and_visits():
    frames = shop()
    del frames["members"]
    log = log_from_frames(frames)
    assert log.members_derived
    assert log.members()["customer_id"].tolist() == ["a", "b", "v", "z"]
    assert log.members()["signed_up_at"].dt.day.tolist() == [4, 1, 7, 9]
    assert any("derived" in line for line in log.report.lines())


def test_a_member_listed_twice_counts_from_the_earliest_signup():
    members = pd.DataFrame(
        {
            "customer_id": ["a", "a"],
            "signed_up_at": ["2020-01-03", "2020-01-01"],
            "tier": ["x", "y"],
        }
    )
    log = log_from_frames(shop(members=members))
    row = log.members().set_index("customer_id").loc["a"]
    assert row["tier"] == "y"
    assert row["signed_up_at"].day == 1
    assert log.report.tables["members"].dropped["duplicate"] == 1


def test_named_attributes_only_when_some_are_named():
    frames = shop()
    log = read_events(
        frames["purchases"], members=frames["members"], columns={"members": {"lead": "channel"}}
    )
    assert list(log.members().columns) == ["customer_id", "signed_up_at", "lead"]


def test_treatments_have_two_arms():
    sent = pd.DataFrame(
        {"customer_id": ["a", "b"], "event_at": "2020-01-05", "arm": ["treat", "holdout"]}
    )
    log = log_from_frames(shop(treatments=sent))
    assert log.frame("treatments")["arm"].tolist() == ["treat", "holdout"]
    with pytest.raises(DataError, match=r"treat or holdout; got 'B'"):
        log_from_frames(shop(treatments=sent.assign(arm=["treat", "B"])))


# ---- the past is the past ----------------------------------------------------------------------


def everything(log):
    frames = {name: log.frame(name) for name in sorted(log.tables)}
    frames |= {"days": log.days(), "visit_days": log.days("visits"), "all": log.members()}
    return frames


def assert_same(one, two):
    left, right = everything(one), everything(two)
    assert left.keys() == right.keys()
    for name, frame in left.items():
        pd.testing.assert_frame_equal(frame, right[name], obj=name)


def big_shop(seed, n=400):
    rng = np.random.default_rng(seed)

    def times(size):
        start = np.datetime64("2020-01-01T00:00:00")
        return start + rng.integers(0, 40 * 86400, size).astype("timedelta64[s]")

    ids = np.array([f"c{i:03d}" for i in range(60)], dtype=object)
    purchases = pd.DataFrame(
        {
            "customer_id": rng.choice(np.append(ids, None), n),
            "event_at": times(n),
            "amount": rng.integers(-2, 9, n).astype(float),
            "order_id": rng.integers(0, 90, n).astype(str),
        }
    )
    purchases = pd.concat([purchases, purchases.sample(30, random_state=seed)], ignore_index=True)
    visits = pd.DataFrame({"customer_id": rng.choice(ids, n), "event_at": times(n)})
    members = pd.DataFrame(
        {
            "customer_id": rng.choice(ids, 70),
            "signed_up_at": times(70),
            "channel": rng.choice(["a", "b"], 70),
        }
    )
    sent = pd.DataFrame({"customer_id": rng.choice(ids, 50), "event_at": times(50), "arm": "treat"})
    return {"purchases": purchases, "visits": visits, "members": members, "treatments": sent}


@pytest.mark.parametrize("seed", [1])
def test_rows_after_as_of_change_nothing_present_or_absent(seed):
    frames = big_shop(seed)
    for day in ("2020-01-25",):
        after = pd.Timestamp(day) + pd.Timedelta(days=1)
        past = {
            name: f[f["signed_up_at" if name == "members" else "event_at"] < after]
            for name, f in frames.items()
        }
        cut = log_from_frames(past, as_of=day, on_bad_rows="drop")
        whole = log_from_frames(frames, as_of=day, on_bad_rows="drop")
        view = log_from_frames(frames, on_bad_rows="drop").until(day)
        assert_same(cut, whole)
        assert_same(cut, view)
        for name, report in cut.report.tables.items():
            late = {**whole.report.tables[name].dropped, "after_as_of": 0}
            assert late == report.dropped


def test_until_is_a_view_that_cannot_be_widened_again():
    log = log_from_frames(shop())
    early = log.until("2020-01-04")
    assert early.as_of == dt.date(2020, 1, 4)
    assert early.days()["customer_id"].tolist() == ["b"]
    assert early.members()["customer_id"].tolist() == ["a", "b", "n"]
    assert len(log.days()) == 3
    with pytest.raises(UsageError, match="known until 2020-01-04"):
        early.until("2020-01-05")


def test_the_order_of_rows_changes_nothing():
    frames = big_shop(3)
    shuffled = {k: f.sample(frac=1, random_state=1) for k, f in frames.items()}
    assert_same(
        log_from_frames(frames, on_bad_rows="drop"), log_from_frames(shuffled, on_bad_rows="drop")
    )


# ---- configuration -----------------------------------------------------------------------------


def test_settings_that_cannot_be_are_refused():
    for wrong in (
        {"time_zone": "Asia/Soul"},
        {"returns": "dorp"},
        {"on_bad_rows": "ignore"},
        {"max_bad_share": 2.0},
        {"purchase_unit": "basket"},
        {"name": "cdnoww"},
    ):
        with pytest.raises(UsageError):
            DataConfig(**wrong)
    with pytest.raises(UsageError, match="Asia/Seoul"):
        DataConfig(time_zone="Asia/Soul")
    with pytest.raises(UsageError, match=r"data\.connection"):
        DataConfig(purchases=PurchasesTable(table="orders"))
    with pytest.raises(UsageError, match="either a path or a table"):
        PurchasesTable(table="orders", path="orders.csv")


def test_nothing_given_and_simulated_data_by_name_are_refused():
    with pytest.raises(UsageError, match=r"data\.purchases\.path"):
        read_events()
    with pytest.raises(UsageError, match="simulated"):
        open_log(DataConfig(name="syn_shop"))
    with pytest.raises(UsageError, match="known until"):
        open_log(DataConfig(name="cdnow")).until("2000-01-01")
    with pytest.raises(UsageError, match="as_of must be a day"):
        read_events("x.csv", as_of="last week")
    with pytest.raises(UsageError, match="Did you mean 'event_at'"):
        read_events("x.csv", columns={"event_a": "x"})


def test_first_day_and_days_after_a_day_are_those_of_all_days():
    log = open_log(DataConfig(name="cdnow")).until("1997-06-30")
    days, day = log.days(), dt.date(1997, 6, 1)
    assert log.first_day() == days["day"].min().date()
    later = days[days["day"] > pd.Timestamp(day)].reset_index(drop=True)
    assert 0 < len(later) < len(days)
    pd.testing.assert_frame_equal(log.days(after=day), later)
    assert log.until("1996-01-01").first_day() == dt.date(1996, 1, 1)
