"""Text fits a terminal by whole words, and stays whole where there is none."""

import io

from churnlab.cli.wrapping import fitted


class Terminal(io.StringIO):
    def isatty(self):
        return True


LONG = "  key=value  " + "several words that do not fit on one narrow line of a terminal " * 2


def test_no_word_is_broken_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = fitted(LONG, Terminal()).split("\n")
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(LONG.split())
    assert all(line.startswith("    ") for line in lines[1:])


def test_a_pipe_gets_whole_lines():
    assert fitted(LONG, io.StringIO()) == LONG
