"""A machine-learning comparator: gradient boosting on recency-frequency features."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from churnlab.backtest.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.backtest.origins.panel import Array, Ints, Past
from churnlab.backtest.origins.targets import Target
from churnlab.backtest.origins.training import SEVERAL, training_for


class GradientBoosting(Candidate):
    """scikit-learn's histogram gradient boosting, trained on earlier origins only."""

    name = "gradient_boosting"
    kind: ClassVar[Kind] = "comparator"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Train on earlier origins and forecast the present one."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        training = training_for(past, target, SEVERAL)
        rows = zip(training.pasts, training.windows, strict=True)
        features = np.concatenate([_features(p, w) for p, w in rows])
        outcome = training.outcome
        notes = (training.note,) if training.note else ()
        if len(np.unique(outcome)) < 2:
            rate = np.full(past.n, float(outcome.mean()))
            return Forecast(rate, training.seen_until, risk=rate, notes=(*notes, "one class only"))
        context.report("train")
        # Few, slow, shallow trees: recency-frequency tables hold little, and early stopping would
        # split off a random tenth and make the result depend on row order.
        learner = HistGradientBoostingClassifier(
            max_iter=120,
            learning_rate=0.05,
            max_leaf_nodes=15,
            min_samples_leaf=50,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=context.seed,
        )
        # One thread: on small tables OpenMP's threads mostly wait for each other (on a busy
        # two-core machine 70 s instead of 2 s).
        with threadpool_limits(limits=1):
            learner.fit(features, outcome)
            risk = learner.predict_proba(_features(past, target.windows(past)))[:, 1]
        return Forecast(risk, training.seen_until, risk=risk, notes=notes)


def _features(past: Past, windows: Ints) -> Array:
    """x, idle, age, mean gap, idle over mean gap, window, (spend)."""
    gap = np.divide(past.t_x, past.x, out=np.full(past.n, np.nan), where=past.x > 0)
    ratio = past.idle / np.maximum(gap, 0.5)
    columns = [past.x, past.idle, past.T, gap, ratio, windows.astype(np.float64)]
    if past.spend is not None:
        columns.append(past.spend)
    return np.column_stack(columns)
