"""A board's document as one HTML page that needs no network."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from churnlab.board.document import Document
from churnlab.report.catalogue import Catalogue
from churnlab.report.font import base64_woff
from churnlab.report.page import embedded, policy
from churnlab.runs.hashing import to_jsonable

words: Final = Catalogue(__file__)
_ASSETS: Final = Path(__file__).with_name("assets")
#: Run in this order: what is shared, the customers, the pictures, the sections; the library last,
#: so that text is there before it.
_SCRIPTS: Final = ("tools.js", "people.js", "charts.js", "board.js")


def render(document: Document) -> str:
    """Return the page.

    Whatever comes from data is JSON inside a script that does not run; the page's own scripts are
    allowed by their hashes, and nothing else may run or be fetched.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    said = dict(words.phrases(str(document.about["lang"])))
    data = to_jsonable(document)
    scripts = [*(_asset(name) for name in _SCRIPTS), _plotly()]
    letters = json.dumps([said, data], ensure_ascii=False)
    environment = Environment(
        loader=FileSystemLoader(_ASSETS), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        about=document.about,
        words=said,
        policy=policy(scripts),
        style=_asset("board.css"),
        fonts={weight: base64_woff(letters, weight) for weight in ("", "Bold")},
        scripts=scripts,
        data=embedded(data),
        said=embedded(said),
    )


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
