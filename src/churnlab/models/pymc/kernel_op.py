"""The fused likelihood kernels as one PyTensor Op with a gradient and a numba dispatch.

The Op returns the weighted log-likelihood of all cells and its derivatives with respect to the
per-group parameters in one pass, so PyMC differentiates priors and pooling and the kernel does the
rest. nutpie compiles the kernel into its gradient function; elsewhere `perform` calls it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_funcify, numba_njit

from churnlab import models as likelihoods
from churnlab.models.kernels import compiled
from churnlab.models.kernels.pareto import RULES
from churnlab.models.kernels.plan import find_runs, sort_cells


def arguments(model: str, columns: tuple[Any, ...]) -> tuple[NDArray[Any], ...]:
    """What the compiled kernel of `model` wants after theta.

    Parameters
    ----------
    model
        Name of the model.
    columns
        (group, x, t_x, T, weight).
    """
    cells = sort_cells(*columns)
    if model == "pareto_nbd":
        return (*find_runs(cells), cells.weight, RULES)
    return tuple(cells)


class WeightedLogLikelihood(Op):
    """(theta, *arguments) -> (log-likelihood, its gradient by theta).

    Parameters
    ----------
    model, k
        Which kernel.

    Notes
    -----
    theta is (parameter, group), the rest comes from `arguments`; the Erlang data constant and the
    prior are left to the caller.
    """

    __props__ = ("model", "k")

    def __init__(self, model: str, k: int = 1) -> None:
        self.model, self.k = model, k

    def make_node(self, *inputs: Any) -> Apply:
        """Type the inputs (theta, *arguments) and outputs."""
        theta, *data = inputs
        typed = [pt.as_tensor(theta, dtype="float64", ndim=2), *(pt.as_tensor(v) for v in data)]
        return Apply(self, typed, [pt.dscalar(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any, *_: Any) -> None:
        """Evaluate from Python (where nutpie's numba path is not in use)."""
        theta, *data = (np.ascontiguousarray(v) for v in inputs)
        if self.model == "pareto_nbd":
            *plan, weight, rules = data
            value, gradient = compiled.pareto_gradient(theta, tuple(plan), weight, rules)
        else:
            first = _toss_at_first(self)
            value, gradient = compiled.geometric_gradient(theta, *data, self.k, first)
        output_storage[0][0] = np.asarray(value.sum(), dtype=np.float64)
        output_storage[1][0] = np.asarray(gradient, dtype=np.float64)

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Shapes without evaluating."""
        return [(), shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Only the value is differentiable, and only by theta."""
        return [[True, False]] + [[False, False]] * (len(node.inputs) - 1)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Reverse derivative: the second output, scaled."""
        gradient = self.make_node(*inputs).outputs[1]
        return [cotangents[0] * gradient, *(DisconnectedType()() for _ in inputs[1:])]


def _toss_at_first(op: WeightedLogLikelihood) -> int:
    return int(getattr(likelihoods.get(op.model, op.k), "toss_at_first"))  # noqa: B009


def _compiled(op: WeightedLogLikelihood) -> Any:
    """Return the numba function (theta, *arguments) -> (0-d value, gradient)."""
    model, k = op.model, op.k
    if model == "pareto_nbd":
        pareto = compiled.pareto_gradient

        @numba_njit
        def of_runs(theta, group, x, cells, times_of, times, start, end, weight, rules):  # type: ignore[no-untyped-def]
            plan = (group, x, cells, times_of, times, start, end)
            value, gradient = pareto(theta, plan, weight, rules)
            return np.asarray(value.sum()), gradient

        return of_runs
    geometric = compiled.geometric_gradient
    first = _toss_at_first(op)

    @numba_njit
    def of_cells(theta, group, x, t_x, T, weight):  # type: ignore[no-untyped-def]
        value, gradient = geometric(theta, group, x, t_x, T, weight, k, first)
        return np.asarray(value.sum()), gradient

    return of_cells


@numba_funcify.register(WeightedLogLikelihood)
def _numba(op: WeightedLogLikelihood, **_: Any) -> Any:
    return _compiled(op)
