"""A stack learnt from earlier origins inside the past, with what its latest one says of it.

Two forecasts are made from the features of earlier origins: a ridge logistic regression on the
logits of the family's models, and gradient boosting on the same logits beside everything else. With
`ENOUGH_ORIGINS` of them the boosting is taken as it is; with fewer their logits are averaged, with
a weight by the latest one. Each origin is left out once, which says how the stack does where it has
seen nothing, and how far one origin moves the forecast.

The family's parameters are those of the present: a logit means the same in all rows. They have seen
the outcomes of the earlier rows, four numbers from all purchases.

References
----------
Yao, Vehtari, Simpson and Gelman (2018), Bayesian Analysis 13 (weights by held-out log score).
Efron and Stein (1981), Annals of Statistics 9 (the jackknife's variance).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import expit, logsumexp, stdtrit

from churnlab.errors import DataError
from churnlab.forecast.boosting import (
    FOLDS,
    SEARCH_ROWS,
    Booster,
    Tuned,
    customers_of,
    folds_of,
    search,
)
from churnlab.forecast.features import features
from churnlab.forecast.stack import Member, Mixed, Stack, logits
from churnlab.forecast.trees import Trees
from churnlab.metrics.binary import log_losses
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.origins.training import Training
from churnlab.types import Array, Ints

#: Earlier origins from which on the learner has seen what changes over time and stands alone. The
#: latest one alone would decide by its season: weights of .85, .32, .94, .06 at four quarters of a
#: seasonal log, 1.3% worse than the comparator where the learner is .8% better (lab book 024).
ENOUGH_ORIGINS: Final = 4
#: Weights of the learner that are tried, equally likely before.
WEIGHTS: Final = np.linspace(0.0, 1.0, 21)
#: Customers that are learnt from at most, chosen by themselves: a million cost no more.
MOST_CUSTOMERS: Final = 20_000
#: Of more rows than the comparator looks at in its search, one fold of so many is held out, and
#: trees step twice as far: a quarter of the time, .1% of the log score (lab book 027). Fewer are
#: searched as the comparator's are: one fold alone cost .2 to .3% on bursty logs (lab book 029).
_SEARCHED: Final[dict[str, Any]] = {"folds": 1, "most": 20_000, "rate": 0.16}
#: Groups of neighbouring origins that are left out, one after the other.
LEFT_OUT: Final = 3
#: Another stream of numbers than the folds of the search, which must stay even in the sample.
_SAMPLE: Final = 0x5DEECE66D
#: The model is taken where it is better at the held-out origins with this probability. High: taken
#: wrongly it cost up to a third of the log loss, not taken up to 1% on most logs (lab book 029).
SURE: Final = 0.975
#: Customers behind each knot of the spread, and the most knots.
_PER_KNOT, _MOST_KNOTS = 100, 20


class Rows(NamedTuple):
    """Histories at one or several origins, (row, ...), and what followed."""

    features: Array
    """The last columns are the family's logits."""
    outcome: Array
    customer: Ints
    origin: Ints
    """Number of the origin, from the earliest on."""

    def of(self, origins: Ints, *, but: bool = False) -> Rows:
        """Return the rows of some origins, or of the others."""
        kept = np.isin(self.origin, origins, invert=but)
        return Rows(self.features[kept], self.outcome[kept], self.customer[kept], self.origin[kept])

    @property
    def both(self) -> bool:
        """Whether both outcomes occur."""
        return len(np.unique(self.outcome)) == 2


@dataclass(frozen=True)
class Evidence:
    """How the stack, the model and the base rate did at the earlier origins, each held out once.

    Origins, not customers, are what chance is reckoned by: one origin is one season, whatever the
    number of customers (lab book 029).

    origins: Those origins; neither the learner nor the base rate has seen its own.
    customers: Of whom the outcome is known.
    log_score, brier: Means over customers (`stacked`, `model`, `base_rate`): of the log of the
        probability of what came (greater is better), and of the squared error (smaller is better).
    gains (group,): Log score of the stack above the model's, customers summed, at each group of
        neighbouring origins that was left out.
    gain, error: Their sum and its standard error.
    """

    origins: tuple[dt.date, ...]
    customers: int
    log_score: dict[str, float]
    brier: dict[str, float]
    gains: tuple[float, ...]
    gain: float
    error: float

    @property
    def favours_model(self) -> bool:
        """Whether the model did better beyond chance, by Student's law."""
        return self.gain < -float(stdtrit(len(self.gains) - 1, SURE)) * self.error


@dataclass(frozen=True)
class Learnt:
    """A stack with what it was learnt from.

    stack: What forecasts.
    origins: Earlier origins.
    customers: Customers learnt from.
    tuned: Settings of the learner.
    evidence: None where fewer than two groups of origins were left out.
    note: Empty, or in what way the windows fall short of the target.
    """

    stack: Stack
    origins: tuple[dt.date, ...]
    customers: int
    tuned: Tuned
    evidence: Evidence | None
    note: str = ""

    @property
    def taken(self) -> bool:
        """Whether the earlier origins do not speak against it."""
        return self.evidence is None or not self.evidence.favours_model

    @property
    def words(self) -> str:
        """How it did where it had seen nothing."""
        if (known := self.evidence) is None:
            return "no earlier origin is left to judge it by"
        score = known.log_score
        return (
            f"log score {score['stacked']:.4f} in {len(known.origins)} earlier windows, each left "
            f"out once; the model {score['model']:.4f}, the base rate {score['base_rate']:.4f}"
        )


def sample_of(past: Past) -> Past:
    """Return at most some `MOST_CUSTOMERS` of the customers, each by a number of their own."""
    if past.n <= MOST_CUSTOMERS:
        return past
    number = folds_of(past.customer ^ _SAMPLE) / FOLDS
    return past.part(np.flatnonzero(number < MOST_CUSTOMERS / past.n))


def learn(
    sample: Past,
    target: Target,
    training: Training,
    family: Sequence[Member],
    model: Member | None = None,
) -> Learnt:
    """Learn a stack from the earlier origins of a history.

    sample: From `sample_of`.
    target: What is forecast.
    training: Its earlier origins.
    family: The models, as they are at the present origin.
    model: Whom the stack is held against; default: the last of the family.
    Raises DataError: One outcome only: nothing to learn.
    """
    names, rows = _rows(training, family)
    if not rows.both:
        raise DataError(
            f"of {len(rows.outcome):,} earlier windows of {target.label} all ended alike: there is "
            "nothing to learn a forecast from. Take forecast.name=model, or another window."
        )
    tuned = tuned_for(rows)
    size, g = len(family), len(training.pasts)
    groups = np.array_split(np.arange(g), min(g, LEFT_OUT)) if g > 1 else []
    others = [rows.of(left_out, but=True) for left_out in groups]
    without = [_mix(one, size, tuned, 0.5) if one.both else None for one in others]
    weight = _weight(rows, without[-1] if without else None, g)
    mixed = _mix(rows, size, tuned, weight)
    now = _features(sample, target.windows(sample), family)[1]
    moved = [one._replace(weight=weight).logit(now) for one in without if one is not None]
    knots, spread = spread_by_logit(mixed.logit(now), moved)
    blind = weight if g >= ENOUGH_ORIGINS else 0.5
    tried = [
        (left_out, one._replace(weight=blind))
        for left_out, one in zip(groups, without, strict=True)
        if one is not None
    ]
    rival = model or _last(family)
    evidence = _evidence(training, rows, tried, rival) if len(tried) > 1 and rival else None
    dates = tuple(p.origin for p in training.pasts)
    stack = Stack(tuple(family), names, mixed, knots, spread)
    return Learnt(stack, dates, sample.n, tuned, evidence, training.note)


def _rows(training: Training, family: Sequence[Member]) -> tuple[tuple[str, ...], Rows]:
    pairs = zip(training.pasts, training.windows, strict=True)
    found = [_features(past, windows, family) for past, windows in pairs]
    origin = np.repeat(np.arange(len(found)), [past.n for past in training.pasts])
    features = np.concatenate([columns for _, columns in found])
    return found[0][0], Rows(features, training.outcome, customers_of(training), origin)


def _features(past: Past, windows: Ints, family: Sequence[Member]) -> tuple[tuple[str, ...], Array]:
    names, columns = features(past, windows)
    return names, np.column_stack([columns, logits(family, past, windows)])


def tuned_for(rows: Rows) -> Tuned:
    """Return settings of the learner; what the search costs is bounded."""
    how = {} if len(rows.outcome) <= SEARCH_ROWS else _SEARCHED
    return search(rows.features, rows.outcome, rows.customer, **how)


def _mix(rows: Rows, size: int, tuned: Tuned, weight: float) -> Mixed:
    booster = Booster.fit(rows.features, rows.outcome, rows.customer, tuned)
    intercept, slopes = _ridge(rows.features[:, rows.features.shape[1] - size :], rows.outcome)
    return Mixed(intercept, slopes, Trees.of(booster), weight)


def _ridge(family: Array, outcome: Array) -> tuple[float, Array]:
    """Ridge logistic regression on the family's logits; the rate alone where nobody has some."""
    from sklearn.linear_model import LogisticRegression

    if not family.shape[1]:
        return float(np.log(outcome.mean() / (1.0 - outcome.mean()))), np.empty(0)
    found = LogisticRegression(C=1.0).fit(family, outcome)
    return float(found.intercept_[0]), np.asarray(found.coef_[0], dtype=np.float64)


def _weight(rows: Rows, without_latest: Mixed | None, origins: int) -> float:
    """Return the learner's weight: by the latest earlier origin where there are two or three.

    One half with one origin, and all of it with enough of them. One origin may speak for the
    learner, not against it: lifetimes that age were still all alive there (lab book 029).

    Customers held out of the same origin would not show what changes over time (tried:
    experiments/019-strong-comparator-and-stack).
    """
    if origins >= ENOUGH_ORIGINS:
        return 1.0
    if without_latest is None:
        return 0.5
    held = rows.of(np.array([origins - 1]))
    both = [without_latest._replace(weight=w).logit(held.features) for w in (1.0, 0.0)]
    return max(0.5, posterior_weight(both[0], both[1], held.outcome))


def posterior_weight(first: Array, second: Array, outcome: Array) -> float:
    """Return the posterior mean of the first forecast's weight in a mean of logits.

    first, second (row,): Logits of the outcome.
    outcome (row,): 0 or 1; none of the forecasts has seen it.
    """
    means = [expit(w * first + (1.0 - w) * second) for w in WEIGHTS]
    scores = np.array([-log_losses(mean, outcome).sum() for mean in means])
    share = np.exp(scores - logsumexp(scores))
    return float(share @ WEIGHTS)


def spread_by_logit(z: Array, moved: Sequence[Array]) -> tuple[Array, Array]:
    """Return logits and the forecast's standard deviation there, by leaving out each origin once.

    The jackknife's variance of each customer is a sum of few squares; customers of like forecast
    are taken together.

    z (customer,): The forecast.
    moved (customer,): The same with one origin left out.
    """
    g = len(moved)
    if g < 2:
        return np.empty(0), np.empty(0)
    moves = np.stack(moved)
    variance = (g - 1) / g * ((moves - moves.mean(axis=0)) ** 2).sum(axis=0)
    order = np.argsort(z, kind="stable")
    parts = np.array_split(order, max(1, min(_MOST_KNOTS, len(z) // _PER_KNOT)))
    knots = np.array([z[part].mean() for part in parts])
    return knots, np.array([np.sqrt(variance[part].mean()) for part in parts])


def _last(family: Sequence[Member]) -> Member | None:
    return family[-1] if family else None


def _evidence(
    training: Training, rows: Rows, tried: Sequence[tuple[Ints, Mixed]], model: Member
) -> Evidence:
    """Hold the stack, the model and the base rate against all origins that were left out.

    tried: Groups of origins, two or more, in order, and what was learnt from the others.
    """
    held = [rows.of(origins) for origins, _ in tried]
    y = np.concatenate([some.outcome for some in held])
    rates = [rows.of(origins, but=True).outcome.mean() for origins, _ in tried]
    there = np.concatenate([origins for origins, _ in tried])
    pairs = [(training.pasts[j], training.windows[j]) for j in there]
    blind = [one.logit(some.features) for (_, one), some in zip(tried, held, strict=True)]
    forecasts = {
        "stacked": expit(np.concatenate(blind)),
        "model": expit(np.concatenate([model.logit(*pair) for pair in pairs])),
        "base_rate": np.repeat(rates, [len(some.outcome) for some in held]),
    }
    losses: dict[str, Any] = {name: log_losses(p, y) for name, p in forecasts.items()}
    group = np.repeat(np.arange(len(held)), [len(some.outcome) for some in held])
    gains = np.bincount(group, losses["model"] - losses["stacked"])
    return Evidence(
        tuple(past.origin for past, _ in pairs),
        len(np.unique(np.concatenate([some.customer for some in held]))),
        {name: -float(loss.mean()) for name, loss in losses.items()},
        {name: float(np.mean((p - y) ** 2)) for name, p in forecasts.items()},
        tuple(gains.tolist()),
        float(gains.sum()),
        float(gains.std(ddof=1) * np.sqrt(len(gains))),
    )
