"""Trees as plain numbers: scikit-learn's to twelve digits, and nothing that leads nowhere."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from churnlab.errors import VerificationError
from churnlab.forecast.boosting import Booster
from churnlab.forecast.trees import Trees


@pytest.fixture(scope="module")
def learnt() -> tuple[Booster, np.ndarray]:
    """An interaction, missing values on both sides of a cut, and a column without any value."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(2000, 4))
    rows[rng.random(2000) < 0.3, 1] = np.nan
    rows[:, 2] = np.nan
    high = np.where(np.isnan(rows[:, 1]), rows[:, 3] > 0, rows[:, 0] > 0)
    outcome = (rng.random(2000) < np.where(high, 0.8, 0.3)).astype(float)
    return Booster.fit(rows, outcome, np.arange(2000)), rows


def test_they_forecast_what_scikit_learn_does(learnt: tuple[Booster, np.ndarray]) -> None:
    booster, rows = learnt
    trees = Trees.of(booster)
    np.testing.assert_allclose(expit(trees.logit(rows)), booster.predict(rows), atol=1e-12)
    assert 2 not in trees.feature
    assert trees.missing_left.any()


def test_a_file_holds_them_exactly(learnt: tuple[Booster, np.ndarray]) -> None:
    booster, rows = learnt
    trees = Trees.of(booster)
    again = Trees.from_dict(json.loads(json.dumps(trees.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(trees.logit(rows), again.logit(rows))


def one(**changed: object) -> Trees:
    """A stump: column 0 at most 1.5 gives -1, else 2; missing goes right."""
    nodes = {
        "feature": np.array([0, -1, -1]),
        "threshold": np.array([1.5, 0.0, 0.0]),
        "missing_left": np.array([False, False, False]),
        "left": np.array([1, 0, 0]),
        "right": np.array([2, 0, 0]),
        "value": np.array([0.0, -1.0, 2.0]),
    }
    return Trees(0.25, np.array([0]), **(nodes | changed))  # type: ignore[arg-type]


def test_a_stump_by_hand() -> None:
    rows = np.array([[1.5], [np.nextafter(1.5, 2)], [np.nan]])
    np.testing.assert_array_equal(one().logit(rows), [-0.75, 2.25, 2.25])
    left = one(missing_left=np.array([True, False, False]))
    np.testing.assert_array_equal(left.logit(rows), [-0.75, 2.25, -0.75])


@pytest.mark.parametrize(
    "wrong",
    [
        {"left": np.array([0, 0, 0])},
        {"right": np.array([3, 0, 0])},
        {"value": np.array([0.0, 1.0])},
        {"left": np.array([1])},
    ],
)
def test_nodes_that_lead_nowhere_are_refused(wrong: dict[str, np.ndarray]) -> None:
    with pytest.raises(VerificationError, match="lead nowhere"):
        one(**wrong)


@pytest.mark.parametrize("root", [-1, 3])
def test_roots_that_are_not_there_are_refused(root: int) -> None:
    with pytest.raises(VerificationError, match="lead nowhere"):
        replace(one(), roots=np.array([root]))


def test_columns_that_are_not_there_are_refused() -> None:
    with pytest.raises(VerificationError, match="column 0 of 0"):
        one().logit(np.empty((3, 0)))
