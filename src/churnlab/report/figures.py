"""Figures of the reports: vector graphics with a text for those who cannot see them."""

import base64
import io
from typing import Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from churnlab.report.page import SMALL
from churnlab.report.phone import narrowed, titled

#: Larger vector graphics (scatters of thousands) become pictures of pixels.
LARGEST_SVG: Final = 400_000


def show(figure: Figure, alt: str) -> None:
    """Show a figure as the output of a notebook's cell, with one for phones; close it.

    alt: What is seen, in words.
    """
    from IPython.display import publish_display_data

    titled(figure)
    mime, data = drawn(figure)
    narrowed(figure)
    told = {mime: {"alt": alt}, SMALL: dict([drawn(figure)])}
    plt.close(figure)
    publish_display_data({mime: data, "text/plain": alt}, metadata=told)  # type: ignore[no-untyped-call]


def drawn(figure: Figure) -> tuple[str, str]:
    """Return a figure's MIME type and data: SVG (text) unless that is large, else PNG (base64)."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "churnlab"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    if buffer.tell() <= LARGEST_SVG:
        return "image/svg+xml", buffer.getvalue().decode()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "image/png", base64.b64encode(buffer.getvalue()).decode()
