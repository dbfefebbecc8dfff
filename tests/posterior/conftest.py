"""Draws and customers that the posterior's tests share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from churnlab.models.draws import PopulationDraws
from churnlab.posterior import Rows
from churnlab.summary import Summary

#: Maximum-likelihood parameters of CDNOW, weeks (published figures), and an Erlang kin.
CDNOW_WEEKS = {
    "bg_nbd": (0.24259, 4.41360, 0.79292, 2.42589),
    "mbg_nbd": (0.52484, 6.18309, 0.89136, 1.61400),
    "pareto_nbd": (0.55328, 10.57768, 0.60624, 11.66873),
    "bg_cnbd_k": (0.3, 2.0, 0.79, 2.43),
    "mbg_cnbd_k": (0.55, 3.0, 0.89, 1.61),
}
_TIME = {"pareto_nbd": (1, 3)}


@pytest.fixture(scope="session")
def make_draws() -> Callable[..., PopulationDraws]:
    """Return draws around CDNOW's parameters, in days; `spread` is their relative sd."""

    def make(
        model: str, n: int = 200, spread: float = 0.05, k: int | None = None
    ) -> PopulationDraws:
        theta = np.array(CDNOW_WEEKS[model])
        theta[list(_TIME.get(model, (1,)))] *= 7
        noise = np.random.default_rng(5).normal(size=(n, 1, 4))
        gaps = k or (2 if model.endswith("_k") else 1)
        return PopulationDraws(model, gaps, theta * np.exp(spread * noise))

    return make


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., Rows]:
    """Return n customers of one group on the day grid: edges first, then random ones."""

    def make(n: int = 60, seed: int = 2) -> Rows:
        rng = np.random.default_rng(seed)
        T = rng.integers(1, 500, n).astype(float)
        x = np.minimum(rng.geometric(0.4, n) - 1.0, T)
        t_x = np.where(x > 0, np.maximum(np.floor(T * rng.random(n)), x), 0.0)
        edges = np.array([[0, 0, 0], [0, 0, 300], [3, 90, 90], [1, 1, 1], [40, 200, 400]], float)
        x[:5], t_x[:5], T[:5] = edges.T
        return Rows(np.zeros(n, np.int64), x, t_x, np.maximum(T, t_x))

    return make


@pytest.fixture(scope="session")
def cdnow() -> Summary:
    """CDNOW's sample, 39 weeks, in days."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.datasets import load_cdnow_summary

        data = load_cdnow_summary()
    days = [np.round(data[c].to_numpy() * 7) for c in ("recency", "T")]
    return Summary.from_arrays(data["frequency"].to_numpy(), *days, as_of="1997-09-30")
