"""The head of a report: its title, whose data, which day; and how amounts are written."""

from pathlib import Path
from typing import Any

from churnlab.report.labels import label
from churnlab.runs.reading import Run


def front(run: Run, as_of: Any, lang: str, title: str | None = None) -> str:
    """Return a report's title and what it is of, as Markdown.

    as_of: Last known day of the data.
    title: The shop's name; default: the data's name.
    """
    data = data_name(run)
    what = label(f"report.{run.command}", lang)
    head = label("front.title", lang, name=title or data, what=what)
    return f"# {head}\n\n" + label("front.of", lang, data=data, as_of=as_of)


def data_name(run: Run) -> str:
    """Return the name of a run's data: of the embedded data, or of the file of purchases."""
    data = _config(run).get("data") or {}
    name = str(data.get("name") or "files")
    path = (data.get("purchases") or {}).get("path")
    return Path(str(path)).stem if name == "files" and path else name


def chosen(run: Run, key: str) -> str | None:
    """Return what a run was told of its pages (`report.KEY`); None where nothing."""
    found = (_config(run).get("report") or {}).get(key)
    return None if found is None else str(found)


def _config(run: Run) -> dict[str, Any]:
    return dict(run.manifest["config"] or {})
