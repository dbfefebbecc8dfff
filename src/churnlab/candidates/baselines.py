"""The bar: simple rules that a model has to beat."""

from typing import Any, ClassVar

import numpy as np

from churnlab.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.metrics.binary import log_losses
from churnlab.metrics.cost import least_cost_cut
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.origins.training import SEVERAL, Training, training_for
from churnlab.types import Array


def _notes(training: Training) -> tuple[str, ...]:
    return (training.note,) if training.note else ()


class Recency(Candidate):
    """Plain idle days: no probability, only a ranking. The bar for every AUC."""

    name = "recency"
    kind: ClassVar[Kind] = "baseline"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Score by days since the last purchase; nothing is learnt."""
        del target, context
        return Forecast(past.idle, past.origin)


class PersonalRatio(Candidate):
    """Idle days over the own mean gap (the population's where there is none): a ranking."""

    name = "personal_ratio"
    kind: ClassVar[Kind] = "baseline"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Score by idle time in own gaps."""
        del target, context
        repeats = past.x.sum()
        typical = past.t_x.sum() / repeats if repeats > 0 else 1.0
        gap = np.divide(past.t_x, past.x, out=np.full(past.n, typical), where=past.x > 0)
        return Forecast(past.idle / np.maximum(gap, 0.5), past.origin)


_FEWEST_WRONG = "no costs are stated: the cutoff of hiatus is the one with the fewest wrong flags"


class Hiatus(Candidate):
    """One global cutoff on idle days, at the least realised cost on earlier origins.

    Without stated costs the cutoff is the one with the fewest wrong flags there. As a probability:
    the outcome rates on either side of the cutoff, learnt there too.
    """

    name = "hiatus"
    kind: ClassVar[Kind] = "baseline"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Flag those idle for at least the cutoff."""
        training = training_for(past, target)
        idle, outcome = training.idle, training.outcome
        costs = context.costs
        wasted, missed = (costs.wasted, costs.missed) if costs.stated else (1.0, 1.0)
        highest = float(max(idle.max(), past.idle.max())) + 1
        cutoff = least_cost_cut(idle, outcome, wasted, missed, highest=highest)
        beyond = idle >= cutoff
        rates = [_shrunk(outcome[~beyond], outcome), _shrunk(outcome[beyond], outcome)]
        flag = past.idle >= cutoff
        return Forecast(
            score=past.idle,
            seen_until=training.seen_until,
            risk=np.where(flag, rates[1], rates[0]),
            flag=flag,
            details={"cutoff_days": float(cutoff)},
            notes=_notes(training) + (() if costs.stated else (_FEWEST_WRONG,)),
        )


def _shrunk(part: Array, whole: Array, weight: float = 10.0) -> float:
    """Return the rate of a part, shrunk to the rate of all by `weight` customers."""
    return float((part.sum() + weight * whole.mean()) / (part.size + weight))


class Majority(Candidate):
    """The outcome rate of earlier origins, for everybody."""

    name = "majority"
    kind: ClassVar[Kind] = "baseline"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Forecast one number."""
        del context
        training = training_for(past, target)
        rate = np.full(past.n, float(training.outcome.mean()))
        return Forecast(
            rate,
            training.seen_until,
            risk=rate,
            expected=np.full(past.n, float(np.concatenate(training.counts).mean())),
            notes=_notes(training),
        )


class RecencyLogistic(Candidate):
    """Logistic regression on idle days and their logarithm, refitted on earlier origins.

    The simple rule that also claims a probability: the bar for Brier and log score. Both terms,
    because a bar that misfits is easily beaten: where all customers are alike the log-odds of
    being alive are linear in idle days, where they differ in rate linear in the logarithm.
    """

    name = "recency_logistic"
    kind: ClassVar[Kind] = "baseline"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Fit on earlier origins and read off the probability."""
        del context
        training = training_for(past, target)
        # beyond the longest silence seen in training the curve is held flat
        longest = float(training.idle.max())
        theta = _fit_rising(_design(training.idle, longest), training.outcome)
        risk = _expit(_design(past.idle, longest) @ theta)
        names = ("intercept", "per_log_day", "per_longest_silence")
        return Forecast(
            risk,
            training.seen_until,
            risk=risk,
            details=dict(zip(names, (float(v) for v in theta), strict=True)),
            notes=_notes(training),
        )


def _fit_rising(design: Array, outcome: Array) -> Array:
    """Fit with slopes that do not fall: longer silence is never less risk.

    With both terms free the curve bent down on grocery at 182 days (AUC .880 against .897 of the
    idle days themselves). A negative slope is left out and the other refitted.
    """
    both = fit_logistic(design, outcome)
    if (both[1:] >= 0).all():
        return both
    found = []
    for kept in ((0, 1), (0, 2)):
        theta = np.zeros(3)
        theta[list(kept)] = fit_logistic(design[:, kept], outcome)
        if (theta[1:] >= 0).all():
            found.append(theta)
    flat = np.array([fit_logistic(design[:, :1], outcome)[0], 0.0, 0.0])
    losses = [log_losses(_expit(design @ t), outcome).mean() for t in (*found, flat)]
    return (*found, flat)[int(np.argmin(losses))]


def _design(idle: Array, longest: float) -> Array:
    seen = np.minimum(idle, longest)
    return np.column_stack([np.ones_like(seen), np.log1p(seen), seen / max(longest, 1.0)])


def _expit(z: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-np.clip(z, -700, 700)))


def fit_logistic(design: Array, outcome: Array, ridge: float = 1e-3, steps: int = 50) -> Array:
    """Fit a logistic regression by Newton's method; the ridge keeps separable data finite."""
    theta = np.zeros(design.shape[1])
    for _ in range(steps):
        p = _expit(design @ theta)
        gradient = design.T @ (p - outcome) + ridge * theta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + ridge * np.eye(theta.size)
        step = np.linalg.solve(hessian, gradient)
        theta = theta - step
        if np.abs(step).max() < 1e-10:
            break
    return theta


class Rfm(Candidate):
    """Quantile cells of idle days, frequency and, where known, mean spend.

    A cell's outcome rate on earlier origins, shrunk to the rate of all, is the forecast.
    """

    name = "rfm"
    kind: ClassVar[Kind] = "baseline"
    bins = 5
    weight = 20.0

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Cut by the quantiles of earlier origins and read off the cell's rate."""
        del context
        training = training_for(past, target, SEVERAL)
        edges = self._edges(training)
        cell = np.concatenate([self._cell(p, edges) for p in training.pasts])
        size = np.bincount(cell, minlength=self.bins**3)
        events = np.bincount(cell, weights=training.outcome, minlength=self.bins**3)
        rate = training.outcome.mean()
        risk = ((events + self.weight * rate) / (size + self.weight))[self._cell(past, edges)]
        return Forecast(risk, training.seen_until, risk=risk, notes=_notes(training))

    def _edges(self, training: Training) -> list[Array]:
        shares = np.linspace(0, 1, self.bins + 1)[1:-1]
        columns: list[list[Any]] = [list(_features(p)) for p in training.pasts]
        return [np.quantile(np.concatenate(c), shares) for c in zip(*columns, strict=True)]

    def _cell(self, past: Past, edges: list[Array]) -> Any:
        code = np.zeros(past.n, dtype=np.int64)
        for values, cuts in zip(_features(past), edges, strict=True):
            code = code * self.bins + np.searchsorted(cuts, values, side="left")
        return code


def _features(past: Past) -> tuple[Array, ...]:
    """Return idle days, frequency and, where the log has amounts, mean spend."""
    plain = (past.idle, past.x)
    return plain if past.spend is None else (*plain, past.spend)
