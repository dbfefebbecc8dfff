"""Pareto/NBD as SQL text: the death-time integral is a difference of two continued fractions.

With P(u) = (alpha+u)^-(r+x) (beta+u)^-s, the probability of leaving after u without a purchase,
relative to P(u), is Q(u) = s / (r+x+s) F(1, r+x; r+x+s+1; 1/z), z = (alpha+u) / (alpha-beta), and
death in (t, T] has Q(t) - Q(T) P(T) / P(t). Gauss' continued fraction of F, two steps at a time,

    F = z / (z + a1 - b1 / (z + a2 - b2 / (z + a3 - ...))),

has terms that depend on the draw and x alone, so they are computed once for all cells with that x.
It converges like Gauss-Jacobi quadrature, whose convergents these are: slowest at u = 0, where
alpha and beta differ most. `terms` finds how many a bundle's draws need there.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from churnlab.models.sql import KEYS, Fragment, exp_clipped
from churnlab.types import Array

#: Error of Q by which terms are chosen, and how many may be (beta/alpha from .0006 to 1,700).
TOLERANCE = 1e-12
TERMS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
#: Fewer purchases need more terms: the first numbers of them stand for all.
_PROBED = (0.0, 1.0, 2.0, 5.0, 20.0)
#: Least difference of alpha and beta, relative to alpha.
_LEAST_GAP = 1e-12
#: Levels of the fraction in one expression: parsers recurse.
_LEVELS = 24


def fraction(shape: Array, s: Array, z: Array, n: int) -> Array:
    """Return the convergent of n terms of F(1, shape; shape + s + 1; 1/z)."""
    step = [np.zeros(1), *_steps(shape, s, 2 * n)]
    value = z + (step[2 * n - 2] + step[2 * n - 1] if n > 1 else step[1])
    for m in range(n - 1, 0, -1):
        below = step[2 * m - 1] * step[2 * m]
        value = z + (step[2 * m - 2] if m > 1 else 0.0) + step[2 * m - 1] - below / value
    return np.asarray(z / value)


def _steps(shape: Array, s: Array, n: int) -> list[Array]:
    """Return d_1 .. d_n of F = 1 / (1 + d_1/z / (1 + d_2/z / (1 + ...)))."""
    c = shape + s + 1
    found = [-shape / c]
    for i in range(2, n + 1):
        m = i // 2
        top = m * (s + m) if i % 2 == 0 else (shape + m) * (c + m - 1)
        found.append(-top / ((c + i - 2) * (c + i - 1)))
    return found


def terms(theta: Array) -> int | None:
    """Return how many terms the draws (draw, group, parameter) need; None for more than there are.

    The fraction is held against one of twice as many terms, where it converges slowest.
    """
    return _terms(theta.tobytes(), theta.shape)


@lru_cache(maxsize=8)
def _terms(data: bytes, shape: tuple[int, ...]) -> int | None:
    r, alpha, s, beta = np.moveaxis(np.frombuffer(data).reshape(shape), 2, 0)[..., None]
    z = alpha / _apart(alpha, beta)
    for n in TERMS:
        off = [np.abs(fraction(r + x, s, z, n) - fraction(r + x, s, z, 2 * n)) for x in _PROBED]
        if max(float((o * s / (r + s)).max()) for o in off) <= TOLERANCE:
            return n
    return None


def _apart(alpha: Array, beta: Array) -> Array:
    gap, least = alpha - beta, _LEAST_GAP * alpha
    return np.where(np.abs(gap) < least, least, gap)


def terms_cte(n: int) -> str:
    """Return the CTE `pareto_terms`: a row for each draw and x, with the terms of the fraction."""
    first = "(k.x + d.r)"
    c = f"({first} + d.s + 1)"

    def step(i: int) -> str:
        if i == 1:
            return f"-{first} / {c}"
        m = i // 2
        top = f"{m} * (d.s + {m})" if i % 2 == 0 else f"({first} + {m}) * ({c} + {m - 1})"
        return f"-{top} / (({c} + {i - 2}) * ({c} + {i - 1}))"

    columns = {
        "shape": first, "alpha": "d.alpha", "s": "d.s", "beta": "d.beta",
        "share": f"d.s / ({first} + d.s)",
        "gap": f"CASE WHEN ABS(d.alpha - d.beta) < {_LEAST_GAP} * d.alpha "
        f"THEN {_LEAST_GAP} * d.alpha ELSE d.alpha - d.beta END",
        "a1": step(1),
    }  # fmt: skip
    for m in range(1, n):
        columns[f"b{m}"] = f"({step(2 * m - 1)}) * ({step(2 * m)})"
        columns[f"a{m + 1}"] = f"{step(2 * m)} {step(2 * m + 1)}"
    # grouped, although every group is one row: planners would compute the terms for each cell
    kept = ", ".join(f"MAX({text}) AS {name}" for name, text in columns.items())
    return (
        f"pareto_terms AS (SELECT k.grp, k.x, d.draw, {kept} "
        "FROM (SELECT DISTINCT c.grp, c.x FROM cells AS c) AS k JOIN draws AS d ON d.grp = k.grp "
        "GROUP BY k.grp, k.x, d.draw)"
    )


def score_sql(n: int, *, windowed: bool) -> Fragment:
    """P(alive) and the risk of `windowed`."""
    ends = {"now": "(c.age - c.t_x)"}
    if windowed:
        ends["later"] = "(c.age + c.horizon - c.t_x)"
    ctes, table = _tails("windowed", ends, n)
    alive = f"1 / (1 - {_left('now')} + {_left('start')} * {exp_clipped('a.decay_now')})"
    risk = f"({_silent('later')}) / ({_silent('now')})" if windowed else f"1 - {alive}"
    return Fragment(ctes, table, (alive, risk))


def returned_sql(cells: str, n: int) -> Fragment:
    """P(next purchase by now) and P(next purchase within the horizon), seen from the last one."""
    ends = {"now": "(c.age - c.t_x)", "whole": "c.horizon"}
    ctes, table = _tails(cells, ends, n, "late_")
    return Fragment(ctes, table, tuple(f"1 - ({_silent(end)})" for end in ends))


def _silent(end: str) -> str:
    """P(no purchase up to an end), dead or alive, from the last purchase on."""
    return f"{exp_clipped(f'-a.decay_{end}')} * (1 - {_left(end)}) + {_left('start')}"


def _left(end: str) -> str:
    """Q at an end, from the outermost levels of the fraction."""
    return f"(a.share * a.z_{end} / a.f1_{end})"


def _tails(cells: str, ends: Mapping[str, str], n: int, prefix: str = "") -> tuple[list[str], str]:
    """Return the CTEs, and the name of the last: a row for each cell and draw.

    Its columns: `share`, and at each end z, f1 (the fraction's denominator) and decay, the fall of
    ln P since the last purchase; at the start z and f1.

    cells: CTE with the columns `KEYS`.
    ends: Name of an end -> days after the last purchase, in terms of the row `c`.
    n: Terms of the fraction.
    prefix: Of the CTEs' names.
    """
    keys = ", ".join(f"c.{key}" for key in KEYS.split(", "))
    names = ["share", *(f"a{m}" for m in range(1, n + 1)), *(f"b{m}" for m in range(1, n))]
    columns = [f"t.{name}" for name in names]
    columns.append("(t.alpha + c.t_x) / t.gap AS z_start")
    for end, idle in ends.items():
        columns.append(f"(t.alpha + c.t_x + {idle}) / t.gap AS z_{end}")
        columns.append(
            f"t.shape * LN(1 + {idle} / (t.alpha + c.t_x)) "
            f"+ t.s * LN(1 + {idle} / (t.beta + c.t_x)) AS decay_{end}"
        )
    ctes = [
        f"{prefix}level{n} AS (SELECT {keys}, {', '.join(columns)} FROM {cells} AS c "
        "JOIN pareto_terms AS t ON t.grp = c.grp AND t.x = c.x)"
    ]
    below = n
    while below > 1:
        above = max(1, below - _LEVELS)
        values = ((end, _level(end, above, below, n)) for end in ("start", *ends))
        made = ", ".join(f"{text} AS f{above}_{end}" for end, text in values)
        inner = f"{prefix}level{below}"
        below = above
        ctes.append(f"{prefix}level{below} AS (SELECT p.*, {made} FROM {inner} AS p)")
    return ctes, f"{prefix}level1"


def _level(end: str, above: int, below: int, n: int) -> str:
    """Return the fraction from one level down to another, known already unless it is the last."""
    text = f"p.z_{end} + p.a{n}" if below == n else f"p.f{below}_{end}"
    for m in range(below - 1, above - 1, -1):
        text = f"p.z_{end} + p.a{m} - p.b{m} / ({text})"
    return text
