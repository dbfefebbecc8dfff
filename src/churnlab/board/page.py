"""A board's document as one HTML page that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from churnlab.board.document import Document
from churnlab.board.font import embedded
from churnlab.runs.folder import to_jsonable

_ASSETS: Final = Path(__file__).with_name("assets")
#: Read in this order; each is a script of its own.
_SCRIPTS: Final = ("tools.js", "people.js", "charts.js", "board.js")
#: What would end a script early, or is a line's end in JavaScript only.
_UNSAFE: Final = {c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def render(document: Document) -> str:
    """Return the page.

    Whatever comes from data is JSON inside a script that does not run; the page's own scripts are
    allowed by their hashes, and nothing else may run or be fetched.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    lang = str(document.about["lang"])
    words = words_of(lang)
    data = to_jsonable(document)
    scripts = [_plotly(), *(_asset(name) for name in _SCRIPTS)]
    letters = "".join(sorted(set(json.dumps([words, data], ensure_ascii=False))))
    environment = Environment(
        loader=FileSystemLoader(_ASSETS), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        about=document.about,
        words=words,
        policy=_policy(scripts),
        style=_asset("board.css"),
        fonts={weight: embedded(letters, weight) for weight in ("", "Bold")},
        scripts=scripts,
        data=script_json(data),
        said=script_json(words),
    )


@cache
def words_of(lang: str) -> dict[str, str]:
    """Return the page's words."""
    found: dict[str, str] = json.loads(_asset(f"words.{lang}.json"))
    return found


def script_json(value: Any) -> str:
    """Return JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(_UNSAFE.get(c, c) for c in text)


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _policy(scripts: list[str]) -> str:
    """Return the Content-Security-Policy: these scripts, styles and fonts inside, no network."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
        for s in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
