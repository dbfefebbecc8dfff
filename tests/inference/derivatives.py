"""Derivatives against differences, for every density of inference."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from churnlab.inference.targets.density import Density

STEP = 1e-5


def check_gradient(
    density: Density, u: NDArray[np.float64], rtol: float = 1e-5, same: float = 1e-12
) -> None:
    """Assert that the gradient at u is the slope of the value, and `values` the value."""
    value, gradient = density.value_and_gradient(u)
    assert value == pytest.approx(density.values(u[None])[0], rel=same)
    for i, shift in enumerate(STEP * np.eye(len(u))):
        high, low = (density.value_and_gradient(u + sign * shift)[0] for sign in (1, -1))
        assert gradient[i] == pytest.approx((high - low) / (2 * STEP), rel=rtol, abs=1e-4)
