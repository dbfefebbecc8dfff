"""Scores of counts against scoringrules and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from churnlab.metrics import population_stability_index
from churnlab.metrics.counts import (
    count_bias,
    crps_pmf,
    mean_absolute_error,
    root_mean_square_error,
)


def test_crps_of_a_poisson_pmf_agrees_with_scoringrules():
    import scoringrules  # compiles for seconds when it is imported

    mean, actual = np.array([0.3, 2.0, 7.5]), np.array([0.0, 5.0, 4.0])
    pmf = poisson.pmf(np.arange(60)[None, :], mean[:, None])
    np.testing.assert_allclose(
        crps_pmf(pmf, actual), scoringrules.crps_poisson(actual, mean), atol=1e-12
    )


def test_crps_of_a_sure_forecast_is_the_absolute_error():
    sure = np.eye(6)[[2, 2, 2]]
    np.testing.assert_allclose(crps_pmf(sure, [2, 5, 9]), [0, 3, 7])


def test_errors_and_bias_by_hand():
    assert mean_absolute_error([1.0, 2.0], [0.0, 4.0]) == 1.5
    assert root_mean_square_error([1.0, 2.0], [0.0, 4.0]) == pytest.approx(2.5**0.5)
    assert count_bias([1.0, 2.0], [0.0, 4.0]) == -0.25


def test_the_median_beats_the_mean_on_absolute_error():
    actual = np.array([0.0, 0.0, 0.0, 4.0])
    assert mean_absolute_error(np.zeros(4), actual) < mean_absolute_error(np.ones(4), actual)


def test_psi_by_hand():
    assert population_stability_index([50, 50], [0.5, 0.5]) == 0
    by_hand = (0.6 - 0.5) * np.log(0.6 / 0.5) + (0.4 - 0.5) * np.log(0.4 / 0.5)
    assert population_stability_index([1, 1], [3, 2]) == pytest.approx(by_hand)
    assert np.isfinite(population_stability_index([1, 1, 0], [1, 1, 1]))
