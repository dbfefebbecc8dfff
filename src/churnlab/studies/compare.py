"""Which model: expected log predictive density by customer.

A better likelihood is not a better forecast (docs/inference.md): these figures rank descriptions of
the past; the backtest ranks forecasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from churnlab.errors import UsageError
from churnlab.inference.datatree import log_likelihood_matrix
from churnlab.inference.ways.psis import smooth
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.inference.result import PopulationFit


#: Cells whose log-likelihood varies less than this over the draws need no tail smoothing: their
#: ratios lie within a few percent of 1, where plain importance sampling is exact to 1e-4.
STEADY = 0.05


class Elpd(NamedTuple):
    """Leave-one-customer-out expected log predictive density, time in days."""

    total: float
    se: float
    """Standard error over customers."""
    p_loo: float
    """Effective number of parameters."""
    max_k_hat: float
    by_cell: Array
    """Of one customer of each cell."""


def elpd(fit: PopulationFit) -> Elpd:
    """PSIS-LOO by customer, through cells with weights (Vehtari, Gelman and Gabry 2017).

    fit: A fit; the log-likelihoods of its (thinned, on large data) draws are used.
    """
    matrix = log_likelihood_matrix(fit)
    weight = fit.cells.weight
    by_cell, k_hat = _leave_one_out(matrix)
    total = float(weight @ by_cell)
    full = float(weight @ (logsumexp(matrix, axis=0) - np.log(len(matrix))))
    return Elpd(total, _sum_error(by_cell, weight), full - total, float(k_hat.max()), by_cell)


def _leave_one_out(matrix: Array) -> tuple[Array, Array]:
    """Elpd and k-hat of each column of (draw, cell) log-likelihoods."""
    k_hat = np.zeros(matrix.shape[1])
    by_cell = -(logsumexp(-matrix, axis=0) - np.log(len(matrix)))
    for i in np.flatnonzero(matrix.std(axis=0) > STEADY):
        smoothed = smooth(-matrix[:, i])
        k_hat[i] = smoothed.k_hat
        by_cell[i] = logsumexp(smoothed.log_weights + matrix[:, i])
    return by_cell, k_hat


def compare_models(
    fits: Mapping[str, PopulationFit],
    cell_of: Mapping[str, NDArray[np.int64]] | None = None,
    plus: Mapping[str, Array] | None = None,
) -> pd.DataFrame:
    """Rank fits of the same customers by leave-one-out elpd.

    fits: Fits by a name of your choice.
    cell_of: Per fit each customer's cell, customers in one order: for fits with different groups,
        whose cells differ.
    plus: With `cell_of`: what is added to each customer's log density, (customer,).
    Returns: One row per fit, best first: elpd, se, elpd_diff (to the best), diff_se (paired over
        customers), p_loo, max_k_hat, log_evidence (laplace only).
    Raises UsageError: Fits of different data, or fewer than two.
    """
    if len(fits) < 2:
        raise UsageError(f"Comparing takes at least two fits; got {len(fits)}.")
    found = {name: elpd(fit) for name, fit in fits.items()}
    own = {name: one.by_cell for name, one in found.items()}
    if cell_of is None:
        _check_same_data(fits)
        weight = next(iter(fits.values())).cells.weight
    else:
        own = {name: own[name][cell_of[name]] + (plus[name] if plus else 0.0) for name in own}
        weight = np.ones(len(next(iter(own.values()))))
    total = {name: float(weight @ one) for name, one in own.items()}
    best = max(total, key=lambda name: total[name])
    rows = [
        {
            "model": name,
            "elpd": total[name],
            "se": _sum_error(own[name], weight),
            "elpd_diff": total[name] - total[best],
            "diff_se": _sum_error(own[name] - own[best], weight),
            "p_loo": one.p_loo,
            "max_k_hat": one.max_k_hat,
            "log_evidence": fits[name].diagnostics.get("log_evidence", np.nan),
        }
        for name, one in found.items()
    ]
    table = pd.DataFrame(rows).set_index("model")
    return table.sort_values("elpd", ascending=False)


def _sum_error(values: Array, weight: Array) -> float:
    """Standard error of a sum over customers."""
    mean = float(weight @ values) / float(weight.sum())
    return float(np.sqrt(weight @ (values - mean) ** 2))


def _check_same_data(fits: Mapping[str, PopulationFit]) -> None:
    first, *others = fits.values()
    for name in ("x", "t_x", "T", "weight"):
        reference = getattr(first.cells, name)
        if not all(np.array_equal(reference, getattr(f.cells, name)) for f in others):
            raise UsageError("The fits are of different customers; fit all models to one summary.")
