"""The stack as a candidate: the family fitted at the origin, the rest learnt from earlier ones.

Where months of the year pay, the family has one member more, on the clock that is learnt at the
present origin: one season for all rows, so that a learner need not have seen a quarter twice to
know what it means.
"""

from dataclasses import replace
from typing import ClassVar

from churnlab.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.candidates.calendar import CalendarCandidate
from churnlab.candidates.models import BayesianCandidate
from churnlab.errors import DataError, FitRefusedError
from churnlab.forecast.boosting import ORIGINS
from churnlab.forecast.learning import Learnt, learn, sample_of
from churnlab.forecast.stack import Member
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.origins.training import LEAST_CUSTOMERS, training_for
from churnlab.summary.calendar import AUTO

#: Models whose forecasts are stacked: one without memory, one with regular gaps.
FAMILY = ("mbg_nbd", "mbg_cnbd_k")


class Stacked(Candidate):
    """Family and booster in one forecast; P(alive) stays that of MBG/NBD, on its clock or plain."""

    name = "stacked"
    kind: ClassVar[Kind] = "model"

    def __init__(self) -> None:
        self.family = [BayesianCandidate(name, name) for name in FAMILY]
        self.seasonal = CalendarCandidate("mbg_nbd@auto", FAMILY[0], AUTO)

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Learn from earlier origins and forecast the present one."""
        context = replace(context, counts=False)
        try:
            learnt = self.learn(past, target, context)
        except DataError:  # one outcome only, or nobody to learn from
            return self.family[0].forecast(past, target, context)
        risk = learnt.stack.forecast(past, target.windows(past))[0]
        months = learnt.stack.family[-1].clock is not None
        alive = (self.seasonal if months else self.family[0]).forecast(past, target, context)
        details = {"weight_of_learner": learnt.stack.mixed.weight, "months": months}
        notes = (learnt.note,) if learnt.note else ()
        return Forecast(
            risk, past.origin, risk=risk, p_alive=alive.p_alive, details=details, notes=notes
        )

    def learn(
        self,
        past: Past,
        target: Target,
        context: Context,
        *,
        model: Member | None = None,
        whole: bool = False,
    ) -> Learnt:
        """Fit the family to some of the customers, and learn the stack from their earlier origins.

        model: Whom the stack is held against.
        whole: Refuse to learn on windows that the history cuts short: their level is another.
        Raises DataError: Of those, or one outcome only.
        """
        sample = sample_of(past)
        training = training_for(sample, target, ORIGINS)
        if whole and training.note:
            raise DataError(
                f"no earlier window of {target.label} with half a window of history and "
                f"{LEAST_CUSTOMERS} customers before it"
            )
        family = self._members(sample, context)
        context.report("train")
        return learn(sample, target, training, family, model)

    def _members(self, past: Past, context: Context) -> list[Member]:
        """Return the models that can be fitted; the one on months, where they pay, comes last."""
        found = []
        for model in (*self.family, self.seasonal):
            try:
                draws, note = model.learn(past, context)
            except (DataError, FitRefusedError):
                continue
            clock = model.clock(note)
            if clock is not None or model is not self.seasonal:
                found.append(Member(draws.thin(context.score_draws), clock))
        return found
