"""Headings, tables and provenance of the reports, as Markdown."""

from __future__ import annotations

import numbers
import re
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from churnlab.report.catalogue import MISSING, signed
from churnlab.report.labels import label
from churnlab.runs.reading import Run

_NUMBER: Final = re.compile(r"([−+-]?[₩$€£]?[\d.,]+[%원]?( \(.*\))?|\d{4}-\d\d-\d\d)$")


def heading(key: str, lang: str = "en") -> str:
    """Return a report's section heading."""
    return f"## {label(f'heading.{key}', lang)}"


def table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None, *, names: int = 0) -> str:
    """Return a frame as a Markdown table.

    formats: A format specification per column, e.g. ``{"brier": ".4f"}``; missing values become
        "–".
    names: The first so many columns are names, on the left even where all of them are digits.
    """
    wanted = dict(formats or {})
    numeric = [i >= names and _numeric(frame.iloc[:, i]) for i in range(frame.shape[1])]
    lines = [
        "| " + " | ".join(str(c) for c in frame.columns) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
    ]
    for row in frame.itertuples(index=False):
        cells = (_cell(v, wanted.get(str(c), "")) for c, v in zip(frame.columns, row, strict=True))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _numeric(column: pd.Series[Any]) -> bool:
    """Say whether a column holds numbers, days, or texts that begin as numbers do."""
    if pd.api.types.is_numeric_dtype(column):
        return True
    told = [str(value) for value in column if pd.notna(value) and value != MISSING]
    return bool(told) and all(map(_NUMBER.match, told))


def _cell(value: Any, spec: str) -> str:
    if value is None or (not isinstance(value, (list, tuple)) and pd.isna(value)):
        return MISSING
    text = format(value, spec) if spec else str(value)
    text = signed(text) if isinstance(value, numbers.Number) else text
    return text.replace("|", "\\|").replace("\n", " ")


def bullets(items: list[str], *, none: str) -> str:
    """Return a bullet list, or the words for an empty one."""
    return "\n".join(f"- {item}" for item in items) if items else none


def provenance(run: Run, lang: str = "en") -> str:
    """Return where a run came from: command, commit, seed, versions, hashes."""
    m = run.manifest
    commit = (m["commit"] or label("made.no_git", lang))[:12]
    made = label("made.by", lang, command=m["command"], seed=m["seed"],
                 finished=str(m["finished_at"])[:19])  # fmt: skip
    items = [
        made,
        label("made.commit", lang, commit=commit, config=m["config_hash"][:16]),
        ", ".join(f"`{k} {v}`" for k, v in m["versions"].items()),
        *(label("made.input", lang, name=k, hash=str(v)[:16]) for k, v in m["inputs"].items()),
    ]
    return bullets(items, none="")
