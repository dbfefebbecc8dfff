"""A strong comparator: gradient boosting on everything a history tells, tuned inside the past."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from churnlab.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.candidates.features import features
from churnlab.origins.panel import Past
from churnlab.origins.targets import Target
from churnlab.origins.training import Training, training_for
from churnlab.types import Array, Ints

#: Earlier origins that are learnt from.
ORIGINS = 6
#: Folds of the search; all rows of a customer lie in one.
FOLDS = 3
#: Rows above which the search (not the final fit) takes a part of the customers.
SEARCH_ROWS = 40_000
#: Leaves a tree, and customers a leaf, that are tried.
LEAVES, LEAST = (3, 10), (30, 120)
#: Trees are added until so many in a row do not better the held-out customers.
PATIENCE, MOST_TREES = 10, 300


@dataclass(frozen=True)
class Tuned:
    """What the search found: the learner's settings, and its loss on held-out customers."""

    leaves: int
    least: int
    trees: int
    loss: float


@dataclass(frozen=True)
class Booster:
    """A tuned learner and the features that it knows."""

    learner: Any
    known: NDArray[np.bool_]
    tuned: Tuned

    @classmethod
    def fit(cls, rows: Array, outcome: Array, customer: Ints) -> Booster:
        """Search, then train on all rows.

        Parameters
        ----------
        rows, outcome, customer : array (row, feature), (row,), (row,)
            Both outcomes must occur.
        """
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        # One thread: on small tables OpenMP's threads mostly wait for each other (on a busy
        # two-core machine 70 s instead of 2 s).
        with threadpool_limits(limits=1):
            found = search(rows, outcome, customer)
            known = known_columns(rows)
            learner = _learner(found.leaves, found.least, max_iter=found.trees)
            learner.fit(rows[:, known], outcome)
        return cls(learner, known, found)

    def predict(self, rows: Array) -> Array:
        """P(outcome = 1), (row,)."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            return np.asarray(self.learner.predict_proba(rows[:, self.known])[:, 1])


class GradientBoosting(Candidate):
    """scikit-learn's histogram gradient boosting, trained and tuned on earlier origins only."""

    name = "gradient_boosting"
    kind: ClassVar[Kind] = "comparator"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Train on earlier origins and forecast the present one."""
        training = training_for(past, target, ORIGINS)
        outcome, notes = training.outcome, (training.note,) if training.note else ()
        if len(np.unique(outcome)) < 2:
            rate = np.full(past.n, float(outcome.mean()))
            return Forecast(rate, training.seen_until, risk=rate, notes=(*notes, "one class only"))
        context.report("train")
        booster = Booster.fit(training_rows(training), outcome, customers_of(training))
        risk = booster.predict(features(past, target.windows(past))[1])
        tuned = booster.tuned
        details = {"leaves": tuned.leaves, "least": tuned.least, "trees": tuned.trees}
        return Forecast(risk, training.seen_until, risk=risk, details=details, notes=notes)


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


def search(rows: Array, outcome: Array, customer: Ints) -> Tuned:
    """Choose leaves, least leaf size and number of trees by the log loss on held-out customers.

    Parameters
    ----------
    rows, outcome, customer : array (row, feature), (row,), (row,)
        Rows of one customer are never on both sides.
    """
    fold = folds_of(customer)
    kept = fold < FOLDS * min(1.0, SEARCH_ROWS / len(rows))  # whole customers
    part = np.floor(fold[kept]) if kept.all() else np.floor(fold[kept] * len(rows) / SEARCH_ROWS)
    tried = [
        _held_out(rows[kept], outcome[kept], np.minimum(part, FOLDS - 1), leaves, least)
        for leaves, least in itertools.product(LEAVES, LEAST)
        if 4 * least <= kept.sum()
    ]
    return min(tried, key=lambda t: t.loss) if tried else Tuned(3, 20, 50, float("nan"))


def folds_of(customer: Ints) -> Array:
    """Return a number in [0, FOLDS) that is the customer's own, whatever rows stand beside it."""
    mixed = (customer.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53 * FOLDS


def _held_out(rows: Array, outcome: Array, part: NDArray[Any], leaves: int, least: int) -> Tuned:
    losses, trees, scored = [], [], 0
    for held in range(FOLDS):
        out = part == held
        if not out.any() or len(np.unique(outcome[~out])) < 2:
            continue  # few customers: a fold may be empty, or hold one outcome's only rows
        scored += int(out.sum())
        learner = _learner(
            leaves, least, max_iter=MOST_TREES, early_stopping=True, n_iter_no_change=PATIENCE,
            tol=0.0, scoring="loss",
        )  # fmt: skip
        seen = known_columns(rows[~out])
        learner.fit(
            rows[~out][:, seen], outcome[~out], X_val=rows[out][:, seen], y_val=outcome[out]
        )
        course = -np.asarray(learner.validation_score_)
        trees.append(int(course.argmin()))
        losses.append(float(course.min()) * int(out.sum()))
    if not scored:
        return Tuned(leaves, least, 1, float("inf"))
    # the final fit has all folds, so it carries a few trees more
    wanted = max(1, round(float(np.mean(trees)) * FOLDS / (FOLDS - 1) ** 0.5 / FOLDS**0.5))
    return Tuned(leaves, least, wanted, sum(losses) / scored)


def _learner(leaves: int, least: int, **options: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    options = {"early_stopping": False} | options
    return HistGradientBoostingClassifier(
        learning_rate=0.08,
        max_leaf_nodes=leaves,
        min_samples_leaf=least,
        l2_regularization=5.0,
        random_state=0,
        **options,
    )
