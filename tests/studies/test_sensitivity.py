import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, gamma, halfnorm, lognorm, norm
from tests.inference.conftest import Rows, simulated

from churnlab.inference import fit_population
from churnlab.inference.targets.groups import GroupTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.mode import find_mode
from churnlab.studies.sensitivity import (
    distance,
    most_prior_sensitive,
    prior_sensitivity,
    shift,
    slope,
    verdict,
)

#: One observation `SEEN` ~ Normal(mean, 1) under mean ~ Normal(0, sd `PRIOR_SD`).
SEEN, PRIOR_SD = 2.0, 0.5
TRUE = (0.55, 10.0, 0.8, 2.5)


def posterior(power: float) -> tuple[float, float]:
    """Mean and standard deviation when the prior is raised to `power` (its precision times it)."""
    precision = power / PRIOR_SD**2 + 1.0
    return SEEN / precision, precision**-0.5


def conjugate(n: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evenly spread draws of the mean, with log prior and log likelihood."""
    mean, sd = posterior(1.0)
    draws = norm.ppf((np.arange(n) + 0.5) / n, mean, sd)
    return draws, norm.logpdf(draws, 0, PRIOR_SD), norm.logpdf(SEEN, draws, 1.0)


def integrated(power: float, low: float, high: float, sign: int) -> float:
    """The distance between two normal posteriors by quadrature, without any draws."""
    (m, s), (mp, sp) = posterior(1.0), posterior(power)

    def pair(x: float) -> tuple[float, float]:
        return norm.cdf(sign * (x - m) / s), norm.cdf(sign * (x - mp) / sp)

    def bits(x: float) -> float:
        p, q = pair(x)
        return p * np.log2(2 * p / (p + q)) + q * np.log2(2 * q / (p + q))

    above = quad(bits, low, high, limit=200, epsabs=1e-14)[0]
    return float(np.sqrt(above / quad(lambda x: sum(pair(x)), low, high)[0]))


def test_shift_of_a_conjugate_normal() -> None:
    draws, prior, likelihood = conjugate()
    # mean(a) = 2 / (4 a + 1): its derivative by log2(a) at 1 is -log(2) 8 / 25; sd = 1 / sqrt(5).
    by_hand = -np.log(2) * 8 / 25 * np.sqrt(5)
    assert shift(draws, prior) == pytest.approx(by_hand, rel=0.005)
    # likelihood to the power a: mean(a) = 2 a / (4 + a), derivative 8 / 25. They cancel here.
    assert shift(draws, likelihood) == pytest.approx(-by_hand, rel=0.005)


def test_slope_is_that_of_the_exact_posteriors() -> None:
    draws, prior, _ = conjugate()
    exact = [
        max(integrated(power, draws[0], draws[-1], sign) for sign in (1, -1)) / abs(np.log2(power))
        for power in (0.99, 1.01)
    ]
    assert slope(draws, prior) == pytest.approx(np.mean(exact), rel=0.01)


def test_slope_agrees_with_arviz() -> None:
    from arviz_stats.base import array_stats

    draws, prior, likelihood = conjugate(1000)
    for density in (prior, likelihood):
        low, high = (np.exp((power - 1) * density) for power in (0.99, 1.01))
        theirs = array_stats._power_scale_sense(draws, low, high, 0.99, 1.01)
        assert slope(draws, density) == pytest.approx(theirs, rel=1e-6)


def test_distance_ends() -> None:
    values = np.array([3.0, 1.0, 2.0, 4.0])
    assert distance(values, np.full(4, 0.25)) == 0.0
    # All weight on the largest: below 4 the weighted distribution function is 0, so the distance
    # is sqrt(sum p log2(2) / sum p) = 1.
    assert distance(values, np.array([0.0, 0.0, 0.0, 1.0]) + 1e-300) == pytest.approx(1.0)
    assert distance(np.ones(4), np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx(0.0, abs=1e-7)


def test_verdicts() -> None:
    assert verdict(0.01, 0.2) == "robust"
    assert verdict(0.10, 0.2) == "possible_conflict"
    assert verdict(0.10, 0.01) == "prior_led"


def test_real_log_rests_on_its_data_and_a_tight_prior_is_found(cdnow: Rows) -> None:
    fit = fit_population(cdnow, seed=3)
    found = prior_sensitivity(fit).set_index("parameter")
    worst = most_prior_sensitive(fit)
    assert worst["parameter"] == "dropout_concentration" == found["prior_sensitivity"].idxmax()
    assert worst["prior_sensitivity"] == found["prior_sensitivity"].max()
    assert worst["shift_sd"] == found.loc["dropout_concentration", "shift_sd"]
    assert found.loc["rate_mean", "verdict"] == "robust"
    assert (found["likelihood_sensitivity"] > found["prior_sensitivity"]).all()
    tight = {"dropout_mean": "Beta(alpha=300, beta=100)"}
    held = prior_sensitivity(fit_population(cdnow, seed=3, priors=tight)).set_index("parameter")
    row = held.loc["dropout_mean"]
    assert row["prior"] == tight["dropout_mean"]
    assert row["verdict"] == "possible_conflict"
    assert row["shift_sd"] > 0.3


def test_shift_is_that_of_a_refit_under_powered_priors() -> None:
    cells, power = simulated("mbg_nbd", TRUE, 400, seed=4), 1.25

    def priors(a: float) -> dict[str, str]:
        positive = f"Gamma(alpha={1 + 2 * a}, beta={2 * a})"
        unit = f"Beta(alpha={1 + 3 * a}, beta={1 + 3 * a})"
        return {
            "rate_mean": positive,
            "rate_shape": positive,
            "dropout_mean": unit,
            "dropout_concentration": positive,
        }

    one, other = (fit_population(cells, draws=4000, seed=5, priors=priors(a)) for a in (1, power))
    found = prior_sensitivity(one, draws=4000).set_index("parameter")["shift_sd"]
    for name, expected in found.items():
        before, after = one.table.loc[name], other.table.loc[name]
        moved = (after["mean"] - before["mean"]) / before["sd"] / np.log2(power)
        assert moved == pytest.approx(expected, abs=0.15)
    assert found.abs().max() > 0.5


def two_groups() -> tuple[Rows, list[Rows]]:
    parts = [simulated("mbg_nbd", TRUE, 150, seed=s) for s in (1, 2)]
    names = ("x", "t_x", "T", "weight", "sum_log_gap")
    columns = [np.concatenate([getattr(p, c) for p in parts]) for c in names]
    return Rows(*columns, group=np.repeat([0, 1], 150), groups=("a", "b")), parts


def test_groups_scale_the_priors_of_their_spreads_and_not_their_effects() -> None:
    cells, _ = two_groups()
    pooled = Target(cells, "mbg_nbd")
    target = GroupTarget(
        cells, pooled, find_mode(pooled), {"rate_spread": "Gamma(alpha=2, beta=3)"}
    )
    u = target.prior_draws(20, np.random.default_rng(1))
    rate, shape, dropout, concentration = target.natural_days(u).T
    one, other = target.spreads(u).values()
    by_hand = (
        lognorm.logpdf(rate * target.time_scale, 1.5)
        + lognorm.logpdf(shape, 1.0)
        + beta.logpdf(dropout, 1, 1)
        + lognorm.logpdf(concentration, 1.0, scale=np.e)
        + gamma.logpdf(one, 2, scale=1 / 3)
        + halfnorm.logpdf(other, scale=0.5)
    )
    np.testing.assert_allclose(target.log_stated_prior(u), by_hand)
    assert len(target.stated_priors()) == 6


def test_separate_groups_scale_all_their_priors() -> None:
    cells, parts = two_groups()
    fit = fit_population(cells, pooling="none", draws=200, seed=2)
    assert list(prior_sensitivity(fit)["parameter"]) == list(fit.target.map.names)
    single = [fit_population(p, draws=200, seed=2) for p in parts]
    u = np.column_stack([s.u for s in single])
    summed = sum(s.target.log_stated_prior(s.u) for s in single)
    np.testing.assert_allclose(np.ptp(fit.target.log_stated_prior(u) - summed), 0, atol=1e-9)
