"""The fused likelihood kernels as one PyTensor Op with a gradient and a numba dispatch.

The Op returns the weighted log-likelihood of all cells and its derivatives with respect to the
per-group parameters in one pass, so PyMC differentiates priors and pooling and the kernel does the
rest. nutpie compiles the kernel into its gradient function; elsewhere `perform` calls it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_funcify, numba_njit

from churnlab import likelihoods


class WeightedLogLikelihood(Op):
    """(theta, group, x, t_x, T, weight) -> (log-likelihood, its gradient by theta).

    Parameters
    ----------
    model, k
        Which kernel.

    Notes
    -----
    theta is (parameter, group); the Erlang data constant and the prior are left to the caller.
    """

    __props__ = ("model", "k")

    def __init__(self, model: str, k: int = 1) -> None:
        self.model, self.k = model, k

    @property
    def kernel(self) -> Any:
        """The numba kernel."""
        return likelihoods.get(self.model, self.k).kernel

    def make_node(self, theta: Any, group: Any, x: Any, t_x: Any, T: Any, weight: Any) -> Apply:
        """Type the inputs and outputs."""
        inputs = [
            pt.as_tensor(theta, dtype="float64", ndim=2),
            pt.as_tensor(group, dtype="int64", ndim=1),
            *(pt.as_tensor(v, dtype="float64", ndim=1) for v in (x, t_x, T, weight)),
        ]
        return Apply(self, inputs, [pt.dscalar(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, *_: Any) -> None:
        """Evaluate in Python (where nutpie's numba path is not in use)."""
        value, gradient = self.kernel(*(np.ascontiguousarray(v) for v in inputs))
        output_storage[0][0] = np.asarray(value, dtype=np.float64)
        output_storage[1][0] = np.asarray(gradient, dtype=np.float64)

    def infer_shape(self, fgraph: Any, node: Apply, shapes: Any) -> list[Any]:
        """Shapes without evaluating."""
        return [(), shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only the value is differentiable, and only by theta."""
        return [[True, False]] + [[False, False]] * 5

    def pullback(
        self, inputs: list[Variable], outputs: list[Variable], cotangents: list[Variable]
    ) -> list[Variable]:
        """Reverse derivative: the second output, scaled."""
        gradient = self(*inputs)[1]
        return [cotangents[0] * gradient, *(DisconnectedType()() for _ in inputs[1:])]


@numba_funcify.register(WeightedLogLikelihood)
def _numba(op: WeightedLogLikelihood, **_: Any) -> Any:
    kernel = op.kernel

    @numba_njit
    def weighted_log_likelihood(theta, group, x, t_x, T, weight):  # type: ignore[no-untyped-def]
        value, gradient = kernel(theta, group, x, t_x, T, weight)
        return np.asarray(value), gradient

    return weighted_log_likelihood
