"""Encodings, delimiters, workbooks, frames and connections: the same rows whatever holds them."""

import decimal
import gzip
import uuid

import duckdb
import ibis
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.events import DataConfig, PurchasesTable, open_log, read_events

KOREAN = {"customer_id": "회원번호", "event_at": "주문일", "item": "상품명"}
JAPANESE = {"customer_id": "会員番号", "event_at": "注文日", "item": "商品名"}
GERMAN = {"customer_id": "Kundennummer", "event_at": "Datum", "item": "Größe"}
FRENCH = {"customer_id": "Numéro client", "event_at": "Date", "item": "Désignation"}
ITEMS = {
    "Numéro client": "thé d’été à l'hôtel",
    "회원번호": "겨울 코트",
    "会員番号": "シャツ ブルー",
    "Kundennummer": "Müller Straße",
}


def rows(log):
    return (
        log.frame("purchases")[["customer_id", "event_at", "item"]].astype(str).to_numpy().tolist()
    )


def text(names, lines=40, delimiter=","):
    item = ITEMS[names["customer_id"]]
    header = delimiter.join(names.values())
    body = [delimiter.join((f"{i:04d}", f"2022-01-{1 + i % 28:02d}", item)) for i in range(lines)]
    return "\n".join([header, *body]) + "\n"


def wanted(names, lines=40):
    item = ITEMS[names["customer_id"]]
    return [[f"{i:04d}", f"2022-01-{1 + i % 28:02d}", item] for i in range(lines)]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8-sig", KOREAN),
        ("utf-16", KOREAN),
        ("utf-16-le", KOREAN),
        ("cp949", KOREAN),
        ("euc-kr", KOREAN),
        ("cp932", JAPANESE),
        ("shift_jis", JAPANESE),
        ("latin-1", GERMAN),
        ("cp1252", GERMAN),
        ("cp1252", FRENCH),
    ],
)
def test_d3_encodings_are_seen_or_declared(encoding, names, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(text(names).encode(encoding))
    seen = read_events(path, columns=names)
    assert rows(seen) == wanted(names)
    if not encoding.startswith("utf-8"):
        assert any("seen from its letters" in n for n in seen.report.tables["purchases"].notes)
    declared = read_events(path, columns=names, encoding=encoding)
    assert rows(declared) == wanted(names)
    assert declared.hashes == seen.hashes


def test_a_letter_far_below_decides_also_in_packed_files(tmp_path):
    content = "customer_id,event_at,item\n" + "a,2022-01-01,x\n" * 400_000 + "b,2022-01-02,가방\n"
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(content.encode("cp949"), 1))
    log = read_events(tmp_path / "x.csv.gz", duplicates="drop")
    assert rows(log) == [["a", "2022-01-01", "x"], ["b", "2022-01-02", "가방"]]


def test_a_wrong_encoding_is_a_plain_error(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(text(KOREAN).encode("cp949"))
    with pytest.raises(DataError, match="is not utf-8 text"):
        read_events(path, columns=KOREAN, encoding="utf-8")
    with pytest.raises(UsageError, match=r"unknown encoding 'cp494'.*cp949"):
        read_events(path, encoding="cp494")
    with pytest.raises(UsageError, match="unknown encoding 'hex'"):
        read_events(path, encoding="hex")
    path.write_bytes(b"customer_id,event_at\n" + bytes(range(0x80, 0x100)) * 9 + b",2022-01-01\n")
    with pytest.raises(DataError, match=r"cannot be told.*encoding"):
        read_events(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", "\x01"])
def test_delimiters_are_seen_although_names_hold_others(delimiter, tmp_path):
    other = ";" if delimiter != ";" else "|"
    names = GERMAN | {"item": f"Größe{other} Farbe{other} Art"}
    (tmp_path / "x.csv").write_text(text(names, delimiter=delimiter))
    assert rows(read_events(tmp_path / "x.csv", columns=names)) == wanted(names)


def test_quotes_hints_and_line_breaks(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("sep=;\ncustomer_id;event_at;item\na;2022-01-01;x\n")
    assert rows(read_events(path)) == [["a", "2022-01-01", "x"]]
    path.write_text("'customer_id','event_at','item'\n'a','2022-01-01','it''s, here'\n")
    assert rows(read_events(path)) == [["a", "2022-01-01", "it's, here"]]
    path.write_text('customer_id,event_at,"a\n$b {c} ""d"""\na,2022-01-01,x\n')
    log = read_events(path, columns={"item": 'a\n$b {c} "d"'})
    assert rows(log) == [["a", "2022-01-01", "x"]]


def workbook(path, rows_by_sheet):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in rows_by_sheet.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    book.save(path)
    return path


def test_workbooks_have_typed_cells_and_sheets(tmp_path):
    at = pd.Timestamp("2022-01-03 10:30")
    lines = [["Report"], ["customer_id", "event_at", "amount", "item"]]
    lines += [
        [1, at.to_pydatetime(), 12.5, 7],
        [2, at.date(), 1000, "x"],
        [None, at.date(), 1, None],
    ]
    path = workbook(tmp_path / "x.xlsx", {"orders": lines, "empty": []})
    log = read_events(path, on_bad_rows="drop")
    assert rows(log) == [["1", str(at), "7"], ["2", "2022-01-03 00:00:00", "x"]]
    assert log.frame("purchases")["amount"].tolist() == [12.5, 1000]
    path = workbook(tmp_path / "y.xlsx", {"orders": lines, "notes": [["a", "b"], [1, 2]]})
    with pytest.raises(DataError, match="2 sheets with rows: orders, notes"):
        read_events(path)
    assert len(rows(read_events(path, sheet="orders", on_bad_rows="drop"))) == 2
    with pytest.raises(DataError, match=r"no sheet 'order'.*Did you mean 'orders'"):
        read_events(path, sheet="order")
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match="no Excel workbook"):
        read_events(path)


BASE = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "event_at": pd.to_datetime(["2022-01-01", "2022-01-02", "2022-01-03"]),
        "item": ["x", "y", "z"],
    }
)
PLAIN = [["a", "2022-01-01", "x"], ["b", "2022-01-02", "y"], ["c", "2022-01-03", "z"]]
FRAMES = {
    "period": lambda: BASE.assign(event_at=BASE.event_at.dt.to_period("D")),
    "periods as objects": lambda: BASE.assign(
        event_at=BASE.event_at.dt.to_period("D").astype(object)
    ),
    "dates": lambda: BASE.assign(event_at=BASE.event_at.dt.date),
    "categories": lambda: BASE.astype({"customer_id": "category", "item": "category"}),
    "nullable": lambda: BASE.astype({"customer_id": "string", "item": "string"}),
    "indexed": lambda: BASE.set_index("customer_id"),
    "interval beside": lambda: BASE.assign(span=pd.interval_range(0, 3)),
    "time in the index": lambda: BASE.set_index("event_at"),
    "polars": lambda: pl.from_pandas(BASE),
    "polars lazy": lambda: pl.from_pandas(BASE).lazy(),
    "polars categories": lambda: pl.from_pandas(BASE).with_columns(
        pl.col("item").cast(pl.Categorical)
    ),
    "arrow table": lambda: pa.table(BASE),
    "arrow batch": lambda: pa.table(BASE).to_batches()[0],
    "arrow reader": lambda: pa.table(BASE).to_reader(),
    "arrow dataset": lambda: pyarrow.dataset.dataset(pa.table(BASE)),
    "arrow dictionary": lambda: pa.table(BASE.astype({"item": "category"})),
    "duckdb relation": lambda: duckdb.from_arrow(pa.table(BASE)),
    "ibis table": lambda: ibis.memtable(BASE),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_d7_frames_of_every_kind_hold_the_same_rows(kind):
    assert rows(read_events(FRAMES[kind]())) == PLAIN


def test_ids_and_amounts_of_odd_types():
    ids = [uuid.UUID(int=i) for i in range(3)]
    frame = BASE.assign(customer_id=ids, amount=[decimal.Decimal("1.10"), None, decimal.Decimal(2)])
    log = read_events(frame)
    assert log.frame("purchases")["customer_id"].tolist() == [str(i) for i in ids]
    assert log.frame("purchases")["amount"].fillna(0).tolist() == [1.1, 0, 2]
    arrow = pa.table(
        {"customer_id": pa.array([i.bytes for i in ids], pa.uuid()), "event_at": BASE.event_at}
    )
    assert read_events(arrow).frame("purchases")["customer_id"].tolist() == [str(i) for i in ids]
    big = 2**100
    frame = BASE.assign(customer_id=[decimal.Decimal(big), decimal.Decimal(1), None])
    log = read_events(frame, on_bad_rows="drop")
    assert log.frame("purchases")["customer_id"].tolist() == ["1", str(big)]


def test_lists_of_paths_and_what_is_no_frame(tmp_path):
    for name, part in (("a", BASE.head(1)), ("b", BASE.tail(2))):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    assert rows(read_events([tmp_path / "a.csv", str(tmp_path / "b.csv")])) == PLAIN
    with pytest.raises(DataError, match=r"a int is given; expected a path, a list of paths"):
        read_events(7)
    for other in (7, "x".split, BASE["event_at"]):
        with pytest.raises(DataError, match="is given; expected a path"):
            read_events(other)
    with pytest.raises(UsageError, match="expected a path"):
        read_events([BASE])


def test_d7_errors_speak_python_where_python_called(tmp_path):
    frame = BASE.rename(columns={"customer_id": "customerid"})
    with pytest.raises(DataError) as caught:
        read_events(frame)
    assert 'columns={"customer_id": NAME}' in str(caught.value)
    assert "data." not in str(caught.value)
    with pytest.raises(DataError, match=r'columns={"visits": {"customer_id": NAME}}'):
        read_events(BASE, frame)
    slashes = BASE.assign(event_at=["13/1/2022", "1/2/2022", "3/4/2022"])
    with pytest.raises(DataError, match=r"(?<!\.)time_format='%d/%m/%Y' reads 3"):
        read_events(slashes)
    path = tmp_path / "x.csv"
    slashes.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"data\.purchases\.time_format='%d/%m/%Y'"):
        open_log(DataConfig(purchases=PurchasesTable(path=str(path))))


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with duckdb.connect("shop.duckdb") as database:
        database.execute(
            """CREATE TABLE orders AS SELECT 170141183460469231731687303715884105727::HUGEINT AS id,
            '00000000-0000-0000-0000-000000000001'::UUID AS who, 7::UHUGEINT AS wide,
            TIMESTAMP '2022-01-01' AS event_at, INTERVAL 1 DAY AS span, [1, 2] AS list,
            'a'::BLOB AS blob, {'a': 1} AS struct, '101'::BIT AS bits, MAP {'a': 1} AS map,
            'x' AS "$date ${now}", 'y' AS "{brace} ""quoted"" 'single'"; CREATE SCHEMA far;
            CREATE TABLE far.orders AS FROM orders"""
        )
    return tmp_path


def columns_of(url, table="orders", **names):
    log = open_log(DataConfig(connection=url, purchases=PurchasesTable(table=table, **names)))
    return log.frame("purchases").iloc[0].tolist()


def test_connections_find_files_here_and_absolutely(shop):
    for url in ("duckdb://shop.duckdb", f"duckdb://{shop / 'shop.duckdb'}"):
        for table in ("orders", "far.orders"):
            assert columns_of(url, table, customer_id="who")[0].endswith("0001")


def test_d8_connections_never_create_a_file(shop):
    with pytest.raises(
        DataError, match=r"names the file /shop\.duckdb.*write duckdb://shop\.duckdb"
    ):
        columns_of("duckdb:///shop.duckdb")
    with pytest.raises(DataError, match="nothing was created"):
        columns_of("duckdb://nowhere/other.duckdb")
    with pytest.raises(DataError, match="nothing was created"):
        columns_of("sqlite://other.sqlite")
    assert [p.name for p in shop.iterdir()] == ["shop.duckdb"]


def test_a_file_that_was_read_is_free_again(shop):
    table = PurchasesTable(table="orders", customer_id="who")
    log = open_log(DataConfig(connection="duckdb://shop.duckdb", purchases=table))
    assert len(log.days()) == 1
    with duckdb.connect("shop.duckdb") as database:
        database.execute("CREATE TABLE more AS SELECT 1 AS a")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"customer_id": "id"}, str(2**127 - 1)),
        ({"customer_id": "wide"}, "7"),
        ({"customer_id": "$date ${now}"}, "x"),
        ({"customer_id": "{brace} \"quoted\" 'single'"}, "y"),
    ],
)
def test_d8_odd_types_and_names_in_a_database(names, found, shop):
    assert columns_of("duckdb://shop.duckdb", **names)[0] == found
