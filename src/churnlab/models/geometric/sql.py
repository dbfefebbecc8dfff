"""The closed forms as SQL text, term by term."""

from __future__ import annotations

from churnlab.models.sql import Fragment, exp_clipped


def _stages(k: int, shape: str, share: str) -> str:
    """Sum over the Erlang stages: sum_{j<k} (n)_j / j! * share^j."""
    terms, term = ["1"], ""
    for j in range(1, k):
        term += f"{' * ' if term else ''}({shape} + {j - 1}) / {j} * ({share})"
        terms.append(term)
    return " + ".join(terms)


def score_sql(modified: bool, k: int, *, windowed: bool) -> Fragment:
    """Closed forms; see `formula`. `modified`: dropout is tossed after the first purchase."""
    shape, idle = f"(d.r + {k} * c.x)", "(c.age - c.t_x)"
    fall = exp_clipped(f"-{shape} * LN(1 + {idle} / (d.alpha + c.t_x))")
    if k > 1:
        fall = f"{fall} * ({_stages(k, shape, f'{idle} / (d.alpha + c.age)')})"
    weight = "d.a / (d.b + c.x)" if modified else "d.a / (d.b - 1 + GREATEST(c.x, 1))"
    later = exp_clipped(f"-{shape} * LN(1 + c.horizon / (d.alpha + c.age))") if windowed else "0"
    alive = "p.fall / (p.fall + p.weight)"
    if not modified:
        alive = f"CASE WHEN p.x = 0 THEN 1 ELSE {alive} END"
    risk = "1 - a.alive * (1 - a.later)" if windowed else "1 - a.alive"
    ctes = [
        f"parts AS (SELECT c.grp, c.x, c.t_x, c.age, c.horizon, {fall} AS fall, {weight} AS weight,"
        f" {later} AS later FROM windowed AS c JOIN draws AS d ON d.grp = c.grp)",
        f"per_draw AS (SELECT p.grp, p.x, p.t_x, p.age, p.horizon, p.later, {alive} AS alive "
        "FROM parts AS p)",
    ]
    return Fragment(ctes, risk, [])
