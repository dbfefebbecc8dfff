"""A threshold for a fit, calibrated on earlier origins of the same log."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from churnlab import models
from churnlab.backtest.run import generator
from churnlab.backtest.scores.board import Truth
from churnlab.candidates import Candidate, Context, candidate_named
from churnlab.candidates.base import Forecast
from churnlab.candidates.models import ModelCandidate
from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.forecast import closed_forms
from churnlab.origins.panel import Panel
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.posterior import Rows, personal_window, rhythm_days
from churnlab.rules import Evidence, Threshold, ThresholdRule
from churnlab.types import Array, Ints

#: Earlier origins that a first threshold learns from, one window apart.
_MOST_ORIGINS = 3
_LEAST_CUSTOMERS = 100
_LEAST_OUTCOMES = 20


class Risk(Protocol):
    """What is needed of `posterior.RiskConfig`."""

    basis: str
    horizon_days: int
    cycles: float


def calibrate_threshold(
    log: EventLog,
    *,
    rule: ThresholdRule,
    risk: Risk,
    model: str = "mbg_nbd",
    k: int | None = None,
    group: Sequence[str] = (),
    origins: int = _MOST_ORIGINS,
    seed: int = 1,
    context: Context | None = None,
) -> Threshold:
    """Choose a threshold by refitting the model at earlier origins and looking at what came.

    The outcome is "no purchase within the window": `risk.horizon_days` under p_alive and
    fixed_days, the model's own rhythms under personal_cycles, as in its table. Everything used
    lies at or before `log.as_of`.

    log: Clean events; `log.as_of` is the day at which the threshold will be used.
    rule: The rule that chooses.
    risk: Basis, horizon and cycles of the risk.
    model, k: Model whose risk is cut: a Bayesian candidate's name, `mbg_nbd+partial` for one with
        groups.
    group: Attributes of members by which that model pools.
    origins: At most so many earlier origins, one window apart.
    seed: For fits and the bootstrap interval.
    Returns: With interval, and curve and price of being wrong where costs are stated. Where the
        history is too short for one earlier origin, the rule's own number (`value`, cost ratio,
        `level` or `target`) is the cut, without an interval, and `notes` says so.
    Raises DataError: The history is too short and the rule has no such number (capacity).
    """
    context = context or Context(seed=seed, counts=False)
    candidate = candidate_named(model, k)
    found = _earlier(log, _target(risk, candidate, context), candidate, group, origins, context)
    notes: tuple[str, ...] = ()
    plain = model.partition("+")[0]
    if not found and plain != model:
        pooled = candidate_named(plain, k)
        found = _earlier(log, _target(risk, pooled, context), pooled, (), origins, context)
        notes = ("the model with groups could not be fitted at an earlier origin: the threshold "
                 "was learnt without groups",)  # fmt: skip
    if not found:
        return _fallback(rule, risk, log, _target(risk, candidate, context))
    risks = [_risk(f, risk.basis) for _, f in found]
    truths = [t for t, _ in found]
    chosen = rule.choose(
        np.concatenate(risks),
        np.concatenate([t.outcome for t in truths]),
        basis=risk.basis,
        customer=np.concatenate([t.past.customer for t in truths]),
        origin=np.concatenate([np.full(t.past.n, t.origin.toordinal()) for t in truths]),
        learnt_until=max(t.known_from for t in truths),
        rng=generator(seed, "threshold", model, rule.name, risk.basis),
    )
    return replace(chosen, notes=(*chosen.notes, *notes))


@dataclass(frozen=True)
class _OwnRhythm(Target):
    """Windows in the rhythm of the model whose risk is cut: those of the customers' table.

    A backtest gives all candidates the windows of one pooled rhythm, so that all have the same
    labels; a threshold is used on the model's own.
    """

    candidate: ModelCandidate
    context: Context

    def windows(self, past: Past) -> Ints:
        """Return each customer's window by a fit on what is known at the origin."""
        draws, note = self.candidate.learn(past, self.context)
        no_days = np.zeros(past.n, np.int64)
        rows = closed_forms.Rows(past, no_days, self.candidate.clock(note), draws)
        rhythm = rhythm_days(draws, Rows(rows.group, rows.x, rows.t_x, rows.T))
        return personal_window(rhythm, self.length)[rows.inverse].astype(np.int64)


def _target(risk: Risk, candidate: Candidate, context: Context) -> Target:
    if risk.basis != "personal_cycles":
        return Target("fixed_days", float(risk.horizon_days))
    assert isinstance(candidate, ModelCandidate), "a threshold cuts a model's risk"
    return _OwnRhythm("personal_cycles", float(risk.cycles), candidate, context)


def _risk(forecast: Forecast, basis: str) -> np.ndarray:
    if basis == "p_alive":
        assert forecast.p_alive is not None
        return 1 - forecast.p_alive
    assert forecast.risk is not None
    return forecast.risk


def _earlier(
    log: EventLog,
    target: Target,
    candidate: Candidate,
    group: Sequence[str],
    origins: int,
    context: Context,
) -> list[tuple[Truth, Forecast]]:
    """Return forecasts and outcomes at origins whose windows are complete by `log.as_of`."""
    panel = Panel.from_log(log, list(group))
    found = []
    for j in range(1, origins + 1):
        date = log.as_of - dt.timedelta(days=j * target.reach_days)
        if date <= panel.first_day + dt.timedelta(days=28):
            break
        past = panel.until(date)
        if past.n < _LEAST_CUSTOMERS:
            break
        try:
            truth = Truth.at(panel, past, target, scored=True)
            if min(truth.outcome.sum(), past.n - truth.outcome.sum()) < _LEAST_OUTCOMES:
                break
            found.append((truth, _judged(candidate, past, target, context)))
        except FitRefusedError:
            break
    return found[::-1]


def _judged(candidate: Candidate, past: Past, target: Target, context: Context) -> Forecast:
    """Return a candidate's forecast, one-time buyers by its kin where the model cannot judge them.

    As in the customers' table: BG/NBD holds everybody with one purchase alive for ever, and a cut
    learnt on that would lie below every risk there is.
    """
    forecast = candidate.forecast(past, target, context)
    if not isinstance(candidate, ModelCandidate):
        return forecast
    kin = models.get(candidate.model).kin_for_first_purchasers
    if kin is None:
        return forecast
    other = candidate_named(candidate.name.replace(candidate.model, kin, 1), candidate.k)
    judge, once = other.forecast(past, target, context), past.x == 0

    def both(own: Array | None, of_kin: Array | None) -> Array | None:
        return None if own is None or of_kin is None else np.where(once, of_kin, own)

    return replace(
        forecast,
        risk=both(forecast.risk, judge.risk),
        p_alive=both(forecast.p_alive, judge.p_alive),
    )


def _fallback(rule: ThresholdRule, risk: Risk, log: EventLog, target: Target) -> Threshold:
    """Return the rule's own number as the cut, as if the risk were calibrated, and say so."""
    why = (
        f"the log up to {log.as_of} is too short for an earlier origin with a complete window of "
        f"{target.label}"
    )
    value = rule.if_calibrated
    if value is None:
        raise DataError(
            f"{why}: rule={rule.name} has nothing to choose from. Give a longer log, or take "
            "rule=overdue, which needs no earlier origin."
        )
    first = value if rule.first_value is None else rule.first_value
    said = f"{why}: nothing was learnt; the cut is {value:g}, as if the risk were calibrated"
    notes = rule.notes(Evidence(np.array([value])), value, risk.basis)
    return Threshold(value, first, risk.basis, rule.name, notes=(*notes, said))
