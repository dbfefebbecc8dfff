"""The fused likelihood kernels as one PyTensor Op with a gradient and a numba dispatch.

The Op returns the log-likelihood of each row (a cell, or a customer) under parameters of its own,
and its exact derivatives, in one pass over the rows, so PyMC differentiates priors, pooling and
regressions and the kernel does the rest. nutpie compiles the kernel into its gradient function;
elsewhere `perform` calls it.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import ArrayLike
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_funcify, numba_njit

from churnlab import models as likelihoods
from churnlab.kernels.plan import Cells


class RowLogLikelihood(Op):
    """(theta (parameter, row), *arguments) -> (log-likelihood (row,), derivatives like theta).

    model, k: Which kernel. The Erlang data constant is left to the caller.
    """

    __props__ = ("model", "k")

    def __init__(self, model: str, k: int = 1) -> None:
        self.model, self.k = model, k

    def of_rows(self, theta: Any, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Variable[Any, Any]:
        """Log-likelihood of each row, (row,), symbolic in theta (parameter, row)."""
        a, b, c = (np.ascontiguousarray(v, np.float64) for v in (x, t_x, T))
        cells = Cells(np.arange(a.size), a, b, c, np.ones(a.size))  # each row a group of its own
        arguments = likelihoods.get(self.model, self.k).kernels.arguments(cells)
        return self.make_node(theta, *arguments).outputs[0]

    def make_node(self, *inputs: Any) -> Apply[Any]:
        """Type the inputs (theta, *arguments) and outputs."""
        theta, *data = inputs
        typed = [pt.as_tensor(theta, dtype="float64", ndim=2), *(pt.as_tensor(v) for v in data)]
        return Apply(self, typed, [pt.dvector(), pt.dmatrix()])

    def perform(self, node: Apply[Any], inputs: Any, output_storage: Any, *_: Any) -> None:
        """Evaluate from Python (where nutpie's numba path is not in use)."""
        theta, *data = (np.ascontiguousarray(v) for v in inputs)
        loops = likelihoods.get(self.model, self.k).kernels
        output_storage[0][0], output_storage[1][0] = loops.gradient(theta, *data, *loops.constants)

    def infer_shape(self, node: Apply[Any], shapes: Any) -> list[Any]:
        """Shapes without evaluating."""
        return [(shapes[0][1],), shapes[0]]

    def connection_pattern(self, node: Apply[Any]) -> list[list[bool]]:
        """Only the value is differentiable, and only by theta."""
        return [[True, False]] + [[False, False]] * (len(node.inputs) - 1)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable[Any, Any]]:
        """Reverse derivative: the second output, scaled row by row."""
        slopes = self.make_node(*inputs).outputs[1]
        return [cotangents[0] * slopes, *(DisconnectedType()() for _ in inputs[1:])]


@numba_funcify.register(RowLogLikelihood)
def _numba(op: RowLogLikelihood, **_: Any) -> Any:
    """Return the numba function (theta, *arguments) -> (values, derivatives)."""
    loops = likelihoods.get(op.model, op.k).kernels
    kernel, constants = loops.gradient, loops.constants

    @numba_njit
    def of_rows(theta, *data):  # type: ignore[no-untyped-def]
        return kernel(theta, *(data + constants))

    return of_rows
