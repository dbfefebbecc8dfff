"""A notebook as a page: what its cells say is text, whatever markup the data carry."""

from __future__ import annotations

from typing import Any

from jinja2 import DictLoader
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from traitlets.config import Config

from churnlab.report.page import escaped, policy

_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js %}{{ resources.policy }}{% endblock -%}
{%- block html_head_js_mathjax %}{% endblock -%}
{%- block html_head_js_mermaidjs %}{% endblock -%}
"""


def page(book: Any, title: str) -> str:
    """Return the page of an executed notebook: no code, no scripts, no links, no network.

    Parameters
    ----------
    book : NotebookNode
        Its outputs are Markdown, plain text and PNG; HTML output would be cleaned of scripts.
    title : str
        Title of the page.
    """
    exporter = _Exporter(  # type: ignore[no-untyped-call]
        config=Config(),  # not what the user's own Jupyter is set to
        extra_loaders=[DictLoader({"page.html.j2": _TEMPLATE})],
        template_file="page.html.j2",
        exclude_input=True,
        exclude_output_prompt=True,
        sanitize_html=True,
    )
    book.metadata["title"] = title
    resources = {"metadata": {"name": title}, "policy": policy()}
    return str(exporter.from_notebook_node(book, resources=resources)[0])


class _Exporter(HTMLExporter):
    def markdown2html(self, context: Any, source: str) -> str:
        """Turn Markdown into HTML; what is no Markdown is text."""
        return str(MarkdownWithMath(renderer=_TextOnly(escape=True)).render(source))

    markdown2html.jinja_pass_arg = HTMLExporter.markdown2html.jinja_pass_arg  # type: ignore[attr-defined]


class _TextOnly(IPythonRenderer):
    """Markdown's headings, lists, tables and code; HTML, links and pictures as text."""

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Show where it leads; nothing leads there."""
        return text if text == escaped(url) else f"{text} ({escaped(url)})"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Show what was typed: figures are outputs of cells."""
        return f"{escaped(text)} ({escaped(url)})"

    def block_mermaidjs(self, code: str) -> str:
        """Show a diagram's text: no script draws it."""
        return f"<pre>{escaped(code)}</pre>"
