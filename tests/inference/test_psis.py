import numpy as np
import pytest
from scipy import stats

from churnlab.inference.ways.psis import effective_sizes, fit_generalised_pareto, smooth
from churnlab.inference.ways.resampling import curve_order, resample


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_equals_arviz(scale: float) -> None:
    from arviz_stats.base import array_stats

    ratios = np.random.default_rng(1).standard_t(4, 2000) * scale
    expected, k_hat = array_stats.psislw(-ratios, r_eff=1.0)  # it takes log-likelihoods
    found = smooth(ratios)
    assert found.k_hat == pytest.approx(float(k_hat), abs=1e-6)
    np.testing.assert_allclose(found.log_weights, expected, atol=1e-6)


def test_k_hat_tells_good_proposals_from_bad() -> None:
    rng = np.random.default_rng(2)
    good = stats.t(8).rvs(4000, random_state=rng)
    bad = rng.normal(0, 0.4, 4000)
    k_good = smooth(stats.norm.logpdf(good) - stats.t(8).logpdf(good)).k_hat
    k_bad = smooth(stats.norm.logpdf(bad) - stats.norm(0, 0.4).logpdf(bad)).k_hat
    assert k_good < 0.3 < 0.7 < k_bad


def test_degenerate_ratios() -> None:
    assert smooth(np.full(100, -np.inf)).k_hat == np.inf
    flat = smooth(np.zeros(100))
    np.testing.assert_allclose(np.exp(flat.log_weights), 0.01)
    one = np.full(1000, -np.inf)
    one[3] = 0.0
    assert smooth(one).k_hat > 0.7


def test_effective_size_predicts_the_error_of_the_mean() -> None:
    """Variance of weighted means over repetitions against the plain variance / size."""
    rng = np.random.default_rng(5)
    means, sizes = [], []
    for _ in range(400):
        draws = rng.standard_t(5, 500) * 0.7
        ratio = stats.norm.logpdf(draws) - stats.t(5, scale=0.7).logpdf(draws)
        weights = np.exp(ratio) / np.exp(ratio).sum()
        means.append(weights @ draws)
        sizes.append(effective_sizes(draws[:, None], weights)[0][0])
    assert np.mean(sizes) == pytest.approx(1 / np.var(means), rel=0.25)
    assert np.mean(sizes) < 450


def test_effective_size_of_resampled_draws_is_conservative() -> None:
    """Counting duplicates at full cost never promises more than repetitions deliver."""
    rng = np.random.default_rng(6)
    means, sizes = [], []
    for _ in range(400):
        draws = rng.standard_t(5, 500) * 1.5
        ratio = stats.norm.logpdf(draws) - stats.t(5, scale=1.5).logpdf(draws)
        rows = resample(np.exp(ratio), draws[:, None], 400, rng)
        counts = np.bincount(rows, minlength=500)
        means.append(counts @ draws / 400)
        sizes.append(effective_sizes(draws[:, None], counts / 400)[0][0])
    assert np.mean(sizes) <= 1.15 / np.var(means)
    assert np.mean(sizes) > 0.5 / np.var(means)


def test_resampling_keeps_counts_within_one() -> None:
    rng = np.random.default_rng(7)
    weights = rng.dirichlet(np.ones(50))
    rows = resample(weights, rng.normal(size=(50, 3)), 1000, rng)
    counts = np.bincount(rows, minlength=50)
    assert counts.sum() == 1000
    assert np.abs(counts - 1000 * weights).max() <= 1.0


@pytest.mark.parametrize(("size", "side"), [(1, 10), (2, 32), (4, 8)])
def test_the_curve_goes_from_neighbour_to_neighbour(size: int, side: int) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(side)] * size), axis=-1).reshape(-1, size)
    grid = grid[np.random.default_rng(1).permutation(len(grid))]
    steps = np.abs(np.diff(grid[curve_order(grid)], axis=0)).sum(axis=1)
    assert (steps == 1).all()


@pytest.mark.parametrize("size", [5, 31, 62, 100])
def test_the_curve_visits_every_point_in_any_dimension(size: int) -> None:
    points = np.random.default_rng(2).normal(size=(300, size))
    np.testing.assert_array_equal(np.sort(curve_order(points)), np.arange(300))


def test_each_half_of_the_resampled_rows_stands_for_all() -> None:
    """Means of halves in four dimensions: less than half the error of independent draws."""
    rng = np.random.default_rng(8)
    points = rng.normal(size=(4000, 4))
    weights = np.exp(0.3 * points[:, 0])
    halves = [np.split(resample(weights, points, 1000, rng), 2) for _ in range(40)]
    errors = points[np.concatenate(halves)].mean(axis=1) - weights @ points / weights.sum()
    assert np.sqrt((errors**2).mean(axis=0)).max() < 0.45 / np.sqrt(500)


def test_resampled_rows_are_in_no_order() -> None:
    points = np.random.default_rng(9).normal(size=(4000, 2))
    half = resample(np.ones(4000), points, 1000, np.random.default_rng(9))[:500]
    assert abs(np.corrcoef(points[half, 0], np.arange(500))[0, 1]) < 0.2


def test_profiles_far_apart_do_not_overflow() -> None:
    """Exceedances over many orders of magnitude: the profile's span is beyond exp's."""
    shape, sigma = fit_generalised_pareto(np.exp(np.linspace(-300, 10, 3000)))
    assert np.isfinite(shape)
    assert shape > 1
    assert sigma > 0


def test_a_tail_over_hundreds_of_powers_of_e_is_hopeless() -> None:
    """One draw above all others, many of the tail below e^-700 of it; warnings are errors here."""
    below, within = np.linspace(-2000.0, -705.0, 916), np.linspace(-699.9, -699.0, 83)
    ratios = np.concatenate([below, within, [0.0]])  # 94 in the tail, 10 of them below
    found = smooth(ratios)
    assert found.k_hat == np.inf or found.k_hat > 5
    assert np.exp(found.log_weights).max() > 0.999
    assert np.isfinite(found.log_weights).all()
