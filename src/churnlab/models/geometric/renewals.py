"""Counts of Erlang-k renewals, through complex powers."""

from typing import Any

import numpy as np

from churnlab.types import Array

#: Below this 1 - p the sum over few purchases is taken instead of the roots of unity.
FEW = 1e-4


def erlang_one_minus_pgf(shape: Array, ratio: Array, p: Array, stages: list[Array]) -> Array:
    """Return E[1 - (1 - p)^N], N the purchases with Erlang-k gaps and a Gamma rate.

    shape: R = r + k x: given j stages passed, lambda ~ Gamma(R + j, alpha + T).
    ratio: horizon / (alpha + T).
    p: Dropout probability.
    stages: Weights of j = 0 .. k - 1 stages of the present gap passed, up to a common factor.

    N = floor((j + M) / k) with M stages to come. Put y = (1 - p)^(1/k), w = exp(2 pi i / k): the
    discrete Fourier transform of y^-(m mod k) turns (1 - p)^floor(m/k) into sum_l c_l (y w^l)^m
    with c_l = 1/k sum_m y^-m w^-lm, and E (y w^l)^M = (1 + (1 - y w^l) ratio)^-(R + j). The l = 0
    term is near 1 and the others near 0 at small p; both are written as differences (expm1), so
    that nothing cancels however small p is.
    """
    q = 1.0 - np.asarray(p, float)
    value = _by_roots(shape, ratio, np.minimum(p, 1.0 - FEW), stages)
    if np.any(q < FEW):
        value = np.where(q < FEW, 1.0 - _first_terms(shape, ratio, q, stages), value)
    return np.maximum(value, 0.0)


def _by_roots(shape: Array, ratio: Array, p: Array, stages: list[Array]) -> Array:
    """Return E[1 - (1 - p)^N] by the roots of unity; loses digits like (1 - p)^-(k-1)/k."""
    k = len(stages)
    log_y = np.log1p(-p) / k
    powers = [np.expm1(-m * log_y) for m in range(k)]  # y^-m - 1
    excess = sum(powers) / k
    stretch = np.log1p(-np.expm1(log_y) * ratio)
    total: Any = 0.0
    for j, stage in enumerate(stages):
        main = -shape * stretch + j * (log_y - stretch)
        total = total - stage * (np.expm1(main) + excess * np.exp(main))
    for turn in range(1, k):
        root = np.exp(2j * np.pi * turn / k)
        c = sum(power * root**-m for m, power in enumerate(powers)) / k
        base = 1.0 + (1.0 - np.exp(log_y) * root) * ratio
        first, step = c * np.exp(-shape * np.log(base)), np.exp(log_y) * root / base
        for j, stage in enumerate(stages):
            total = total - stage * np.real(first * step**j)
    return np.asarray(total / sum(stages))


def _first_terms(shape: Array, ratio: Array, q: Array, stages: list[Array]) -> Array:
    """Return E[q^N] for q < `FEW`, from P(N = 0), .., P(N = 3): q^4 is below rounding."""
    k, total = len(stages), np.zeros(())
    for j, stage in enumerate(stages):
        chance = np.exp(-(shape + j) * np.log1p(ratio))  # of no stage to come
        for m in range(4 * k - j):
            total = total + stage * chance * q ** ((j + m) // k)
            chance = chance * (shape + j + m) / (m + 1) * ratio / (1.0 + ratio)
    return np.asarray(total / sum(stages))
