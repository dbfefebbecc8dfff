"""Each limit of the gate at its value, just within and just beyond: break one, and this falls."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import FitRefusedError
from churnlab.inference import gate
from churnlab.inference.acceptance import least_effective, problems, why_not


def fit(method: str, draws: int, ess: float, *, r_hat=1.0, k_hat=0.3, divergences=0):  # type: ignore[no-untyped-def]
    """A fit as the gate sees it; the second parameter carries the figures under test."""
    table = pd.DataFrame(
        {"sd": 1.0, "ess_bulk": [4000.0, 4000.0], "ess_tail": [4000.0, ess], "r_hat": [1.0, r_hat]},
        index=["rate_mean", "dropout_mean"],
    )
    return SimpleNamespace(
        table=table,
        u=np.zeros((draws, 4)),
        method=method,
        draws=SimpleNamespace(model="mbg_nbd"),
        diagnostics={"k_hat": k_hat, "divergences": divergences},
    )


@pytest.mark.parametrize(
    ("draws", "least"),
    [(4000, 400.0), (1001, 400.0), (1000, 400.0), (999, 399.6), (500, 200.0), (100, 40.0)],
)
def test_effective_draws_needed(draws: int, least: float) -> None:
    """400, or 40% of fewer draws than a thousand."""
    assert least_effective(draws) == pytest.approx(least, rel=1e-12)
    assert not problems(fit("laplace", draws, least_effective(draws)))
    (said,) = problems(fit("laplace", draws, np.nextafter(least_effective(draws), 0)))
    assert "dropout_mean has" in said
    with pytest.raises(FitRefusedError, match="dropout_mean has"):
        gate(fit("laplace", draws, 0.99 * least))


@pytest.mark.parametrize(
    ("method", "figure", "good", "bad", "said"),
    [
        ("laplace", "k_hat", np.nextafter(0.7, 0), 0.7, "Pareto k-hat 0.70"),
        ("two_stage", "k_hat", np.nextafter(0.7, 0), np.nan, "Pareto k-hat nan"),
        ("nuts", "r_hat", np.nextafter(1.01, 1), 1.01, "dropout_mean has R-hat 1.010"),
        ("nuts", "r_hat", 1.0, np.nan, "has R-hat inf"),
        ("nuts", "divergences", 10, 11, "11 divergent transitions of 1000"),
    ],
)
def test_limits_of_a_fit(method: str, figure: str, good: float, bad: float, said: str) -> None:
    assert problems(fit(method, 1000, 400.0, **{figure: good})) == []
    (found,) = problems(fit(method, 1000, 400.0, **{figure: bad}))
    assert said in found


@pytest.mark.parametrize(
    ("k_hat", "ess", "said"),
    [
        (np.nextafter(0.7, 0), 400.0, ""),
        (0.7, 400.0, "unreliable: Pareto k-hat 0.70"),
        (np.nan, 400.0, "unreliable"),
        (0.1, np.nextafter(400.0, 0), "wasteful: 400 effective"),
        (0.1, np.nan, "wasteful"),
    ],
)
def test_limits_of_weighted_draws(k_hat: float, ess: float, said: str) -> None:
    found = why_not(k_hat, ess, 400.0)
    assert said in found
    assert bool(found) == bool(said)


def test_a_quantity_that_does_not_vary_has_no_figures_and_needs_none() -> None:
    found = fit("nuts", 1000, 400.0)
    found.table.loc["fixed"] = [0.0, np.nan, np.nan, np.nan]
    assert problems(found) == []
    found.table.loc["fixed", "sd"] = 1e-9
    assert len(problems(found)) == 2
