"""The grid posterior of the conversion: against another quadrature, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import betaln, expit

from churnlab.candidates.thinning import fit_thinning
from churnlab.errors import DataError


def test_the_mean_is_that_of_an_adaptive_double_integral() -> None:
    m, n = np.array([5, 9, 2, 0, 14, 3]), np.array([1, 4, 0, 0, 2, 3])

    def density(w: float, u: float) -> float:
        mean, total = expit(u), np.exp(-2 * w)
        c, d = mean * total, (1 - mean) * total
        value = (betaln(c + n, d + m - n) - betaln(c, d)).sum()
        return float(np.exp(value + 18 + w - 0.5 * np.exp(2 * w)) * mean * (1 - mean))

    box = (-7.0, 7.0, -6.0, 2.0)
    norm = dblquad(density, *box, epsabs=1e-9)[0]
    oracle = dblquad(lambda w, u: expit(u) * density(w, u), *box, epsabs=1e-9)[0] / norm
    square = dblquad(lambda w, u: np.exp(2 * w) * density(w, u), *box, epsabs=1e-9)[0] / norm
    fit = fit_thinning(m, n, np.random.default_rng(1), draws=40_000)
    spread2 = 1 / (fit.conversion.c + fit.conversion.d)
    # four Monte Carlo errors of 40,000 independent draws
    assert fit.mean == pytest.approx(oracle, abs=4 * fit.conversion.mean.std() / 200)
    assert spread2.mean() == pytest.approx(square, abs=4 * spread2.std() / 200)
    assert fit.n_customers == 5


def test_intervals_cover_the_truth_they_are_drawn_from() -> None:
    """Parameters from the prior, data from them: 90% intervals of the mean hold it in 90%."""
    rng, inside, trials = np.random.default_rng(3), 0, 200
    done = 0
    while done < trials:
        mean, total = rng.uniform(), 1 / rng.normal() ** 2
        m = rng.poisson(6, 60)
        n = rng.binomial(m, rng.beta(max(mean * total, 1e-9), max((1 - mean) * total, 1e-9), 60))
        if n.sum() in (0, m.sum()):
            continue  # refused; rare, and at the ends of the prior
        fit = fit_thinning(m, n, rng, draws=400)
        inside += fit.q05 <= mean <= fit.q95
        done += 1
    # binomial(200, .9): 4 errors of .021
    assert abs(inside / trials - 0.9) < 4 * np.sqrt(0.09 / trials)


def test_many_customers_narrow_the_posterior_around_the_truth() -> None:
    rng = np.random.default_rng(5)
    m = rng.poisson(9, 200_000)
    n = rng.binomial(m, rng.beta(1.5, 6.0, 200_000))
    fit = fit_thinning(m, n, rng)
    assert fit.q05 < 0.2 < fit.q95
    assert fit.conversion.c.mean() == pytest.approx(1.5, rel=0.03)
    assert fit.conversion.d.mean() == pytest.approx(6.0, rel=0.03)


@pytest.mark.parametrize(
    ("m", "n"), [([3, 2], [3, 2]), ([3, 2], [0, 0]), ([0, 0], [0, 0])], ids=["all", "none", "empty"]
)
def test_nothing_to_thin_is_refused(m: list[int], n: list[int]) -> None:
    with pytest.raises(DataError, match="cannot be modelled as thinned visits"):
        fit_thinning(m, n, np.random.default_rng(1))
