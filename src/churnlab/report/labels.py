"""Words that figures share, and the names that reports and pages have in common."""

from __future__ import annotations

from typing import Final

from churnlab.report.catalogue import LANGUAGES, Catalogue

label: Final = Catalogue(__file__)

__all__ = ["LANGUAGES", "label"]
