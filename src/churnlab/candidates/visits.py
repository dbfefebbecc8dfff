"""Candidates that also read the visit log: do visits fall before purchases do (P17)?

Each has a `twin`, the same forecast without visits; the paired difference between the two is what
the visit log adds, and it may add nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from churnlab.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.candidates.models import BayesianCandidate, arrays_hash
from churnlab.errors import DataError, FitRefusedError
from churnlab.forecast.closed_forms import Rows, expected_of, risk_and_alive
from churnlab.metrics.logistic import logistic_weights
from churnlab.models.draws import PopulationDraws
from churnlab.models.thinned import Conversion
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.origins.training import SEVERAL, training_for
from churnlab.origins.visitdays import Visits
from churnlab.posterior.silence.stream import Rows as VisitRows
from churnlab.posterior.silence.thinned import Tally, conversion_mean, thinned_silence
from churnlab.summary import Cells
from churnlab.types import Array, Ints

#: Ends the names of relearnt candidates.
RELEARNT: Final = "_relearnt"
_EDGE = 1e-6


class RelearntCandidate(Candidate):
    """A model's windowed risk, relearnt on earlier origins: with visits or without them.

    Logistic regression on logit(risk), log(1 + idle days) and log(1 + repeat purchases). Visits
    add either the logit of a thinned model's risk, or features of their own: log(1 + days since the
    last visit), the log of visit-days per day since the first purchase, and log(1 + visit-days) of
    the last window.

    base: The model whose risk is relearnt.
    visits: What the visits add; None for the twin without them.
    """

    kind: ClassVar[Kind] = "comparator"

    def __init__(
        self,
        name: str,
        base: BayesianCandidate,
        visits: ThinnedCandidate | Literal["features"] | None = None,
    ) -> None:
        self.name, self.base, self.visits = name, base, visits
        self.needs_visits = visits is not None
        self.twin = None if visits is None else base.name + RELEARNT

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Learn on earlier origins, whose risks come from fits at those origins."""
        training = training_for(past, target, SEVERAL)
        learn = [
            self._features(p, w, target, context)
            for p, w in zip(training.pasts, training.windows, strict=True)
        ]
        use = self._features(past, target.windows(past), target, context)
        risk, weights = _logistic(np.concatenate(learn), training.outcome, use)
        return Forecast(
            risk,
            training.seen_until,
            risk=risk,
            details=dict(zip(self._names(), weights.tolist(), strict=True)),
            notes=tuple(n for n in (training.note, self._note(past, target)) if n),
        )

    def _features(self, past: Past, windows: Ints, target: Target, context: Context) -> Array:
        risk = self.base.windowed_risk(past, windows, context)
        columns = [_logit(risk), np.log1p(past.idle), np.log1p(past.x)]
        if isinstance(self.visits, ThinnedCandidate):
            columns.append(_logit(self.visits.windowed_risk(past, windows, context)))
        elif self.visits is not None:
            seen = past.visits(target.reach_days)
            rate = np.log((seen.x + 1.0) / (seen.T + 1.0))
            columns += [np.log1p(seen.idle), rate, np.log1p(seen.recent)]
        return np.column_stack(columns)

    def _names(self) -> tuple[str, ...]:
        plain = ("intercept", "logit_risk", "log_idle", "log_purchases")
        if self.visits == "features":
            return (*plain, "log_idle_visit", "log_visit_rate", "log_recent_visits")
        return plain if self.visits is None else (*plain, "logit_thinned_risk")

    def _note(self, past: Past, target: Target) -> str:
        return past.visits(target.reach_days).note if self.needs_visits else ""


def _logistic(learn: Array, outcome: Array, use: Array) -> tuple[Array, Array]:
    """Fit on standardised features; return probabilities and (standardised) weights."""
    mean, spread = learn.mean(axis=0), learn.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    weights = logistic_weights(_with_constant((learn - mean) / spread), outcome)
    score = np.clip(_with_constant((use - mean) / spread) @ weights, -30.0, 30.0)
    return 1.0 / (1.0 + np.exp(-score)), weights


def _logit(risk: Array) -> Array:
    inside = np.clip(risk, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _with_constant(columns: Array) -> Array:
    return np.column_stack([np.ones(len(columns)), columns])


class ThinnedCandidate(Candidate):
    """Purchases as thinned visits: a dropout model on visit-days and a Beta law of conversion.

    See `likelihoods.thinned`. Clock: the first purchase; purchase-days count as visit-days.

    visits: Model of the visit-days.
    """

    kind: ClassVar[Kind] = "model"
    needs_visits = True

    def __init__(self, name: str, visits: BayesianCandidate) -> None:
        self.name, self.visits, self.model, self.twin = name, visits, visits.model, visits.model

    def windowed_risk(self, past: Past, windows: Ints, context: Context) -> Array:
        """Return P(no purchase in the window) alone, per customer."""
        seen = past.visits()
        draws, conversion, _ = self._learn(past, seen, context)
        return _risk(draws, conversion, seen, windows)

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Forecast by the sum over visit-days to come."""
        seen = past.visits()
        draws, conversion, note = self._learn(past, seen, context)
        windows = target.windows(past)
        rows = Rows(seen, windows)
        visit_mean = expected_of(rows, draws)
        tally = Tally(seen.x, seen.purchases)
        risk = _risk(draws, conversion, seen, windows)
        return Forecast(
            score=risk,
            seen_until=past.origin,
            risk=risk,
            p_alive=risk_and_alive(rows, draws)[1],
            expected=visit_mean * conversion_mean(conversion, tally),
            details=note,
            notes=tuple(n for n in (*note["warnings"], seen.note) if n),
        )

    def _learn(
        self, past: Past, seen: Visits, context: Context
    ) -> tuple[PopulationDraws, Conversion, dict[str, Any]]:
        """Fit the two independent parts, or find the finished fits; draws are thinned."""
        cells = Cells.collapse(seen.x, seen.t_x, seen.T, sum_log_gap=seen.sum_log_gap)[0]
        draws, note = self.visits.learn_cells(cells, past.origin, context)

        def make() -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
            from churnlab.candidates.thinning import fit_thinning

            try:
                fit = fit_thinning(
                    seen.x, seen.purchases, np.random.default_rng(context.seed), draws=context.draws
                )
            except DataError as error:
                raise FitRefusedError(str(error)) from error
            return {"c": fit.conversion.c, "d": fit.conversion.d}, {"mean": fit.mean}

        key = {"how": "thinning", "draws": context.draws, "seed": context.seed}
        key["data"] = arrays_hash(seen.x, seen.purchases)
        arrays, about = context.cache.get(key, make)
        conversion = Conversion(arrays["c"], arrays["d"]).thin(context.score_draws)
        about = {**note, "warnings": note.get("warnings", ()), "purchases_per_visit": about["mean"]}
        about["unlogged_visit_days"] = seen.unlogged
        return draws.thin(context.score_draws), conversion, about


def _risk(draws: PopulationDraws, conversion: Conversion, seen: Visits, windows: Ints) -> Array:
    """P(no purchase in the window) per customer; equal rows are computed once."""
    table = np.column_stack([seen.x, seen.t_x, seen.T, seen.purchases, windows])
    distinct, inverse = np.unique(table, axis=0, return_inverse=True)
    out = np.empty(len(distinct))
    for window in np.unique(distinct[:, 4]):
        at = np.flatnonzero(distinct[:, 4] == window)
        x, t_x, T, purchases = (np.ascontiguousarray(c) for c in distinct[at, :4].T)
        rows = VisitRows(np.zeros(len(at), np.int64), x, t_x, T)
        out[at] = thinned_silence(draws, rows, conversion, Tally(x, purchases), float(window))
    return np.asarray(out[inverse.reshape(-1)])
