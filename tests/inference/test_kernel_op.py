"""The PyTensor side says the same as the NumPy side: kernels, gradients, priors."""

import numpy as np
import pytest

from churnlab.inference.targets.target import Target
from churnlab.priors import parse

from .conftest import simulated

TEXTS = ("Gamma(2.5, 1.5)", "InverseGamma(3, 2)", "LogNormal(0.3, 0.8)", "HalfNormal(1.7)",
         "Exponential(2)", "HalfStudentT(3, 1.5)", "HalfCauchy(1.3)", "Weibull(1.5, 2)",
         "Beta(2, 3)", "LogitNormal(-0.4, 1.2)", "Normal(0.5, 2)", "StudentT(4, 0.5, 2)",
         "TruncatedNormal(0.5, 2)", "Uniform(0.1, 0.9)")  # fmt: skip


def test_the_same_text_is_the_same_density_in_pymc() -> None:
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    from churnlab.models.pymc.population import to_pymc

    points = np.array([0.15, 0.5, 0.8])
    x = pt.dvector("x")
    logps = [pm.logp(to_pymc(parse(text)), x) for text in TEXTS]
    found = pytensor.function([x], logps, mode="FAST_COMPILE")(points)
    # PyMC keeps some of its own constants in single precision, hence 1e-7.
    for text, values in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(values, parse(text).logpdf(points), rtol=1e-7, err_msg=text)


@pytest.mark.parametrize(("model", "k"), [("bg_cnbd_k", 2), ("pareto_nbd", 1)])
def test_op_and_its_gradient(model: str, k: int) -> None:
    import pytensor
    import pytensor.tensor as pt

    from churnlab.models.pymc.kernel_op import WeightedLogLikelihood, arguments

    theta = np.array([[0.8], [20.0], [0.9], [40.0 if model == "pareto_nbd" else 2.0]])
    target = Target(simulated(model, theta[:, 0], 50, seed=1, k=k), model, k)
    value, gradient = target.engine.value_and_gradient(theta)
    symbol = pt.dmatrix("theta")
    op = WeightedLogLikelihood(model, k)
    cost = 3.0 * op.make_node(symbol, *arguments(model, target.columns)).outputs[0]
    run = pytensor.function([symbol], [cost, pt.grad(cost, symbol)], mode="FAST_COMPILE")
    cost_value, cost_gradient = run(theta)
    assert cost_value == pytest.approx(3 * value, rel=1e-12)
    np.testing.assert_allclose(cost_gradient, 3 * gradient, rtol=1e-12)
