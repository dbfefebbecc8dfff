"""Figures that fit: long texts in lines, and the same figure laid out anew for a phone."""

import unicodedata
from typing import Final

from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.text import Text

#: Inches across: what a phone shows without shrinking letters.
WIDTH: Final = 3.8
#: A letter's width over its height, and columns of a name beside an axis.
_LETTER: Final = 0.5
_NAME: Final = 20
#: Inches: of a line of such a name, and of what stands around the axes.
_LINE: Final = 0.17
_ROOM: Final = 1.5
_POINTS: Final = 72
#: Of a figure's width a title takes so much, above axes beside names less.
_TITLE: Final = 0.86
_BESIDE: Final = 0.5


def titled(figure: Figure) -> None:
    """Put titles that are longer than a figure is wide into lines."""
    width = float(figure.get_figwidth())
    for text in figure.texts:
        _wrap(text, _TITLE * width)
    for ax in figure.axes:
        _title(ax, _TITLE * width)


def narrowed(figure: Figure) -> None:
    """Lay a figure out for a phone.

    Its panels go below one another, titles, legends and names beside an axis into lines. Letters
    keep their size, so nothing has to be scrolled or enlarged.
    """
    panels = {ax: spot for ax in figure.axes if (spot := ax.get_subplotspec()) is not None}
    height = figure.get_figheight()
    if any(spot.get_gridspec().ncols > 1 for spot in panels.values()):
        _stack(figure, list(panels))
        height *= 0.8 * len(panels)
    names = {ax: _names(ax) for ax in panels}
    height = max(height, _ROOM + _LINE * sum(names.values()))
    figure.set_size_inches(WIDTH, height)
    titled(figure)
    across = (_BESIDE if any(names.values()) else _TITLE) * WIDTH  # panels begin at one place
    for ax in panels:
        _title(ax, across)
        _wrap_axes(ax, height / len(panels))


def _stack(figure: Figure, panels: list[Axes]) -> None:
    grid = figure.add_gridspec(len(panels), 1)
    for i, ax in enumerate(panels):
        ax.set_subplotspec(grid[i, 0])
        ax.tick_params(labelleft=True)  # what it shared with its neighbour


def _title(ax: Axes, inches: float) -> None:
    for loc in ("left", "center", "right"):
        if text := ax.get_title(loc=loc):
            _wrap(ax.set_title(text, loc=loc), inches)


def _wrap_axes(ax: Axes, height: float) -> None:
    _wrap(ax.xaxis.label, 0.8 * WIDTH)
    _wrap(ax.yaxis.label, height)
    if isinstance(ax.xaxis.get_major_formatter(), ConciseDateFormatter):
        ax.tick_params(axis="x", rotation=45)
    legend = ax.get_legend()
    if legend is not None:
        for text in (legend.get_title(), *legend.get_texts()):
            _wrap(text, 0.8 * WIDTH)


def _names(ax: Axes) -> int:
    """Put the names beside a vertical axis into lines and count these; numbers need none."""
    names = [text.get_text() for text in ax.get_yticklabels()]
    if all(width(name) <= _NAME for name in names):
        return 0
    names = [lines(name, _NAME) for name in names]
    ax.set_yticks(ax.get_yticks(), names)
    return sum(name.count("\n") + 1 for name in names)


def _wrap(text: Text, inches: float) -> None:
    if text.get_text():
        columns = int(inches * _POINTS / (_LETTER * float(text.get_fontsize())))
        text.set_text(lines(text.get_text(), columns))


def lines(text: str, columns: int) -> str:
    """Return a text in lines of at most so many columns; a Korean letter takes two.

    Lines break at spaces only: a longer word stands in a line of its own.
    """
    said: list[str] = []
    for word in text.split():
        if said and width(said[-1]) + 1 + width(word) <= columns:
            said[-1] += f" {word}"
        else:
            said.append(word)
    return "\n".join(said)


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)
