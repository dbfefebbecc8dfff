"""Logistic regression with a ridge, small enough to refit at every origin."""

import numpy as np

from churnlab.types import Array

#: Pull of the coefficients of standardised features towards 0: one row's worth.
RIDGE = 1.0


def logistic_weights(features: Array, outcome: Array, ridge: float = RIDGE) -> Array:
    """Return ridge-penalised logistic coefficients by Newton's method; the first is free.

    features (row, feature): The first column is the constant.
    outcome (row,): 0 or 1.
    """
    weights = np.zeros(features.shape[1])
    penalty = np.full(features.shape[1], ridge)
    penalty[0] = 1e-9
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(features @ weights, -30, 30)))
        gradient = features.T @ (p - outcome) + penalty * weights
        curvature = (features * (p * (1 - p))[:, None]).T @ features + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return weights
