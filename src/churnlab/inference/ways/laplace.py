"""Mode, curvature, importance sampling: a posterior in a few hundred passes over the cells.

The proposal follows the curvature (and, where the posterior is skewed, its bends; see `proposal`),
the weights are Pareto-smoothed, and the result is accepted only if k-hat and the effective sample
size of every parameter allow it. Otherwise `Sample.reason` says why, and NUTS takes over.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from churnlab.inference import acceptance
from churnlab.inference.acceptance import MIN_ESS, why_not
from churnlab.inference.targets.density import Density, Mode
from churnlab.inference.ways.proposal import Proposal, from_mode, refit
from churnlab.inference.ways.psis import Smoothed, effective_sizes, smooth
from churnlab.inference.ways.resampling import resample
from churnlab.types import Array

#: Draws by which a proposal is judged before the full number is taken.
PILOT = 500
#: A pilot that is this good is extended; otherwise the proposal is fitted to it once more.
GOOD_K_HAT = 0.5
GOOD_EFFICIENCY = 0.6
MAX_ROUNDS = 5
#: Row evaluations (cells x draws) up to which two proposals per kept draw are taken.
CHEAP = 4e7


@dataclass(frozen=True)
class Sample:
    """Equal-weight draws with what is known of their quality."""

    u: Array
    """(draw, coordinate)."""
    log_density: Array
    """Log posterior (time in days) of each draw."""
    k_hat: float
    ess_bulk: Array
    """Per natural quantity and model parameter, of the equal-weight draws."""
    ess_tail: Array
    efficiency: float
    """Effective / proposed draws, of the worst quantity, before resampling."""
    proposed: int
    rounds: int
    log_evidence: float
    """Log marginal likelihood (time in days) by importance sampling."""
    log_evidence_se: float
    reason: str
    """Why the sample must not be used; empty when it may."""
    proposal: Proposal | None = None
    """What the draws were proposed by; None where there was no proper mode."""

    def diagnostics(self) -> dict[str, Any]:
        """What is reported of it, by name."""
        names = ("k_hat", "efficiency", "proposed", "rounds", "log_evidence", "log_evidence_se")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class _Round:
    proposal: Proposal
    u: Array
    log_density: Array
    log_ratios: Array
    smoothed: Smoothed
    weights: Array
    ess: float


def sample_laplace(
    target: Density,
    mode: Mode,
    draws: int,
    rng: np.random.Generator,
    *,
    min_ess: float = MIN_ESS,
    pilot_draws: int = PILOT,
    at_least: int = 0,
    near: Array | None = None,
) -> Sample:
    """Draw from the posterior by importance sampling from the mode.

    target, mode: The log posterior and its maximum.
    draws: Equal-weight draws to return.
    min_ess: Effective sample size that every quantity must reach.
    pilot_draws: Draws by which a proposal is judged and fitted; more where an evaluation is cheap.
    at_least: Draws to propose at least.
    near: Points about the posterior, (point, coordinate), that the first proposal is fitted to.
    """
    if not mode.proper:
        return _unusable(target, mode, draws, "the mode has no proper curvature")
    proposal = from_mode(target, mode)
    if near is not None:
        proposal = refit(proposal, near, np.full(len(near), 1 / len(near)))
    pilot, rounds = _draw(target, proposal, pilot_draws, rng), 1
    while rounds < MAX_ROUNDS and not _good(pilot):
        proposal = refit(pilot.proposal, pilot.u, pilot.weights)
        pilot = max(pilot, _draw(target, proposal, pilot_draws, rng), key=_quality)
        rounds += 1
    found = _extend(target, pilot, max(proposals(target, draws), at_least), rng)
    if found.ess < min_ess and not _hopeless(found):
        found = _extend(target, found, int(1.3 * len(found.u) * min_ess / found.ess), rng)
    return _finish(target, found, draws, rounds, min_ess, rng)


def proposals(target: Density, draws: int) -> int:
    """Proposed draws: two per kept draw while that is cheap, and at least 1,000."""
    cheap = target.n_cells * draws * 2 <= CHEAP
    return max(1000, 2 * draws if cheap else draws)


def _good(found: _Round) -> bool:
    return found.smoothed.k_hat < GOOD_K_HAT and found.ess >= GOOD_EFFICIENCY * len(found.u)


def _hopeless(found: _Round) -> bool:
    return not found.smoothed.k_hat < acceptance.MAX_K_HAT or found.ess < 0.02 * len(found.u)


def _quality(found: _Round) -> tuple[bool, float]:
    return found.smoothed.k_hat < acceptance.MAX_K_HAT, found.ess


def _draw(target: Density, proposal: Proposal, size: int, rng: np.random.Generator) -> _Round:
    u, log_q = proposal.sample(size, rng)
    values = target.values(u)
    return _weigh(target, proposal, u, values, values - log_q)


def _extend(target: Density, found: _Round, size: int, rng: np.random.Generator) -> _Round:
    """Add draws of the same proposal up to `size`."""
    missing = size - len(found.u)
    if missing <= 0:
        return found
    u, log_q = found.proposal.sample(missing, rng)
    more = target.values(u)
    values = np.concatenate([found.log_density, more])
    ratios = np.concatenate([found.log_ratios, more - log_q])
    return _weigh(target, found.proposal, np.concatenate([found.u, u]), values, ratios)


def _weigh(target: Density, proposal: Proposal, u: Array, values: Array, ratios: Array) -> _Round:
    smoothed = smooth(ratios)
    weights = np.exp(smoothed.log_weights)
    bulk, tail = effective_sizes(target.quantities(u), weights)
    ess = float(min(bulk.min(), tail.min()))
    return _Round(proposal, u, values, ratios, smoothed, weights, ess)


def _finish(
    target: Density, found: _Round, draws: int, rounds: int, min_ess: float,
    rng: np.random.Generator,
) -> Sample:  # fmt: skip
    rows = resample(found.weights, found.proposal.whitened(found.u), draws, rng)
    counts = np.bincount(rows, minlength=len(found.u))
    bulk, tail = effective_sizes(target.quantities(found.u), counts / draws)
    evidence, error = log_evidence(found.log_ratios)
    return Sample(
        u=found.u[rows],
        log_density=found.log_density[rows],
        k_hat=found.smoothed.k_hat,
        ess_bulk=bulk,
        ess_tail=tail,
        efficiency=found.ess / len(found.u),
        proposed=len(found.u),
        rounds=rounds,
        log_evidence=evidence,
        log_evidence_se=error,
        reason=why_not(found.smoothed.k_hat, found.ess, min_ess),
        proposal=found.proposal,
    )


def log_evidence(log_ratios: Array) -> tuple[float, float]:
    """Log of the mean importance ratio, and its standard error."""
    n = len(log_ratios)
    total = float(logsumexp(log_ratios))
    relative = np.exp(log_ratios - (total - np.log(n)))
    return total - float(np.log(n)), float(np.std(relative) / np.sqrt(n))


def _unusable(target: Density, mode: Mode, draws: int, reason: str) -> Sample:
    size = len(target.parameter_names)
    return Sample(
        np.repeat(mode.u[None], draws, axis=0), np.full(draws, np.nan), np.inf, np.zeros(size),
        np.zeros(size), 0.0, 0, 0, np.nan, np.nan, reason,
    )  # fmt: skip
