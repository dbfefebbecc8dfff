"""What changed since last time: the run before of the same data, each as it was told then."""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from churnlab.board.parts import Parts
from churnlab.errors import UsageError
from churnlab.runs import Run
from churnlab.runs.folder import MANIFEST
from churnlab.segments.grid.polarity import groups_of_cells
from churnlab.segments.movement.change import flows
from churnlab.segments.movement.resampling import ABSENT
from churnlab.segments.movement.shares import group_columns, group_matrix
from churnlab.types import Ints
from churnlab.vocabulary import ALL_CODES

SINCE: Final = "since.json"
_READ: Final = ("customer_id", "segment_code")
#: Finished folders beside a run that are opened, the latest written first.
MOST_BESIDE: Final = 50


def since_last(parts: Parts, place: Path) -> dict[str, Any] | None:
    """Compare a run with the one before it.

    place: Where the run will stand; the one before stands there or in a folder beside it, of which
        the `MOST_BESIDE` written last are opened.
    Returns: ``run, compared_to, late`` of the run before, and ``groups``: counts of all levels with
        their exact flows. None: there is no such run, or one of both has no segments.
    """
    now = parts.frame("segment", "membership", _READ)
    before = None if now is None else _latest(_earlier(parts, place))
    if now is None or before is None:
        return None
    then = before.frame("segment", "membership", _READ)
    fit = before.part("fit")
    if then is None or fit is None:
        return None
    groups = groups_of_cells(parts.config["segments"]["polarity"])
    table = pd.DataFrame(
        {**group_columns(groups), **flows(_joint(then, now), group_matrix(groups))}
    )
    return {
        "run": before.run.place.name,
        "compared_to": str(before.data_report["as_of"]),
        "late": fit.json("fit.json")["late"],
        "groups": table.to_dict("records"),
    }


def _joint(then: pd.DataFrame, now: pd.DataFrame) -> Ints:
    """Return customers by cell then (row) and now (column); the last ones are those absent."""
    places = {code: i for i, code in enumerate(ALL_CODES)}
    codes = pd.concat(
        [f.set_index("customer_id")["segment_code"].map(places) for f in (then, now)], axis=1
    )
    at = codes.fillna(ABSENT).to_numpy(dtype=np.int64)
    joint = np.zeros((ABSENT + 1, ABSENT + 1), dtype=np.int64)
    np.add.at(joint, (at[:, 0], at[:, 1]), 1)
    return joint


def _latest(found: Iterator[Parts]) -> Parts | None:
    """Return the run of the latest day, of several the one that was made last."""
    made = [(str(p.data_report["as_of"]), str(p.run.manifest["finished_at"]), p) for p in found]
    return max(made, key=lambda m: m[:2])[2] if made else None


def _earlier(parts: Parts, place: Path) -> Iterator[Parts]:
    """Yield the runs of the same data that end on an earlier day."""
    for folder in (place, *_beside(place)):
        try:
            other = Parts(Run(folder))
            if _same(parts, other) and other.data_report["as_of"] < parts.data_report["as_of"]:
                yield other
        except (UsageError, OSError, KeyError, TypeError):
            continue  # what else lies there is no run that could be read


def _beside(place: Path) -> list[Path]:
    """Return the finished folders beside a place, the latest written first."""
    written = {path: _written(path) for path in place.absolute().parent.iterdir()}
    finished = (path for path, at in written.items() if at is not None)
    return heapq.nlargest(MOST_BESIDE, finished, key=lambda path: written[path] or 0.0)


def _written(folder: Path) -> float | None:
    """Return when a run was finished; None where none was, or it has just gone."""
    try:
        return (folder / MANIFEST).stat().st_mtime
    except OSError:
        return None


def _same(one: Parts, other: Parts) -> bool:
    """Say whether both are of the same data: by their settings, or by the title they were given."""
    titles = [(p.config.get("report") or {}).get("title") for p in (one, other)]
    sources = [(p.config.get("data"), p.config.get("shop")) for p in (one, other)]
    return sources[0] == sources[1] or (titles[0] is not None and titles[0] == titles[1])
