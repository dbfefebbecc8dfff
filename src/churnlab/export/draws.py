"""Few draws that stand for many: herding on what the draws say about customers.

64 draws taken at even steps are a random sample: their mean P(alive) is off by sd / 8. Here the
draws are cut into 64 strata of equal mass along their two leading components (so the spread is
kept), and one is taken from each so that the mean of the customers' P(alive) and risk stays at
the full posterior's, as in herding (Welling, "Herding dynamical weights to learn", ICML 2009).
Tried on wide posteriors of 1,000 and 4,000 draws: errors of .0002 to .0012 against .004 to .014.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.bundle.fields import MAX_DRAWS, MAX_THINNING_ERROR
from churnlab.errors import FitRefusedError
from churnlab.export.inputs import ExportInputs
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import (
    RiskConfig,
    Rows,
    personal_window,
    rhythm_days,
    risk_by_draw,
    risk_summary,
    rows_of,
)
from churnlab.summary import Cells
from churnlab.types import Array

#: What the choice looks at: repeat purchases, pace against the population's, silence in own gaps.
_PROBE_X, _PROBE_PACE, _PROBE_SILENCE = (0, 1, 3, 12), (0.7, 3.0), (0.3, 1.5, 5.0, 20.0)
_PROBED_GROUPS = 6
_COMPONENTS = 3
_SPREAD_WEIGHT = 0.3
#: Rows x draws (x nodes) of the comparison with the full posterior: seconds, not minutes.
_BUDGET = 20_000_000


class Thinned(NamedTuple):
    """Chosen draws with their largest error against the full posterior."""

    draws: PopulationDraws
    rows: NDArray[np.int64]
    p_alive: float
    risk: float
    n_cells: int


class Chosen(NamedTuple):
    """The draws of a bundle."""

    purchases: Thinned
    visits: Thinned | None


def choose(inputs: ExportInputs, n: int) -> Chosen:
    """Choose at most `n` draws of each model; see `thin`."""
    bought = inputs.purchases
    purchases = thin(inputs.draws, inputs.risk, bought.cells, n, bought.ahead)
    seen, visits = inputs.people.visits, inputs.visits
    if seen is None or visits is None:
        return Chosen(purchases, None)
    return Chosen(purchases, thin(visits.draws, visits.risk, seen.cells, n))


def thin(
    full: PopulationDraws,
    risk: RiskConfig,
    cells: Cells,
    n: int = MAX_DRAWS,
    ahead: Callable[[Array], Array] | None = None,
) -> Thinned:
    """Choose at most `n` equal-weight draws.

    full: All equal-weight draws.
    risk: The definition of risk that will be scored.
    cells: The customers that the bundle is for.
    ahead: As in `risk_summary`.
    Raises FitRefusedError when the error exceeds .005: such a posterior does not fit into so few
        draws.
    """
    rows = np.arange(len(full.theta))
    if len(rows) > n:
        rows = _herd(_features(full, risk), n)
    thinned = _measured(full, full.keep(rows), rows, risk, cells, ahead)
    if max(thinned.p_alive, thinned.risk) > MAX_THINNING_ERROR:
        raise FitRefusedError(
            f"{len(rows)} draws differ from the full posterior by {thinned.p_alive:.4f} in "
            f"P(alive) and {thinned.risk:.4f} in risk; at most {MAX_THINNING_ERROR} is exported. "
            "The posterior is too wide: use more data, fewer groups or tighter priors."
        )
    return thinned


def _features(full: PopulationDraws, risk: RiskConfig) -> Array:
    """What each draw says of the probes, centred at the posterior mean, shape (draw, feature)."""
    probe = _probes(full)
    columns = [1 - risk_by_draw(full, probe).T]
    if risk.basis != "p_alive":
        columns.append(risk_by_draw(full, probe, risk).T)
    linear = np.concatenate(columns, axis=1)
    linear -= linear.mean(axis=0)
    _, axes = np.linalg.eigh(linear.T @ linear)
    scores = linear @ axes[:, ::-1]
    lead = scores[:, :_COMPONENTS]
    pairs = [lead[:, i] * lead[:, j] for i in range(lead.shape[1]) for j in range(i + 1)]
    quadratic = np.column_stack(pairs)
    quadratic -= quadratic.mean(axis=0)
    scale = max(float(scores[:, 0].std()), 1e-12)
    return np.hstack([scores, _SPREAD_WEIGHT * quadratic / scale])


def _probes(full: PopulationDraws) -> Rows:
    """Stand-in customers: slow and fast buyers, silent for up to many of their own gaps.

    They follow from the posterior alone, so that the same posterior gives the same draws whoever
    the customers are, and an unchanged customer keeps her dates from one export to the next.
    """
    groups = np.unique(
        np.linspace(0, len(full.groups) - 1, _PROBED_GROUPS).round().astype(np.int64)
    )
    grid = np.meshgrid(groups, _PROBE_X, _PROBE_PACE, _PROBE_SILENCE, indexing="ij")
    group, x, pace, silence = (axis.ravel() for axis in grid)
    r, alpha = (np.median(full.theta[:, group, i], axis=0) for i in (0, 1))
    gap = full.k * alpha / (r + 0.5) / pace
    t_x = np.where(x > 0, np.ceil(x * gap), 0.0)
    T = t_x + np.ceil(silence * gap)
    return Rows(group.astype(np.int64), x.astype(float), t_x, T)


def _herd(features: Array, n: int, sweeps: int = 4) -> NDArray[np.int64]:
    """Pick one draw per stratum so that the sum of the centred features stays near zero."""
    size = (features**2).sum(axis=1)
    strata = _strata(features, n)
    chosen = np.array([stratum[len(stratum) // 2] for stratum in strata])
    total = features[chosen].sum(axis=0)
    for _ in range(sweeps):
        before = float(total @ total)
        for i, stratum in enumerate(strata):
            rest = total - features[chosen[i]]
            chosen[i] = stratum[np.argmin(2 * features[stratum] @ rest + size[stratum])]
            total = rest + features[chosen[i]]
        if before - float(total @ total) < 1e-9 * before:
            break
    return np.sort(chosen)


def _strata(features: Array, n: int) -> list[NDArray[np.int64]]:
    """Cut the draws into n parts of equal mass: along the first component, then the second."""
    outer = max(1, int(np.sqrt(n)))
    parts: list[NDArray[np.int64]] = []
    sizes = [len(part) for part in np.array_split(np.arange(n), outer)]
    ends = np.rint(np.cumsum(sizes) / n * len(features)).astype(int)[:-1]
    second = min(1, features.shape[1] - 1)
    for block, count in zip(np.split(np.argsort(features[:, 0]), ends), sizes, strict=True):
        parts += np.array_split(block[np.argsort(features[block, second])], count)
    return parts


def spread_rows(rows: Rows, weight: Array, n: int) -> NDArray[np.int64]:
    """Return at most `n` rows: the heaviest half, the rest evenly over x, silence and age."""
    if len(rows.x) <= n:
        return np.arange(len(rows.x))
    heavy = np.argsort(-weight, kind="stable")[: n // 2]
    order = np.lexsort((rows.T, rows.T - rows.t_x, rows.x, rows.group))
    even = order[np.linspace(0, len(order) - 1, n - len(heavy)).round().astype(np.int64)]
    return np.unique(np.concatenate([heavy, even]))


def _measured(
    full: PopulationDraws,
    thinned: PopulationDraws,
    kept: NDArray[np.int64],
    risk: RiskConfig,
    cells: Cells,
    ahead: Callable[[Array], Array] | None,
) -> Thinned:
    """Hold means over the thinned draws against those over all, on cells that are affordable."""
    rows = rows_of(cells, full)
    some = spread_rows(rows, cells.weight, max(64, _BUDGET // full.n_draws))
    rows = Rows(rows.group[some], rows.x[some], rows.t_x[some], rows.T[some])
    alive = [risk_summary(draws, rows).mean for draws in (full, thinned)]
    risks = [risk_summary(draws, rows, risk, ahead=ahead).mean for draws in (full, thinned)]
    off = np.abs(risks[0] - risks[1])
    if risk.basis == "personal_cycles":  # cells whose whole-day window moved by a day are left out
        cycles = [personal_window(rhythm_days(d, rows), risk.cycles) for d in (full, thinned)]
        off = off[cycles[0] == cycles[1]]
    error = float(np.abs(alive[0] - alive[1]).max())
    return Thinned(thinned, kept, error, float(off.max(initial=0.0)), len(rows.x))
