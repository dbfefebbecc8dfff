"""What the console does with stages within stages, and with a reader that goes away."""

from __future__ import annotations

import os
import sys

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
