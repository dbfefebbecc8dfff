"""Both stages, and what is known of the draws' quality."""

from dataclasses import dataclass, replace

import numpy as np

from churnlab.inference.acceptance import MAX_K_HAT, least_effective, why_not
from churnlab.inference.targets.density import Mode
from churnlab.inference.ways.laplace import Sample, sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.proposal import Proposal, refit
from churnlab.inference.ways.psis import effective_sizes, smooth
from churnlab.inference.ways.resampling import resample
from churnlab.inference.ways.twostage import common
from churnlab.inference.ways.twostage.expansion import expand, match
from churnlab.inference.ways.twostage.hyper import HyperTarget
from churnlab.inference.ways.twostage.particles import HEAVY, LIGHT, LIGHTEST, Particles
from churnlab.inference.ways.twostage.sample import Grouped, TwoStageSample, unusable
from churnlab.inference.ways.twostage.search import Population, find_population
from churnlab.inference.ways.twostage.side_by_side import SideBySide, side_by_side
from churnlab.types import Array

#: Draws by which the population's proposal is fitted: in eight dimensions its bends need many, and
#: they cost no pass over the cells.
POPULATION_PILOT = 4000
#: Effective draws of phi behind which its proposal is worth refining with exact weights.
PHI_ESS = 100.0
#: Draws of the population by which the number of particles is chosen, and their pairs.
PILOT, PILOT_PAIRS = 64, 2
#: Variance of ln weight that estimating the groups' integrals may add.
NOISE = 0.25
MOST_PAIRS = 32
#: Pairs of particles behind each group's moments, least and most.
MATCHING_PAIRS = (100, 2000)
#: Row evaluations (cells x passes) that are cheap, a few seconds; up to `PLENTY` pairs are taken
#: where they are, and then particles can have heavy tails (times the model's `cost`).
CHEAP = 5e7
PLENTY = 8
#: Draws of phi proposed for one that is kept.
SURPLUS = 2
#: Draws of phi by which common particles are judged, and the share of them that may lie where the
#: particles say nothing.
SOME, MOST_UNKNOWN = 500, 0.02
#: Efficiency below which the proposal of phi is fitted to the exact weights and drawn from again,
#: and how many times as many draws are taken each time.
GOOD_EFFICIENCY = 0.4
GROWTH = (1, 1, 3, 6)
#: Effective draws aimed at, over those needed.
AMPLE = 1.7


@dataclass(frozen=True)
class _Round:
    proposal: Proposal
    phi: Array
    u: Array
    weights: Array
    k_hat: float
    bulk: Array
    tail: Array

    @property
    def ess(self) -> float:
        return float(min(self.bulk.min(), self.tail.min()))


def sample_two_stage(target: Grouped, draws: int, rng: np.random.Generator) -> TwoStageSample:
    """Draw from the posterior of a population with groups.

    draws: Equal-weight draws to return.
    """
    groups = side_by_side(target)
    population = find_population(groups, target)
    hyper = _matched(groups, target, population, rng)
    top = find_mode(hyper, hyper.start(population))
    pilot = POPULATION_PILOT * max(1, target.n_rows // len(target.map))
    phi = sample_laplace(hyper, top, SURPLUS * draws, rng, min_ess=PHI_ESS, pilot_draws=pilot)
    if phi.reason or phi.proposal is None:
        return unusable(target, draws, f"the population's part: {phi.reason}")
    if not hyper.shared:
        found = _with_common_particles(groups, target, hyper, top, phi, draws, rng)
        if not found.reason:
            return found
    particles = _particles(groups, target, hyper, phi.u, rng)
    if particles.pairs > MOST_PAIRS:
        reason = f"every draw would take {2 * particles.pairs} draws of each group"
        return unusable(target, draws, reason)
    best, rounds = _weigh(target, particles, phi.proposal, SURPLUS * draws, rng), 1
    wanted = AMPLE * least_effective(draws)
    for factor in GROWTH:
        if best.ess >= 2 * wanted or best.ess >= max(wanted, GOOD_EFFICIENCY * len(best.u)):
            break
        proposal = refit(best.proposal, best.phi, best.weights)
        again = _weigh(target, particles, proposal, factor * SURPLUS * draws, rng)
        best, rounds = max(best, again, key=lambda one: one.ess), rounds + 1
    return _finish(target, best, particles, draws, rounds, rng)


def _matched(
    groups: SideBySide, target: Grouped, population: Population, rng: np.random.Generator
) -> HyperTarget:
    """The population's posterior, groups as quadratics with the moments of their own posteriors."""
    hyper = HyperTarget(target, expand(groups, target, population))
    pairs = int(np.clip(_affordable(target) / 2, *MATCHING_PAIRS))
    at = hyper.start(population)[None]
    eta, log_weight = Particles(groups, hyper, pairs, HEAVY).ratios(at, rng)
    matched = match(hyper.expansion, population, hyper.rows, eta[0], log_weight[0])
    return HyperTarget(target, matched)


def _with_common_particles(
    groups: SideBySide, target: Grouped, hyper: HyperTarget, top: Mode, phi: Sample, draws: int,
    rng: np.random.Generator,
) -> TwoStageSample:  # fmt: skip
    """Groups that their own data determine: one set of particles serves every phi."""
    some = phi.u[:SOME]
    pool = common.draw_pool(groups, hyper, phi.u, rng)
    found = _from_pool(pool, groups, target, hyper, top, phi, draws, rng)
    if found.reason and found.k_hat < MAX_K_HAT:
        more = common.draw_pool(groups, hyper, phi.u, rng, common.MORE_PAIRS)
        pool = common.together(pool, more)
        found = _from_pool(pool, groups, target, hyper, top, phi, draws, rng)
    if not found.reason and (share := common.share_unknown(pool, hyper, some)) > MOST_UNKNOWN:
        return replace(found, reason=f"{share:.0%} of draws lie where no particle does")
    return found


def _from_pool(
    pool: common.Pool, groups: SideBySide, target: Grouped, hyper: HyperTarget, top: Mode,
    phi: Sample, draws: int, rng: np.random.Generator,
) -> TwoStageSample:  # fmt: skip
    assert phi.proposal is not None
    found = common.weigh(pool, hyper, phi.proposal, SURPLUS * draws, rng)
    proposal = refit(phi.proposal, found.phi, found.weights)
    again = common.weigh(pool, hyper, proposal, SURPLUS * draws, rng)
    found = max(found, again, key=lambda one: -float(np.sum(one.weights**2)))
    rows = resample(found.weights, phi.proposal.whitened(found.phi), draws, rng)
    counts = np.bincount(rows, minlength=len(found.phi))
    picked = common.pick(pool, hyper, found.phi[rows], rng)
    sizes = common.sizes(found, hyper.quantities(found.phi), counts, picked)
    k_hat = max(found.k_hat, common.worst_k_hat(pool, hyper, top.u))
    m, log_spreads = found.phi[rows, : hyper.n_rows], np.log(hyper.spreads(found.phi[rows]))
    bulk, tail = (np.concatenate([v, np.tile(g, len(hyper.rows))]) for v, g in sizes)
    return TwoStageSample(
        u=target.coordinates_of(m, log_spreads, picked.eta),
        k_hat=k_hat,
        ess_bulk=bulk,
        ess_tail=tail,
        diagnostics={
            "k_hat": k_hat,
            "efficiency": float(1 / np.sum(found.weights**2) / len(found.phi)),
            "proposed": len(found.phi),
            "particles_per_group": pool.log_ratio.shape[1],
            "passes": groups.passes,
        },
        reason=why_not(k_hat, float(min(bulk.min(), tail.min())), least_effective(draws)),
    )


def _cheap(target: Grouped, draws: int) -> bool:
    """Whether every draw of phi can have particles of its own, many of them."""
    return _affordable(target) / (2 * draws) >= PLENTY / 2


def _affordable(target: Grouped) -> float:
    """Passes over the cells that are cheap."""
    return CHEAP / (target.likelihood.cost * max(target.n_cells, 1))


def _particles(
    groups: SideBySide, target: Grouped, hyper: HyperTarget, u: Array, rng: np.random.Generator
) -> Particles:
    """As many particles as keep the noise of the estimated weights low, more where it is cheap."""
    affordable = int(_affordable(target) / (2 * len(u)))
    some = u[np.linspace(0, len(u) - 1, min(PILOT, len(u))).round().astype(int)]
    noise = {
        degrees: Particles(groups, hyper, PILOT_PAIRS, degrees).noise(some, rng)
        for degrees in ((HEAVY,) if _cheap(target, len(u)) else (LIGHT, LIGHTEST))
    }
    degrees = min(noise, key=lambda d: noise[d])
    needed = int(np.ceil(noise[degrees] / NOISE))
    return Particles(groups, hyper, max(1, needed, min(affordable, PLENTY)), degrees)


def _weigh(
    target: Grouped, particles: Particles, proposal: Proposal, size: int,
    rng: np.random.Generator,
) -> _Round:  # fmt: skip
    """Propose phi, estimate its exact density, weigh."""
    hyper = particles.hyper
    phi, log_q = proposal.sample(size, rng)
    drawn = particles.draw(phi, rng)
    smoothed = smooth(hyper.values(phi) + drawn.log_correction.sum(axis=1) - log_q)
    log_spreads = np.log(hyper.spreads(phi))
    u = target.coordinates_of(phi[:, : hyper.n_rows], log_spreads, drawn.eta)
    weights = np.exp(smoothed.log_weights)
    bulk, tail = effective_sizes(target.quantities(u), weights)
    return _Round(proposal, phi, u, weights, float(smoothed.k_hat), bulk, tail)


def _finish(
    target: Grouped, found: _Round, particles: Particles, draws: int, rounds: int,
    rng: np.random.Generator,
) -> TwoStageSample:  # fmt: skip
    rows = resample(found.weights, found.proposal.whitened(found.phi), draws, rng)
    counts = np.bincount(rows, minlength=len(found.u))
    bulk, tail = effective_sizes(target.quantities(found.u), counts / draws)
    return TwoStageSample(
        u=found.u[rows],
        k_hat=found.k_hat,
        ess_bulk=bulk,
        ess_tail=tail,
        diagnostics={
            "k_hat": found.k_hat,
            "efficiency": found.ess / len(found.u),
            "proposed": len(found.u),
            "rounds": rounds,
            "draws_per_group": 2 * particles.pairs,
            "degrees_of_freedom": particles.degrees,
            "passes": particles.groups.passes,
        },
        reason=why_not(found.k_hat, found.ess, least_effective(draws)),
    )
