import numpy as np
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.inference import fit_population, gate, to_datatree
from churnlab.inference.targets.groups import GroupTarget
from churnlab.inference.targets.structure import SeparateTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.mode import find_mode
from churnlab.summary import Cells

from .conftest import simulated
from .derivatives import check_gradient

MODELS = ("mbg_nbd", "pareto_nbd")
RATES = (0.04, 0.02, 0.01)


def shop(model: str, sizes: tuple[int, ...], seed: int = 1) -> Cells:
    """Groups that differ in their mean rate."""
    parts = []
    for g, n in enumerate(sizes):
        rest = [0.8, 60.0] if model == "pareto_nbd" else [0.9, 2.1]
        one = simulated(model, [0.8, 0.8 / RATES[g], *rest], n, seed + g)
        t_x = np.where(one.x > 0, np.clip(one.t_x.round(), 1, one.T), 0.0)
        parts.append((np.minimum(one.x, t_x), t_x, one.T, np.full(n, g)))
    x, t_x, T, group = (np.concatenate(v) for v in zip(*parts, strict=True))
    names = tuple("abc"[: len(sizes)])
    return Cells.collapse(x, t_x, T, group=group, groups=names)[0]


@pytest.mark.parametrize("effects", ["locations", "all"])
@pytest.mark.parametrize("model", MODELS)
def test_gradient_of_the_grouped_posterior(model: str, effects: str) -> None:
    cells = shop(model, (80, 60, 5))
    pooled = Target(cells, model)
    target = GroupTarget(cells, pooled, find_mode(pooled), {}, effects)
    start, scale = target.start()
    u = start + 0.3 * scale * np.random.default_rng(2).normal(size=target.dimension)
    check_gradient(target, u)


def test_complete_pooling_ignores_the_groups() -> None:
    cells = shop("mbg_nbd", (200, 200))
    found = fit_population(cells, model="mbg_nbd", pooling="complete", seed=2)
    merged = Cells.collapse(
        np.repeat(cells.x, cells.weight.astype(int)),
        np.repeat(cells.t_x, cells.weight.astype(int)),
        np.repeat(cells.T, cells.weight.astype(int)),
    )[0]
    alone = fit_population(merged, model="mbg_nbd", seed=2)
    assert found.draws.groups == ("all",)
    assert found.max_likelihood.value == pytest.approx(alone.max_likelihood.value)
    distance = (found.table["mean"] - alone.table["mean"]) / alone.table["sd"]
    assert distance.abs().max() < 0.01


def test_no_pooling_is_each_group_on_its_own() -> None:
    cells = shop("mbg_nbd", (300, 200))
    found = fit_population(cells, model="mbg_nbd", pooling="none", seed=2, time_scale=200.0)
    gate(found)
    assert found.draws.theta.shape == (1000, 2, 4)
    assert found.draws.groups == ("a", "b")
    keep = cells.group == 1
    only = Cells(*(v[keep] for v in (cells.x, cells.t_x, cells.T, cells.weight, cells.sum_log_gap)),
                 np.zeros(int(keep.sum()), np.int64))  # fmt: skip
    alone = fit_population(only, model="mbg_nbd", seed=2, time_scale=200.0)
    np.testing.assert_allclose(found.draws.theta[:, 1], alone.draws.theta[:, 0], rtol=1e-9)
    assert found.table.loc["rate_mean[b]", "mean"] == pytest.approx(
        alone.table.loc["rate_mean", "mean"]
    )
    assert isinstance(found.target, SeparateTarget)
    values = found.target.log_likelihoods(found.u[:3])
    assert values.shape == (3,)
    assert to_datatree(found)["derived"]["alpha"].shape == (1, 1000, 2)


@pytest.mark.parametrize("effects", ["locations", "all"])
def test_partial_pooling_shrinks_small_groups_and_keeps_large_ones(effects: str) -> None:
    cells = shop("mbg_nbd", (400, 400, 8))
    found = fit_population(cells, model="mbg_nbd", draws=500, seed=3, group_effects=effects)
    gate(found)
    assert (found.method, found.reason) == ("two_stage", "")
    table = found.table
    assert found.draws.theta.shape == (500, 3, 4)
    for g, name in enumerate("abc"):
        row = table.loc[f"rate_mean[{name}]"]
        assert abs(row["mean"] - RATES[g]) < 4 * row["sd"]
    spread = np.log(table["q95"] / table["q05"])
    assert spread["rate_mean[c]"] > 1.5 * spread["rate_mean[a]"]
    tree = to_datatree(found)
    assert tree["derived"]["alpha"].shape == (1, 500, 3)
    assert tree["posterior"]["rate_spread"].shape == (1, 500)


def test_a_group_that_nobody_has_seen_is_drawn_from_the_population() -> None:
    cells = shop("mbg_nbd", (400, 400, 40))
    found = fit_population(cells, model="mbg_nbd", draws=500, seed=3).draws
    assert found.unseen is not None
    np.testing.assert_array_equal(found.codes_of(["c", "new", "a"]), [2, 3, 0])
    assert found.of_group(3) is found.unseen
    rate = np.log(found.unseen[:, 0] / found.unseen[:, 1])
    known = np.log(found.theta[:, :, 0] / found.theta[:, :, 1])
    assert rate.std() > 1.5 * known.std(axis=0).max()  # between groups, on top of the population's
    assert known.min() < rate.mean() < known.max()
    complete = fit_population(cells, model="mbg_nbd", pooling="none", draws=500, seed=3).draws
    with pytest.raises(UsageError, match="knows no group 'new'"):
        complete.codes_of(["new"])


@pytest.mark.slow
def test_partial_pooling_of_one_group_equals_the_pooled_model_in_the_limit() -> None:
    """With a spread forced to 0 every group has the population's parameters."""
    cells = shop("mbg_nbd", (400, 400))
    tight = {"rate_spread": "HalfNormal(sigma=0.001)", "dropout_spread": "HalfNormal(sigma=0.001)"}
    found = fit_population(cells, model="mbg_nbd", priors=tight, seed=3)
    pooled = fit_population(cells, model="mbg_nbd", pooling="complete", seed=3)
    names = ["rate_mean", "rate_shape", "dropout_mean", "dropout_concentration"]
    error = pooled.table["sd"][names] / np.sqrt(400)
    assert ((found.table["mean"] - pooled.table["mean"])[names].abs() / error).max() < 4


def test_errors() -> None:
    cells = shop("mbg_nbd", (100, 100))
    with pytest.raises(UsageError, match="Did you mean 'partial'"):
        fit_population(cells, pooling="parital")
    with pytest.raises(UsageError, match="Did you mean 'locations'"):
        fit_population(cells, group_effects="location")
    with pytest.raises(UsageError, match="group_effects=all"):
        fit_population(cells, priors={"rate_shape_spread": "HalfNormal(sigma=1)"})
    with pytest.raises(UsageError, match="above 0"):
        fit_population(cells, priors={"rate_spread": "Normal(0, 1)"})
    x = np.where(cells.group == 1, 0.0, cells.x)
    silent = Cells.collapse(x, np.where(x > 0, cells.t_x, 0.0), cells.T, group=cells.group,
                            groups=("a", "b"))[0]  # fmt: skip
    with pytest.raises(DataError, match="Group 'b' cannot be fitted alone"):
        fit_population(silent, pooling="none")
