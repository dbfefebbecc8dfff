"""Simulation-based calibration.

Level, fixed before any run: the family is 5 models x 8 quantities x 2 tests = 80 p-values, and a
form (short or long) alarms falsely with probability at most 1% (Bonferroni: each p-value against
.01 / 80 = 1.25e-4; Holm's procedure rejects anything in the same cases). An alarm is a failure:
nothing is drawn again. What the long form finds: experiments/005-sbc.
"""

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.inference.ways import laplace
from churnlab.studies.sbc import sbc_ecdf, sbc_summary, sbc_table

FAMILY_LEVEL = 0.01
MODELS = [("bg_nbd", 1), ("mbg_nbd", 1), ("pareto_nbd", 1), ("bg_cnbd_k", 2), ("mbg_cnbd_k", 3)]
QUANTITIES, TESTS = 8, 2
LEVEL = FAMILY_LEVEL / (len(MODELS) * QUANTITIES * TESTS)


def _assert_uniform(table: pd.DataFrame, most_refused: float) -> None:
    summary = sbc_summary(table)
    worst = summary[["chi2_p", "ecdf_p"]].min(axis=1)
    assert worst.min() > LEVEL, summary.to_string()
    assert summary["refused"].max() <= most_refused
    assert len(summary) == QUANTITIES


@pytest.mark.parametrize(("model", "k"), MODELS)
def test_ranks_are_uniform_short(model: str, k: int) -> None:
    _assert_uniform(sbc_table(model, k=k, simulations=25, customers=120, seed=11), 0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "k"), MODELS)
def test_ranks_are_uniform(model: str, k: int) -> None:
    """1,000 simulations of 400 customers, seed 20261127."""
    _assert_uniform(sbc_table(model, k=k, simulations=1000, customers=400, seed=20261127), 0.05)


#: Partial pooling is a family of its own at the same level: 3 cases x at most 16 quantities x 2.
GROUP_LEVEL = FAMILY_LEVEL / (3 * 16 * TESTS)
GROUPED = [("mbg_nbd", "locations"), ("mbg_nbd", "all"), ("pareto_nbd", "locations")]


def _assert_groups_uniform(table: pd.DataFrame, effects: str, most_refused: float) -> None:
    summary = sbc_summary(table)
    worst = summary[["chi2_p", "ecdf_p"]].min(axis=1)
    assert worst.min() > GROUP_LEVEL, summary.to_string()
    assert summary["refused"].max() <= most_refused
    assert len(summary) == (12 if effects == "locations" else 16)


@pytest.mark.parametrize(("model", "effects"), GROUPED)
def test_ranks_with_groups_are_uniform_short(model: str, effects: str) -> None:
    """6 simulations of 150 customers in 4 groups."""
    table = sbc_table(model, simulations=6, customers=150, groups=4, effects=effects, seed=11)
    _assert_groups_uniform(table, effects, 0.35)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "effects"), GROUPED)
def test_ranks_with_groups_are_uniform(model: str, effects: str) -> None:
    """300 simulations of 800 customers in 8 groups, seed 20261127."""
    table = sbc_table(
        model, simulations=300, customers=800, groups=8, effects=effects, seed=20261127
    )
    _assert_groups_uniform(table, effects, 0.2)


def test_a_wrong_posterior_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws half as wide as they should be must fail."""
    honest = laplace._finish

    def narrow(*args, **kwargs):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        found = honest(*args, **kwargs)
        centre = found.u.mean(axis=0)
        return replace(found, u=centre + 0.3 * (found.u - centre))

    monkeypatch.setattr(laplace, "_finish", narrow)
    table = sbc_table("bg_nbd", simulations=40, customers=100, seed=11)
    summary = sbc_summary(table)
    assert summary.loc["rate_mean", "chi2_p"] < LEVEL


def test_plot_data_and_its_envelope() -> None:
    rng = np.random.default_rng(1)
    rows = [(i, "a", int(r), 100, False) for i, r in enumerate(rng.integers(0, 100, 300))]
    rows += [(i, "b", int(r), 100, False) for i, r in enumerate(rng.integers(0, 60, 300))]
    table = pd.DataFrame(rows, columns=["simulation", "quantity", "rank", "n_ranks", "refused"])
    found = sbc_ecdf(table)
    inside = found["difference"].between(found["low"], found["high"])
    assert inside[found["quantity"] == "a"].all()
    assert not inside[found["quantity"] == "b"].all()


def test_more_simulations_keep_the_first_ones() -> None:
    few = sbc_table("bg_nbd", simulations=2, customers=100, seed=5)
    more = sbc_table("bg_nbd", simulations=3, customers=100, seed=5)
    pd.testing.assert_frame_equal(few, more[more["simulation"] < 2])


def test_wrong_settings() -> None:
    with pytest.raises(UsageError, match="at least 1 simulation"):
        sbc_table("bg_nbd", simulations=0)


@pytest.mark.slow
def test_ageing_lifetimes_are_calibrated() -> None:
    """GGom/NBD, nine quantities with `ageing_rate`: a family of its own at the same level."""
    summary = sbc_summary(sbc_table("ggom_nbd", simulations=100, customers=150, seed=12))
    assert "ageing_rate" in summary.index
    assert summary[["chi2_p", "ecdf_p"]].min(axis=None) > FAMILY_LEVEL / (9 * TESTS)
    assert summary["refused"].max() <= 0.1
