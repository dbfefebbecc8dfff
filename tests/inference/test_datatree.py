import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.inference import (
    PopulationFit,
    fit_population,
    load_draws,
    load_predictive,
    to_datatree,
)
from churnlab.inference.datatree import save_posterior
from churnlab.models.draws import PopulationDraws

from .conftest import Rows


@pytest.fixture(scope="module")
def fit(cdnow: Rows) -> PopulationFit:
    return fit_population(cdnow, model="mbg_nbd", draws=400, seen_until=dt.date(1997, 9, 30))


def test_groups(fit: PopulationFit, cdnow: Rows) -> None:
    tree = to_datatree(fit)
    assert set(tree.children) == {
        "posterior", "derived", "sample_stats", "cell_log_likelihood", "constant_data",
        "repeaters", "prior", "prior_derived",
    }  # fmt: skip
    posterior, derived = tree["posterior"], tree["derived"]
    assert posterior["rate_mean"].shape == (1, 400)
    assert derived["alpha"].dims == ("chain", "draw", "group")
    rate = derived["r"] / derived["alpha"]
    np.testing.assert_allclose(rate[:, :, 0], posterior["rate_mean"])
    one = tree["cell_log_likelihood"]["one_customer"]
    weighted = (one * tree["constant_data"]["weight"]).sum("cell")
    np.testing.assert_allclose(weighted[0], fit.target.log_likelihoods(fit.u), rtol=1e-9)
    assert float(tree["repeaters"]["observed"].sum()) == 2357


def test_predictive_counts_cover_the_data(fit: PopulationFit) -> None:
    tree = to_datatree(fit)
    seen = tree["repeaters"]["observed"].to_numpy()
    counts = tree["repeaters"]["posterior"]
    low, high = counts.quantile([0.005, 0.995], "posterior_draw").to_numpy()
    assert ((seen >= low) & (seen <= high)).sum() >= 7  # of 8 counts
    wide = tree["repeaters"]["prior"]
    assert float(wide.sel(count=0).std()) > 3 * float(counts.sel(count=0).std())


def test_netcdf_round_trip(fit: PopulationFit, tmp_path: Path) -> None:
    path = tmp_path / "posterior.nc"
    save_posterior(fit, path)
    draws = load_draws(path)
    np.testing.assert_array_equal(draws.theta, fit.draws.theta)
    assert (draws.model, draws.k, draws.groups) == ("mbg_nbd", 1, ("all",))
    assert draws.seen_until == dt.date(1997, 9, 30)
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.nc"]
    counts = load_predictive(path)
    assert {key: value.shape for key, value in counts.items()} == {
        "observed": (1, 8), "prior": (100, 8), "posterior": (100, 8),
    }  # fmt: skip
    assert (counts["observed"][0, 0], counts["observed"].sum()) == (1411, 2357)
    np.testing.assert_allclose(counts["prior"].sum(axis=1), 2357)


def test_files_that_are_no_posterior(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="churnlab fit"):
        load_draws(tmp_path / "none.nc")
    (tmp_path / "bad.nc").write_bytes(b"not netcdf")
    with pytest.raises(DataError, match="not a posterior"):
        load_draws(tmp_path / "bad.nc")


def test_draws_round_trip_thin_and_rows(fit: PopulationFit) -> None:
    draws = fit.draws
    again = PopulationDraws.from_dict(draws.to_dict())
    np.testing.assert_array_equal(again.theta, draws.theta)
    assert again.seen_until == draws.seen_until
    assert draws.thin(64).n_draws == 64
    assert draws.thin(4000) is draws
    assert draws.theta_rows().shape == (4, 400, 1)
    two = PopulationDraws("mbg_nbd", 1, np.repeat(draws.theta, 2, axis=1), ("a", "b"))
    assert two.theta_rows(np.array([0, 1, 1])).shape == (4, 400, 3)
    with pytest.raises(UsageError, match="pass each row's code"):
        two.theta_rows()
    with pytest.raises(UsageError, match=r"0\.\.1"):
        two.theta_rows(np.array([2]))
    with pytest.raises(UsageError, match="positive"):
        PopulationDraws("mbg_nbd", 1, -draws.theta)
    with pytest.raises(UsageError, match="shape"):
        PopulationDraws("mbg_nbd", 1, draws.theta[0])
