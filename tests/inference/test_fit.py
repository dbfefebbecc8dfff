"""Posteriors: oracles, invariances, agreement of the two ways."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.inference import fit_population, gate
from churnlab.inference.fit import maximum_likelihood
from churnlab.inference.targets.target import Target

from .conftest import Rows, rows, simulated

MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd")

#: shared/oracles.json (ids cdnow.*.mle "recomputed", cdnow.*.ll), weeks.
CDNOW = {
    "bg_nbd": ([0.24259452, 4.41360217, 0.79292205, 2.42590706], -9582.429207),
    "mbg_nbd": ([0.5248432, 6.18308549, 0.89135935, 1.614002], -9582.13571558839),
    "pareto_nbd": ([0.55327708, 10.57768384, 0.60624001, 11.66873438], -9594.976179),
}


@pytest.fixture(scope="module")
def fits(cdnow: Rows) -> dict:  # type: ignore[type-arg]
    return {model: fit_population(cdnow, model=model, seed=3) for model in MODELS}


@pytest.mark.parametrize("model", MODELS)
def test_maximum_likelihood_is_the_published_one(cdnow: Rows, model: str) -> None:
    theta, value = maximum_likelihood(cdnow, model)
    expected, log_likelihood = CDNOW[model]
    weeks = np.array([7.0 if p in ("alpha", "beta") else 1.0 for p in _parameters(model)])
    np.testing.assert_allclose(theta / weeks, expected, rtol=1e-4)
    per_week = value + float(cdnow.weight @ cdnow.x) * np.log(7)
    assert per_week == pytest.approx(log_likelihood, rel=1e-8)


def _parameters(model: str) -> tuple[str, ...]:
    return ("r", "alpha", "s", "beta") if model == "pareto_nbd" else ("r", "alpha", "a", "b")


@pytest.mark.parametrize("model", MODELS)
def test_posterior_is_near_the_maximum_likelihood(fits: dict, model: str) -> None:  # type: ignore[type-arg]
    fit = fits[model]
    gate(fit)
    assert fit.method == "laplace"
    assert fit.reason == ""
    assert fit.warnings == []
    names = list(_parameters(model))
    distance = (fit.table.loc[names, "mean"] - fit.max_likelihood.theta) / fit.table.loc[
        names, "sd"
    ]
    assert distance.abs().max() < 0.75  # in posterior standard deviations
    assert fit.max_likelihood.value >= fit.mode.value
    assert fit.draws.theta.shape == (1000, 1, 4)
    assert fit.table[["ess_bulk", "ess_tail"]].min().min() > 600


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("per_day", [24.0, 1 / 7])
def test_unit_of_time_does_not_matter(cdnow: Rows, fits: dict, model: str, per_day: float) -> None:  # type: ignore[type-arg]
    other = rows(cdnow.x, cdnow.t_x * per_day, cdnow.T * per_day, cdnow.weight)
    found = fit_population(other, model=model, seed=3).table
    unit = {"alpha": per_day, "beta": per_day, "rate_mean": 1 / per_day,
            "dropout_rate_mean": 1 / per_day}  # fmt: skip
    scale = np.array([unit.get(name, 1.0) for name in found.index])
    _same(found.div(scale, axis=0), fits[model].table)


def _same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Means and intervals equal to a hundredth of a deviation (a rounding may swap a draw)."""
    for column in ("mean", "q05", "q95"):
        assert ((one[column] - other[column]).abs() / other["sd"]).max() < 0.01


def test_weights_equal_repeated_rows_in_any_order(cdnow: Rows, fits: dict) -> None:  # type: ignore[type-arg]
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(cdnow.x)),
                                                           cdnow.weight.astype(int)))  # fmt: skip
    single = rows(cdnow.x[order], cdnow.t_x[order], cdnow.T[order])
    assert len(single.x) == 2357
    found = fit_population(single, model="mbg_nbd", seed=3)
    _same(found.table, fits["mbg_nbd"].table)
    assert found.max_likelihood.value == pytest.approx(fits["mbg_nbd"].max_likelihood.value)


@pytest.mark.parametrize("model", MODELS)
def test_gradient_of_the_log_posterior(cdnow: Rows, model: str) -> None:
    target = Target(cdnow, model)
    u = np.array([0.2, -0.5, -0.9, 0.7])
    value, gradient = target.value_and_gradient(u)
    assert value == pytest.approx(target.values(u[None])[0], rel=1e-12)
    h = 1e-5
    for i in range(4):
        shift = h * np.eye(4)[i]
        slope = (target.value_and_gradient(u + shift)[0]
                 - target.value_and_gradient(u - shift)[0]) / (2 * h)  # fmt: skip
        assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-3)


def test_prior_text_moves_the_posterior(cdnow: Rows, fits: dict) -> None:  # type: ignore[type-arg]
    tight = {"dropout_mean": "Beta(alpha=500, beta=500)"}
    found = fit_population(cdnow, model="mbg_nbd", priors=tight).table.loc["dropout_mean", "mean"]
    free = fits["mbg_nbd"].table.loc["dropout_mean", "mean"]
    assert free < 0.4 < found < 0.5


def test_log_posterior_matches_the_readable_formula(cdnow: Rows) -> None:
    target = Target(cdnow, "bg_nbd")
    u = target.coordinates(np.array([0.25, 30.0, 0.8, 2.5]))
    formula = target.likelihood.log_likelihood(
        np.array([0.25, 30.0, 0.8, 2.5])[:, None], cdnow.x, cdnow.t_x, cdnow.T
    )
    assert target.log_likelihoods(u[None])[0] == pytest.approx(float(cdnow.weight @ formula))


def test_same_seed_same_draws(cdnow: Rows, fits: dict) -> None:  # type: ignore[type-arg]
    again = fit_population(cdnow, model="bg_nbd", seed=3)
    np.testing.assert_array_equal(again.draws.theta, fits["bg_nbd"].draws.theta)
    assert not np.array_equal(fit_population(cdnow, model="bg_nbd", seed=4).draws.theta,
                              again.draws.theta)  # fmt: skip


def _worst_distance(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Largest difference of means, in Monte Carlo errors."""
    error = np.sqrt(one["sd"] ** 2 / one["ess_bulk"] + other["sd"] ** 2 / other["ess_bulk"])
    return float(((one["mean"] - other["mean"]).abs() / error).max())


def test_laplace_and_nuts_agree(cdnow: Rows, fits: dict) -> None:  # type: ignore[type-arg]
    nuts = fit_population(cdnow, model="bg_nbd", method="nuts", draws=1500, chains=2, seed=6)
    gate(nuts)
    assert nuts.method == "nuts"
    assert _worst_distance(fits["bg_nbd"].table, nuts.table) < 4
    ratio = fits["bg_nbd"].table["sd"] / nuts.table["sd"]
    np.testing.assert_allclose(ratio, 1, atol=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd"])
def test_laplace_and_nuts_agree_on_other_models(cdnow: Rows, fits: dict, model: str) -> None:  # type: ignore[type-arg]
    nuts = fit_population(cdnow, model=model, method="nuts", draws=1000, seed=5)
    gate(nuts)
    assert _worst_distance(fits[model].table, nuts.table) < 4


def test_laplace_imports_neither_pymc_nor_nutpie() -> None:
    code = (
        "import sys, numpy as np\n"
        "from types import SimpleNamespace as N\n"
        "from churnlab.inference import fit_population\n"
        "rng = np.random.default_rng(1)\n"
        "T = np.full(300, 300.0); x = rng.poisson(2, 300) * 1.0\n"
        "t = np.where(x > 0, rng.uniform(1, 300, 300), 0.0)\n"
        "one, zero = np.ones(300), np.zeros(300)\n"
        "c = N(x=x, t_x=t, T=T, weight=one, sum_log_gap=zero, group=zero.astype(int),\n"
        "      groups=('all',))\n"
        "assert fit_population(c, model='bg_nbd').method == 'laplace'\n"
        "bad = {'pymc', 'pytensor', 'nutpie', 'arviz', 'churnlab.models.pymc'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_usage_errors(cdnow: Rows) -> None:
    with pytest.raises(UsageError, match="Did you mean 'laplace'"):
        fit_population(cdnow, method="laplas")
    with pytest.raises(UsageError, match="Did you mean 'mbg_nbd'"):
        fit_population(cdnow, model="mbgnbd")
    with pytest.raises(UsageError, match="draws"):
        fit_population(cdnow, draws=0)


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        (rows([2], [30], [60]), "at least 2 purchasers; got 1"),
        (rows([0, 0, 0], [0, 0, 0], [30, 40, 50]), "None of 3 purchasers bought"),
        (rows([1, 0], [40, 0], [30, 40]), "between 0 and T"),
        (rows([1, 0], [0, 0], [0, 0]), "first purchase is on as_of"),
        (rows([1, 0], [np.nan, 0], [30, 40]), "finite"),
    ],
)
def test_data_that_cannot_be_fitted(cells: Rows, part: str) -> None:
    for model in MODELS:
        with pytest.raises(DataError, match=part):
            fit_population(cells, model=model)


@pytest.mark.parametrize("model", MODELS)
def test_truth_is_recovered(model: str) -> None:
    theta = [0.8, 40.0, 0.7, 60.0] if model == "pareto_nbd" else [0.8, 40.0, 1.0, 3.0]
    fit = fit_population(simulated(model, theta, 4000, seed=8), model=model)
    table = fit.table.loc[list(_parameters(model))]
    assert (((table["mean"] - theta) / table["sd"]).abs() < 3.5).all()
