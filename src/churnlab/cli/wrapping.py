"""Text that fits the terminal: whole words, hanging indents; untouched where there is none."""

import shutil
import sys
import textwrap
from typing import TextIO


def fitted(text: str, stream: TextIO | None = None) -> str:
    """Wrap each line to the width of the terminal that `stream` writes to.

    A line that continues is indented by two more than it starts; output that is no terminal (a
    pipe, a file) keeps its lines whole, so that scripts can read them.
    """
    out = sys.stdout if stream is None else stream
    if not out.isatty():
        return text
    width = max(20, shutil.get_terminal_size().columns)
    return "\n".join(_wrapped(line, width) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(
        line,
        width,
        initial_indent="",
        subsequent_indent=indent[: width // 3],
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )
