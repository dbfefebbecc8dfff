"""Whatever a file holds: rows kept and dropped add up, or one plain error; never a traceback."""

import csv
import datetime as dt
import gzip
import io
import tempfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.examples import examples

from churnlab.cli.init import config_of
from churnlab.errors import DataError, UsageError
from churnlab.events import DataConfig, PurchasesTable, open_log
from churnlab.intake import propose
from churnlab.intake.opening import open_sources

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp949", "cp932", "latin-1")
DELIMITERS = (",", ";", "\t", "|")
FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S+09:00",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M",
    "%Y%m%d",
    "%Y.%m.%d",
    "%Y년 %m월 %d일",
    "epoch_s",
    "epoch_us",
    "excel_days",
)
AMOUNTS = (
    "{:.2f}",
    "${:,.2f}",
    "{:,.0f}원",
    "{} €",
    "EUR {:.2f}",
    "({:.2f})",
    "-{:.1f}",
    "{:,.3f}",
)
NAMES = {
    "customer_id": ("customer_id", "회원번호", "user id", "E-Mail", 'it"s', "$x ${y}"),
    "event_at": ("event_at", "주문일시", "Created at", "date"),
    "amount": ("amount", "결제금액", "Total", "Betrag"),
    "order_id": ("order_id", "주문번호", "Name"),
    "status": ("status", "주문상태", "Financial Status"),
}
ODD = st.one_of(
    st.sampled_from(
        ["", " ", "nan", "NULL", "-", "0", "1e999", "9999-12-31", "31/31/2022", "가,나", "é;ü"]
    ),
    st.text(max_size=8),
)
WHERE = (None, None, None, "1 = 1", "customer_id <> ''", "nothing > 1", "(SELECT 1)", "1 =", "x'")


def written(day, pattern):
    if pattern == "excel_days":
        return str((day - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1))
    if pattern.startswith("epoch"):
        seconds = round((day - dt.datetime(1970, 1, 1)).total_seconds())
        return str(seconds if pattern == "epoch_s" else seconds * 10**6)
    return day.strftime(pattern)


@st.composite
def tables(draw):
    """Rows of text under a header, mostly alike and now and then anything at all."""
    rate = draw(st.sampled_from([0, 0, 1, 5]))
    pattern, amount = draw(st.sampled_from(FORMATS)), draw(st.sampled_from(AMOUNTS))
    columns = [
        "customer_id",
        "event_at",
        *sorted(draw(st.sets(st.sampled_from(["amount", "order_id", "status"])))),
    ]
    days = st.datetimes(dt.datetime(2019, 1, 1), dt.datetime(2024, 1, 1))
    plain = {
        "customer_id": st.sampled_from(["a", "0001", "회원1", "b@c.de", "7"]),
        "event_at": days.map(lambda day: written(day.replace(microsecond=0), pattern)),
        "amount": st.floats(0, 1e5).map(amount.format),
        "order_id": st.integers(0, 9).map("#{}".format),
        "status": st.sampled_from(["paid", "", "refunded", "취소"]),
    }
    cell = {
        c: st.integers(0, 19).flatmap(lambda n, c=c: ODD if n < rate else plain[c]) for c in columns
    }
    rows = draw(st.lists(st.tuples(*(cell[c] for c in columns)), max_size=14))
    names = [draw(st.sampled_from(NAMES[c])) for c in columns]
    return columns, names, [list(r) for r in rows], pattern


@st.composite
def sources(draw):
    """A file's name and bytes, with the settings that somebody might give."""
    columns, names, rows, pattern = draw(tables())
    kind = draw(st.sampled_from(["csv"] * 6 + ["gz", "parquet", "xlsx", "bytes"]))
    mapping = dict(zip(columns, names, strict=True))
    table = {
        "time_format": draw(st.sampled_from([None, pattern, pattern, *FORMATS[:6]])),
        "where": draw(st.sampled_from(WHERE)),
        "amount_per": draw(st.sampled_from([None, "row", "order"])),
        "decimal": draw(st.sampled_from([None, None, ".", ","])),
        **mapping,
    }
    if "status" in columns:
        table["cancelled_values"] = draw(st.sampled_from([[], ["refunded", "취소"]]))
    data = {
        "on_bad_rows": draw(st.sampled_from([None, "drop", "drop", "error"])),
        "duplicates": draw(st.sampled_from([None, "keep", "error"])),
        "returns": draw(st.sampled_from([None, "keep", "error"])),
        "history_from": draw(st.sampled_from([None, None, "2020-01-01"])),
        "time_zone": draw(st.sampled_from(["UTC", "Asia/Seoul", "America/New_York"])),
    }
    return kind, content(draw, kind, names, rows), table, data


def content(draw, kind, names, rows):
    if kind == "bytes":
        return draw(st.binary(max_size=300))
    buffer = io.BytesIO()
    if kind == "parquet":
        pd.DataFrame(rows, columns=names).to_parquet(buffer)
    elif kind == "xlsx":
        book = openpyxl.Workbook()
        for row in [names, *rows]:
            book.active.append([openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", c) for c in row])
        book.save(buffer)
    else:
        text = io.StringIO(newline="")
        quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        lines = csv.writer(
            text,
            delimiter=draw(st.sampled_from(DELIMITERS)),
            lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
            quoting=quoting,
        )
        lines.writerows(
            [names, *rows, *draw(st.sampled_from([[], [], [], [["one", "too", "many"] * 3]]))]
        )
        encoded = text.getvalue().encode(draw(st.sampled_from(ENCODINGS)), errors="replace")
        buffer.write(gzip.compress(encoded) if kind == "gz" else encoded)
    return buffer.getvalue()


def adds_up(config):
    """Read; the log must add up, or the error be one of the two statuses of wrong input."""
    try:
        log = open_log(config)
    except (UsageError, DataError) as error:  # statuses 2 and 3
        said = str(error)
    else:
        said = "".join(log.report.lines())
        same_rows(log)
    assert said


def same_rows(log):
    for name, report in log.report.tables.items():
        assert report.rows == report.kept + sum(report.dropped.values())
        assert report.kept == len(log.frame(name))
    assert log.members() is not None


def check(source):
    kind, data, table, options = source
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{'csv' if kind == 'bytes' else kind}"
        path.write_bytes(data)
        adds_up(DataConfig(purchases=PurchasesTable(path=str(path), **table), **options))
        try:
            proposal = propose(open_sources([str(path)], Path(folder)))
            for question in list(proposal.questions):
                proposal.answer(question, len(question.options) - 1)
            config = config_of(proposal)
        except (UsageError, DataError):
            return
        adds_up(config)


QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=examples(6, 12), derandomize=True, **QUIET)
@given(sources())
def test_d10_any_file_is_read_or_refused(source):
    check(source)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_d10_two_thousand_files_are_read_or_refused(part):
    """A hundred files a part; the same ones every time."""
    run = settings(max_examples=100, **QUIET)(given(sources())(check))
    seed(part)(run)()
