"""The PyMC side says the same as the NumPy side: densities, gradients, weights, simulation."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from xarray import DataTree

import churnlab as cl
from churnlab import models as likelihoods
from churnlab.errors import UsageError
from churnlab.inference.targets.target import Target
from churnlab.models.pymc import purchases, to_pymc
from churnlab.models.pymc.kernel_op import RowLogLikelihood
from churnlab.priors import parse
from churnlab.summary.customers import with_cells
from churnlab.summary.design import learn_codings

from .conftest import CASES

TEXTS = ("Gamma(2.5, 1.5)", "InverseGamma(3, 2)", "LogNormal(0.3, 0.8)", "HalfNormal(1.7)",
         "Exponential(2)", "HalfStudentT(3, 1.5)", "HalfCauchy(1.3)", "Weibull(1.5, 2)",
         "Beta(2, 3)", "LogitNormal(-0.4, 1.2)", "Normal(0.5, 2)", "StudentT(4, 0.5, 2)",
         "TruncatedNormal(0.5, 2)", "Uniform(0.1, 0.9)")  # fmt: skip
#: Compiling for speed takes longer than all evaluations here.
QUICK = {"mode": "FAST_COMPILE"}


def customers(name: str, n: int = 80, groups: int = 0) -> cl.Summary:
    """Customers of a model, several of them alike, in groups if wanted."""
    model, theta = CASES[name]
    rng = np.random.default_rng(5)
    T = rng.choice([60.0, 200.0], n)
    x, t_x, gaps = model.simulate(theta[:, None], T, rng)
    return cl.Summary.from_arrays(
        x, np.where(x > 0, np.clip(np.ceil(t_x), 1, T), 0), T, as_of="2024-12-31",
        sum_log_gap=gaps, group=[f"g{i % groups}" for i in range(n)] if groups else None,
    )  # fmt: skip


def test_the_same_text_is_the_same_density_in_pymc() -> None:
    points = np.array([0.15, 0.5, 0.8])
    x = pt.dvector("x")
    logps = [pm.logp(to_pymc(parse(text)), x) for text in TEXTS]
    found = pytensor.function([x], logps, **QUICK)(points)
    # PyMC keeps some of its own constants in single precision, hence 1e-7.
    for text, values in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(values, parse(text).logpdf(points), rtol=1e-7, err_msg=text)


def test_op_and_its_gradient_are_the_formula_s_and_the_kernel_s(case) -> None:
    model, theta = case
    cells = customers(model.name).cells
    symbol = pt.dmatrix("theta")
    rows = RowLogLikelihood(model.name, model.k).of_rows(symbol, cells.x, cells.t_x, cells.T)
    scale = np.linspace(1, 2, len(cells.x))
    run = pytensor.function([symbol], [rows, pt.grad((scale * rows).sum(), symbol)], **QUICK)
    thetas = theta[:, None] * np.linspace(0.8, 1.3, len(cells.x))
    values, slopes = run(thetas)
    gaps = -sum(np.log(range(1, model.k)))  # the formula's data constant, at sum_log_gap = 0
    formula = model.log_likelihood(thetas, cells.x, cells.t_x, cells.T)
    np.testing.assert_allclose(values + cells.x * gaps, formula, rtol=1e-9)
    index = np.arange(len(cells.x))
    _, exact = model.kernel(thetas, index, cells.x, cells.t_x, cells.T, scale)
    np.testing.assert_allclose(slopes, exact, rtol=1e-10, atol=1e-12)


def test_model_has_the_density_of_the_target_that_nuts_and_laplace_see(case) -> None:
    """PyMC's own coordinates, logs and log-odds, are those of inference."""
    summary = customers(case.likelihood.name)
    k = case.likelihood.k
    built = cl.pymc_model(summary, model=case.likelihood.name, k=k)
    target = Target(summary.cells, case.likelihood.name, k)
    logp = built.compile_logp(**QUICK)
    u = np.linspace(-0.4, 0.5, target.dimension)
    point = dict(zip((v.name for v in built.value_vars), u, strict=True))
    expected = float(target.values(u[None])[0])
    assert float(logp(point)) == pytest.approx(expected, rel=1e-7)


def test_log_likelihood_is_each_cell_s_times_its_customers() -> None:
    summary = customers("pareto_nbd", groups=2)
    cells, likelihood = summary.cells, likelihoods.get("pareto_nbd")
    assert cells.weight.max() > 1
    with cl.pymc_model(summary, model="pareto_nbd", effects="all"):
        prior = pm.sample_prior_predictive(3, random_seed=2, compile_kwargs=QUICK)
        draws = DataTree.from_dict({"/posterior": prior["prior"].to_dataset()})
        found = pm.compute_log_likelihood(
            draws, extend_inferencedata=False, progressbar=False, compile_kwargs=QUICK
        )["customers"].to_numpy()[0]
    theta = np.stack([prior["prior"][n].to_numpy()[0] for n in likelihood.parameters], axis=1)
    assert theta.shape == (3, 4, 2)
    assert not np.allclose(theta[:, :, 0], theta[:, :, 1])  # groups differ
    one = likelihood.cell_log_likelihoods(theta, cells.group, cells.x, cells.t_x, cells.T)
    np.testing.assert_allclose(found, cells.weight * one, rtol=1e-9)
    np.testing.assert_array_equal(prior["constant_data"]["customers_weight"], cells.weight)
    x, t_x = np.moveaxis(prior["prior_predictive"]["customers"].to_numpy()[0], -1, 0)
    assert x.shape == (3, len(cells.x))
    assert x.max() > 0
    assert np.all((x > 0) == (t_x > 0))
    assert np.all(t_x <= cells.T)


def test_covariates_move_rate_and_dropout() -> None:
    rng = np.random.default_rng(0)
    summary = customers("mbg_nbd")
    people = summary.customers.assign(age=rng.normal(40, 10, len(summary.customers)))
    codings = learn_codings(people, ["age"])
    made = with_cells(people, summary.as_of, (), ("age",), codings)
    built = cl.pymc_model(made)
    u, effects = np.array([0.3, -0.2, -0.5, 0.4]), {"rate_effect": 0.5, "dropout_effect": -0.3}
    values = [*u, *(np.array([e]) for e in effects.values())]
    logp = built.compile_logp(vars=built["customers"], **QUICK)
    found = logp(dict(zip((v.name for v in built.value_vars), values, strict=True)))
    eta = np.repeat(u[:, None], len(made.design.matrix), axis=1)
    eta[[0, 2]] += np.array([*effects.values()])[:, None] * made.design.matrix[:, 0]
    likelihood, cells = likelihoods.get("mbg_nbd"), made.cells
    mean_age = float(np.average(cells.T, weights=cells.weight))
    theta = likelihood.in_unit(likelihood.map.theta(eta), mean_age)[:, cells.group]
    one = likelihood.log_likelihood(theta, cells.x, cells.t_x, cells.T)
    assert float(found) == pytest.approx(cells.weight @ one)


def test_a_hierarchy_of_ones_own_has_the_likelihood_of_its_quantities() -> None:
    summary = customers("mbg_nbd", groups=2)
    cells, likelihood = summary.cells, likelihoods.get("mbg_nbd")
    rates = np.array([0.02, 0.05])
    with pm.Model() as built:
        rate = pm.LogNormal("rate", np.log(0.03), 1.0, shape=2)
        purchases("bought", cells, rate_mean=rate, rate_shape=0.7, dropout_mean=0.3,
                  dropout_concentration=2.0)  # fmt: skip
        with pytest.raises(UsageError, match="needs the quantities rate_mean, rate_shape"):
            purchases("again", cells, rate_mean=rate)
        by_row = rate[cells.group]
        with pytest.raises(UsageError, match=r"rate_mean has the shape .*not one a row"):
            purchases("rows", cells, rate_mean=by_row, rate_shape=0.7, dropout_mean=0.3,
                      dropout_concentration=3.0)  # fmt: skip
    logp = built.compile_logp(vars=built["bought"], **QUICK)
    theta = np.stack([np.full(2, 0.7), 0.7 / rates, np.full(2, 0.6), np.full(2, 1.4)])
    one = likelihood.log_likelihood(theta[:, cells.group], cells.x, cells.t_x, cells.T)
    assert float(logp({"rate_log__": np.log(rates)})) == pytest.approx(cells.weight @ one)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mbg_nbd", "pareto_nbd"])
def test_sampling_the_model_agrees_with_laplace(name) -> None:
    """CDNOW; laplace is exact up to its Monte Carlo error."""
    from churnlab.events import DataConfig, open_log

    summary = cl.summarise(open_log(DataConfig(name="cdnow")))
    fit = cl.fit(summary, model=name, draws=2000, seed=1)
    with cl.pymc_model(summary, model=name):
        found = pm.sample(400, tune=400, chains=2, nuts_sampler="nutpie", progressbar=False,
                          random_seed=1)  # fmt: skip
    for i, parameter in enumerate(fit.draws.likelihood.parameters):
        ours, theirs = np.log(fit.draws.theta[:, 0, i]), np.log(found["posterior"][parameter])
        spread = float(ours.std())
        # 150 effective draws at least: five standard errors of a mean are .4 of the spread
        assert abs(float(theirs.mean()) - float(ours.mean())) < 0.4 * spread
        assert float(theirs.std()) == pytest.approx(spread, rel=0.3)
