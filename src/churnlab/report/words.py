"""Headings, tables and provenance of the reports, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from churnlab.report.catalogue import LANGUAGES, MISSING
from churnlab.report.labels import label
from churnlab.runs.reading import Run


def heading(key: str, lang: str = "en") -> str:
    """Return a report's section heading."""
    return f"## {label(f'heading.{key}', lang)}"


def pick[T](lang: str, english: T, korean: T) -> T:
    """Return the words of the language asked for."""
    return (english, korean)[LANGUAGES.index(lang)]


def table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None) -> str:
    """Return a frame as a Markdown table.

    Parameters
    ----------
    formats : mapping, optional
        A format specification per column, e.g. ``{"brier": ".4f"}``; missing values become "–".
    """
    wanted = dict(formats or {})
    lines = [
        "| " + " | ".join(str(c) for c in frame.columns) + " |",
        "|" + "|".join("---:" if _numeric(frame[c]) else "---" for c in frame.columns) + "|",
    ]
    for row in frame.itertuples(index=False):
        cells = (_cell(v, wanted.get(str(c), "")) for c, v in zip(frame.columns, row, strict=True))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _numeric(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _cell(value: Any, spec: str) -> str:
    if value is None or (not isinstance(value, (list, tuple)) and pd.isna(value)):
        return MISSING
    text = format(value, spec) if spec else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def bullets(items: list[str], *, none: str) -> str:
    """Return a bullet list, or the words for an empty one."""
    return "\n".join(f"- {item}" for item in items) if items else none


def provenance(run: Run) -> str:
    """Return where a run came from: command, commit, seed, versions, hashes."""
    m = run.manifest
    versions = ", ".join(f"{k} {v}" for k, v in m["versions"].items())
    commit, finished = (m["commit"] or "outside of git")[:12], str(m["finished_at"])[:19]
    lines = [
        f"- `churnlab {m['command']}`, seed {m['seed']}, finished {finished} UTC",
        f"- commit `{commit}`, configuration `{m['config_hash'][:16]}`",
        f"- {versions}",
        *(f"- input `{k}`: `{str(v)[:16]}`" for k, v in m["inputs"].items()),
    ]
    return "\n".join(lines)
