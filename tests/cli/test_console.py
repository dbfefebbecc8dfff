"""What the console does with stages within stages, and with a reader that goes away."""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

import pytest

from churnlab.cli.console import Console


def test_many_stages_are_named_as_one(capsys):
    console = Console()
    with console.stage("a day's grid"):
        with console.stage("fitting"), console.part("deeper"):
            pass
        with console.stage("placing"):
            pass
    with console.stage("after"):
        pass
    said = capsys.readouterr().err
    assert [line.split("] ")[1] for line in said.splitlines()] == ["a day's grid ...", "after ..."]


def test_a_run_goes_on_when_its_reader_is_gone(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        console = Console()
        console.show("key figures")
        console.show("files")


def test_a_warning_is_printed_once_a_run(capsys):
    console = Console()
    console.warn(["thin classes", "short history", "thin classes"])
    console.warn(["short history", "another"])
    said = capsys.readouterr().err.split("warning: ")[1:]
    assert [line.strip() for line in said] == ["thin classes", "short history", "another"]


def on_a_terminal(monkeypatch, work) -> str:
    """Return what is written while standard output is a terminal."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        work()
        terminal.flush()
        said = os.read(master, 100_000).decode()
    os.close(master)
    return said.replace("\r\n", "\n")


@pytest.mark.parametrize("plain", [False, True])
def test_the_last_lines_are_three_numbers_and_two_files(monkeypatch, plain):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1") if plain else monkeypatch.delenv("NO_COLOR", raising=False)
    numbers = {"newly late this week": 33, "may come back": 1500, "probably gone": 560}
    files = {"to look at": Path("out/board.html"), "to send": Path("out/" + "x" * 90 + ".csv")}
    said = on_a_terminal(monkeypatch, lambda: Console().end(numbers, files))
    assert ("\x1b[1;33m1,500" in said) != plain  # bold yellow
    assert ("\x1b[1;36mout/board.html" in said) != plain
    lines = re.sub(r"\x1b\[[\d;]*m", "", said).strip("\n").split("\n")
    assert [line.split("  ")[0] for line in lines[:5]] == [*numbers, *files]
    assert "".join(line[22:].strip() for line in lines[4:]) == str(files["to send"])  # folded
