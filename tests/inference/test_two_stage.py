"""Two-stage inference of groups against its slow twins: quadrature, NUTS, the truth."""

import numpy as np
import pytest
from numpy.typing import NDArray

from churnlab import models as likelihoods
from churnlab.inference import fit_population, gate
from churnlab.inference.targets.groups import GroupTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.twostage.expansion import expand
from churnlab.inference.ways.twostage.hyper import Folded, HyperTarget
from churnlab.inference.ways.twostage.particles import Particles
from churnlab.inference.ways.twostage.search import Population, climb, find_population
from churnlab.inference.ways.twostage.side_by_side import SideBySide
from churnlab.summary import Cells

from .derivatives import check_gradient

#: log rate per day, log shape, dropout, log concentration or shape.
CENTRE = {"mbg_nbd": (-4.0, -0.2, -0.8, 1.1), "pareto_nbd": (-4.0, -0.2, -5.8, -0.2)}
SPREAD = {"locations": (0.4, 0.0, 0.4, 0.0), "all": (0.4, 0.2, 0.4, 0.2)}


def shop(
    model: str, sizes: tuple[int, ...], seed: int, effects: str = "all"
) -> tuple[Cells, NDArray[np.float64]]:
    """Cells of groups drawn from a population, and the groups' true eta per day."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((4, len(sizes)))
    eta = np.array(CENTRE[model])[:, None] + np.array(SPREAD[effects])[:, None] * noise
    group = np.repeat(np.arange(len(sizes)), sizes)
    T = np.floor(rng.uniform(60, 400, group.size))
    theta = likelihoods.get(model).map.theta(eta)[:, group]
    x, t_x, _ = likelihoods.get(model).simulate(theta, T, rng)
    t_x = np.where(x > 0, np.clip(np.ceil(t_x), 1, T), 0.0)
    names = tuple(f"g{i:02d}" for i in range(len(sizes)))
    return Cells.collapse(np.minimum(x, t_x), t_x, T, group=group, groups=names)[0], eta


def prepared(
    model: str, effects: str, sizes: tuple[int, ...] = (300, 80, 10)
) -> tuple[SideBySide, GroupTarget, Population]:
    cells, _ = shop(model, sizes, 5, effects)
    pooled = Target(cells, model)
    mode = find_mode(pooled)
    target = GroupTarget(cells, pooled, mode, {}, effects)
    groups = SideBySide(target)
    return groups, target, find_population(groups, target)


@pytest.mark.parametrize("model", CENTRE)
def test_side_by_side_is_each_group_alone(model: str) -> None:
    groups, target, population = prepared(model, "all")
    eta = population.m[:, None] + 0.2 * np.random.default_rng(1).normal(size=(4, 3))
    value, gradient = groups.value_and_gradient(eta)
    np.testing.assert_allclose(groups.values(np.stack([eta, eta]))[1], value, rtol=1e-12)
    group, *columns, weight = target.columns
    for g in range(3):
        keep = group == g
        theta = target.map.theta(eta[:, g])
        alone = target.likelihood.log_likelihood(theta[:, None], *(c[keep] for c in columns))
        assert value[g] == pytest.approx(weight[keep] @ alone, rel=1e-11)
        for i in range(4):
            shift = np.zeros((4, 3))
            shift[i, g] = 1e-5
            high, low = (groups.value_and_gradient(eta + s * shift)[0] for s in (1, -1))
            assert gradient[i, g] == pytest.approx((high - low)[g] / 2e-5, rel=1e-5, abs=1e-4)
            assert np.all((high - low)[np.arange(3) != g] == 0)


def test_a_group_whose_parameters_overflow_is_out_and_the_others_stay() -> None:
    groups, _, population = prepared("mbg_nbd", "all")
    eta = np.repeat(population.m[:, None], 3, axis=1)
    good = groups.value_and_gradient(eta)[0]
    eta[1, 1] = 900.0
    value, gradient = groups.value_and_gradient(eta)
    assert value[1] == -np.inf
    assert np.all(gradient[:, 1] == 0)
    np.testing.assert_allclose(value[[0, 2]], good[[0, 2]], rtol=1e-12)


@pytest.mark.parametrize("effects", SPREAD)
def test_climb_ends_where_nothing_gains(effects: str) -> None:
    groups, target, population = prepared("mbg_nbd", effects)
    start = np.repeat(population.m[:, None], 3, axis=1)
    modes = climb(groups, target, population, start)
    rows = list(target.varying)
    _, gradient = groups.value_and_gradient(modes.eta)
    z = (modes.eta[rows] - population.m[rows, None]) / population.spread[:, None] ** 2
    gain = np.einsum("ig,gij,jg->g", gradient[rows] - z, modes.covariance, gradient[rows] - z)
    assert gain.max() < 1e-4


def test_folded_spreads_make_a_half_normal_prior_normal() -> None:
    folded, v = Folded(0.5), np.array([-7.0, -5.01, -4.99, -2.0, 0.0, 1.0, 3.0])
    np.testing.assert_allclose(folded.coordinate(folded.spread(v[3:])), v[3:], rtol=1e-9, atol=1e-9)
    assert folded.spread(np.array([-5.0 - 1e-9])) == pytest.approx(
        folded.spread(np.array([-5.0 + 1e-9])), rel=1e-6
    )
    s, (log_slope, derivative) = folded.spread(v), folded.log_slope(v)
    h = 1e-5
    slope = (folded.spread(v + h) - folded.spread(v - h)) / (2 * h)
    np.testing.assert_allclose(np.exp(log_slope), slope, rtol=1e-5)
    bend = (folded.log_slope(v + h)[0] - folded.log_slope(v - h)[0]) / (2 * h)
    np.testing.assert_allclose(derivative, bend, rtol=1e-4, atol=1e-6)
    log_half_normal = np.log(2 / (0.5 * np.sqrt(2 * np.pi))) - 0.5 * (s / 0.5) ** 2
    log_normal = -0.5 * v**2 - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(log_half_normal + log_slope, log_normal, rtol=1e-4)


@pytest.mark.parametrize("model", CENTRE)
@pytest.mark.parametrize("effects", SPREAD)
def test_gradient_of_the_population(model: str, effects: str) -> None:
    groups, target, population = prepared(model, effects)
    hyper = HyperTarget(target, expand(groups, target, population))
    rng = np.random.default_rng(3)
    for base in (
        hyper.start(population),
        hyper.start(population._replace(spread=population.spread / 50)),
    ):
        u = base + 0.1 * rng.normal(size=len(base))
        check_gradient(hyper, u, rtol=1e-4, same=1e-10)


def test_estimated_integrals_are_the_exact_ones() -> None:
    """ln Z of each group at one phi against a grid of 61 x 61 over the two varying rows."""
    groups, target, population = prepared("mbg_nbd", "locations")
    hyper = HyperTarget(target, expand(groups, target, population))
    u = hyper.start(population)
    u[:4] += [0.1, 0.05, -0.1, 0.1]
    z = np.linspace(-5, 5, 61)
    spread = hyper.spreads(u[None])[0]
    grid = np.stack(np.meshgrid(*(u[r] + s * z for r, s in zip((0, 2), spread, strict=True))))
    eta = np.repeat(u[None, :4, None], 61 * 61, axis=0).repeat(3, axis=2)
    eta[:, 0], eta[:, 2] = grid[0].ravel()[:, None], grid[1].ravel()[:, None]
    log_prior = -0.5 * np.sum(((eta[:, [0, 2], 0] - u[[0, 2]]) / spread) ** 2, axis=1)
    density = np.exp(log_prior) / (2 * np.pi) * (z[1] - z[0]) ** 2
    log_l = groups.values(eta)
    exact = np.log(density @ np.exp(log_l - log_l.max(axis=0))) + log_l.max(axis=0)
    many = np.repeat(u[None], 400, axis=0)
    drawn = Particles(groups, hyper, pairs=8).draw(many, np.random.default_rng(2))
    estimate = np.exp(drawn.log_correction)
    given = hyper.conditional(u[None]).log_z[0] + hyper.expansion.value
    given = given + hyper.of_shared(u[None])[0] / 3
    error = estimate.std(axis=0) / np.sqrt(400)
    assert np.all(np.abs(estimate.mean(axis=0) - np.exp(exact - given)) < 4 * error + 1e-3)
    assert drawn.eta.shape == (400, 2, 3)


@pytest.mark.parametrize(("model", "k"), [("bg_cnbd_k", 2), ("mbg_cnbd_k", 3)])
def test_groups_with_erlang_gaps(model: str, k: int) -> None:
    """24 intervals of 90%: fewer than 17 hold the truth with probability .002 (binomial)."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(12), 120)
    eta = np.repeat(np.array(CENTRE["mbg_nbd"])[:, None], 12, axis=1)
    eta[[0, 2]] += 0.4 * rng.standard_normal((2, 12))
    chosen = likelihoods.get(model, k).map
    T = np.floor(rng.uniform(60, 400, group.size))
    x, t_x, gaps = likelihoods.get(model, k).simulate(chosen.theta(eta)[:, group], T, rng)
    names = tuple(f"g{i:02d}" for i in range(12))
    cells, _ = Cells.collapse(x, t_x, T, sum_log_gap=gaps, group=group, groups=names)
    found = fit_population(cells, model=model, k=k, draws=400, seed=1)
    assert found.method == "two_stage"
    truth, held = chosen.natural(eta), 0
    for i, name in ((0, "rate_mean"), (2, "dropout_mean")):
        rows = found.table.loc[[f"{name}[{g}]" for g in names]]
        held += int(((rows["q05"] <= truth[i]) & (truth[i] <= rows["q95"])).sum())
    assert held >= 17


@pytest.mark.slow
@pytest.mark.parametrize("model", CENTRE)
@pytest.mark.parametrize("effects", SPREAD)
def test_two_stages_and_nuts_agree(model: str, effects: str) -> None:
    """Means within 4.5 standard errors of their difference (some 30 quantities each).

    How many draws NUTS needs to get there itself (R-hat): Pareto/NBD with all effects is at 1.024
    with 3,000 a chain, 1.004 with 8,000.
    """
    needed = 8000 if (model, effects) == ("pareto_nbd", "all") else 3000
    cells, _ = shop(model, (600, 300, 150, 80, 40, 20, 400, 200), 7, effects)
    fast = fit_population(cells, model=model, group_effects=effects, draws=2000, seed=1)
    slow = fit_population(
        cells, model=model, group_effects=effects, method="nuts", draws=needed, seed=1
    )
    gate(fast)
    assert fast.method == "two_stage"
    assert slow.table["r_hat"].max() < 1.01
    u = [np.log(f.target.quantities(f.u)) for f in (fast, slow)]
    ess = 1 / (1 / fast.table["ess_bulk"] + 1 / slow.table["ess_bulk"])
    z = (u[0].mean(axis=0) - u[1].mean(axis=0)) / (u[1].std(axis=0) / np.sqrt(ess))
    assert np.abs(z).max() < 4.5
    assert np.abs(np.log(u[0].std(axis=0) / u[1].std(axis=0))).max() < 0.2


def covered(model: str, effects: str, repeats: int, first: int) -> tuple[int, int, int, int]:
    """How often 90% intervals hold the groups' locations, and the spreads; and out of how many."""
    hits = tried = held = asked = 0
    for seed in range(first, first + repeats):
        cells, eta = shop(model, (150,) * 12, seed, effects)
        found = fit_population(cells, model=model, group_effects=effects, draws=500, seed=seed)
        truth = likelihoods.get(model).map.natural(eta)
        for i in (0, 2):
            name = found.target.map.names[i]
            rows = found.table.loc[[f"{name}[{g}]" for g in cells.groups]]
            inside = (rows["q05"] <= truth[i]) & (truth[i] <= rows["q95"])
            hits, tried = hits + int(inside.sum()), tried + len(rows)
        spreads = found.target.spreads(found.u)
        for i, name in ((0, "rate_spread"), (2, "dropout_spread")):
            low, high = np.quantile(spreads[name], [0.05, 0.95])
            held, asked = held + int(low <= SPREAD[effects][i] <= high), asked + 1
    return hits, tried, held, asked


def test_intervals_of_groups_cover_short() -> None:
    """96 intervals: a true 90% leaves 79-99% with probability below .002 (binomial).

    With all four parameters by group: `test_ranks_with_groups_are_uniform_short`, of the same
    draws, and the long form below.
    """
    hits, tried, *_ = covered("mbg_nbd", "locations", 4, 100)
    assert 0.79 <= hits / tried <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("model", CENTRE)
@pytest.mark.parametrize("effects", SPREAD)
def test_intervals_of_groups_cover(model: str, effects: str) -> None:
    hits, tried, held, asked = covered(model, effects, 100, 1000)
    print(model, effects, hits / tried, held / asked)
    assert 0.85 <= hits / tried <= 0.95
    assert 0.85 <= held / asked <= 0.95
