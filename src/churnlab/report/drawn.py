"""Pictures in one line: what draws on `ax` does so in the style of the reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps


def drawn[**P, R](method: Callable[P, R]) -> Callable[P, R]:
    """Let a method that returns its axes draw in the reports' style, whose fonts have Hangul.

    Axes that were made before keep theirs, but for the fonts of what is not in English. Nothing
    is imported before something is drawn: matplotlib is slow to import.
    """

    @wraps(method)
    def called(*values: P.args, **options: P.kwargs) -> R:
        from churnlab.report.style import set_fonts, styled

        with styled():
            found = method(*values, **options)
            if options.get("lang", "en") != "en":
                set_fonts(found)
        return found

    return called
