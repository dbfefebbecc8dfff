"""Gradient boosting on everything a history tells, tuned on held-out customers inside the past."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnlab.forecast.features import features
from churnlab.origins.training import Training
from churnlab.types import Array, Ints

#: Earlier origins that are learnt from.
ORIGINS = 6
#: Folds of the search; all rows of a customer lie in one.
FOLDS = 3
#: Rows above which the search (not the final fit) takes a part of the customers.
SEARCH_ROWS = 40_000
#: Leaves a tree, and customers a leaf, that are tried.
LEAVES, LEAST = (3, 10), (30, 120)
#: What each tree adds of its step.
RATE = 0.08
#: Trees are added until so many in a row do not better the held-out customers.
PATIENCE, MOST_TREES = 10, 300


@dataclass(frozen=True)
class Tuned:
    """What the search found: the learner's settings, and its loss on held-out customers."""

    leaves: int
    least: int
    trees: int
    loss: float
    rate: float = RATE


@dataclass(frozen=True)
class Booster:
    """A tuned learner and the features that it knows."""

    learner: Any
    known: NDArray[np.bool_]
    tuned: Tuned

    @classmethod
    def fit(
        cls, rows: Array, outcome: Array, customer: Ints, tuned: Tuned | None = None
    ) -> Booster:
        """Search, then train on all rows.

        rows, outcome, customer (row, feature): Both outcomes must occur.
        tuned: What a search has found already.
        """
        found = tuned or search(rows, outcome, customer)
        known = known_columns(rows)
        learner = _learner(found, max_iter=found.trees)
        with _one_thread():
            learner.fit(rows[:, known], outcome)
        return cls(learner, known, found)

    def predict(self, rows: Array) -> Array:
        """P(outcome = 1), (row,)."""
        with _one_thread():
            return np.asarray(self.learner.predict_proba(rows[:, self.known])[:, 1])


def training_rows(training: Training) -> Array:
    """Return the features of all earlier origins, one below the other."""
    pairs = zip(training.pasts, training.windows, strict=True)
    return np.concatenate([features(p, w)[1] for p, w in pairs])


def customers_of(training: Training) -> Ints:
    """Return the customer of each training row."""
    return np.concatenate([p.customer for p in training.pasts])


def known_columns(rows: Array) -> NDArray[np.bool_]:
    """Say which features have a value in some row: the learner cannot cut one that has none."""
    return np.asarray(~np.isnan(rows).all(axis=0))


def search(
    rows: Array,
    outcome: Array,
    customer: Ints,
    folds: int = FOLDS,
    most: int = SEARCH_ROWS,
    rate: float = RATE,
) -> Tuned:
    """Choose leaves, least leaf size and number of trees by the log loss on held-out customers.

    rows, outcome, customer (row, feature): Rows of one customer are never on both sides.
    folds: Folds that are held out, one after the other.
    most: Rows that are looked at.
    rate: What each tree adds of its step.
    """
    fold = folds_of(customer)
    kept = fold < FOLDS * min(1.0, most / len(rows))  # whole customers
    part = np.floor(fold[kept]) if kept.all() else np.floor(fold[kept] * len(rows) / most)
    part = np.minimum(part, FOLDS - 1)
    tried = [
        _held_out(
            rows[kept], outcome[kept], part, Tuned(leaves, least, MOST_TREES, inf, rate), folds
        )
        for leaves, least in itertools.product(LEAVES, LEAST)
        if 4 * least <= kept.sum()
    ]
    return min(tried, key=lambda t: t.loss) if tried else Tuned(3, 20, 50, float("nan"), rate)


def folds_of(customer: Ints) -> Array:
    """Return a number in [0, FOLDS) that is the customer's own, whatever rows stand beside it."""
    mixed = (customer.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53 * FOLDS


def _held_out(rows: Array, outcome: Array, part: NDArray[Any], tried: Tuned, folds: int) -> Tuned:
    losses, trees, scored = [], [], 0
    for held in range(folds):
        out = part == held
        if not out.any() or len(np.unique(outcome[~out])) < 2:
            continue  # few customers: a fold may be empty, or hold one outcome's only rows
        scored += int(out.sum())
        learner = _learner(
            tried, max_iter=tried.trees, early_stopping=True, n_iter_no_change=PATIENCE,
            tol=0.0, scoring="loss",
        )  # fmt: skip
        seen = known_columns(rows[~out])
        with _one_thread():
            learner.fit(
                rows[~out][:, seen], outcome[~out], X_val=rows[out][:, seen], y_val=outcome[out]
            )
        course = -np.asarray(learner.validation_score_)
        trees.append(int(course.argmin()))
        losses.append(float(course.min()) * int(out.sum()))
    if not scored:
        return replace(tried, trees=1)
    # the final fit has all folds, so it carries a few trees more
    wanted = max(1, round(float(np.mean(trees)) * FOLDS / (FOLDS - 1) ** 0.5 / FOLDS**0.5))
    return replace(tried, trees=wanted, loss=sum(losses) / scored)


def _one_thread() -> Any:
    """One thread: on small tables OpenMP's mostly wait for each other (70 s instead of 2)."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1)


def _learner(tuned: Tuned, **options: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    options = {"early_stopping": False} | options
    return HistGradientBoostingClassifier(
        learning_rate=tuned.rate,
        max_leaf_nodes=tuned.leaves,
        min_samples_leaf=tuned.least,
        l2_regularization=5.0,
        random_state=0,
        **options,
    )
