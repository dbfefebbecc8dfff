"""The family's forecasts and a learner on everything else, weighed by what held out.

A generative model knows what silence means and extrapolates to long windows; a learner sees season,
regularity and trend. Two forecasts are made from earlier origins: a ridge logistic regression on
the logits of the family's models, and gradient boosting on the same logits beside the features of
a history. Where months of the year pay, the family has one member more, on the clock that is learnt
at the present origin: one season for all rows, so that a learner need not have seen a quarter twice
to know what it means. With `ENOUGH_ORIGINS` earlier origins the boosting is taken as it is. With
fewer their logits are averaged, with a weight learnt on the latest earlier origin, which neither
has seen then.

References
----------
Yao, Vehtari, Simpson and Gelman (2018), Bayesian Analysis 13 (weights by held-out log score).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import expit, logsumexp

from churnlab.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.candidates.boosting import ORIGINS, Booster, customers_of
from churnlab.candidates.calendar import CalendarCandidate
from churnlab.candidates.features import features
from churnlab.candidates.models import BayesianCandidate
from churnlab.errors import DataError, FitRefusedError
from churnlab.metrics.binary import log_losses
from churnlab.origins.panel import Past
from churnlab.origins.targets import Target
from churnlab.origins.training import Training, training_for
from churnlab.summary.calendar import AUTO
from churnlab.types import Array, Ints

#: Models whose forecasts are stacked: one without memory, one with regular gaps.
FAMILY = ("mbg_nbd", "mbg_cnbd_k")
#: Earlier origins from which on the learner has seen what changes over time and stands alone. The
#: latest one alone would decide by its season: weights of .85, .32, .94, .06 at four quarters of a
#: seasonal log, 1.3% worse than the comparator where the learner is .8% better (lab book 024).
ENOUGH_ORIGINS = 4
#: Probabilities stay this far from 0 and 1 in logits.
MARGIN = 1e-6
#: Weights of the learner that are tried, equally likely before.
WEIGHTS = np.linspace(0.0, 1.0, 21)


class _Rows(NamedTuple):
    """One or several histories for both learners: (customer, ...)."""

    logits: Array
    features: Array

    def at(self, rows: np.ndarray) -> _Rows:
        return _Rows(self.logits[rows], self.features[rows])


class Stacked(Candidate):
    """Family and booster in one forecast; P(alive) stays that of MBG/NBD, on its clock or plain."""

    name = "stacked"
    kind: ClassVar[Kind] = "model"

    def __init__(self) -> None:
        self.family = [BayesianCandidate(name, name) for name in FAMILY]
        self.seasonal = CalendarCandidate("mbg_nbd@auto", FAMILY[0], AUTO)

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Learn from earlier origins, weigh by the latest of them, forecast the present one."""
        training = training_for(past, target, ORIGINS)
        on_clock = self.seasonal.fixed(past, context)
        family = self.family if on_clock is None else [*self.family, on_clock]
        rows = _training_rows(family, training, context)
        outcome, customer = training.outcome, customers_of(training)
        if len(np.unique(outcome)) < 2:
            return self.family[0].forecast(past, target, context)
        context.report("train")
        weight = self._weight(training, rows, outcome, customer)
        now = _rows(family, past, target.windows(past), context)
        both = _both(rows, outcome, customer, now)
        risk = expit(_mean_logit(both, weight))
        alive = (on_clock or self.family[0]).forecast(past, target, replace(context, counts=False))
        notes = (training.note,) if training.note else ()
        return Forecast(
            risk, past.origin, risk=risk, p_alive=alive.p_alive,
            details={"weight_of_learner": weight, "months": on_clock is not None}, notes=notes,
        )  # fmt: skip

    def _weight(self, training: Training, rows: _Rows, outcome: Array, customer: Ints) -> float:
        """Return the learner's weight: by the latest earlier origin where there are two or three.

        One half with one origin, and all of it with enough of them.

        Customers held out of the same origin would not show what changes over time (tried:
        experiments/019-strong-comparator-and-stack).
        """
        if len(training.pasts) >= ENOUGH_ORIGINS:
            return 1.0
        held = np.arange(len(outcome)) >= len(outcome) - training.pasts[-1].n
        if held.all() or len(np.unique(outcome[~held])) < 2:
            return 0.5
        both = _both(rows.at(~held), outcome[~held], customer[~held], rows.at(held))
        return posterior_weight(both, outcome[held])


def _training_rows(
    family: Sequence[BayesianCandidate], training: Training, context: Context
) -> _Rows:
    pairs = zip(training.pasts, training.windows, strict=True)
    parts = [_rows(family, past, windows, context) for past, windows in pairs]
    return _Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rows(
    family: Sequence[BayesianCandidate], past: Past, windows: Ints, context: Context
) -> _Rows:
    logits = np.column_stack([_logit(_risk(m, past, windows, context)) for m in family])
    return _Rows(logits, np.column_stack([features(past, windows)[1], logits]))


def _both(rows: _Rows, outcome: Array, customer: Ints, now: _Rows) -> tuple[Array, Array]:
    """Return logits of the booster and of the logistic regression at `now`."""
    booster = Booster.fit(rows.features, outcome, customer)
    return _logit(booster.predict(now.features)), _logistic(rows.logits, outcome, now.logits)


def _logistic(rows: Array, outcome: Array, now: Array) -> Array:
    """Ridge logistic regression on logits of models that could be fitted everywhere."""
    from sklearn.linear_model import LogisticRegression

    seen = np.isfinite(rows).all(axis=0) & np.isfinite(now).all(axis=0)
    if not seen.any():
        return np.full(len(now), _logit(np.array([outcome.mean()]))[0])
    learner = LogisticRegression(C=1.0).fit(rows[:, seen], outcome)
    return np.asarray(learner.decision_function(now[:, seen]))


def posterior_weight(both: tuple[Array, Array], outcome: Array) -> float:
    """Return the posterior mean of the first forecast's weight in a mean of logits.

    Parameters
    ----------
    both : two arrays (row,)
        Logits of the outcome.
    outcome : array (row,)
        0 or 1; none of the forecasts has seen it.
    """
    scores = [-log_losses(expit(_mean_logit(both, w)), outcome).sum() for w in WEIGHTS]
    share = np.exp(np.array(scores) - logsumexp(scores))
    return float(share @ WEIGHTS)


def _mean_logit(both: tuple[Array, Array], weight: float) -> Array:
    return weight * both[0] + (1.0 - weight) * both[1]


def _risk(model: BayesianCandidate, past: Past, windows: Ints, context: Context) -> Array:
    """Return a model's risk; nan for everybody where it cannot be fitted."""
    try:
        return model.windowed_risk(past, windows, context)
    except (DataError, FitRefusedError):
        return np.full(past.n, np.nan)


def _logit(p: Array) -> Array:
    inside = np.clip(p, MARGIN, 1.0 - MARGIN)
    return np.log(inside) - np.log1p(-inside)
