"""Posterior of a conversion model: mode, curvature and importance sampling, else HMC, else refuse.

The cohort levels are integrated out exactly (quadrature), so what is sampled are a few dozen
population parameters; the laplace path is accepted only by its k-hat and effective sample size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import FitRefusedError
from churnlab.inference.ways.psis import smooth
from churnlab.nday.data import CohortConfig, CohortCounts, build_design
from churnlab.nday.models import CohortData, ConversionLikelihood, build
from churnlab.nday.posterior.hmc import sample_chains
from churnlab.nday.posterior.mode import ConversionMode, find_components, log_density

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

#: Above this the importance weights are not trusted (Vehtari et al. 2024).
K_HAT_LIMIT = 0.7
#: Fewest effective draws of an accepted fit.
ESS_LIMIT = 100.0
R_HAT_LIMIT = 1.03
_DEGREES = 12.0
#: Proposals are this much wider than the curvature says: k-hat .19 instead of .37 on 62 cohorts.
_WIDER = 1.12


@dataclass(frozen=True)
class ConversionFit:
    """A fitted conversion model.

    Parameters
    ----------
    name : str
        Registry name of the model.
    likelihood : ConversionLikelihood
        The model bound to its data's layout.
    theta : array (draw, parameter)
        Equal-weight posterior draws.
    table : DataFrame
        `parameter`, `mean`, `sd`, `q05`, `q95` and, from chains, `r_hat` and `ess_bulk`.
    method : str
        ``importance`` or ``hmc``: the one that ended up used.
    reason : str
        Why importance sampling was given up; empty otherwise.
    diagnostics : dict
        `k_hat`, `ess`, `newton_decrement`; from chains `r_hat`, `accepted`.
    config : CohortConfig
        How the cohorts were cut.
    seconds : float
        Time of the fit.
    """

    name: str
    likelihood: ConversionLikelihood
    theta: Array
    table: pd.DataFrame
    method: str
    reason: str
    diagnostics: dict[str, float]
    config: CohortConfig
    seconds: float

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups the fit has seen."""
        return self.likelihood.data.groups

    def data(self, counts: CohortCounts) -> CohortData:
        """Arrange other cohorts in this fit's columns and groups."""
        return cohort_data(counts, self.config, like=self.likelihood.data)


def cohort_data(
    counts: CohortCounts, config: CohortConfig, like: CohortData | None = None
) -> CohortData:
    """Arrange counts for the likelihoods; `like` gives the columns and groups of a fit.

    A group that `like` does not have is scored as its first group with the average level.
    """
    design = build_design(counts, config, like.names if like else None)
    groups = like.groups if like else counts.groups
    codes = {g: i for i, g in enumerate(groups)}
    return CohortData(
        signups=counts.signups,
        conversions=counts.conversions,
        horizon=counts.horizon,
        design=design.matrix,
        names=design.names,
        group=np.array([codes.get(g, 0) for g in counts.cohorts["group"]], dtype=np.int64),
        groups=groups,
        expiry_ages=config.expiry_ages,
    )


def fit_conversion(
    counts: CohortCounts,
    config: CohortConfig,
    *,
    model: str = "piecewise_hazard",
    draws: int = 1000,
    method: str = "auto",
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> ConversionFit:
    """Fit one conversion model to cohort counts.

    Parameters
    ----------
    counts : CohortCounts
        Cohort x age counts up to their `as_of`.
    config : CohortConfig
        Effects, window, expiry days.
    model : str
        Name in `CONVERSION_MODELS`.
    draws : int
        Posterior draws returned.
    method : str
        ``auto`` (importance sampling, HMC when refused), ``importance`` or ``hmc``.
    rng : Generator
        Same state, same result.

    Raises
    ------
    FitRefusedError
        Neither way gave draws that can be trusted; the message has the figures.
    """
    began = time.perf_counter()
    likelihood = build(model, cohort_data(counts, config))
    if progress is not None:
        progress(f"{model}: mode", 0.1)
    modes = find_components(likelihood)
    diagnostics = {"newton_decrement": max(m.decrement for m in modes), "components": len(modes)}
    theta, reason = None, ""
    if method != "hmc":
        theta, found, reason = _importance(likelihood, modes, draws, rng)
        diagnostics |= found
    used = "importance" if theta is not None else "hmc"
    chains = None
    if theta is None:
        if method == "importance":
            raise FitRefusedError(f"{model}: {reason}; use method=auto or hmc.")
        if progress is not None:
            progress(f"{model}: chains ({reason})", 0.3)
        theta, chains, found = _chains(likelihood, modes[0], draws, rng)
        diagnostics |= found
    table = _table(likelihood.names, theta, chains)
    _gate(model, used, diagnostics, table)
    seconds = time.perf_counter() - began
    return ConversionFit(
        model, likelihood, theta, table, used, reason, diagnostics, config, seconds
    )


def _importance(
    model: ConversionLikelihood, modes: list[ConversionMode], draws: int, rng: np.random.Generator
) -> tuple[Array | None, dict[str, float], str]:
    """Draw from t's around the modes; judge by k-hat and ESS.

    Refused, the components move to the weighted draws and more are drawn, twice.
    """
    k_hat = ess = np.nan
    for attempt in range(3):
        theta, log_q, which = _propose(modes, (attempt + 1) * max(1000, 2 * draws), rng)
        log_weights, k_hat = smooth(np.array([log_density(model, t) for t in theta]) - log_q)
        weights = np.exp(log_weights)
        ess = float(1.0 / np.sum(weights**2))
        if k_hat < K_HAT_LIMIT and ess >= ESS_LIMIT:
            picked = theta[_systematic(weights, draws, rng)]
            return picked, {"k_hat": k_hat, "ess": ess, "adapted": float(attempt)}, ""
        modes = [_adapt(m, theta[which == i], weights[which == i]) for i, m in enumerate(modes)]
    reason = f"importance sampling refused: k-hat {k_hat:.2f} (limit {K_HAT_LIMIT}), ESS {ess:.0f}"
    return None, {"k_hat": k_hat, "ess": ess}, reason


def _propose(
    modes: list[ConversionMode], n: int, rng: np.random.Generator
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Draws from every component in proportion to its weight, with log proposal densities."""
    sizes = np.maximum(np.round([m.weight * n for m in modes]).astype(int), 20)
    parts, logs = [], []
    for mode, size in zip(modes, sizes, strict=True):
        free, log_q = _student_t(mode.theta[mode.free], mode.covariance, int(size), rng)
        parts.append(mode.full(free))
        logs.append(log_q + np.log(size / sizes.sum()))
    which = np.repeat(np.arange(len(modes)), sizes)
    return np.concatenate(parts), np.concatenate(logs), which


def _adapt(mode: ConversionMode, theta: Array, weights: Array) -> ConversionMode:
    """Move a component to the mean and covariance of its weighted draws, if they suffice."""
    total = float(weights.sum())
    share = weights / max(total, 1e-300)
    if total < 1e-6 or 1.0 / np.sum(share**2) < 2 * len(mode.free):
        return mode._replace(weight=max(total, 1e-3))
    free = theta[:, mode.free]
    centre = mode.theta.copy()
    centre[mode.free] = share @ free
    covariance = np.cov(free, rowvar=False, aweights=share)
    return mode._replace(theta=centre, covariance=covariance, weight=total)


def _student_t(
    centre: Array, covariance: Array, n: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draws of a multivariate t and their log densities, up to a constant of the dimension."""
    size = len(centre)
    factor = _WIDER * np.linalg.cholesky(covariance)
    z = rng.standard_normal((n, size)) * np.sqrt(_DEGREES / rng.chisquare(_DEGREES, n))[:, None]
    square = np.sum(z**2, axis=1)
    log_q = -(_DEGREES + size) / 2 * np.log1p(square / _DEGREES)
    return centre + z @ factor.T, log_q - float(np.sum(np.log(np.diag(factor))))


def _systematic(weights: Array, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Systematic resampling, shuffled: equal-weight draws with little extra noise."""
    points = (rng.random() + np.arange(n)) / n
    index = np.searchsorted(np.cumsum(weights), points)
    return rng.permutation(np.minimum(index, len(weights) - 1))


def _chains(
    model: ConversionLikelihood, mode: ConversionMode, draws: int, rng: np.random.Generator
) -> tuple[Array, Array, dict[str, float]]:
    # A pinned parameter stays at its heaviest value here.
    chains = sample_chains(model, mode, rng, draws=max(250, draws // 4))
    flat = chains.theta.reshape(-1, chains.theta.shape[-1])
    picked = flat[np.linspace(0, len(flat) - 1, draws).astype(int)]
    return picked, chains.theta, {"accepted": chains.accepted}


def _table(names: tuple[str, ...], theta: Array, chains: Array | None) -> pd.DataFrame:
    low, high = np.quantile(theta, [0.05, 0.95], axis=0)
    table = pd.DataFrame(
        {
            "parameter": names,
            "mean": theta.mean(axis=0),
            "sd": theta.std(axis=0, ddof=1),
            "q05": low,
            "q95": high,
        }
    )
    if chains is not None:
        from arviz_stats.base import array_stats  # type: ignore[attr-defined]

        moving = np.ptp(chains, axis=(0, 1)) > 0
        for name, measure in (("r_hat", array_stats.rhat), ("ess_bulk", array_stats.ess)):
            table[name] = np.nan
            table.loc[moving, name] = measure(chains[..., moving], chain_axis=0, draw_axis=1)
    return table


def _gate(model: str, used: str, diagnostics: dict[str, float], table: pd.DataFrame) -> None:
    """Refuse a fit without support; note the chains' worst figures in `diagnostics`."""
    if used == "importance":
        return
    worst = table.dropna(subset="r_hat").sort_values("r_hat").iloc[-1]
    diagnostics["r_hat"] = float(worst["r_hat"])
    diagnostics["ess"] = float(table["ess_bulk"].min())
    if diagnostics["r_hat"] > R_HAT_LIMIT or diagnostics["ess"] < ESS_LIMIT:
        raise FitRefusedError(
            f"{model}: chains did not agree: R-hat {diagnostics['r_hat']:.3f} of "
            f"{worst['parameter']} (limit {R_HAT_LIMIT}), smallest ESS {diagnostics['ess']:.0f} "
            f"(at least {ESS_LIMIT:.0f}); give more data, fewer effects or another model."
        )
