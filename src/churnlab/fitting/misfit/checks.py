"""Does the fitted model make customers like the ones it saw? Posterior predictive checks.

Each check holds figures of the data against those of customers simulated from posterior draws,
for the same first days and the same cutoff. Source of the idea: Gelman, Meng, Stern (1996),
"Posterior predictive assessment of model fitness via realized discrepancies".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, stdtr

from churnlab.events import Beginning
from churnlab.fitting.misfit import measures
from churnlab.fitting.misfit.measures import Figures, Histories
from churnlab.fitting.misfit.replicates import Purchases, replicate
from churnlab.fitting.sample import Sample
from churnlab.models.draws import PopulationDraws
from churnlab.summary import Summary
from churnlab.summary.calendar import number

#: Simulated copies of the customers.
REPLICATES = 100
#: Probability that a well-specified model is warned of at all, by all checks together: of 350
#: simulated fits 3 were (lab book 022).
FALSE_ALARMS = 0.02


#: The row of what the reading of the log saw.
BEGINNING = "beginning"


class Check(NamedTuple):
    """A check: what it measures, from which difference on it matters, and what it needs."""

    measure: Callable[[Histories, Histories], Figures]
    matters: float
    """Least |data - model| of a share or a log that is worth a warning."""
    dated: bool
    """Whether it needs the date of every purchase."""


CHECKS: dict[str, Check] = {
    "silence": Check(measures.silence, 0.03, dated=False),
    "ageing": Check(measures.ageing, 0.03, dated=False),
    "cohorts": Check(measures.cohorts, 0.10, dated=False),
    "regularity": Check(measures.regularity, 0.10, dated=True),
    "yearly": Check(measures.yearly, 0.05, dated=True),
    "trend": Check(measures.trend, 0.10, dated=True),
    "season": Check(measures.season, 0.10, dated=True),
}


@dataclass(frozen=True)
class Misfit:
    """What a check found, at its most telling figure.

    check: One of `CHECKS`, or `BEGINNING`.
    cell: Which of its figures: a purchase class with a silence, a month, ...
    observed, expected: The figure in the data, and its mean over the replicates.
    z: Their difference in standard deviations of the replicates.
    p_value: Probability of so large a difference in any of the check's figures.
    flagged: Whether it is a warning.
    """

    check: str
    cell: str
    observed: float
    expected: float
    z: float
    p_value: float
    flagged: bool


def check_fit(
    summary: Summary, sample: Sample, draws: PopulationDraws, seed: int = 1
) -> list[Misfit]:
    """Hold a summary against replicates of its fit, most telling check first.

    Without the dates of purchases (a summary made from arrays) the checks that need none are made;
    where a customer has two purchases on a day (orders), none is.
    """
    rng = np.random.default_rng([seed, len(summary.customers)])
    data = _observed(summary, sample)
    if data is None or not data.x.any():
        return []
    codes = summary.cells.group[sample.people["cell"].to_numpy()]
    drawn = draws.thin(REPLICATES)
    made = replicate(drawn, codes, data.first, data.end, rng, clock=summary.clock)
    model = Histories.of(made, data.first, data.end, drawn.n_draws)
    found = [
        judged
        for name, check in CHECKS.items()
        if data.purchases is not None or not check.dated
        if (judged := judge(name, check.measure(data, model))) is not None
    ]
    if summary.beginning is not None:
        found.append(before_the_log(summary.beginning))
    return sorted(found, key=lambda one: (not one.flagged, -abs(one.z)))


def judge(name: str, figures: Figures) -> Misfit | None:
    """Return a check's most telling figure; None where no figure has enough behind it."""
    places = np.flatnonzero(figures.usable & (figures.model.std(axis=0) > 0))
    if not places.size:
        return None
    model, data = figures.model[:, places], figures.data[0, places]
    n = len(model)
    off = data - model.mean(axis=0)
    z = off / (model.std(axis=0, ddof=1) * np.sqrt(1 + 1 / n))
    worst = int(np.abs(z).argmax())
    p_value = min(1.0, float(2 * stdtr(n - 1, -abs(z[worst]))) * len(places))
    sure = p_value * len(CHECKS) <= FALSE_ALARMS
    return Misfit(
        check=name,
        cell=figures.cells[places[worst]],
        observed=float(data[worst]),
        expected=float(model[:, worst].mean()),
        z=float(z[worst]),
        p_value=p_value,
        flagged=bool(sure and abs(off[worst]) >= CHECKS[name].matters),
    )


def before_the_log(found: Beginning) -> Misfit:
    """Return what the reading of the log saw, which no copy of its customers can show.

    Survivors of before the log look like its other customers but for a dropout too low. Every
    model here takes a first purchase for the first: none is made of earlier ones.
    """
    if found.sign == "signups":
        seen, made, z = found.seen / found.of, 0.0, found.seen**0.5
    else:
        seen, made = float(found.seen), found.of
        z = (seen - made) / (seen + made / 3) ** 0.5
    return Misfit(BEGINNING, found.sign, seen, made, z, float(2 * ndtr(-z)), flagged=True)


def _observed(summary: Summary, sample: Sample) -> Histories | None:
    people, first, end = sample.people, sample.first, number(summary.as_of)
    if sample.row is None or sample.day is None:
        x, t_x = people["x"].to_numpy(float), people["t_x"].to_numpy(float)
        return Histories(first, end, x, t_x, None)
    again = np.concatenate([[False], sample.row[1:] == sample.row[:-1]])
    gap = np.diff(sample.day, prepend=sample.day[:1]).astype(float)
    if (gap[again] <= 0).any():
        return None
    return Histories.of(Purchases(sample.row[again], sample.day[again], gap[again]), first, end)
