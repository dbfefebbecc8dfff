from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import churnlab as cl
from churnlab import models as likelihoods
from churnlab.errors import DataError, UsageError
from churnlab.inference import fit_population, gate, load_draws
from churnlab.inference.datatree import save_posterior
from churnlab.inference.fit import maximum_likelihood
from churnlab.inference.targets.covariates import CovariatesInGroups, CovariateTarget
from churnlab.inference.targets.groups import GroupTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.twostage.expansion import expand
from churnlab.inference.ways.twostage.hyper import HyperTarget
from churnlab.inference.ways.twostage.search import find_population
from churnlab.inference.ways.twostage.side_by_side import side_by_side
from churnlab.summary import Summary

from .derivatives import check_gradient

#: log rate, log shape, dropout (logit or log), log concentration or shape; per day.
CENTRE = {"mbg_nbd": (-4.0, 0.0, -0.8, 1.2), "pareto_nbd": (-4.0, 0.0, -6.0, 0.2)}
AS_OF = "2024-12-31"
#: What `people` puts in.
EFFECTS = {
    "rate_effect[age]": 0.4,
    "dropout_effect[channel=web]": -0.5,
    "dropout_effect[age]": 0.0,
    "rate_effect[channel=web]": 0.0,
}


def people(
    model: str,
    n: int,
    seed: int,
    effects: tuple[float, float] = (0.4, -0.5),
    groups: int = 1,
    dropout_spread: float = 0.0,
) -> Summary:
    """Customers whose age (a number) and channel (a category) move rate and dropout."""
    rng = np.random.default_rng(seed)
    age, web = rng.normal(40, 12, n), rng.random(n) < 0.3
    group = rng.integers(groups, size=n)
    eta = np.repeat(np.array(CENTRE[model])[:, None], n, axis=1)
    eta[0] += effects[0] * (age - 40) / 12 + 0.3 * rng.standard_normal(groups)[group]
    eta[2] += effects[1] * web
    if dropout_spread:
        eta[2] += dropout_spread * rng.standard_normal(groups)[group]
    T = rng.integers(60, 400, n).astype(float)
    theta = likelihoods.get(model).map.theta(eta)
    x, t_x, _ = likelihoods.get(model).simulate(theta, T, rng)
    t_x = np.where(x > 0, np.clip(np.ceil(t_x), 1, T), 0.0)
    columns = pd.DataFrame({"age": age.round(), "channel": np.where(web, "web", "shop")})
    names = None if groups == 1 else np.array([f"g{i}" for i in range(groups)])[group]
    return Summary.from_arrays(
        np.minimum(x, t_x), t_x, T, as_of=AS_OF, covariates=columns, group=names
    )


def target_of(summary: Summary, model: str, shrinkage: bool) -> CovariateTarget:
    assert summary.design is not None
    cells, design = summary.cells, summary.design
    pooled = Target(cells, model)
    mode, base = find_mode(pooled), pooled
    if len(design.groups) > 1:
        by_group = replace(cells, group=design.group[cells.group], groups=design.groups)
        base = GroupTarget(by_group, pooled, mode, {}, "all")
    kind = CovariatesInGroups if isinstance(base, GroupTarget) else CovariateTarget
    return kind(cells, design, base, mode, {}, shrinkage)


def check_effects(table: pd.DataFrame) -> None:
    """Each within four posterior deviations of the truth; that of age on the rate is above 0."""
    for name, truth in EFFECTS.items():
        row = table.loc[name]
        assert abs(row["mean"] - truth) < 4 * row["sd"], name
    assert table.loc["rate_effect[age]", "q05"] > 0


@pytest.mark.parametrize("model", CENTRE)
@pytest.mark.parametrize(("groups", "shrinkage"), [(1, False), (1, True), (3, False), (3, True)])
def test_gradient(model: str, groups: int, shrinkage: bool) -> None:
    target = target_of(people(model, 60, 1, groups=groups), model, shrinkage)
    start, scale = target.start()
    u = start + 0.3 * scale * np.random.default_rng(2).normal(size=target.dimension)
    check_gradient(target, u)
    quantities = target.quantities(u[None])
    assert quantities.shape == (1, len(target.parameter_names))
    assert target.prior_draws(7, np.random.default_rng(0)).shape == (7, target.dimension)


def test_without_effects_it_is_the_pooled_likelihood() -> None:
    summary = people("mbg_nbd", 80, 3)
    target = target_of(summary, "mbg_nbd", False)
    u = np.zeros(target.dimension)
    u[:4] = find_mode(target.population).u
    assert target.log_likelihoods(u[None])[0] == pytest.approx(
        target.population.log_likelihoods(u[None, :4])[0], rel=1e-12
    )


@pytest.mark.parametrize("model", ["mbg_nbd", pytest.param("pareto_nbd", marks=pytest.mark.slow)])
def test_effects_are_recovered_by_laplace(model: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Within four posterior deviations of the truth, and away from 0 where there is an effect."""
    summary = people(model, 1200, 4)
    fit = cl.fit(summary, model=model, seed=1, draws=400)
    assert fit.population.method == "laplace"
    table = fit.summary()
    check_effects(table)
    assert table["sd"][list(EFFECTS)].max() < 0.3
    customers = fit.customers(horizon_days=90)
    assert len(customers) == 1200
    bare = summary.customers.assign(rate=customers["rate_per_day"].to_numpy())
    old = bare.loc[(bare["x"] == 0) & (bare["age"] > 52), "rate"].mean()
    young = bare.loc[(bare["x"] == 0) & (bare["age"] < 28), "rate"].mean()
    assert old > 1.3 * young
    save_posterior(fit.population, tmp_path / "posterior.nc")
    back = load_draws(tmp_path / "posterior.nc")
    np.testing.assert_array_equal(back.theta, fit.draws.theta)


@pytest.mark.parametrize("groups", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_greatest_likelihood_is_that_of_the_model_with_covariates(groups: int) -> None:
    """Found again by a search that knows no gradient, on likelihoods customer by customer."""
    summary = people("mbg_nbd", 250, 8, groups=groups)
    customers = summary.customers
    model, z = likelihoods.get("mbg_nbd"), (customers["age"] - customers["age"].mean()) / 10
    web = (customers["channel"] == "web").to_numpy(float)
    rows = [customers[c].to_numpy(float) for c in ("x", "t_x", "T")]

    def loss(u):  # type: ignore[no-untyped-def]
        eta = np.repeat(u[:4, None], len(z), axis=1)
        eta[0] += u[4] * z + u[5] * web
        eta[2] += u[6] * z + u[7] * web
        return -model.log_likelihood(likelihoods.get("mbg_nbd").map.theta(eta), *rows).sum()

    start = np.array([*CENTRE["mbg_nbd"], 0.3, 0.0, 0.0, -0.5])
    best = minimize(loss, start, method="Powell", options={"xtol": 1e-6, "ftol": 1e-12})
    found = cl.fit(summary, model="mbg_nbd", draws=200, check=False).population.max_likelihood
    assert found.value == pytest.approx(-best.fun, abs=0.01)
    assert (
        found.value > maximum_likelihood(replace(summary.cells, group=web * 0), "mbg_nbd").value + 5
    )


@pytest.mark.slow
def test_laplace_and_nuts_agree() -> None:
    summary = people("mbg_nbd", 1500, 5)
    assert summary.design is not None
    options = {"model": "mbg_nbd", "design": summary.design, "seed": 2}
    fast = fit_population(summary.cells, draws=4000, **options)  # type: ignore[arg-type]
    slow = fit_population(summary.cells, method="nuts", **options)  # type: ignore[arg-type]
    gate(slow)
    effective = 1 / (1 / fast.table["ess_bulk"] + 1 / slow.table["ess_bulk"])
    z = (fast.table["mean"] - slow.table["mean"]) / (slow.table["sd"] / np.sqrt(effective))
    assert z.abs().max() < 4


def in_groups(n: int = 900, seed: int = 11) -> tuple[Summary, CovariatesInGroups]:
    summary = people("mbg_nbd", n, seed, groups=3)
    target = target_of(summary, "mbg_nbd", False)
    assert isinstance(target, CovariatesInGroups)
    return summary, target


def test_groups_with_covariates_side_by_side_are_the_likelihood() -> None:
    """Values add up to the target's; gradients by rows, effects too, are differences."""
    _, target = in_groups(120)
    groups = side_by_side(target)
    rng = np.random.default_rng(3)
    m = target.start_rows() + 0.2 * rng.normal(size=target.n_rows)
    eta = np.repeat(m[:, None], 3, axis=1)
    eta[list(target.varying)] += 0.2 * rng.normal(size=(4, 3))
    value, gradient = groups.value_and_gradient(eta)
    both = groups.values(np.stack([eta, eta + 0.01]))
    np.testing.assert_allclose(both[0], value, rtol=1e-12)
    spread = np.log(np.full((1, 4), 0.3))
    u = target.coordinates_of(m[None], spread, eta[None, list(target.varying)])
    constant = target.data_constant
    assert value.sum() + constant == pytest.approx(target.log_likelihoods(u)[0], rel=1e-12)
    for row in range(target.n_rows):
        shift = np.zeros_like(eta)
        shift[row] = 1e-5
        high, low = (groups.value_and_gradient(eta + s * shift)[0] for s in (1, -1))
        np.testing.assert_allclose(gradient[row], (high - low) / 2e-5, rtol=1e-4, atol=1e-3)


def test_gradient_of_the_population_with_effects() -> None:
    _, target = in_groups(200)
    groups = side_by_side(target)
    population = find_population(groups, target)
    hyper = HyperTarget(target, expand(groups, target, population))
    rng = np.random.default_rng(3)
    u = hyper.start(population)
    u += 0.1 * rng.normal(size=len(u))
    check_gradient(hyper, u, rtol=1e-4, same=1e-10)


def test_effects_within_groups_are_recovered_in_two_stages() -> None:
    summary, _ = in_groups()
    fit = cl.fit(
        summary, model="mbg_nbd", group="group", covariates=["age", "channel"], seed=1, draws=300
    )
    assert fit.population.method == "two_stage"
    table = fit.summary()
    check_effects(table)
    assert {"rate_spread", "rate_mean[g0]"} <= set(table.index)


@pytest.mark.slow
@pytest.mark.parametrize("effects", ["locations", "all"])
def test_two_stages_and_nuts_agree_with_covariates(effects: str) -> None:
    # Where a spread is 0, NUTS itself does not get there (84 divergences, R-hat 1.02).
    summary = people("mbg_nbd", 3000, 12, groups=8, dropout_spread=0.5)
    assert summary.design is not None
    options = {"model": "mbg_nbd", "design": summary.design, "seed": 2, "group_effects": effects}
    fast = fit_population(summary.cells, draws=2000, **options)  # type: ignore[arg-type]
    slow = fit_population(summary.cells, method="nuts", draws=2000, **options)  # type: ignore[arg-type]
    gate(fast)
    assert fast.method == "two_stage"
    assert slow.table["r_hat"].max() < 1.01
    effective = 1 / (1 / fast.table["ess_bulk"] + 1 / slow.table["ess_bulk"])
    z = (fast.table["mean"] - slow.table["mean"]) / (slow.table["sd"] / np.sqrt(effective))
    assert z.abs().max() < 4.5
    assert np.abs(np.log(fast.table["sd"] / slow.table["sd"])).max() < 0.3


def test_another_day_and_other_customers() -> None:
    few = cl.InferenceConfig(method="nuts", draws=100, chains=2)
    fit = cl.fit(people("mbg_nbd", 150, 6, groups=3), model="mbg_nbd", group="group",
                 covariates=["age", "channel"], inference=few, check=False)  # fmt: skip
    same = fit.on(fit.data)
    np.testing.assert_allclose(same.draws.theta, fit.draws.theta, rtol=1e-12)
    other = people("mbg_nbd", 50, 7, groups=4)
    applied = fit.on(other)
    assert applied.draws.theta.shape[1] == len(other.cells.groups)
    assert len(applied.customers(horizon_days=30)) == 50
    strange = other.customers.assign(channel=["app"] + ["web"] * 49)
    with pytest.raises(DataError, match="'app', a level that the fit has not seen"):
        fit.on(Summary.from_arrays(
            strange["x"], strange["t_x"], strange["T"], as_of=AS_OF, group=strange["group"],
            covariates=strange[["age", "channel"]],
        ))  # fmt: skip


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (frame(age=[1.0, np.nan, 3.0, 4.0]), r"not a finite number for 1 of 4 .* C\(age\)"),
        (frame(age=[1.0, np.inf, 3.0, 4.0]), "not a finite number for 1 of 4"),
        (frame(age=[2.0, 2.0, 2.0, 2.0]), "'age' is 2 for every customer"),
        (frame(sex=["f", "f", "f", "f"]), "'sex' is 'f' for every customer"),
    ],
)
def test_covariates_that_cannot_serve(columns: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Summary.from_arrays([0, 1, 0, 0], [0, 3, 0, 0], [9] * 4, as_of=AS_OF, covariates=columns)


def test_missing_categories_are_a_level_of_their_own() -> None:
    made = Summary.from_arrays(
        [0, 1, 0, 0], [0, 3, 0, 0], [9] * 4, as_of=AS_OF,
        covariates=frame(sex=["f", None, "m", "f"]),
    )  # fmt: skip
    assert made.design is not None
    assert made.design.names == ("sex=m", "sex=unknown")
    assert sorted(made.cells.groups) == ["sex=f", "sex=m", "sex=unknown"]


def test_numbers_as_categories_and_too_many_levels() -> None:
    numbers = frame(tier=[1, 2, 1, 3])
    made = Summary.from_arrays([0, 1, 0, 0], [0, 3, 0, 0], [9] * 4, as_of=AS_OF, covariates=numbers)
    assert made.design is not None
    assert made.design.names == ("tier",)
    n = 60
    many = frame(city=[f"c{i}" for i in range(n)])
    with pytest.raises(DataError, match=r"model\.group=city"):
        Summary.from_arrays([0] * n, [0] * n, [9] * n, as_of=AS_OF, covariates=many)


def test_priors_of_effects() -> None:
    summary = people("mbg_nbd", 200, 8)
    with pytest.raises(UsageError, match="must live on all numbers"):
        cl.fit(summary, priors={"rate_effect": "HalfNormal(sigma=1)"})
    with pytest.raises(UsageError, match="rate_effect_scale has no place"):
        cl.fit(summary, priors={"rate_effect_scale": "HalfNormal(sigma=1)"})
    tight = {"rate_effect": "Normal(mu=0, sigma=0.001)"}
    assert abs(cl.fit(summary, priors=tight).summary().loc["rate_effect[age]", "mean"]) < 0.01


def test_groups_that_cannot_serve() -> None:
    n = 40
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, n)
    data = (x, np.where(x > 0, 20.0, 0.0), np.full(n, 50.0))
    with pytest.raises(DataError, match="is 'a' for every customer"):
        cl.fit(Summary.from_arrays(*data, as_of=AS_OF, group=["a"] * n))
    with pytest.raises(DataError, match="40 values for 40 customers"):
        cl.fit(Summary.from_arrays(*data, as_of=AS_OF, group=[str(i) for i in range(n)]))
