"""Status of the segments on a day (P7), and its breakdown by member attributes."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import UsageError, nearest
from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.polarity import groups_of_cells, segment_name
from churnlab.segments.grid.snapshot import N_CODES, Snapshot
from churnlab.segments.movement.resampling import counts_by_draw, interval, resample
from churnlab.types import Array, Ints


def shares_table(
    snapshot: Snapshot,
    config: SegmentsConfig,
    rng: np.random.Generator,
    who: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return members and share per cell and group, with 90% intervals.

    The interval joins sampling of customers with the posterior of the population's parameters.

    who (member,): Only these members.
    Returns: ``as_of, level, segment_code, name_en, name_ko, n, share, share_q05, share_q95``;
        levels ``segment`` (20 codes: shares sum to 1), ``polarity``, ``parent``,
        ``purchase_state``, ``visit_state``.
    """
    groups = groups_of_cells(config.polarity)
    matrix = group_matrix(groups)
    code = snapshot.code if who is None else snapshot.code[who]
    n = matrix @ np.bincount(code, minlength=N_CODES)
    tables = resample(counts_by_draw(snapshot, who), config.replicates, rng)
    low, high = interval(tables, lambda t: _shares(t @ matrix.T, t.sum(axis=1)))
    return pd.DataFrame(
        {
            "as_of": pd.Timestamp(snapshot.as_of),
            **group_columns(groups),
            "n": n,
            "share": _shares(n, np.array(len(code))),
            "share_q05": low,
            "share_q95": high,
        }
    )


def check_breakdown(wanted: Iterable[str], attributes: Iterable[str]) -> None:
    """Refuse columns of a breakdown that are no attributes of the members.

    Raises UsageError: Names the column, those that exist, and the nearest of them.
    """
    known = [c for c in attributes if c != "customer_id"]
    for column in wanted:
        if column not in known:
            raise UsageError(
                f"Members have no attribute {column!r} (segments.breakdown); they have "
                f"{', '.join(known) or 'none'}." + nearest(column, known)
            )


def breakdown_table(
    snapshot: Snapshot,
    attributes: pd.DataFrame,
    column: str,
    config: SegmentsConfig,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return `shares_table` for each value of a member attribute.

    attributes: ``customer_id`` and the attribute; members who are missing there count as
        ``(missing)``.
    Raises UsageError when the attribute does not exist.
    """
    check_breakdown([column], attributes.columns)
    by_id = attributes.drop_duplicates("customer_id").set_index("customer_id")[column]
    values = by_id.reindex(snapshot.ids).astype(object)
    text = values.where(values.notna(), "(missing)").astype(str).to_numpy()
    parts = []
    for value in np.unique(text):
        table = shares_table(snapshot, config, rng, text == value)
        table.insert(1, "attribute", column)
        table.insert(2, "value", value)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def group_matrix(groups: Mapping[tuple[str, str], list[int]]) -> Ints:
    """Return which cells each group adds up, shape (group, 20), entries 0 and 1."""
    matrix = np.zeros((len(groups), N_CODES), dtype=np.int64)
    for row, members in enumerate(groups.values()):
        matrix[row, members] = 1
    return matrix


def group_columns(groups: Mapping[tuple[str, str], list[int]]) -> dict[str, list[str]]:
    """Return level, code and names of the rows of `group_matrix`."""
    codes = [code for _, code in groups]
    return {
        "level": [level for level, _ in groups],
        "segment_code": codes,
        "name_en": [segment_name(code, "en") for code in codes],
        "name_ko": [segment_name(code, "ko") for code in codes],
    }


def _shares(n: Ints, total: Ints) -> Array:
    """Counts (..., group) over totals (...)."""
    return np.asarray(n / np.maximum(total, 1)[..., None])
