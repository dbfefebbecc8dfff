"""Pictures in one line: what draws on `ax` does so in the style of the reports."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Final

#: What every picture takes, by name, and returns.
_TAKES: Final = {
    "ax": "Axes, optional\n    Drawn on; default: new ones, in a figure of their own.",
    "lang": "str\n    Of what is written: `en` or `ko`.",
}
_RETURNS: Final = "Returns\n-------\nAxes\n    That were drawn on."


def drawn[**P, R](method: Callable[P, R]) -> Callable[P, R]:
    """Let a method that returns its axes draw in the reports' style, whose fonts have Hangul.

    Axes that were made before keep theirs, but for the fonts of what is not in English. Nothing
    is imported before something is drawn: matplotlib is slow to import. The docstring gains what
    all pictures take and return.
    """

    @wraps(method)
    def called(*values: P.args, **options: P.kwargs) -> R:
        from churnlab.report.style import set_fonts, styled

        with styled():
            found = method(*values, **options)
            if options.get("lang", "en") != "en":
                set_fonts(found)
        return found

    called.__doc__ = _documented(inspect.getdoc(method) or "")
    return called


def _documented(text: str) -> str:
    """Return a docstring with what every picture takes and returns, each in its place."""
    first, *rest = re.split(r"\n\n(?=\w+\n---)", text)
    own = rest.pop(0) if rest and rest[0].startswith("Parameters\n") else "Parameters\n----------"
    taken = [f"{name} : {said}" for name, said in _TAKES.items() if f"\n{name} : " not in own]
    return "\n\n".join([first, "\n".join([own, *taken]), _RETURNS, *rest])
