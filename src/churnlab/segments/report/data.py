"""Numbers of the segment pictures: the grid, flows between cells, shares over time.

Input are the tables that `churnlab segment` writes, so a picture needs a run folder only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import UsageError, one_of
from churnlab.types import Array
from churnlab.vocabulary import (
    PURCHASE_STATES,
    SEGMENT_CODES,
    SEGMENTS,
    VISIT_STATES,
    VISIT_UNKNOWN,
)

#: Left to right, as in the source: right = visits more active.
COLUMNS = tuple(reversed(VISIT_STATES))
#: Top to bottom, as in the source: up = purchases more active.
ROWS = PURCHASE_STATES


@dataclass(frozen=True)
class GridData:
    """The grid as a picture: arrays are (5 rows from the top, 3 columns from the left)."""

    names: NDArray[np.object_]
    share: Array
    share_q05: Array
    share_q95: Array
    change: Array
    """nan without a comparison."""
    change_q05: Array
    change_q95: Array
    polarity: NDArray[np.object_]
    unknown_share: float
    """Share of the members whose visits are unknown: beside the grid."""
    as_of: pd.Timestamp
    compared_to: pd.Timestamp | None


@dataclass(frozen=True)
class FlowData:
    """The largest moves between cells; positions count columns from the left, rows from the top."""

    origin: NDArray[np.int64]
    """(flow, 2): column and row."""
    destination: NDArray[np.int64]
    n: NDArray[np.int64]
    share_of_origin: Array
    stay: Array
    """(5, 3): share of each cell's customers who stayed; nan for an empty cell."""
    names: NDArray[np.object_]


@dataclass(frozen=True)
class TimeData:
    """Shares by day, one line per group."""

    day: NDArray[np.datetime64]
    codes: tuple[str, ...]
    names: tuple[str, ...]
    share: Array
    """(day, group)."""
    share_q05: Array
    share_q95: Array


def grid(
    shares: pd.DataFrame,
    change: pd.DataFrame | None = None,
    *,
    polarity: dict[str, str] | None = None,
    lang: str = "en",
) -> GridData:
    """Lay shares (and changes) out as the grid.

    shares, change: From `segments.shares_table` and `segments.change_table`; one day.
    polarity: Cell -> polarity; default: the vocabulary's.
    """
    cells = shares[shares["level"] == "segment"].set_index("segment_code")
    if not cells.index.is_unique:
        raise UsageError("The grid shows one day; got shares of several. Select one `as_of`.")
    moved = None if change is None else change[change["level"] == "segment"]
    by_code = None if moved is None else moved.set_index("segment_code")
    signs = polarity or {s.code: s.polarity for s in SEGMENTS}
    unknown = cells.index.str.endswith(f".{VISIT_UNKNOWN}")
    return GridData(
        names=_layout(_names(lang)),
        share=_numbers(cells, "share"),
        share_q05=_numbers(cells, "share_q05"),
        share_q95=_numbers(cells, "share_q95"),
        change=_numbers(by_code, "change"),
        change_q05=_numbers(by_code, "change_q05"),
        change_q95=_numbers(by_code, "change_q95"),
        polarity=_layout(signs),
        unknown_share=float(cells.loc[unknown, "share"].sum()),
        as_of=pd.Timestamp(cells["as_of"].iloc[0]),
        compared_to=None if moved is None else pd.Timestamp(moved["compared_to"].iloc[0]),
    )


def flows(transitions: pd.DataFrame, *, largest: int = 10, lang: str = "en") -> FlowData:
    """Return the largest moves between cells of the grid.

    transitions: From `segments.transition_table`.
    largest: Number of moves to show.
    """
    rows = transitions[
        (transitions["dwell_band"] == "all")
        & transitions["origin"].isin(SEGMENT_CODES)
        & transitions["destination"].isin(SEGMENT_CODES)
        & (transitions["n"] > 0)
    ]
    same = rows["origin"] == rows["destination"]
    stay = dict(zip(rows.loc[same, "origin"], rows.loc[same, "share"], strict=True))
    present = set(rows["origin"])
    moves = rows[~same].sort_values(["n", "origin", "destination"], ascending=[False, True, True])
    top = moves.head(largest)
    return FlowData(
        origin=np.array([_place(c) for c in top["origin"]], dtype=np.int64).reshape(-1, 2),
        destination=np.array([_place(c) for c in top["destination"]], dtype=np.int64).reshape(
            -1, 2
        ),
        n=top["n"].to_numpy(dtype=np.int64),
        share_of_origin=top["share"].to_numpy(dtype=np.float64),
        stay=_layout(
            {c: stay.get(c, 0.0) if c in present else np.nan for c in SEGMENT_CODES}
        ).astype(float),
        names=_layout(_names(lang)),
    )


def over_time(
    shares: pd.DataFrame, *, level: str = "polarity", scored_by: str | None = None, lang: str = "en"
) -> TimeData:
    """Return shares by day of all groups of one level.

    shares: Rows of `segments.shares_table` for several days.
    level: ``polarity``, ``parent``, ``purchase_state``, ``visit_state`` or ``segment``.
    scored_by: Only the rows of ``own_fit`` or ``latest_fit``, where the table has both.
    """
    rows = shares if scored_by is None else shares[shares["scored_by"] == scored_by]
    rows = rows[rows["level"] == level]
    if rows.empty:
        raise UsageError(
            f"There are no shares of level {level!r}; got {', '.join(shares['level'].unique())}."
        )
    codes = list(dict.fromkeys(rows["segment_code"]))
    named = rows.drop_duplicates("segment_code").set_index("segment_code")[f"name_{lang}"]
    by_day = rows.set_index(["as_of", "segment_code"])
    days = np.unique(rows["as_of"].to_numpy(dtype="datetime64[D]"))
    index = pd.MultiIndex.from_product([pd.to_datetime(days), codes])

    def wide(column: str) -> Array:
        values = by_day[column].reindex(index).to_numpy(dtype=np.float64)
        return values.reshape(len(days), len(codes))

    return TimeData(
        day=days,
        codes=tuple(codes),
        names=tuple(named[c] for c in codes),
        share=wide("share"),
        share_q05=wide("share_q05"),
        share_q95=wide("share_q95"),
    )


def _names(lang: str) -> dict[str, str]:
    one_of("lang", lang, ("en", "ko"))
    return {s.code: s.korean if lang == "ko" else s.english for s in SEGMENTS}


def _layout(values: Mapping[Any, Any]) -> NDArray[np.object_]:
    return np.array(
        [[values[f"{row}.{column}"] for column in COLUMNS] for row in ROWS], dtype=object
    )


def _numbers(cells: pd.DataFrame | None, column: str) -> Array:
    if cells is None:
        return np.full((len(ROWS), len(COLUMNS)), np.nan)
    return _layout(cells[column].to_dict()).astype(float)


def _place(code: str) -> tuple[int, int]:
    row, column = code.split(".")
    return COLUMNS.index(column), ROWS.index(row)
