"""What is read is whole, and is a file."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import zlib

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churnlab import engine
from churnlab.cli import main
from churnlab.errors import DataError, UsageError, VerificationError
from churnlab.events import DataConfig, PurchasesTable, open_log, read_events
from churnlab.runs import open_run
from churnlab.runs.folder import RunFolder, read_json
from churnlab.runs.hashing import file_hash

ROWS = b"".join(
    b"c%04d,2024-%02d-%02d,%d\n" % (i % 997, 1 + i % 12, 1 + i % 28, zlib.crc32(b"%d" % i))
    for i in range(20_000)
)
TEXT = b"customer_id,event_at,amount\n" + ROWS
WHOLE = gzip.compress(TEXT)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :]


BROKEN = {
    "cut in the middle": WHOLE[: len(WHOLE) // 2],
    "cut before the checksum": WHOLE[:-8],
    "one byte short": WHOLE[:-1],
    "a checksum of zeros": WHOLE[:-8] + bytes(4) + WHOLE[-4:],
    "a length of zeros": WHOLE[:-4] + bytes(4),
    "a changed byte": flipped(WHOLE, len(WHOLE) // 3),
    "a second member that is cut": WHOLE + gzip.compress(ROWS)[:-5],
    "something behind it": WHOLE + b"more",
    "with a mark of UTF-8": gzip.compress(codecs.BOM_UTF8 + TEXT)[:-9],
    "of UTF-16": gzip.compress(TEXT.decode().encode("utf-16"))[:-9],
}


@pytest.mark.parametrize("encoding", [None, "utf-8", "cp949"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_gzip_that_is_not_whole_is_refused(what, encoding, tmp_path):
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(BROKEN[what])
    with pytest.raises(DataError, match=r"not whole|is not utf-8 text|is not cp949 text"):
        read_events(purchases=str(path), encoding=encoding)


def test_a_whole_gzip_is_read_whole(tmp_path):
    path = tmp_path / "orders.csv.gz"
    for content, rows in ((WHOLE, 20_000), (WHOLE + gzip.compress(ROWS[:22]), 20_001)):
        path.write_bytes(content)
        assert read_events(purchases=str(path)).report.tables["purchases"].rows == rows


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x28\xb5\x2f\xfd" + TEXT, "zstd"),
        (lzma.compress(TEXT), "xz"),
        (bz2.compress(TEXT), "bzip2"),
    ],
)
def test_other_compressions_are_named(content, word, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"compressed with {word}"):
        read_events(purchases=str(path))


def test_parquet_is_held_against_its_checksums(tmp_path):
    path = tmp_path / "orders.parquet"
    frame = pd.read_csv(pa.BufferReader(TEXT), dtype={"customer_id": str})
    table = pa.Table.from_pandas(frame)
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    assert read_events(purchases=str(path)).report.tables["purchases"].rows == 20_000
    content = path.read_bytes()
    path.write_bytes(flipped(content, content.index(b"c0500") + 4))
    with pytest.raises(DataError, match="is not what was written"):
        read_events(purchases=str(path))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        read_events(purchases=str(path))


@pytest.mark.parametrize("written", [False, True])
def test_pages_are_read_a_second_time_only_for_their_checksums(written, tmp_path, monkeypatch):
    path, read = tmp_path / "orders.parquet", []
    table = pa.table({"customer_id": ["a", "b"] * 300, "event_at": ["2024-01-01"] * 600})
    pq.write_table(table, path, write_page_checksum=written)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda self: read.append(self) or ())
    read_events(purchases=str(path), duplicates="keep")
    assert len(read) == written


def test_a_workbook_whose_archive_is_broken_is_refused(tmp_path):
    path = tmp_path / "orders.xlsx"
    pd.DataFrame({"customer_id": ["a"] * 9, "event_at": "2024-01-01"}).to_excel(path, index=False)
    content = path.read_bytes()
    at = int(0.9375 * len(content))  # inside of the central directory
    path.write_bytes(content[:at] + b"\x00" + content[at:])
    with pytest.raises(DataError, match="no Excel workbook that can be read"):
        read_events(purchases=str(path))


@pytest.fixture
def pipe(tmp_path):
    """A pipe that nobody writes to: opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_pipe_is_no_input(pipe, tmp_path, capsys):
    data = ["data=files", f"data.purchases.path={pipe}"]
    assert main(["check", *data, f"run_dir={tmp_path / 'run'}"]) == 3
    assert main(["init", str(pipe), "--yes"]) == 3
    assert main(["verify", f"bundle={pipe}", f"run_dir={tmp_path / 'run'}"]) == 5
    assert main(["report", f"run={pipe}"]) == 2
    assert main(["check", *data, f"run_dir={pipe}"]) == 2
    assert "may never end" in capsys.readouterr().err


def test_a_pipe_among_the_files_of_a_run_or_bundle_is_refused(tmp_path):
    run = RunFolder(tmp_path / "run", "fit")
    run.write_json("fit.json", {})
    run.finish()
    (run.path / "fit.json").unlink()
    os.mkfifo(run.path / "fit.json")
    with pytest.raises(UsageError, match="missing"):
        open_run(run.path).json("fit.json")
    with pytest.raises(UsageError, match="is no file"):
        file_hash(run.path / "fit.json")
    with pytest.raises(UsageError, match="missing"):
        read_json(run.path / "fit.json")
    from churnlab.export import verify

    os.mkfifo(tmp_path / "bundle.json")
    with pytest.raises(VerificationError, match="is no file"):
        verify(tmp_path)


REFUSED = (
    "SELECT * FROM read_text('{other}')",
    "SELECT * FROM read_csv('{other}')",
    "COPY (SELECT 1) TO '{other}'",
    "COPY (SELECT 1) TO '{given}'",
    "ATTACH '{other}' AS away",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SELECT * FROM read_csv('https://localhost/x.csv')",
    "SET enable_external_access = true",
    "SET allowed_paths = ['{other}']",
)


@pytest.mark.parametrize("sql", REFUSED)
def test_the_engine_reaches_nothing_but_what_was_declared(sql, tmp_path):
    given, other = tmp_path / "it's [1].csv", tmp_path / "other.csv"
    given.write_text("a\n1\n")
    other.write_text("a\n2\n")
    backend = engine.connect()
    places = {"given": str(given).replace("'", "''"), "other": other}
    backend.raw_sql("CREATE VIEW seen AS SELECT * FROM read_csv('{given}')".format(**places))
    engine.close_off(backend, [given])
    with pytest.raises(engine.DuckDBError):
        backend.raw_sql(sql.format(**places))
    assert engine.rows(backend, "SELECT a FROM seen") == [(1,)]
    assert (given.read_text(), other.read_text()) == ("a\n1\n", "a\n2\n")


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_log_is_read_behind_closed_doors(encoding, tmp_path, monkeypatch):
    """Wherever the files lie and however they are written; the engine stays closed afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text("hidden")
    for name in ("a [1].csv", "a 2.csv"):
        text = f"customer_id,event_at\n고객{name},2024-01-01\n"
        (tmp_path / name).write_text(text, encoding=encoding)
    table = PurchasesTable(path="a*.csv", where="customer_id <> ''")
    log = open_log(DataConfig(name="files", purchases=table))
    assert sorted(log.frame("purchases")["customer_id"]) == ["고객a 2.csv", "고객a [1].csv"]
    with pytest.raises(engine.DuckDBError, match="disabled by configuration"):
        log.table("purchases").get_backend().raw_sql("SELECT * FROM read_text('secret.txt')")


@pytest.mark.parametrize("text", ["", "it's", "a\0b", "\0", "'\0'"])
def test_any_text_is_a_literal(text):
    """A NUL in a date of a CSV is told in words, with its line."""
    assert engine.rows(engine.connect(), f"SELECT {engine.literal(text)}") == [(text,)]


def test_a_nul_in_a_date_is_named_with_its_line(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes(b"customer_id,event_at\n" + b"a,2024-01-0\x001\n" * 9 + b"b,2024-01-01\n")
    with pytest.raises(DataError, match=r"2024-01-0\\x001.*line 2"):
        read_events(path)
