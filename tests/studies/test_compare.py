import numpy as np
import pytest
from tests.inference.conftest import Rows, collapsed, rows, simulated

from churnlab.errors import DataError, UsageError
from churnlab.inference import fit_population, to_datatree
from churnlab.inference.fit import maximum_likelihood
from churnlab.inference.ways.erlang import MOST_K, choose_k
from churnlab.studies.compare import compare_models, elpd


@pytest.fixture(scope="module")
def shop() -> Rows:
    return simulated("mbg_nbd", [0.9, 25.0, 0.8, 2.0], 400, seed=3)


def test_elpd_of_cells_equals_arviz_on_customers(shop: Rows) -> None:
    """PSIS-LOO over cells with weights against ArviZ on one row per customer."""
    import arviz as az

    fit = fit_population(shop, model="mbg_nbd", seed=2)
    tree = to_datatree(fit)
    tree["log_likelihood"] = tree["cell_log_likelihood"]  # a row a customer here: cells are they
    loo = az.loo(tree)
    found = elpd(fit)
    assert found.total == pytest.approx(float(loo.elpd), abs=0.02)
    assert found.se == pytest.approx(float(loo.se), rel=0.01)
    assert found.p_loo == pytest.approx(float(loo.p), abs=0.02)
    assert 2 < found.p_loo < 6


def test_weights_count_customers(shop: Rows) -> None:
    whole = rows(shop.x, shop.t_x.round(), shop.T)
    cells = collapsed(whole)
    assert len(cells.x) < len(whole.x)
    one = elpd(fit_population(cells, model="bg_nbd", seed=2))
    other = elpd(fit_population(whole, model="bg_nbd", seed=2))
    assert one.total == pytest.approx(other.total, abs=0.05)
    assert one.se == pytest.approx(other.se, rel=0.01)


def test_ranks_models() -> None:
    shop = simulated("mbg_nbd", [0.9, 25.0, 0.8, 2.0], 1500, seed=3)
    fits = {m: fit_population(shop, model=m) for m in ("bg_nbd", "mbg_nbd")}
    table = compare_models(fits)
    assert table.index[0] == "mbg_nbd"  # the truth, by far: dropout at the first purchase
    assert table["elpd_diff"].iloc[0] == 0
    assert table["elpd_diff"].iloc[1] < -2 * table["diff_se"].iloc[1]
    gap = table["log_evidence"].diff().iloc[1]
    assert gap == pytest.approx(table["elpd_diff"].iloc[1], abs=5)


def test_comparing_needs_the_same_data(shop: Rows) -> None:
    fit = fit_population(shop, model="bg_nbd")
    other = fit_population(rows(shop.x, shop.t_x, shop.T + 1), model="bg_nbd")
    with pytest.raises(UsageError, match="different customers"):
        compare_models({"a": fit, "b": other})
    with pytest.raises(UsageError, match="at least two"):
        compare_models({"a": fit})


@pytest.mark.parametrize("k", [1, 3])
def test_evidence_finds_the_shape_of_the_gaps(k: int) -> None:
    cells = simulated("mbg_cnbd_k", [0.9, 8.0, 0.8, 3.0], 1500, seed=4, k=k)
    choice = choose_k(cells, "mbg_cnbd_k")
    assert choice.best == k
    assert choice.table.loc[k, "probability"] > 0.99
    fit = fit_population(cells, model="mbg_cnbd_k")
    assert fit.draws.k == k
    distance = (fit.table["mean"][["r", "alpha", "a", "b"]] - [0.9, 8.0, 0.8, 3.0]) / fit.table[
        "sd"
    ]
    assert distance.abs().max() < 3.5


@pytest.mark.parametrize(("k", "said"), [(MOST_K - 1, 0), (MOST_K, 1), (MOST_K + 8, 1)])
def test_regular_gaps_are_followed_to_the_cap_which_is_said(k: int, said: int) -> None:
    cells = simulated("mbg_cnbd_k", [2.0, 60.0 / k, 0.8, 6.0], 400, seed=4, k=k)
    fit = fit_population(cells, model="mbg_cnbd_k", draws=200)
    assert fit.draws.k == min(k, MOST_K)
    assert sum(f"k = {MOST_K}" in w for w in fit.warnings) == said


@pytest.mark.parametrize(("k", "said"), [(MOST_K, 0), (MOST_K + 1, 1)])
def test_a_stated_k_beyond_what_evidence_tries_is_said(k: int, said: int) -> None:
    cells = simulated("mbg_cnbd_k", [2.0, 5.0, 0.8, 6.0], 400, seed=4, k=12)
    stated = fit_population(cells, model="mbg_cnbd_k", k=k, draws=200)
    assert sum(f"model.k={k} is more regular" in w for w in stated.warnings) == said
    assert not any("still rises" in w for w in stated.warnings)


def test_erlang_with_k_1_is_the_plain_model(shop: Rows) -> None:
    one = maximum_likelihood(shop, "mbg_cnbd_k", 1)
    other = maximum_likelihood(shop, "mbg_nbd")
    np.testing.assert_allclose(one.theta, other.theta, rtol=1e-5)
    assert one.value == pytest.approx(other.value)


def test_gaps_of_zero_are_refused_for_erlang(shop: Rows) -> None:
    gaps = np.where(shop.x > 0, -np.inf, 0.0)
    bad = rows(shop.x, shop.t_x, shop.T, sum_log_gap=gaps)
    with pytest.raises(DataError, match="gaps above 0"):
        fit_population(bad, model="bg_cnbd_k", k=2)


@pytest.mark.parametrize(("model", "k"), [("bg_cnbd_k", 2), ("mbg_cnbd_k", 3)])
def test_unit_of_time_does_not_matter_to_erlang_gaps(model: str, k: int) -> None:
    """Days and hours; CDNOW's models are in test_fit. The gaps' logs move by ln 24 each."""
    day = simulated(model, [0.8, 15.0, 0.9, 3.0], 600, seed=4, k=k)
    hour = rows(day.x, day.t_x * 24, day.T * 24, sum_log_gap=day.sum_log_gap + day.x * np.log(24))
    one = fit_population(day, model=model, k=k, seed=3).table
    other = fit_population(hour, model=model, k=k, seed=3).table
    unit = other.index.map({"alpha": 24.0, "rate_mean": 1 / 24}).to_numpy(float)
    other = other.div(np.nan_to_num(unit, nan=1.0), axis=0)
    for column in ("mean", "q05", "q95"):
        assert ((one[column] - other[column]).abs() / one["sd"]).max() < 0.01


@pytest.mark.shared_data
def test_grocery_prefers_two_stages(shared_data) -> None:  # type: ignore[no-untyped-def]
    """shared/oracles.json grocery.*.ll (weeks)."""
    cells = _grocery(shared_data)
    weeks = float(cells.weight @ cells.x) * np.log(7)
    assert maximum_likelihood(cells, "bg_nbd").value + weeks == pytest.approx(-15836.56623055)
    assert maximum_likelihood(cells, "pareto_nbd").value + weeks == pytest.approx(-15782.39213782)
    two = maximum_likelihood(cells, "bg_cnbd_k", 2)
    assert two.value + weeks == pytest.approx(-15054.17290437)
    assert choose_k(cells, "bg_cnbd_k").best == 2


def _grocery(folder) -> Rows:  # type: ignore[no-untyped-def]
    import pandas as pd

    log = (
        pd.read_parquet(folder / "grocery_elog.parquet").iloc[:, :2].set_axis(["id", "day"], axis=1)
    )
    log["day"] = pd.to_datetime(log["day"]).dt.normalize()
    end = pd.Timestamp("2006-12-31")
    log = log[log["day"] <= end].drop_duplicates().sort_values(["id", "day"])
    log["gap"] = np.log(log.groupby("id")["day"].diff().dt.days)
    by = log.groupby("id")
    first, last = by["day"].min(), by["day"].max()
    return collapsed(
        rows(by.size() - 1.0, (last - first).dt.days, (end - first).dt.days,
             sum_log_gap=by["gap"].sum())
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_laplace_and_nuts_agree_on_grocery(shared_data, model: str) -> None:  # type: ignore[no-untyped-def]
    cells = _grocery(shared_data)
    one = fit_population(cells, model=model, seed=2).table
    other = fit_population(cells, model=model, method="nuts", seed=3).table
    error = np.sqrt(one["sd"] ** 2 / one["ess_bulk"] + other["sd"] ** 2 / other["ess_bulk"])
    assert ((one["mean"] - other["mean"]).abs() / error).max() < 4
    np.testing.assert_allclose(one["sd"] / other["sd"], 1, atol=0.12)
