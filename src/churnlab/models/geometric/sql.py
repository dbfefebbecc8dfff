"""The closed forms as SQL text, term by term."""

from churnlab.models.sql import KEYS, Fragment, exp_clipped


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


def score_sql(modified: bool, k: int, *, windowed: bool) -> Fragment:
    """P(alive) and the risk of `windowed`; `modified`: with a toss after the first purchase."""
    shape = f"(d.r + {k} * c.x)"
    fall, weight = _fall(k, *_NOW), _dropout(modified)
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
    return Fragment(ctes, "per_draw", ("a.alive", risk))


def returned_sql(modified: bool, k: int, cells: str) -> Fragment:
    """P(next purchase by now) and P(next purchase within the horizon), seen from the last one."""
    stayed = f"1 / (1 + {_dropout(modified)})"
    if not modified:
        stayed = f"CASE WHEN c.x = 0 THEN 1 ELSE {stayed} END"
    now, whole = _fall(k, *_NOW), _fall(k, "c.horizon", "c.t_x + c.horizon")
    parts = (
        f"late_parts AS (SELECT {', '.join(f'c.{key}' for key in KEYS.split(', '))}, "
        f"{stayed} AS stayed, {now} AS fall_now, {whole} AS fall_whole "
        f"FROM {cells} AS c JOIN draws AS d ON d.grp = c.grp)"
    )
    back = (f"a.stayed * (1 - a.fall_{end})" for end in ("now", "whole"))
    return Fragment([parts], "late_parts", tuple(back))
