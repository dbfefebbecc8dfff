"""The compiled loops behind `death_table`: death before the next purchase, over draws.

All in one file, like `kernel`, because of numba's disk cache. An element's result depends on its
own draw and age only, so that neither rows, chunks nor threads can change a bit of it.
"""

from math import ceil, exp, expm1, log1p

import numpy as np

from churnlab.kernels._compile import fused, njit
from churnlab.kernels.vector import vlog

#: Draws in a block: its few rows of doubles stay in the first-level cache.
_BLOCK = 256
#: Enough for z <= 1 - _NEAR: 110 reach 1e-14.
_MOST_TERMS = 1024
#: Below the first ratio of (low + t) / (high + t), low and high being alpha and beta in order, the
#: fraction is taken at the age where the ratio is the second, and the way there is integrated.
_NEAR, _AWAY = 0.02, 0.05
_NODES, _WEIGHTS = (np.polynomial.legendre.leggauss(12)[i] / 2 for i in (0, 1))
#: Steps of the recurrence in x that cost less than a fresh fraction.
_FAR = 64.0


@njit
def _fraction(a, c, z, tolerance):  # type: ignore[no-untyped-def]
    """Return 2F1(a, 1; c; z) for 0 <= z < 1, c > a > 0, to a relative tolerance.

    Gauss' continued fraction (DLMF 15.7) by the forward recurrence of its numerators A and
    denominators B, two coefficients at a time.
    """
    last_A, last_B, A, B, value = 0.0, 1.0, 1.0, 1.0, 1.0
    for m in range(_MOST_TERMS // 2):
        low = c + 2.0 * m
        odd = -(a + m) * (c - 1.0 + m) * z / ((low - 1.0) * low)
        even = -(m + 1.0) * (c - a + m) * z / (low * (low + 1.0))
        last_A, last_B = A + odd * last_A, B + odd * last_B
        A, B = last_A + even * A, last_B + even * B
        before, scale = value, 1.0 / B
        value = A * scale
        if abs(value - before) <= tolerance * value:
            break
        last_A, last_B, A, B = last_A * scale, last_B * scale, value, 1.0
    return value


@njit
def _death(R, alpha, s, beta, t, tolerance):  # type: ignore[no-untyped-def]
    """Return Q(t), by a continued fraction.

    alpha >= beta: Q = s/(R+s) 2F1(R, 1; R+s+1; (alpha-beta)/(alpha+t)); otherwise
    Q = s/(R+s) (1-z) 2F1(s+1, 1; R+s+1; z), z = (beta-alpha)/(beta+t). Gauss' fraction (DLMF
    15.7) has positive coefficients for 0 <= z < 1 and converges for all of them.
    """
    low, high = min(alpha, beta), max(alpha, beta)
    if (low + t) > _NEAR * (high + t):
        return _by_fraction(R, alpha, s, beta, t, tolerance)
    far = (_AWAY * high - low) / (1.0 - _AWAY)
    falls = exp(-R * log1p((far - t) / (alpha + t)) - s * log1p((far - t) / (beta + t)))
    later = _by_fraction(R, alpha, s, beta, far, tolerance)
    return min(_on_the_way(R, alpha, s, beta, t, far - t) + falls * later, 1.0)


@njit
def _by_fraction(R, alpha, s, beta, t, tolerance):  # type: ignore[no-untyped-def]
    """Return Q(t) by the fraction, in z = |alpha - beta| / (max(alpha, beta) + t)."""
    if alpha >= beta:
        z = (alpha - beta) / (alpha + t)
        return min(s / (R + s) * _fraction(R, R + s + 1.0, z, tolerance), 1.0)
    z = (beta - alpha) / (beta + t)
    value = s / (R + s) * (alpha + t) / (beta + t)
    return min(value * _fraction(s + 1.0, R + s + 1.0, z, tolerance), 1.0)


@njit
def _on_the_way(R, alpha, s, beta, t, length):  # type: ignore[no-untyped-def]
    """Return s/P(t) times the integral of P(u)/(beta+u) over (t, t + length].

    Gauss-Legendre in v = ln(low + u), as in `compiled`; what falls below e^-45 is left out.
    """
    start, far = alpha + t, beta + t
    if R * log1p(length / start) > 45.0:
        length = start * expm1(45.0 / R)
    if s * log1p(length / far) > 45.0:
        length = far * expm1(45.0 / s)
    low = min(start, far)
    width = log1p(length / low)
    decay = R * log1p(length / start) + s * log1p(length / far)
    panels, total = ceil(max(width / 2.0, decay / 6.0)), 0.0
    for panel in range(panels):
        for i in range(_NODES.shape[0]):
            v = width * (panel + 0.5 + _NODES[i]) / panels
            y = low * expm1(v)
            total += _WEIGHTS[i] * exp(v - R * log1p(y / start) - (s + 1.0) * log1p(y / far))
    return total * s * low / far * width / panels


@njit
def death_by_count(theta, t, x, tolerance, out):  # type: ignore[no-untyped-def]
    """Write Q(t) for every x into `out`, (x, row, draw).

    `theta` is (r, alpha, s, beta) x draw, `t` (row, draw), `x` whole numbers in rising order.
    Integration by parts gives, with R = r + x and e = (alpha - beta) / (alpha + t),

        (R + s) Q_R = s + R e Q_(R+1).

    Downwards an error shrinks by R |e| / (R + s), upwards by the reciprocal: from the x where the
    two meet, one fraction serves all x, and both ways are stable. Each step is taken for all draws
    at once, on vector instructions; a draw keeps it on its own side of the x where it starts.
    """
    n, top = t.shape[1], x.shape[0] - 1
    start, e, first, q = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    r, alpha, s, beta = theta[0], theta[1], theta[2], theta[3]
    for row in range(t.shape[0]):
        lowest = top
        for d in range(n):
            e[d] = (alpha[d] - beta[d]) / (alpha[d] + t[row, d])
            at = top
            if e[d] < -1.0:
                balance = s[d] / (-e[d] - 1.0) - r[d]
                while at > 0 and x[at] > balance:
                    at -= 1
            start[d], lowest = at, min(lowest, at)
            first[d] = _death(r[d] + x[at], alpha[d], s[d], beta[d], t[row, d], tolerance)
            q[d] = out[at, row, d] = first[d]
        for i in range(top - 1, -1, -1):
            _step(theta, t[row], x[i + 1], x[i], e, tolerance, q)
            _keep(i < start, q, first, out[i, row])
        q[:] = first
        for i in range(lowest + 1, top + 1):
            _step(theta, t[row], x[i - 1], x[i], e, tolerance, q)
            _keep(i > start, q, first, out[i, row])


@njit
def _keep(here, q, first, out):  # type: ignore[no-untyped-def]
    """Write q where a draw is on its way; elsewhere it still waits with its first value."""
    for d in range(q.shape[0]):
        q[d] = q[d] if here[d] else first[d]
        out[d] = q[d] if here[d] else out[d]


@njit
def _step(theta, t, x, wanted, e, tolerance, q):  # type: ignore[no-untyped-def]
    """Turn Q of x purchases into Q of `wanted`, in place, by fractions if they lie far apart."""
    r, alpha, s, beta = theta[0], theta[1], theta[2], theta[3]
    if abs(wanted - x) > _FAR:
        for d in range(t.shape[0]):
            q[d] = _death(r[d] + wanted, alpha[d], s[d], beta[d], t[d], tolerance)
    elif wanted < x:
        for down in range(round(x - wanted)):
            for d in range(t.shape[0]):
                R = r[d] + (x - 1.0 - down)
                q[d] = (s[d] + R * e[d] * q[d]) / (R + s[d])
    else:
        for up in range(round(wanted - x)):
            for d in range(t.shape[0]):
                R = r[d] + (x + up)
                q[d] = ((R + s[d]) * q[d] - s[d]) / (R * e[d])


@fused
def cost_and_death(polynomial, theta, t, cost, death):  # type: ignore[no-untyped-def]
    """Write -ln P(t) and Q(t) at ages t (row,), both (row, draw).

    Q is sum_m c_m T_m(y), cut to [0, 1], by Clenshaw's recurrence; y is linear in the lower of the
    two logarithms, so that one of the scales is 0. `polynomial` is (coefficients (m, draw), m one
    more than a multiple of 4; scales of the logarithms and the shift, each (draw,)), `theta` is
    (R, alpha, s, beta), each (draw,). Inner loops run over blocks of draws, on rows cut out
    beforehand, which LLVM turns into vector instructions.
    """
    coefficients, scale_a, scale_b, shift = polynomial
    R, alpha, s, beta = theta
    twice, now, last = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for first in range(0, cost.shape[1], _BLOCK):
        n = min(_BLOCK, cost.shape[1] - first)
        of_a, of_b, of_one = scale_a[first:], scale_b[first:], shift[first:]
        a, b, power_a, power_b = alpha[first:], beta[first:], R[first:], s[first:]
        c0 = coefficients[0, first:]
        for row in range(cost.shape[0]):
            to_cost, to_death, age = cost[row, first:], death[row, first:], t[row]
            for j in range(n):
                log_a, log_b = vlog(a[j] + age), vlog(b[j] + age)
                to_cost[j] = power_a[j] * log_a + power_b[j] * log_b
                twice[j] = 2.0 * (of_a[j] * log_a + of_b[j] * log_b + of_one[j])
                now[j] = 0.0
                last[j] = 0.0
            for m in range(coefficients.shape[0] - 1, 0, -4):
                c, c1 = coefficients[m, first:], coefficients[m - 1, first:]
                c2, c3 = coefficients[m - 2, first:], coefficients[m - 3, first:]
                for j in range(n):
                    x = twice[j]
                    t0 = x * now[j] - last[j] + c[j]
                    t1 = x * t0 - now[j] + c1[j]
                    t2 = x * t1 - t0 + c2[j]
                    last[j] = t2
                    now[j] = x * t2 - t1 + c3[j]
            for j in range(n):
                value = 0.5 * twice[j] * now[j] - last[j] + c0[j]
                value = value if value > 0.0 else 0.0
                to_death[j] = value if value < 1.0 else 1.0
