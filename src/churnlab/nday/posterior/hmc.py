"""Hamiltonian Monte Carlo in coordinates whitened by the curvature at the mode.

The way on when importance sampling from the mode is refused. In whitened coordinates a path of
about 1.5 needs few leapfrog steps; the step is adapted to accept 80% and then frozen.

References
----------
Neal (2011), "MCMC using Hamiltonian dynamics"; Hoffman & Gelman (2014) for dual averaging.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.nday.models import ConversionLikelihood
from churnlab.nday.posterior.mode import ConversionMode, log_posterior

Array = NDArray[np.float64]

_PATH = 1.5
_TARGET = 0.8
_MAX_LEAPS = 24


class Chains(NamedTuple):
    """Draws of (chain, draw, parameter) and the share of accepted proposals."""

    theta: Array
    accepted: float


def sample_chains(
    model: ConversionLikelihood,
    mode: ConversionMode,
    rng: np.random.Generator,
    *,
    chains: int = 4,
    warmup: int = 200,
    draws: int = 250,
) -> Chains:
    """Run independent chains over the free parameters, from points spread around the mode."""
    axes = np.linalg.cholesky(mode.covariance)
    runs = [_chain(model, mode, axes, r, warmup, draws) for r in rng.spawn(chains)]
    return Chains(np.stack([r[0] for r in runs]), float(np.mean([r[1] for r in runs])))


def _chain(
    model: ConversionLikelihood,
    mode: ConversionMode,
    axes: Array,
    rng: np.random.Generator,
    warmup: int,
    draws: int,
) -> tuple[Array, float]:
    state = _first(model, mode, axes, rng)
    step, average, mean_error, accepted = 0.3, np.log(0.3), 0.0, 0
    kept = np.empty((draws, len(mode.free)))
    for i in range(warmup + draws):
        now = (step if i < warmup else float(np.exp(average))) * rng.uniform(0.85, 1.15)
        state, chance, moved = _move(model, mode, axes, state, now, rng)
        if i < warmup:
            eta = 1.0 / (i + 11.0)
            mean_error = (1 - eta) * mean_error + eta * (_TARGET - chance)
            log_step = min(np.log(3.0) - np.sqrt(i + 1.0) / 0.05 * mean_error, np.log(1.2))
            step = float(np.exp(max(log_step, np.log(0.02))))
            weight = (i + 1.0) ** -0.75
            average = weight * np.log(step) + (1 - weight) * average
        else:
            accepted += moved
            kept[i - warmup] = mode.theta[mode.free] + axes @ state[0]
    return mode.full(kept), accepted / draws


_State = tuple[Array, float, Array]


def _first(
    model: ConversionLikelihood, mode: ConversionMode, axes: Array, rng: np.random.Generator
) -> _State:
    for shrink in (1.0, 0.5, 0.2, 0.0):
        z = shrink * rng.standard_normal(len(mode.free))
        value, gradient = _at(model, mode, axes, z)
        if np.isfinite(value) and value > mode.value - 200.0:
            break
    return z, value, gradient


def _at(
    model: ConversionLikelihood, mode: ConversionMode, axes: Array, z: Array
) -> tuple[float, Array]:
    """Log posterior and gradient in whitened coordinates."""
    value, gradient = log_posterior(model, mode.full(mode.theta[mode.free] + axes @ z))
    return value, axes.T @ gradient[mode.free]


def _move(
    model: ConversionLikelihood,
    mode: ConversionMode,
    axes: Array,
    state: _State,
    step: float,
    rng: np.random.Generator,
) -> tuple[_State, float, bool]:
    z, value, gradient = state
    start = rng.standard_normal(len(z))
    momentum = start + 0.5 * step * gradient
    new_z, new_value, new_gradient = z, value, gradient
    leaps = int(np.clip(np.ceil(_PATH / step), 1, _MAX_LEAPS))
    for leap in range(leaps):
        new_z = new_z + step * momentum
        new_value, new_gradient = _at(model, mode, axes, new_z)
        if not np.isfinite(new_value):
            return state, 0.0, False
        momentum = momentum + (step if leap < leaps - 1 else 0.5 * step) * new_gradient
    gain = new_value - value - 0.5 * float(momentum @ momentum - start @ start)
    chance = float(np.exp(min(0.0, gain)))
    moved = bool(rng.random() < chance)
    return ((new_z, new_value, new_gradient) if moved else state), chance, moved
