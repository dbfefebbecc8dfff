"""Sequential evidence that customers behave otherwise than the bundle forecasts.

Step by step since the export (`steps`), who buys is forecast one step ahead from all that is known
at its start. A change alters that forecast: under a factor c on the rate, who stays silent with
probability q does so with q^c; under a factor d on dropout, the odds that somebody who has bought
since the export is gone are d times as large. The evidence is a ratio of probabilities of all that
was seen,

    E = mean over changes, first steps s, draws of P(steps | draw, as before s, changed from s on)
        / max over tolerated c of (mean over draws of P(steps | draw, c)).

If some tolerated c is the truth, E is at most a non-negative martingale of mean one, so the
probability that it *ever* exceeds 1/a is at most a, however often one looks (Ville's inequality;
the maximum is that of universal inference, Wasserman, Ramdas and Balakrishnan, PNAS 2020).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from churnlab.models.draws import PopulationDraws
from churnlab.monitor.steps import Step
from churnlab.posterior import RiskConfig, risk_by_draw
from churnlab.types import Array

#: Factors on the rate that count as no change, and how much of a change's weight each has.
TOLERANCE = 0.1
TOLERATED = np.exp(np.linspace(-1, 1, 5) * np.log1p(TOLERANCE))
_WEIGHT = np.array([1, 4, 6, 4, 1]) / 16
_UNCHANGED = 2
#: Factors on rate and dropout that are looked for.
RATES = np.array([0.25, 0.4, 0.55, 0.7, 0.8, 1.25, 1.5, 2.0, 3.0])
DROPOUTS = np.array([0.5, 1.5, 2.0, 4.0])
#: Draws that stand for the bundle's: the parameters' uncertainty, at a quarter of the work.
DRAWS = 16

RATE, DROPOUT, NEWCOMERS = "rate", "dropout", "newcomers"
#: How much each kind of change weighs; dropout is the hardest to see.
KINDS = {RATE: 0.25, DROPOUT: 0.5, NEWCOMERS: 0.25}

#: (rate, dropout) factors that are scored: rates alone, then dropout beside a tolerated rate.
_PAIRS = [(float(c), 1.0) for c in (*TOLERATED, *RATES)]
_PAIRS += [(float(c), float(d)) for c in TOLERATED for d in DROPOUTS]


class Change(NamedTuple):
    """A change that is looked for; pairs are places in `_PAIRS`."""

    kind: str
    factor: float
    weight: float
    before: int
    """Pair of everybody before the change: a tolerated rate."""
    known: int
    """Pair of the customers of the export from the change on."""
    new: int
    """Pair of the customers who came after it."""


def _changes() -> list[Change]:
    place = {pair: i for i, pair in enumerate(_PAIRS)}
    rates = {float(c): place[float(c), 1.0] for c in RATES}
    each = KINDS[RATE] / len(RATES)
    found = [Change(RATE, c, each, _UNCHANGED, i, i) for c, i in rates.items()]
    for before, (base, share) in enumerate(zip(TOLERATED, _WEIGHT, strict=True)):
        each = share * KINDS[NEWCOMERS] / len(RATES)
        found += [Change(NEWCOMERS, c, each, before, before, i) for c, i in rates.items()]
        each = share * KINDS[DROPOUT] / len(DROPOUTS)
        for d in map(float, DROPOUTS):
            i = place[float(base), d]
            found.append(Change(DROPOUT, d, each, before, i, i))
    return found


CHANGES = _changes()


class Evidence(NamedTuple):
    """What the steps since the export say."""

    log_evidence: float
    """ln E of any change."""
    kind: str
    """The most probable kind of change, if there is one."""
    factor: float
    """Its factor: the geometric mean over what is probable."""
    since: int
    """Days after the export at which it most probably began."""
    days: int
    """Days looked at."""
    expected: float
    """Buyers forecast among those whom such a change moves, summed over the steps."""
    observed: float


class Scores(NamedTuple):
    """Of one step: ln P(who bought) of customers known at the export and of new ones."""

    log_probability: Array
    """(known or new, pair, draw)"""
    counts: dict[str, Array]
    """Kind of change -> buyers expected and observed among those whom it moves."""
    begin: int
    end: int


def evidence(draws: PopulationDraws, steps: Iterable[Step]) -> Evidence | None:
    """Return the evidence of all steps together; None where there is no complete step.

    draws: The bundle's; they stay as they are, the customers' histories grow.
    steps: Since the export.
    """
    few = draws.thin(DRAWS)
    scored = [score_step(few, step) for step in steps]
    return weigh(scored) if scored else None


def score_step(draws: PopulationDraws, step: Step) -> Scores:
    """Return the probabilities of one step under all pairs of factors."""
    alive = 1 - risk_by_draw(draws, step.rows, RiskConfig(basis="p_alive"))
    window = RiskConfig(basis="fixed_days", horizon_days=step.days)
    quiet = risk_by_draw(draws, step.rows, window, ahead=step.ahead)
    new = step.is_since(step.rows.T)
    since = step.is_since(step.rows.T - step.rows.t_x)  # bought since the export
    silent = _Part(step, ~since, quiet)
    alone = {c: silent.log_probability(c) for c in (*TOLERATED, *RATES)}
    out = np.empty((2, len(_PAIRS), draws.n_draws))
    for dropout in (1.0, *DROPOUTS):
        moved = quiet.copy()
        moved[since] = _more_gone(quiet[since], alive[since], dropout)
        known, others = _Part(step, since & ~new, moved), _Part(step, new, moved)
        for i, (rate, other) in enumerate(_PAIRS):
            if other == dropout:  # dropout after a purchase does not move the silent
                out[0, i] = alone[rate] + known.log_probability(rate)
                out[1, i] = others.log_probability(rate)
    forecast = np.stack([step.customers * (1 - quiet.mean(axis=1)), step.buyers])
    who = {RATE: new | ~new, DROPOUT: since, NEWCOMERS: new}
    counts = {kind: forecast[:, rows].sum(axis=1) for kind, rows in who.items()}
    return Scores(out, counts, step.elapsed, step.elapsed + step.days)


class _Part:
    """Some of the histories of a step, with ln P(silent), (cell, draw)."""

    def __init__(self, step: Step, rows: NDArray[np.bool_], quiet: Array) -> None:
        self.buyers = step.buyers[rows]
        self.silent = step.customers[rows] - self.buyers
        self.log_quiet = np.log(np.clip(quiet[rows], 1e-300, 1 - 1e-12))

    def log_probability(self, rate: float) -> Array:
        """Return ln P(who of them bought | draw) under a factor on the rate, (draw,)."""
        log_quiet = rate * self.log_quiet
        bought = np.log(-np.expm1(log_quiet))
        return np.asarray(self.buyers @ bought + self.silent @ log_quiet)


def _more_gone(quiet: Array, alive: Array, dropout: float) -> Array:
    """Return P(silent) where the odds that a customer is gone are `dropout` times as large."""
    return np.asarray(1 - (1 - quiet) / (alive + dropout * (1 - alive)))


def weigh(scored: Sequence[Scores]) -> Evidence:
    """Return the evidence from the probabilities of each step.

    A change may begin with any step s = 0, 1, ...; it weighs 1 / ((s + 1) (s + 2)), which sums to
    one over all steps to come, so that a change after a quiet year is not held against that year.
    """
    known, new = np.moveaxis(np.stack([s.log_probability for s in scored]), 1, 0)
    unchanged = known + new
    before = unchanged[:, [c.before for c in CHANGES]]
    since = known[:, [c.known for c in CHANGES]] + new[:, [c.new for c in CHANGES]]
    begun = np.cumsum(before, axis=0) - before + np.cumsum(since[::-1], axis=0)[::-1]
    first = np.arange(len(scored))[:, None]
    begun = logsumexp(begun, axis=2) - np.log((first + 1) * (first + 2))
    begun += np.log([c.weight for c in CHANGES])
    same = logsumexp(unchanged[:, : len(TOLERATED)].sum(axis=0), axis=1).max()
    return _told(scored, begun, float(logsumexp(begun) - same))


def _told(scored: Sequence[Scores], begun: Array, log_evidence: float) -> Evidence:
    """Say which change is the most probable, from ln weights (first step, change)."""
    weight = np.exp(begun - begun.max())
    kinds = np.array([c.kind for c in CHANGES])
    kind = RATE  # of everybody, where nothing speaks of a change
    if log_evidence > 0:
        kind = max(KINDS, key=lambda k: float(weight[:, kinds == k].sum()))
    weight = weight[:, kinds == kind]
    factors = np.log([c.factor for c in CHANGES if c.kind == kind])
    factor = float(np.exp(np.average(factors, weights=weight.sum(axis=0))))
    start = scored[int(weight.sum(axis=1).argmax())].begin
    expected, observed = np.sum([s.counts[kind] for s in scored], axis=0)
    return Evidence(log_evidence, kind, factor, start, scored[-1].end, expected, observed)
