"""A notebook as a page: what its cells say is text, whatever markup the data carry."""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from churnlab.report.font import base64_woff
from churnlab.report.page import escaped, policy

#: Points: a wider figure is scrolled on a phone instead of shrunk until nobody can read it.
_WIDE = 600
_WIDTH = re.compile(r'<svg[^>]* width="([\d.]+)pt"')
_HEADING = re.compile(r"<h2[^>]*>(.*?)</h2>", re.DOTALL)


def page(book: Any, title: str, lang: str = "en") -> str:
    """Return the page of an executed notebook: no code, no scripts, no network.

    Links lead to sections of the page only.

    Parameters
    ----------
    book : NotebookNode
        Its outputs are Markdown, plain text, SVG and PNG; others are not shown.
    title : str
        Title of the page.
    lang : str
        Language of its words.
    """
    parts = [part for cell in book.cells for part in _cell(cell)]
    shown = "".join([title, *parts])
    hangul = any("\uac00" <= letter <= "\ud7a3" for letter in shown)
    fonts = {weight: base64_woff(shown, weight) for weight in ("", "Bold") if hangul}
    return _template().render(
        title=title, lang=lang, policy=policy(), parts=_contents(parts), fonts=fonts
    )


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
            return _image(mime, "".join(data[mime]), alt)
    text = "".join(data.get("text/plain", ""))
    return f"<pre>{escaped(text)}</pre>" if text else ""


def _image(mime: str, content: str, alt: str) -> str:
    """Return a picture that stands in the page; a vector graphic in it can neither run nor load."""
    text = base64.b64encode(content.encode()).decode() if mime == "image/svg+xml" else content
    source = f"data:{mime};base64,{text.replace(chr(10), '')}"
    width = _WIDTH.search(content[:2000])
    kind = "wide" if width is not None and float(width[1]) >= _WIDE else "narrow"
    return f'<div class="scroll"><img class="{kind}" alt="{escaped(alt)}" src="{source}"></div>'


def _markdown(source: str) -> str:
    html = str(MarkdownWithMath(renderer=_TextOnly(escape=True)).render(source))
    return html.replace("<table>", '<div class="scroll"><table>').replace(
        "</table>", "</table></div>"
    )


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
