"""Boosted trees as plain numbers: what a bundle holds of a learner, and what evaluates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import VerificationError
from churnlab.forecast.boosting import Booster
from churnlab.types import Array, Ints

#: Columns of the nodes, in the order in which they stand in files.
NODE: Final = ("feature", "threshold", "missing_left", "left", "right", "value")
#: Stands for an infinite threshold, which JSON has none of: every number lies at or below it.
_ALL: Final = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Trees:
    """Binary trees whose leaves add up to a logit.

    start: Logit before the first tree.
    roots (tree,): First node of each tree.
    feature (node,): Column of the rows that is asked for; -1 at a leaf.
    threshold (node,): Left where the column is at most this.
    missing_left (node,): Where a missing value goes.
    left, right (node,): Nodes, each later than its parent.
    value (node,): What a leaf adds.
    Raises VerificationError: Nodes that lead nowhere, or back.
    """

    start: float
    roots: Ints
    feature: Ints
    threshold: Array
    missing_left: NDArray[np.bool_]
    left: Ints
    right: Ints
    value: Array

    def __post_init__(self) -> None:
        """Refuse what compiled code would read beyond its end, or run around in."""
        n, inner = len(self.feature), self.feature >= 0
        after = np.arange(n)[inner]
        lengths = {len(getattr(self, name)) for name in NODE}
        children = [side[inner] for side in (self.left, self.right) if len(side) == n]
        if (
            lengths != {n}
            or any((side <= after).any() or (side >= n).any() for side in children)
            or ((self.roots < 0) | (self.roots >= n)).any()
        ):
            raise VerificationError(
                "the trees of the forecast lead nowhere: every node must name two later ones. Take "
                "the file from the run or export again."
            )

    @classmethod
    def of(cls, booster: Booster) -> Trees:
        """Read scikit-learn's trees; columns are numbered as in all rows, unknown ones too."""
        learner = booster.learner
        parts = [iteration[0].nodes for iteration in learner._predictors]
        sizes = np.array([len(part) for part in parts], dtype=np.int64)
        roots = np.cumsum(sizes) - sizes
        nodes, base = np.concatenate(parts), np.repeat(roots, sizes)
        leaf = nodes["is_leaf"].astype(bool)
        known = np.flatnonzero(booster.known)
        return cls(
            start=float(np.ravel(learner._baseline_prediction)[0]),
            roots=roots,
            feature=np.where(leaf, -1, known[nodes["feature_idx"].astype(np.int64)]),
            threshold=np.where(leaf, 0.0, np.minimum(nodes["num_threshold"], _ALL)),
            missing_left=~leaf & nodes["missing_go_to_left"].astype(bool),
            left=np.where(leaf, 0, nodes["left"].astype(np.int64) + base),
            right=np.where(leaf, 0, nodes["right"].astype(np.int64) + base),
            value=np.where(leaf, nodes["value"], 0.0),
        )

    def logit(self, rows: Array) -> Array:
        """Return the sum of the leaves, (row,).

        rows (row, column): nan where a value is missing.
        """
        from churnlab.kernels.trees import add_up

        if self.feature.max(initial=-1) >= rows.shape[1]:
            raise VerificationError(
                f"the trees of the forecast ask for column {self.feature.max()} of "
                f"{rows.shape[1]}; they were learnt on other features."
            )
        out = np.full(len(rows), self.start)
        columns = (getattr(self, name) for name in NODE)
        add_up(np.ascontiguousarray(rows, dtype=np.float64), self.roots, *columns, out)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back exactly."""
        columns = {name: getattr(self, name).tolist() for name in NODE}
        return {"start": self.start, "roots": self.roots.tolist(), **columns}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Trees:
        """Read what `to_dict` wrote."""
        whole: dict[str, Any] = dict.fromkeys(("roots", "feature", "left", "right"), np.int64)
        kinds = whole | {"threshold": np.float64, "value": np.float64, "missing_left": np.bool_}
        return cls(
            float(values["start"]), **{k: np.array(values[k], dtype=t) for k, t in kinds.items()}
        )
