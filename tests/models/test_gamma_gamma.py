"""Gamma-Gamma formulas against integrals over nu in 30 digits, and against simulation."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from churnlab.models import gamma_gamma as gg

THETAS = [(6.25, 3.74, 15.44), (0.4, 1.3, 0.02), (40.0, 12.0, 3e5)]
AMOUNTS = [[12.5], [0.01, 30.0], [25.0, 25.0, 26.0, 9000.0]]


def integral(theta, amounts, log_density, extra=lambda nu: mp.mpf(1)):
    """Integrate ``extra(nu) * density(amounts | nu)`` over nu ~ Gamma(q, gamma).

    Over ln nu, around the mode of the integrand, as far as 1e-18 of it.
    """
    p, q, gamma = (mp.mpf(v) for v in theta)
    shape, rate = q + p * len(amounts), gamma + mp.fsum(amounts)
    centre, sd = mp.log(shape / rate), 1 / mp.sqrt(shape)
    ends = centre - 12 * sd - 45 / shape, centre + 12 * sd + 5 / shape

    def integrand(log_nu):
        nu = mp.e**log_nu
        prior = q * mp.log(gamma) - mp.loggamma(q) + (q - 1) * log_nu - gamma * nu
        return extra(nu) * mp.e ** (prior + log_density(p, nu) + log_nu)

    return mp.quad(integrand, mp.linspace(*ends, 25), method="gauss-legendre", maxdegree=4)


def of_each(amounts):
    return lambda p, nu: mp.fsum(
        p * mp.log(nu) - mp.loggamma(p) + (p - 1) * mp.log(z) - nu * z for z in amounts
    )


def of_mean(n, mean):
    """The mean of n Gamma(p, nu) is Gamma(p n, n nu)."""
    return lambda p, nu: (
        p * n * mp.log(n * nu) - mp.loggamma(p * n) + (p * n - 1) * mp.log(mean) - n * nu * mean
    )


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("amounts", AMOUNTS)
def test_marginals_are_the_integrals_over_nu(theta, amounts):
    n, mean, sum_log = len(amounts), np.mean(amounts), np.sum(np.log(amounts))
    with mp.workdps(30):
        each = mp.log(integral(theta, amounts, of_each([mp.mpf(z) for z in amounts])))
        whole = mp.log(integral(theta, amounts, of_mean(n, mp.mpf(mean))))
    # 1e-11: a handful of double roundings of terms up to 1e3
    np.testing.assert_allclose(
        gg.log_likelihood(np.array(theta), n, mean, sum_log), float(each), rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(
        gg.log_likelihood(np.array(theta), n, mean), float(whole), rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("theta", THETAS)
def test_expected_amount_is_the_posterior_mean_of_the_customers_own(theta):
    amounts = [mp.mpf(z) for z in (20, 35, 5)]
    with mp.workdps(30):
        density = of_each(amounts)
        own = integral(theta, amounts, density, lambda nu: theta[0] / nu)
        wanted = own / integral(theta, amounts, density)
    got = gg.expected_amount(np.array(theta), 3, 20.0)
    np.testing.assert_allclose(got, float(wanted), rtol=1e-11)


def test_without_amounts_the_populations_mean_is_expected():
    p, q, gamma = THETAS[0]
    got = gg.expected_amount(np.array(THETAS[0]), [0, 0], [np.nan, 99.0])
    np.testing.assert_allclose(got, p * gamma / (q - 1), rtol=1e-12)


def test_latent_draws_agree_with_rejection_from_the_joint_model():
    # brute force: simulate (nu, three amounts), keep those whose mean fell near 20
    theta, rng = np.array(THETAS[0]), np.random.default_rng(3)
    nu = rng.gamma(theta[1], 1 / theta[2], 400_000)
    mean = rng.gamma(3 * theta[0], 1 / nu) / 3
    kept = nu[np.abs(mean - 20) < 0.2]
    drawn = gg.sample_latent(theta, np.full(len(kept), 3), 20.0, rng)
    assert len(kept) > 2000
    assert stats.ks_2samp(kept, drawn).pvalue > 0.001  # one test at the .1% level


@pytest.mark.parametrize("p", [theta[0] for theta in THETAS])
@pytest.mark.parametrize("each", [True, False])
def test_the_slope_is_that_of_the_own_part(p, each):
    n, mean, sum_log = np.array([4.0]), np.array([21.0]), np.array([10.9]) if each else None
    high, low = (gg.own_part(p + s * 1e-5 * p, n, mean, sum_log) for s in (1, -1))
    # central differences: relative error about step^2 plus rounding of values up to 1e3
    slope = gg.own_slope(p, n, mean, sum_log)
    np.testing.assert_allclose(slope, (high - low) / (2e-5 * p), rtol=1e-5, atol=1e-7)


def test_currency_only_shifts_the_log_likelihood():
    theta, n, mean = np.array(THETAS[0]), 5, 31.0
    sum_log = 5 * np.log(28.0)
    cents = theta * [1, 1, 100]
    shifted = gg.log_likelihood(cents, n, 100 * mean, sum_log + 5 * np.log(100))
    plain = gg.log_likelihood(theta, n, mean, sum_log)
    np.testing.assert_allclose(shifted, plain - 5 * np.log(100), rtol=1e-12)
    shifted = gg.log_likelihood(cents, n, 100 * mean)
    np.testing.assert_allclose(shifted, gg.log_likelihood(theta, n, mean) - np.log(100), rtol=1e-12)
