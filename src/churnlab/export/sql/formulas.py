"""The families' formulas as SQL text (`churnlab.models.sql`), averaged over the draws.

Input of every fragment is the CTE `windowed(grp, x, t_x, age, horizon)` of distinct cells and
`draws(grp, draw, ...)`; output is the CTE `scores(grp, x, t_x, age, horizon, p_alive,
purchase_risk)`, averaged over the draws. Text is in the canonical dialect.
"""

from __future__ import annotations

from churnlab.errors import UsageError
from churnlab.export.sql.names import number
from churnlab.models.draws import PopulationDraws
from churnlab.models.sql import KEYS, doubles
from churnlab.posterior import RiskConfig
from churnlab.posterior.settings import LONGEST_WINDOW_DAYS, SHORTEST_WINDOW_DAYS


def draws_ctes(draws: PopulationDraws) -> list[str]:
    """Return the CTE of the bundle's draws: one row per draw and group."""
    rows = [
        (str(g), str(d), *(f"{v:.17e}" for v in draws.theta[d, g]))
        for d in range(draws.theta.shape[0])
        for g in range(draws.theta.shape[1])
    ]
    return doubles("draws", ("grp", "draw"), draws.likelihood.parameters, rows)


def window_ctes(draws: PopulationDraws, risk: RiskConfig) -> list[str]:
    """Return the CTE `windowed`: cells with the window of their risk."""
    if risk.basis != "personal_cycles":
        days = number(risk.horizon_days) if risk.basis == "fixed_days" else "CAST(0 AS DOUBLE)"
        return [f"windowed AS (SELECT c.grp, c.x, c.t_x, c.age, {days} AS horizon FROM cells AS c)"]
    low, high = (number(v) for v in (SHORTEST_WINDOW_DAYS, LONGEST_WINDOW_DAYS))
    rate = f"(d.r + {draws.k} * k.x) / (d.alpha + k.t_x) / {draws.k}"
    return [
        "keys AS (SELECT DISTINCT c.grp, c.x, c.t_x FROM cells AS c)",
        f"spans AS (SELECT k.grp, k.x, k.t_x, CEIL(GREATEST({low}, LEAST({high}, "
        f"{number(risk.cycles)} * (1 / AVG({rate}))))) AS horizon "
        "FROM keys AS k JOIN draws AS d ON d.grp = k.grp GROUP BY k.grp, k.x, k.t_x)",
        "windowed AS (SELECT c.grp, c.x, c.t_x, c.age, s.horizon FROM cells AS c JOIN spans AS s "
        "ON s.grp = c.grp AND s.x = c.x AND s.t_x = c.t_x)",
    ]


def score_ctes(draws: PopulationDraws, risk: RiskConfig) -> list[str]:
    """Return the CTEs that end in `scores`.

    Raises
    ------
    UsageError
        For a model that has no SQL under the basis.
    """
    reason = unsupported(draws, risk)
    if reason:
        raise UsageError(reason)
    fragment = draws.likelihood.score_sql(windowed=risk.basis != "p_alive")
    keys = ", ".join(f"a.{key}" for key in KEYS.split(", "))
    scores = (
        f"scores AS (SELECT {keys}, AVG(a.alive) AS p_alive, AVG({fragment.risk}) AS purchase_risk "
        f"FROM per_draw AS a GROUP BY {keys})"
    )
    return [*fragment.ctes, scores]


def constant_ctes(draws: PopulationDraws, risk: RiskConfig) -> list[str]:
    """Return the CTEs of the constants that `score_ctes` reads."""
    if unsupported(draws, risk):
        return []
    return draws.likelihood.score_sql(windowed=risk.basis != "p_alive").constants


def unsupported(draws: PopulationDraws, risk: RiskConfig) -> str | None:
    """Return why there is no SQL for this model and basis, or None."""
    reason = draws.likelihood.no_sql(windowed=risk.basis != "p_alive")
    return reason and f"{draws.model} with k = {draws.k} has no SQL under {risk.basis}: {reason}"
