"""Words that figures share, and the names that reports and pages have in common."""

from typing import Final

from churnlab.report.catalogue import LANGUAGES, Catalogue

label: Final = Catalogue(__file__)

__all__ = ["LANGUAGES", "label", "window"]


def window(target: str, lang: str = "en") -> str:
    """Return the label of a backtest's window in words; what is no such label as it is."""
    number, _, unit = target.partition(" ")
    if unit == "cycles":
        return label("cycles", lang, n=number)
    days = target.removesuffix("d")
    return label("days", lang, n=days) if target != days and days.isdigit() else target
