"""A notebook as a page: what its cells say is text, whatever markup the data carry."""

import base64
import itertools
import re
from collections.abc import Mapping
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

from jinja2 import Template
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from churnlab.report.font import base64_woff
from churnlab.report.labels import label
from churnlab.report.page import SMALL, escaped, policy

#: Columns that a phone shows side by side.
_FEW = 3
#: Rows that a phone shows before it is asked for the others: as cards, and as lines.
_CARDS, _LINES = 5, 12
_TABLE = re.compile("<table>.*?</table>", re.DOTALL)
_HEAD = re.compile("<th[^>]*>(.*?)</th>", re.DOTALL)
_PLACED = re.compile('<div class="scroll"><table( class="cards")?>.*?</table></div>', re.DOTALL)
_CELL = re.compile("<td([^>]*)>(–(?=</td>))?")
#: The dash of an interval, where no line may break.
_RANGE = re.compile(r"(?<=[\d%])–(?=[\d+−])")
_TAG = re.compile("<[^>]*>")
_HEADING = re.compile(r"<h2[^>]*>(.*?)</h2>", re.DOTALL)


def page(book: Any, title: str, lang: str = "en") -> str:
    """Return the page of an executed notebook: no code, no scripts, no network.

    Links lead to sections of the page only.

    book: Its outputs are Markdown, plain text, SVG and PNG; others are not shown.
    """
    parts = _folding([part for cell in book.cells for part in _cell(cell)], lang)
    shown = "".join([title, *parts])
    hangul = any("\uac00" <= letter <= "\ud7a3" for letter in shown)
    fonts = {weight: base64_woff(shown, weight) for weight in ("", "Bold") if hangul}
    told = {"title": title, "lang": lang, "policy": policy(), "cards": _CARDS, "lines": _LINES}
    return _template().render(told, parts=_contents(parts), fonts=fonts)


@cache
def _template() -> Template:
    template: Template = Template(
        Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
    )
    return template


def _cell(cell: Any) -> list[str]:
    if cell.cell_type == "markdown":
        return [_markdown(cell.source)]
    return [part for output in cell.get("outputs", []) if (part := _output(output))]


def _output(output: Any) -> str:
    """Return an output as HTML; streams (warnings of libraries) are in the notebook only."""
    data = output.get("data", {})
    if "text/markdown" in data:
        return _markdown("".join(data["text/markdown"]))
    for mime in ("image/svg+xml", "image/png"):
        if mime in data:
            alt = output.metadata.get(mime, {}).get("alt", "")
            return _image(mime, "".join(data[mime]), alt, output.metadata.get(SMALL, {}))
    text = "".join(data.get("text/plain", ""))
    return f"<pre>{escaped(text)}</pre>" if text else ""


def _image(mime: str, content: str, alt: str, small: Mapping[str, str]) -> str:
    """Return a picture and the one for phones; a vector graphic in it can neither run nor load."""
    source = "".join(
        f'<source media="(max-width: 600px)" srcset="{_data(kind, drawn)}">'
        for kind, drawn in small.items()
    )
    image = f'<img alt="{escaped(alt)}" src="{_data(mime, content)}">'
    return f"<picture>{source}{image}</picture>"


def _data(mime: str, content: str) -> str:
    text = base64.b64encode(content.encode()).decode() if mime == "image/svg+xml" else content
    return f"data:{mime};base64,{text.replace(chr(10), '')}"


def _markdown(source: str) -> str:
    html = str(MarkdownWithMath(renderer=_TextOnly(escape=True)).render(source))
    html = _RANGE.sub("\u2060–\u2060", html)
    return _TABLE.sub(lambda found: _stacking(found[0]), html)


def _stacking(table: str) -> str:
    """Return a table whose cells carry their column's name: a phone shows a row as a card."""
    names = [escaped(unescape(_TAG.sub("", head))) for head in _HEAD.findall(table)]
    column = itertools.cycle(names)

    def named(found: re.Match[str]) -> str:
        missing = ' class="missing"' if found[2] else ""
        return f'<td data-name="{next(column)}"{found[1]}{missing}>{found[2] or ""}'

    cells = _CELL.sub(named, table)
    kind = ' class="cards"' if len(names) > _FEW else ""
    return f'<div class="scroll">{cells.replace("<table>", f"<table{kind}>")}</div>'


def _folding(parts: list[str], lang: str) -> list[str]:
    """Return the parts with a switch before each long table, which phones shorten."""
    count = itertools.count(1)

    def folded(found: re.Match[str]) -> str:
        rows = found[0].count("<tr>") - 1
        if rows <= (_CARDS if found[1] else _LINES):
            return found[0]
        name = f"t{next(count)}"
        box = f'<input type="checkbox" id="{name}"><label for="{name}">'
        return f'<div class="long">{box}{label("all_rows", lang, n=rows)}</label>{found[0]}</div>'

    return [_PLACED.sub(folded, part) for part in parts]


def _contents(parts: list[str]) -> list[str]:
    """Return the parts with numbered sections, and a list of them under the title."""
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        names.append(found[1])
        return f'<h2 id="s{len(names)}">{found[1]}</h2>'

    marked = [_HEADING.sub(numbered, part) for part in parts]
    if len(names) < 2:
        return marked
    links = "".join(f'<a href="#s{i}">{name}</a> ' for i, name in enumerate(names, 1))
    first = next(i for i, part in enumerate(marked) if "<h2" in part)
    return [*marked[:first], f"<nav>{links}</nav>", *marked[first:]]


class _TextOnly(IPythonRenderer):
    """Markdown's headings, lists, tables and code; HTML, links and pictures as text."""

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """Leave out the anchors that a notebook's headings have."""
        del attrs
        return f"<h{level}>{text}</h{level}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Show where it leads; nothing leads there."""
        return text if text == escaped(url) else f"{text} ({escaped(url)})"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Show what was typed: figures are outputs of cells."""
        return f"{escaped(text)} ({escaped(url)})"

    def block_mermaidjs(self, code: str) -> str:
        """Show a diagram's text: no script draws it."""
        return f"<pre>{escaped(code)}</pre>"
