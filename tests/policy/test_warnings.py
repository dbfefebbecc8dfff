"""What data cannot support is said from the limit on, and not short of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from churnlab.inference.diagnostics import (
    FEW_CELLS,
    FEW_REPEATERS,
    _dropout_level,
    _ridge,
    _runaway,
    _thin_data,
    prior_only,
)


@pytest.mark.parametrize(
    ("repeaters", "cells", "said"),
    [(50, 20, []), (49, 20, ["Only 49 customers bought again"]), (50, 19, ["only 19 distinct"])],
)
def test_few_repeaters_and_few_histories(repeaters, cells, said) -> None:  # type: ignore[no-untyped-def]
    assert (FEW_REPEATERS, FEW_CELLS) == (50, 20)
    x = np.zeros(cells)
    x[-1] = 1.0  # one history of all who bought again
    weight = np.ones(cells)
    weight[-1] = repeaters
    found = _thin_data(SimpleNamespace(x=x, weight=weight))  # type: ignore[arg-type]
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


def target(*, per_time: bool = False) -> SimpleNamespace:
    """Four quantities with their names; theta is exp(u), scaled draws a day long."""
    names = ("rate_mean", "rate_shape", "dropout_mean", "dropout_shape")
    return SimpleNamespace(
        map=SimpleNamespace(
            names=names, natural=np.exp, quantities=[SimpleNamespace(per_time=per_time)] * 4
        ),
        time_scale=100.0,
        theta_days=lambda u: np.exp(u)[:, None, :],
        likelihood=SimpleNamespace(parameters=("r", "alpha", "a", "b")),
    )


@pytest.mark.parametrize(
    ("far", "proper", "at_bound", "said"),
    [
        (np.nextafter(8, 0), True, (), ""),
        (-np.nextafter(8, 0), True, (), ""),
        (8.0, True, (), "rate_shape -> 2.98e+03)"),
        (-8.0, True, (), "rate_shape -> 0.000335)"),
        (1.0, False, (), "along a flat ridge)"),
        (1.0, False, (1,), "along rate_shape -> 2.72)"),
    ],
)
def test_a_maximum_that_runs_away(far, proper, at_bound, said) -> None:  # type: ignore[no-untyped-def]
    u = np.array([0.0, far, 0.0, 0.0])
    found = _runaway(target(), SimpleNamespace(u=u, proper=proper, at_bound=at_bound))  # type: ignore[arg-type]
    assert len(found) == bool(said)
    assert not found or said in found[0]


@pytest.mark.parametrize(
    ("level", "per_time", "said"),
    [
        (0.02, False, ""),
        (np.nextafter(0.02, 0), False, "below 0.02 per purchase)"),
        (0.0002, True, ""),
        (0.0001, True, "below 0.01 over the customers' mean age)"),
    ],
)
def test_dropout_near_zero(level, per_time, said) -> None:  # type: ignore[no-untyped-def]
    """The 95% quantile decides: a twentieth of the draws may be above."""
    natural = np.full((100, 4), level)
    natural[:4] = 1.0
    found = _dropout_level(target(per_time=per_time), natural)  # type: ignore[arg-type]
    assert len(found) == bool(said)
    assert not found or said in found[0]


def ridge(correlation: float, sd: float) -> np.ndarray:
    """Return draws whose last two logs have this correlation and this larger deviation."""
    t = np.linspace(0, 2 * np.pi, 4001)[:-1]
    first, other = np.sqrt(2) * np.cos(t), np.sqrt(2) * np.sin(t)
    second = correlation * first + np.sqrt(1 - correlation**2) * other
    return np.stack([0 * t, 0 * t, 0.5 * sd * first, sd * second], axis=1)


@pytest.mark.parametrize(
    ("correlation", "sd", "said"),
    [(0.901, 0.801, True), (0.899, 0.801, False), (0.901, 0.799, False)],
)
def test_a_ridge_is_a_high_correlation_over_a_wide_range(correlation, sd, said) -> None:  # type: ignore[no-untyped-def]
    found = _ridge(target(), ridge(correlation, sd))  # type: ignore[arg-type]
    assert len(found) == said
    assert not found or "(a, b) lie on a ridge (correlation 0.90 in logs" in found[0]


def test_a_parameter_that_does_not_move_is_no_ridge() -> None:
    u = ridge(0.95, 1.0)
    u[:, 2] = 0.0
    assert _ridge(target(), u) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(("share", "said"), [(0.59, False), (0.61, True)])
def test_a_posterior_as_wide_as_the_prior(share: float, said: bool) -> None:
    """From three fifths of the prior's half width (its 16% to 84% range)."""

    def uniform(n: int, _: object) -> np.ndarray:
        return np.linspace(-1, 1, n)[:, None]  # half width .68

    u = 0.68 * share * np.repeat([-1.0, 1.0], 500)[:, None]
    found = prior_only(["rate_mean"], [SimpleNamespace(text="Gamma(...)")], uniform, u)  # type: ignore[list-item]
    assert len(found) == said
    assert not found or found[0].startswith(
        f"The data say little about rate_mean: its posterior is {share:.0%}"
    )
