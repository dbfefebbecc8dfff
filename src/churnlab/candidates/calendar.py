"""Models on a clock of the calendar: multipliers learnt in the past, applied to the window."""

from typing import Any, Final

from numpy.typing import NDArray

from churnlab.candidates.base import Context
from churnlab.candidates.models import BayesianCandidate, arrays_hash, data_hash
from churnlab.errors import DataError, FitRefusedError, UsageError
from churnlab.fitting.sample import MOST_CUSTOMERS
from churnlab.fitting.seasonal import LEAST_HISTORY, months_pay
from churnlab.models.draws import PopulationDraws
from churnlab.origins.past import Past
from churnlab.summary import Calendar, Cells, Clock
from churnlab.summary.calendar import AUTO
from churnlab.summary.daysums import day_number

#: Suffix of a candidate whose clock knows the configured events and neither months nor weeks.
EVENTS_ONLY: Final = "events"


class CalendarCandidate(BayesianCandidate):
    """A Bayesian model on the clock of a calendar (docs/models.md).

    A bucket that the past has not seen counts as an average day in the forecast.

    name, model: As in `ModelCandidate`.
    calendar: `month`, `week`, `auto` (months, at origins where they pay) or `events`; the context's
        events join all.
    """

    def __init__(self, name: str, model: str, calendar: str) -> None:
        super().__init__(name, model)
        self.calendar = calendar

    def key(self, context: Context) -> dict[str, Any]:
        """Return what the fit depends on besides the data."""
        about = {"calendar": self.buckets(context).to_dict(), "spread": context.calendar_spread}
        return {**super().key(context), **about}

    def buckets(self, context: Context) -> Calendar:
        """Return the calendar. Raises UsageError: A candidate of events, and no events."""
        kind = {EVENTS_ONLY: None, AUTO: "month"}.get(self.calendar, self.calendar)
        found = Calendar.of(kind, context.events)
        if found is None:
            raise UsageError(f"candidate {self.name} needs events; name them in model.events.")
        return found

    def clock(self, note: dict[str, Any]) -> Clock | None:
        """Return the clock that the draws are measured on."""
        return Clock.from_dict(note["clock"]) if "clock" in note else None

    def learn(self, past: Past, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Learn the clock, then the population on it, or find the finished fit."""
        if self.calendar == AUTO and not self._months_pay(past, context):
            return BayesianCandidate(self.name, self.model).learn(past, context)
        data = {"data": data_hash(past.dated())}
        return self.stored(data, past.origin, context, lambda: self._fit_past(past, context))

    def _months_pay(self, past: Past, context: Context) -> bool:
        """Ask the past, once for all windows and candidates of an origin."""
        if (past.origin - past.first_day).days + 1 < LEAST_HISTORY:
            return False
        row, day = past.some_purchases(MOST_CUSTOMERS, context.seed)
        how = (self.model, dict(context.priors), context.calendar_spread)
        key = {"months": how, "origin": str(past.origin), "data": arrays_hash(row, day)}

        def ask() -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
            return {}, {"pay": months_pay(row, day, day_number(past.origin), *how).pays}

        return bool(context.cache.get(key, ask)[1]["pay"])

    def _fit_past(self, past: Past, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        from churnlab import inference

        try:
            seasons = inference.fit_seasons(
                past.dated(),
                self.buckets(context),
                model=self.model,
                priors=dict(context.priors),
                spread=context.calendar_spread,
            )
        except DataError as error:  # an event after this origin, say: the others go on
            raise FitRefusedError(f"{self.name} at {past.origin}: {error}") from error
        t_x, T = past.times(seasons.clock)
        draws, note = self.fit(Cells.collapse(past.x, t_x, T)[0], context)
        note["warnings"] = [*seasons.warnings, *note["warnings"]]
        return draws, {**note, "clock": seasons.clock.to_dict(), "widening": seasons.widening}
