"""Models on a clock of the calendar: multipliers learnt in the past, applied to the window."""

from __future__ import annotations

from typing import Any, Final

from churnlab.backtest.candidates.base import Context
from churnlab.backtest.candidates.models import BayesianCandidate, data_hash
from churnlab.backtest.origins.panel import Past
from churnlab.errors import DataError, FitRefusedError, UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.summary import Calendar, Cells, Clock

#: Suffix of a candidate whose clock knows the configured events and neither months nor weeks.
EVENTS_ONLY: Final = "events"


class CalendarCandidate(BayesianCandidate):
    """A Bayesian model on the clock of a calendar (docs/models.md).

    A bucket that the past has not seen counts as an average day in the forecast.

    Parameters
    ----------
    name, model : str
        As in `ModelCandidate`.
    calendar : str
        `month`, `week` or `events`; the context's events join the first two.
    """

    def __init__(self, name: str, model: str, calendar: str) -> None:
        super().__init__(name, model)
        self.calendar = calendar

    def key(self, context: Context) -> dict[str, Any]:
        """Return what the fit depends on besides the data."""
        about = {"calendar": self.buckets(context).to_dict(), "spread": context.calendar_spread}
        return {**super().key(context), **about}

    def buckets(self, context: Context) -> Calendar:
        """Return the calendar.

        Raises
        ------
        UsageError
            A candidate of events, and no events.
        """
        kind = None if self.calendar == EVENTS_ONLY else self.calendar
        found = Calendar.of(kind, context.events)
        if found is None:
            raise UsageError(f"candidate {self.name} needs events; name them in model.events.")
        return found

    def clock(self, note: dict[str, Any]) -> Clock | None:
        """Return the clock that the draws are measured on."""
        return Clock.from_dict(note["clock"])

    def learn(self, past: Past, context: Context) -> tuple[PopulationDraws, dict[str, Any]]:
        """Learn the clock, then the population on it, or find the finished fit."""
        data = {"data": data_hash(past.dated())}
        return self.stored(data, past.origin, context, lambda: self._fit_past(past, context))

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
