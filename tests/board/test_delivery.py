"""The zip, the served page, the script that sends: to local servers, and nowhere by default."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import io
import json
import socketserver
import threading
import urllib.error
import urllib.request
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.shop import MARKUP

from churnlab.board.serve import server
from churnlab.errors import UsageError
from churnlab.report.config import ReportConfig
from churnlab.workflows.pages.board import deliver
from churnlab.workflows.segmentation import _to_csv

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("send_board", ROOT / "docs/send_board.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def zipped(shop, tmp_path):
    return deliver(shop, ReportConfig(deliver=str(tmp_path / "out" / "today.zip")))


def running(made):
    threading.Thread(target=made.serve_forever, daemon=True).start()
    return made.server_address[1]


def test_the_zip_holds_board_report_and_audiences(zipped, shop):
    names = set(zipfile.ZipFile(zipped).namelist())
    assert {"board.html", "report.html", "summary.md", "segment/campaign_plan.csv"} <= names
    files = [Path(name).name for name in names]
    assert sorted(set(files)) == sorted(files), "each file once, not its copy in the export"
    assert any(n.startswith("segment/audiences/") for n in names)
    assert zipfile.ZipFile(zipped).read("board.html") == (shop / "board.html").read_bytes()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_no_cell_of_the_plan_is_a_formula(kind, tmp_path):
    """Ids come from shops: a spreadsheet must show them, not run them."""
    ids = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "'x", "plain", None]
    days = pa.array([dt.datetime(2024, 7, 1)] * len(ids), pa.timestamp("ms"))
    plan = pa.table({"customer_id": pa.array(ids, kind), "send_date": days, "priority": range(8)})
    pq.write_table(plan, tmp_path / "plan.parquet")
    _to_csv(tmp_path / "plan.parquet", tmp_path / "plan.csv")
    text = (tmp_path / "plan.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["customer_id"] for r in rows] == [*("'" + i for i in ids[:6]), "plain", ""]
    assert {r["send_date"] for r in rows} == {"2024-07-01"}


def test_without_ids_nobody_is_in_the_zip(shop, tmp_path):
    made = deliver(shop, ReportConfig(deliver=str(tmp_path / "x.zip"), ids=False))
    assert {Path(n).suffix for n in zipfile.ZipFile(made).namelist()} <= {".html", ".md", ".ipynb"}


def test_nothing_is_made_unless_it_is_asked_for(shop):
    assert deliver(shop, ReportConfig()) is None


@pytest.mark.parametrize("wrong", [{"lang": "fr"}, {"currency": "won"}, {"deliver": "x.tar"}])
def test_what_pages_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        ReportConfig(**wrong)


def test_the_served_page_is_for_this_machine_only(pages):
    with server(pages["en"], 0) as made:
        port = running(made)
        assert made.server_address[0] == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == pages["en"].read_bytes()
        for path, host in (("/fit.json", "localhost"), ("/", "evil.example")):
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
            asked.add_header("Host", f"{host}:{port}")
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked)
            refused.value.close()
        with pytest.raises(UsageError, match="taken"):
            server(pages["en"], port)
        made.shutdown()


def test_the_script_sends_nothing_by_itself(script, shop, capsys, monkeypatch):
    monkeypatch.delenv("CHURNLAB_WEBHOOK", raising=False)
    assert script.main([str(shop)]) == 0
    late = json.loads((shop / "fit" / "fit.json").read_text())["late"]
    said = capsys.readouterr().out
    assert f"{late['week']} became late this week" in said
    assert "nothing was sent" in said


def test_the_script_posts_numbers_to_a_webhook(script, shop, monkeypatch):
    got = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as made:
        monkeypatch.setenv("CHURNLAB_WEBHOOK", f"http://127.0.0.1:{running(made)}/hook")
        assert script.main([str(shop), "--lang", "ko"]) == 0
        made.shutdown()
    assert "이번 주" in got[0]["text"]
    assert MARKUP not in got[0]["text"]
    monkeypatch.setenv("CHURNLAB_WEBHOOK", "http://chat.example/hook")
    with pytest.raises(SystemExit, match="https"):
        script.main([str(shop)])


class Mailbox(socketserver.StreamRequestHandler):
    """The little of SMTP that one letter takes."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.letters.append(b"".join(lines))
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


def test_the_script_mails_the_zip(script, shop, zipped, monkeypatch):
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    with socketserver.TCPServer(("127.0.0.1", 0), Mailbox) as made:
        made.letters = []
        place = f"127.0.0.1:{running(made)}"
        letter = ["--zip", str(zipped), "--mail-to", "team@example.com", "--smtp", place]
        assert script.main([str(shop), *letter]) == 0
        made.shutdown()
    assert b'filename="today.zip"' in made.letters[0]
    assert b"became late this week" in made.letters[0]
    size = zipped.stat().st_size
    monkeypatch.setattr(script, "MOST_BYTES", size - 1)
    with pytest.raises(SystemExit, match="share"):
        script.main([str(shop), *letter])
