"""The one style of all figures, with a font that has Hangul."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter
from matplotlib.transforms import ScaledTranslation

from churnlab.errors import UsageError

_STYLE = Path(__file__).with_name("churnlab.mplstyle")

#: Colours with a meaning, the same in every figure.
COLOURS = {
    "actual": "#222222",
    "model": "#0072B2",
    "baseline": "#D55E00",
    "good": "#009E73",
    "bad": "#D55E00",
    "muted": "#999999",
}


def korean_font() -> str | None:
    """Register NanumGothic from the koreanize-matplotlib package; return its family name.

    The file is loaded by its path: importing that package needs distutils, gone since Python 3.12.
    """
    spec = find_spec("koreanize_matplotlib")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "fonts"
    regular = folder / "NanumGothic.ttf"
    if not regular.exists():
        return None
    for path in (regular, folder / "NanumGothicBold.ttf"):
        if path.exists():
            font_manager.fontManager.addfont(str(path))
    return str(font_manager.FontProperties(fname=str(regular)).get_name())


def use() -> None:
    """Apply the style to everything drawn from now on."""
    plt.style.use(str(_STYLE))
    # Names come from the data: "$\\frac$" is a name, and as mathematics it would be an error.
    mpl.rcParams["text.parse_math"] = False
    # It reports each missing weight of a font, once per figure, into the reports.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    family = korean_font()
    if family is not None:
        mpl.rcParams["font.family"] = [family, "DejaVu Sans"]


def log_scale(ax: Axes, which: str) -> None:
    """Make the axes named in `which` ("x", "xy") logarithmic, with numbers as plain text.

    Matplotlib's own are mathematics.
    """
    for name in which:
        ax.set(**{f"{name}scale": "log"})
        axis = {"x": ax.xaxis, "y": ax.yaxis}[name]
        axis.set_major_formatter(LogFormatter())
        axis.set_minor_formatter(LogFormatter())


def legend_below(ax: Axes) -> None:
    """Place the legend below the name of the horizontal axis, whatever the height of the axes."""
    down = ScaledTranslation(0, -46 / 72, ax.figure.dpi_scale_trans)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=ax.transAxes + down)


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style inside a `with` block only."""
    with mpl.rc_context():
        use()
        yield


def day_format(locator: mdates.AutoDateLocator) -> mdates.ConciseDateFormatter:
    """Dates on an axis as numbers: the same in every language."""
    formats = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S"]
    return mdates.ConciseDateFormatter(
        locator, formats=formats, zero_formats=formats, show_offset=False
    )


def axes(ax: Axes | None, size: tuple[float, float] = (6.4, 4.2)) -> Axes:
    """Return the axes given, or new ones."""
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise UsageError(
            f"ax must be the Axes of one panel, such as plt.subplots()[1]; got {type(ax).__name__}."
        )
    return ax


def set_fonts(drawn: Any) -> None:
    """Write every text of axes in the style's fonts: those made before it have other ones."""
    for ax in np.atleast_1d(np.asarray(drawn, dtype=object)):
        for text in ax.findobj(Text):
            text.set_fontfamily(mpl.rcParams["font.family"])
