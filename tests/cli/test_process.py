"""The process around a command: where its memory comes from."""

import os

from churnlab.cli import process


def test_arrow_takes_the_systems_memory_unless_the_user_has_chosen(monkeypatch):
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    process._frugal()
    assert os.environ["ARROW_DEFAULT_MEMORY_POOL"] == "mimalloc"
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL")
    process._frugal()
    assert os.environ["ARROW_DEFAULT_MEMORY_POOL"] == "system"
