"""Fast evaluation: weighted log-likelihoods and exact derivatives over many cells and draws.

`Engine` prepares a set of cells once; `value_and_gradient` and `values` are the same as functions.
numba is imported (and its compiled code loaded from disk) on first use.
"""

from __future__ import annotations

from churnlab.models.kernels.engine import Engine, value_and_gradient, values

__all__ = ["Engine", "value_and_gradient", "values"]
