"""Templates of what is said of journeys: one file per language, beside the figures."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from churnlab.report.labels import LANGUAGES


@cache
def _templates(lang: str) -> dict[str, str]:
    path = Path(__file__).with_name(f"words.{lang}.json")
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def say(key: str, lang: str, **values: Any) -> str:
    """Return the template of a key in a language, filled with values."""
    return _templates(lang)[key].format(**values)


def both(key: str, **values: Any) -> dict[str, str]:
    """Return a filled template in every language, as results store it."""
    return {lang: say(key, lang, **values) for lang in LANGUAGES}
