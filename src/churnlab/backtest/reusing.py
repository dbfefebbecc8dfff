"""Forecasts of an earlier run: one at the same origin, of the same past, is not made again.

Its key is the content of what a candidate can read (`Past.content_hash`), what came, settings, and
churnlab's source with the packages beneath it: nothing has to be declared out of date.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from numpy.typing import NDArray

from churnlab.backtest.scores.board import PER_ROW, PLAIN, Entry, Truth, entry_of
from churnlab.candidates import Candidate, Context
from churnlab.origins.cache import arrays_hash
from churnlab.runs.folder import versions
from churnlab.runs.hashing import source_hash

#: As what the cache counts them.
FORECASTS: Final = "forecasts"
#: What of a context a forecast does not depend on.
_APART: Final = ("cache", "report")


def entry_at(truth: Truth, candidate: Candidate, context: Context) -> Entry:
    """Return a candidate's forecast beside what came, or find that of an earlier run.

    Own candidates, of which nobody knows what they depend on, forecast each time; so do all without
    a folder to find anything in.
    Raises FitRefusedError: The candidate cannot be fitted.
    """

    def forecast() -> Entry:
        found = candidate.forecast(truth.past.alone, truth.target, context)
        return entry_of(truth, candidate.name, candidate.kind, found)

    if candidate.known_by is None or context.cache.folder is None:
        return forecast()
    arrays, note = context.cache.get(
        _key(truth, candidate, context), lambda: _stored(forecast()), FORECASTS
    )
    rows: dict[str, Any] = {name: arrays.get(name) for name in PER_ROW}
    return Entry(
        truth,
        candidate.name,
        candidate.kind,
        PLAIN,
        **rows,
        details=note["details"],
        notes=tuple(note["notes"]),
        shared=truth.cells if note["shared"] else None,
    )


def _stored(entry: Entry) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    arrays = {name: v for name in PER_ROW if (v := getattr(entry, name)) is not None}
    shared = entry.shared is not None
    return arrays, {"details": entry.details, "notes": entry.notes, "shared": shared}


def _key(truth: Truth, candidate: Candidate, context: Context) -> Mapping[str, Any]:
    settings = {f.name: getattr(context, f.name) for f in fields(context) if f.name not in _APART}
    return {
        "candidate": candidate.known_by,
        "past": truth.past.content_hash,
        "target": truth.target,
        "came": arrays_hash({"windows": truth.windows, "counts": truth.counts}),
        "context": settings,
        "source": source_hash(),
        "versions": versions(),
    }
