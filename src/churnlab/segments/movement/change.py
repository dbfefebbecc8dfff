"""Change between two days (P8): exact flows, shares with paired intervals, and re-estimation."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import UsageError
from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.polarity import groups_of_cells
from churnlab.segments.grid.snapshot import N_CODES, Snapshot
from churnlab.segments.movement.resampling import ABSENT, Pairing, interval, resample
from churnlab.segments.movement.shares import group_columns, group_matrix
from churnlab.types import Array, Ints


def change_table(
    before: Snapshot, after: Snapshot, config: SegmentsConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Compare two days: counts with their exact flows, shares with customer-paired intervals.

    For each cell and group ``n - n_before = entries - exits + moves_in - moves_out`` exactly, with
    moves within a group left out, and ``change = change_from_counts + change_from_total`` where
    the first is (n - n_before) / N and the second n_before (1/N - 1/N_before): a share can fall
    though nobody left, because N grew.

    Returns: ``as_of, compared_to, level, segment_code, name_en, name_ko, n_before, n, entries,
        exits, moves_in, moves_out, moves, share_before, share, change, change_q05, change_q95,
        change_from_counts, change_from_total``.
    """
    if before.as_of >= after.as_of:
        raise UsageError(
            f"compare_to ({before.as_of}) must lie before as_of ({after.as_of}); "
            "give an earlier date."
        )
    groups = groups_of_cells(config.polarity)
    matrix = group_matrix(groups)
    pairing = Pairing.of(before, after)
    tables = resample(pairing.joint_by_draw(), config.replicates, rng)
    low, high = interval(tables, lambda t: _share_change(t, matrix))
    frame = pd.DataFrame(
        {
            "as_of": pd.Timestamp(after.as_of),
            "compared_to": pd.Timestamp(before.as_of),
            **group_columns(groups),
            **flows(pairing.joint(), matrix),
        }
    )
    frame = frame.assign(
        **_shares(frame["n_before"], frame["n"], before.n_members, after.n_members)
    )
    at = list(frame.columns).index("change") + 1
    frame.insert(at, "change_q05", low)
    frame.insert(at + 1, "change_q95", high)
    return frame


def flows(joint: Ints, matrix: Ints) -> Mapping[str, Ints]:
    """Split the change of counts into entries, exits and moves.

    joint (21, 21): Customers by cell before and after; the last row and column are those absent.
    matrix (group, 20): Which cells each group adds up.
    """
    inside = joint[:N_CODES, :N_CODES]
    stay = np.einsum("gi,ij,gj->g", matrix, inside, matrix)
    moves_in = matrix @ inside.sum(axis=0) - stay
    moves_out = matrix @ inside.sum(axis=1) - stay
    return {
        "n_before": matrix @ joint[:N_CODES].sum(axis=1),
        "n": matrix @ joint[:, :N_CODES].sum(axis=0),
        "entries": matrix @ joint[ABSENT, :N_CODES],
        "exits": matrix @ joint[:N_CODES, ABSENT],
        "moves_in": moves_in,
        "moves_out": moves_out,
        "moves": moves_in - moves_out,
    }


def reestimation_table(
    before_by_own_fit: Snapshot,
    before: Snapshot,
    after: Snapshot,
    polarity: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Tell moves by behaviour from moves by re-estimation.

    before_by_own_fit: The earlier day as it was said then: by a fit on data up to it.
    before, after: Both days by the latest fit (its draws, windows and cut points).
    polarity: Cell -> polarity, for the groups' rows; default: the vocabulary's.
    Returns: Per cell and group ``n_before`` (as said then), ``reestimation`` (what the latest fit
        alone moved on the earlier day), ``behaviour`` (change under the latest fit), ``n`` with ``n
        = n_before + reestimation + behaviour`` exactly; ``moved_by_reestimation`` counts the
        customers whom the latest fit puts into or out of the cell or group on the earlier day.
    """
    own = before_by_own_fit
    if own.as_of != before.as_of or not own.ids.equals(before.ids):
        raise UsageError(
            "before_by_own_fit must hold the members of `before` on the same day; got "
            f"{own.as_of} with {own.n_members} members, expected {before.as_of} with "
            f"{before.n_members}."
        )
    groups = groups_of_cells(polarity)
    matrix = group_matrix(groups)
    n = [matrix @ np.bincount(s.code, minlength=N_CODES) for s in (own, before, after)]
    both = np.bincount(N_CODES * own.code.astype(np.int64) + before.code,
                       minlength=N_CODES**2).reshape(N_CODES, N_CODES)  # fmt: skip
    stay = np.einsum("gi,ij,gj->g", matrix, both, matrix)
    touched = n[0] + n[1] - 2 * stay
    return pd.DataFrame(
        {
            **group_columns(groups),
            "n_before": n[0],
            "behaviour": n[2] - n[1],
            "reestimation": n[1] - n[0],
            "n": n[2],
            "moved_by_reestimation": touched,
        }
    )


def segment_share_frame(shares: pd.DataFrame, change: pd.DataFrame | None) -> pd.DataFrame:
    """Join status and change into the exported ``segment_share`` (one row per code and day).

    Columns (docs/files.md): ``as_of, segment_code, n, share, share_q05, share_q95, change,
    change_q05, change_q95, entries, exits, moves``; the last six are null without a comparison.
    """
    columns = ["as_of", "segment_code", "n", "share", "share_q05", "share_q95"]
    cells = shares.loc[shares["level"] == "segment", columns].reset_index(drop=True)
    extra = ["change", "change_q05", "change_q95", "entries", "exits", "moves"]
    if change is None:
        empty = {c: pd.array([pd.NA] * len(cells), dtype="Float64") for c in extra}
        return cells.assign(**empty)
    moves = change.loc[change["level"] == "segment", ["segment_code", *extra]]
    return cells.merge(moves, on="segment_code", how="left", validate="one_to_one")


def _share_change(tables: Ints, matrix: Ints) -> Array:
    before = tables[:, :N_CODES, :].sum(axis=2)
    after = tables[:, :, :N_CODES].sum(axis=1)
    first = (before @ matrix.T) / np.maximum(before.sum(axis=1), 1)[:, None]
    second = (after @ matrix.T) / np.maximum(after.sum(axis=1), 1)[:, None]
    return second - first


def _shares(
    n_before: pd.Series, n: pd.Series, total_before: int, total: int
) -> dict[str, NDArray[np.float64]]:
    one, two = n_before.to_numpy(dtype=float), n.to_numpy(dtype=float)
    first, second = max(total_before, 1), max(total, 1)
    return {
        "share_before": one / first,
        "share": two / second,
        "change": two / second - one / first,
        "change_from_counts": (two - one) / second,
        "change_from_total": one * (1 / second - 1 / first),
    }
