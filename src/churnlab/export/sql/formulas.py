"""The closed forms as SQL text: the twin of `churnlab.models`, term by term.

Input of every fragment is the CTE `windowed(grp, x, t_x, age, horizon)` of distinct cells and
`draws(grp, draw, ...)`; output is the CTE `scores(grp, x, t_x, age, horizon, p_alive,
purchase_risk)`, averaged over the draws. Text is in the canonical dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.polynomial.legendre import leggauss

from churnlab.errors import UsageError
from churnlab.export.sql.names import number
from churnlab.models import Array
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig
from churnlab.posterior.settings import (
    EARLIEST_LATE_DAY,
    LEAST_CYCLES,
    LONGEST_WINDOW_DAYS,
    SHORTEST_WINDOW_DAYS,
)

#: Bound of every exponent (PostgreSQL raises on underflow).
EXPONENT_LIMIT = 700.0
#: Bound of the exponents that limit Pareto/NBD's integral: e^600 times a time stays finite.
SPAN_LIMIT = 600.0
#: The integrand has fallen by e^-45 where the integral is cut off.
SPAN_FALL = 45.0
#: Gauss-Legendre nodes per panel of Pareto/NBD's integral, and panels: with the substitution
#: ``u = t_x + (c + t_x)(e^v - 1)`` the rule holds for heavy buyers long silent too (22,680 hard
#: cases, worst error 5e-10).
NODES_PER_PANEL, PANELS = 24, 2

_KEYS = "grp, x, t_x, age, horizon"


def exp_clipped(z: str) -> str:
    """Return EXP with its exponent in [-700, 700]."""
    limit = f"{EXPONENT_LIMIT:.0f}"
    return f"EXP(GREATEST(-{limit}, LEAST({limit}, {z})))"


def values(name: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a CTE of literal rows, as they stand."""
    body = ",\n".join("(" + ", ".join(row) + ")" for row in rows)
    return f"{name} AS (SELECT * FROM (VALUES {body}) AS v({', '.join(columns)}))"


def doubles(
    name: str, codes: tuple[str, ...], columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> list[str]:
    """Return CTEs of literal rows whose `columns` are cast to doubles once, not row by row."""
    cast = ", ".join(f"CAST(w.{c} AS DOUBLE) AS {c}" for c in columns)
    kept = "".join(f"w.{c}, " for c in codes)
    literals = values(f"{name}_literal", (*codes, *columns), rows)
    return [literals, f"{name} AS (SELECT {kept}{cast} FROM {name}_literal AS w)"]


def draws_ctes(draws: PopulationDraws) -> list[str]:
    """Return the CTE of the bundle's draws: one row per draw and group."""
    first, second = ("s", "beta") if draws.model == "pareto_nbd" else ("a", "b")
    rows = [
        (str(g), str(d), *(f"{v:.17e}" for v in draws.theta[d, g]))
        for d in range(draws.theta.shape[0])
        for g in range(draws.theta.shape[1])
    ]
    return doubles("draws", ("grp", "draw"), ("r", "alpha", first, second), rows)


def window_ctes(draws: PopulationDraws, risk: RiskConfig) -> list[str]:
    """Return the CTE `windowed`: cells with the window of their risk."""
    if risk.basis != "personal_cycles":
        days = number(risk.horizon_days) if risk.basis == "fixed_days" else "CAST(0 AS DOUBLE)"
        return [f"windowed AS (SELECT c.grp, c.x, c.t_x, c.age, {days} AS horizon FROM cells AS c)"]
    low, high = (number(v) for v in (SHORTEST_WINDOW_DAYS, LONGEST_WINDOW_DAYS))
    return [
        "keys AS (SELECT DISTINCT c.grp, c.x, c.t_x FROM cells AS c)",
        f"spans AS (SELECT k.grp, k.x, k.t_x, CEIL(GREATEST({low}, LEAST({high}, "
        f"{number(risk.cycles)} * ({_rhythm(draws)})))) AS horizon "
        "FROM keys AS k JOIN draws AS d ON d.grp = k.grp GROUP BY k.grp, k.x, k.t_x)",
        "windowed AS (SELECT c.grp, c.x, c.t_x, c.age, s.horizon FROM cells AS c JOIN spans AS s "
        "ON s.grp = c.grp AND s.x = c.x AND s.t_x = c.t_x)",
    ]


def _rhythm(draws: PopulationDraws) -> str:
    """Return the rhythm at the last purchase of a key `k`, averaged over the draws `d`."""
    return f"1 / AVG((d.r + {draws.k} * k.x) / (d.alpha + k.t_x) / {draws.k})"


def late_ctes(draws: PopulationDraws, window_cycles: float) -> list[str]:
    """Return the CTEs that end in `late(grp, x, t_x, age, lateness)`.

    The twin of `churnlab.posterior.lateness`, but for a silence beyond the window, which may show
    a share above one: nobody asks by how much.
    """
    cycles = number(window_cycles)
    begin = [
        "late_keys AS (SELECT DISTINCT c.grp, c.x, c.t_x FROM cells AS c)",
        f"late_spans AS (SELECT k.grp, k.x, k.t_x, {cycles} * ({_rhythm(draws)}) AS horizon FROM "
        "late_keys AS k JOIN draws AS d ON d.grp = k.grp GROUP BY k.grp, k.x, k.t_x)",
        "late_cells AS (SELECT c.grp, c.x, c.t_x, c.age, s.horizon FROM cells AS c "
        "JOIN late_spans AS s ON s.grp = c.grp AND s.x = c.x AND s.t_x = c.t_x)",
    ]
    shortest = f"GREATEST({number(LEAST_CYCLES)} * (a.horizon / {cycles}), {EARLIEST_LATE_DAY})"
    keys = ", ".join(f"a.{key}" for key in _KEYS.split(", "))
    if draws.model == "pareto_nbd":
        ends = {"now": "(b.age - b.t_x)", "whole": "b.horizon"}
        body = _pareto_totals("late_cells", ends, "late_")
        parts, back, whole = "late_totals", *(f"1 - (a.alive_{end} + a.dead_{end})" for end in ends)
    else:
        body, parts = [_late_parts(draws)], "late_parts"
        back, whole = (f"a.stayed * (1 - a.fall_{end})" for end in ("now", "whole"))
    return [
        *begin,
        *body,
        f"late AS (SELECT a.grp, a.x, a.t_x, a.age, CASE WHEN a.age - a.t_x < {shortest} THEN 0 "
        f"ELSE AVG({back}) / AVG({whole}) END AS lateness FROM {parts} AS a GROUP BY {keys})",
    ]


def _late_parts(draws: PopulationDraws) -> str:
    """Return who stayed after the last purchase, and P(no purchase since | stayed), per draw."""
    modified = draws.model.startswith("m")
    stayed = f"1 / (1 + {_dropout(modified)})"
    if not modified:
        stayed = f"CASE WHEN c.x = 0 THEN 1 ELSE {stayed} END"
    now, whole = _fall(draws.k, *_NOW), _fall(draws.k, "c.horizon", "c.t_x + c.horizon")
    return (
        f"late_parts AS (SELECT {', '.join(f'c.{key}' for key in _KEYS.split(', '))}, "
        f"{stayed} AS stayed, {now} AS fall_now, {whole} AS fall_whole "
        "FROM late_cells AS c JOIN draws AS d ON d.grp = c.grp)"
    )


def score_ctes(draws: PopulationDraws, risk: RiskConfig) -> list[str]:
    """Return the CTEs that end in `scores`.

    Raises
    ------
    UsageError
        For an Erlang model under a windowed basis: its state is not a matter of today's risk.
    """
    reason = unsupported(draws, risk)
    if reason:
        raise UsageError(reason)
    windowed = risk.basis != "p_alive"
    if draws.model == "pareto_nbd":
        return _pareto(windowed=windowed)
    return _bg_family(draws.model.startswith("m"), draws.k, windowed=windowed)


def unsupported(draws: PopulationDraws, risk: RiskConfig) -> str | None:
    """Return why there is no SQL for this model and basis, or None."""
    if draws.k > 1 and risk.basis != "p_alive":
        return (
            f"{draws.model} with k = {draws.k} has no SQL under {risk.basis}: its risk falls "
            "before it rises, so the state needs the date; use at_risk_date or `churnlab score`."
        )
    return None


def _stages(k: int, shape: str, share: str) -> str:
    """Sum over the Erlang stages: sum_{j<k} (n)_j / j! * share^j."""
    terms, term = ["1"], ""
    for j in range(1, k):
        term += f"{' * ' if term else ''}({shape} + {j - 1}) / {j} * ({share})"
        terms.append(term)
    return " + ".join(terms)


#: Days since the last purchase, and since the first.
_NOW = ("(c.age - c.t_x)", "c.age")


def _fall(k: int, span: str, age: str) -> str:
    """Return P(no purchase in `span` days after the last | still a customer) of BG's family."""
    shape = f"(d.r + {k} * c.x)"
    fall = exp_clipped(f"-{shape} * LN(1 + {span} / (d.alpha + c.t_x))")
    if k > 1:
        fall = f"{fall} * ({_stages(k, shape, f'{span} / (d.alpha + {age})')})"
    return fall


def _dropout(modified: bool) -> str:
    """Return the odds of having dropped out at the last purchase."""
    return "d.a / (d.b + c.x)" if modified else "d.a / (d.b - 1 + GREATEST(c.x, 1))"


def _bg_family(modified: bool, k: int, *, windowed: bool) -> list[str]:
    shape = f"(d.r + {k} * c.x)"
    fall, weight = _fall(k, *_NOW), _dropout(modified)
    later = exp_clipped(f"-{shape} * LN(1 + c.horizon / (d.alpha + c.age))") if windowed else "0"
    alive = "p.fall / (p.fall + p.weight)"
    if not modified:
        alive = f"CASE WHEN p.x = 0 THEN 1 ELSE {alive} END"
    risk = "1 - a.alive * (1 - a.later)" if windowed else "1 - a.alive"
    return [
        f"parts AS (SELECT c.grp, c.x, c.t_x, c.age, c.horizon, {fall} AS fall, {weight} AS weight,"
        f" {later} AS later FROM windowed AS c JOIN draws AS d ON d.grp = c.grp)",
        f"per_draw AS (SELECT p.grp, p.x, p.t_x, p.age, p.horizon, p.later, {alive} AS alive "
        "FROM parts AS p)",
        _averages(risk),
    ]


def _averages(risk: str) -> str:
    keys = ", ".join(f"a.{key}" for key in _KEYS.split(", "))
    return (
        f"scores AS (SELECT {keys}, AVG(a.alive) AS p_alive, AVG({risk}) AS purchase_risk "
        f"FROM per_draw AS a GROUP BY {keys})"
    )


def _pareto(*, windowed: bool) -> list[str]:
    ends = {"now": "(b.age - b.t_x)"}
    if windowed:
        ends["later"] = "(b.age + b.horizon - b.t_x)"
    later = "(t.alive_later + t.dead_later) / (t.alive_now + t.dead_now)" if windowed else "0"
    per_draw = (
        "per_draw AS (SELECT t.grp, t.x, t.t_x, t.age, t.horizon, "
        f"t.alive_now / (t.alive_now + t.dead_now) AS alive, {later} AS later FROM totals AS t)"
    )
    risk = "a.later" if windowed else "1 - a.alive"
    return [*_pareto_totals("windowed", ends), per_draw, _averages(risk)]


def _pareto_totals(cells: str, ends: Mapping[str, str], prefix: str = "") -> list[str]:
    """Return the CTEs that end in `totals`: alive_END and dead_END per cell and draw.

    Relative to the likelihood at the last purchase: still a customer so many days later without a
    purchase, and no longer one.

    Parameters
    ----------
    cells
        CTE with the columns `_KEYS`.
    ends
        Name of an end -> days after the last purchase, in terms of the row `b`.
    prefix
        Of the CTEs' names.
    """
    limit, fall = f"{SPAN_LIMIT:.0f}", f"{SPAN_FALL:.0f}"

    def alive(idle: str, row: str) -> str:
        return exp_clipped(
            f"-({row}.r + {row}.x) * LN(1 + {idle} / ({row}.alpha + {row}.t_x))"
            f" - {row}.s * LN(1 + {idle} / ({row}.beta + {row}.t_x))"
        )

    base = (
        f"{prefix}base AS (SELECT c.grp, c.x, c.t_x, c.age, c.horizon, d.draw, d.r, d.alpha, d.s, "
        "d.beta, LEAST(d.alpha, d.beta) + c.t_x AS c, "
        f"LEAST((d.alpha + c.t_x) * (EXP(LEAST({limit}, {fall} / (d.r + c.x))) - 1), "
        f"(d.beta + c.t_x) * (EXP(LEAST({limit}, {fall} / d.s)) - 1)) AS reach "
        f"FROM {cells} AS c JOIN draws AS d ON d.grp = c.grp)"
    )
    sides = [
        f"{alive(idle, 'b')} AS alive_{end}, LN(1 + LEAST({idle}, b.reach) / b.c) AS width_{end}"
        for end, idle in ends.items()
    ]
    spans = f"{prefix}reaches AS (SELECT b.*, {', '.join(sides)} FROM {prefix}base AS b)"
    growth = [f"EXP(s.width_{end} * n.node) AS growth_{end}" for end in ends]
    steps = (
        f"{prefix}steps AS (SELECT s.*, n.weight, {', '.join(growth)} "
        f"FROM {prefix}reaches AS s CROSS JOIN nodes AS n)"
    )
    sums = []
    for end in ends:
        idle = f"(p.c * (p.growth_{end} - 1))"
        sums.append(
            f"SUM(p.weight * p.width_{end} * {alive(idle, 'p')} * p.s / (p.beta + p.t_x + {idle}) "
            f"* p.c * p.growth_{end}) AS dead_{end}, MAX(p.alive_{end}) AS alive_{end}"
        )
    keys = ", ".join(f"p.{key}" for key in _KEYS.split(", "))
    totals = (
        f"{prefix}totals AS (SELECT {keys}, p.draw, {', '.join(sums)} FROM {prefix}steps AS p "
        f"GROUP BY {keys}, p.draw)"
    )
    return [base, spans, steps, totals]


def unit_rule() -> tuple[Array, Array]:
    """Return nodes and weights on [0, 1], (48,) each; the weights sum to one."""
    node, weight = leggauss(NODES_PER_PANEL)
    starts = np.arange(PANELS) / PANELS
    nodes = (starts[:, None] + (node + 1) / 2 / PANELS).ravel()
    return nodes, np.tile(weight / 2 / PANELS, PANELS)


def nodes_ctes() -> list[str]:
    """Return the CTE of the 48 quadrature nodes that Pareto/NBD's sum runs over."""
    rows = [(f"{n:.17e}", f"{w:.17e}") for n, w in zip(*unit_rule(), strict=True)]
    return doubles("nodes", (), ("node", "weight"), rows)
