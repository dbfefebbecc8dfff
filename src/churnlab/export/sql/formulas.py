"""The families' formulas as SQL text (`churnlab.models.sql`), averaged over the draws.

Input of every fragment is the CTE `windowed(grp, x, t_x, age, horizon)` of distinct cells and
`draws(grp, draw, ...)`; output is the CTE `scores(grp, x, t_x, age, horizon, p_alive,
purchase_risk)`, averaged over the draws. Text is in the canonical dialect.
"""

from churnlab.errors import UsageError
from churnlab.export.sql.clock import timed_ctes
from churnlab.export.sql.names import number
from churnlab.models.draws import PopulationDraws
from churnlab.models.sql import KEYS, doubles
from churnlab.posterior import RiskConfig
from churnlab.posterior.settings import (
    EARLIEST_LATE_DAY,
    LEAST_CYCLES,
    LONGEST_WINDOW_DAYS,
    SHORTEST_WINDOW_DAYS,
)

_GROUP = ", ".join(f"a.{key}" for key in KEYS.split(", "))


def draws_ctes(draws: PopulationDraws) -> list[str]:
    """Return the CTE of the bundle's draws: one row per draw and group."""
    theta = draws.theta_by_code
    rows = [
        (str(g), str(d), *(f"{v:.17e}" for v in theta[d, g]))
        for d in range(theta.shape[0])
        for g in range(theta.shape[1])
    ]
    return doubles("draws", ("grp", "draw"), draws.likelihood.parameters, rows)


def window_ctes(draws: PopulationDraws, risk: RiskConfig, *, on_clock: bool = False) -> list[str]:
    """Return the CTE `windowed`: cells with the window of their risk.

    On a clock the cells have the day `today` that their window begins on, and
    `timed(grp, x, t_x, age, today, days, horizon)` holds the window in both times.
    """
    timed = on_clock and risk.basis != "p_alive"
    cells = "SELECT c.grp, c.x, c.t_x, c.age" + (", c.today" if timed else "")
    name, width = ("looks", "days") if timed else ("windowed", "horizon")
    end = timed_ctes() if timed else []
    if risk.basis != "personal_cycles":
        days = number(risk.horizon_days) if risk.basis == "fixed_days" else "CAST(0 AS DOUBLE)"
        return [f"{name} AS ({cells}, {days} AS {width} FROM cells AS c)", *end]
    low, high = (number(v) for v in (SHORTEST_WINDOW_DAYS, LONGEST_WINDOW_DAYS))
    return [
        "keys AS (SELECT DISTINCT c.grp, c.x, c.t_x FROM cells AS c)",
        f"spans AS (SELECT k.grp, k.x, k.t_x, CEIL(GREATEST({low}, LEAST({high}, "
        f"{number(risk.cycles)} * ({_rhythm(draws)})))) AS {width} "
        "FROM keys AS k JOIN draws AS d ON d.grp = k.grp GROUP BY k.grp, k.x, k.t_x)",
        f"{name} AS ({cells}, s.{width} FROM cells AS c JOIN spans AS s "
        "ON s.grp = c.grp AND s.x = c.x AND s.t_x = c.t_x)",
        *end,
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
    back = draws.likelihood.returned_sql(draws.theta_by_code, "late_cells")
    now, whole = back.wanted
    return [
        *begin,
        *back.ctes,
        f"late AS (SELECT a.grp, a.x, a.t_x, a.age, CASE WHEN a.age - a.t_x < {shortest} THEN 0 "
        f"ELSE AVG({now}) / AVG({whole}) END AS lateness FROM {back.table} AS a "
        f"GROUP BY {_GROUP})",
    ]


def score_ctes(draws: PopulationDraws, risk: RiskConfig) -> list[str]:
    """Return the CTEs that end in `scores`.

    Raises UsageError for a model that has no SQL under the basis.
    """
    reason = unsupported(draws, risk)
    if reason:
        raise UsageError(reason)
    found = draws.likelihood.score_sql(draws.theta_by_code, windowed=risk.basis != "p_alive")
    alive, missing = found.wanted
    return [
        *found.ctes,
        f"scores AS (SELECT {_GROUP}, AVG({alive}) AS p_alive, AVG({missing}) AS purchase_risk "
        f"FROM {found.table} AS a GROUP BY {_GROUP})",
    ]


def unsupported(draws: PopulationDraws, risk: RiskConfig) -> str | None:
    """Return why there is no SQL for this model and basis, or None."""
    reason = draws.likelihood.no_sql(draws.theta_by_code, windowed=risk.basis != "p_alive")
    return reason and f"{draws.model} with k = {draws.k} has no SQL under {risk.basis}: {reason}"
