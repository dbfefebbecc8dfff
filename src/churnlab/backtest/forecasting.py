"""The forecasts of a backtest: every candidate at every origin, and how they are recalibrated."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from churnlab.backtest.config import SplitConfig
from churnlab.backtest.limits import refuse_few_events
from churnlab.backtest.reusing import entry_at
from churnlab.backtest.scores.board import Entry, Truth, p_alive_entry
from churnlab.backtest.scores.recalibrated import recalibrated_entry
from churnlab.backtest.splits import Plan
from churnlab.candidates import Candidate, Context
from churnlab.errors import FitRefusedError
from churnlab.origins.panel import Panel
from churnlab.progress import Update

#: Share of the work that is forecasting; the rest is scoring.
FORECASTING = 0.75


@dataclass
class Board:
    """Entries of a backtest as they come in."""

    runners: Sequence[Candidate] = ()
    entries: list[Entry] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    earlier: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)

    def add(self, entry: Entry, how: str) -> None:
        """Add a forecast with its variants: recalibrated on earlier origins, and P(alive)."""
        key = (entry.truth.target.label, entry.candidate)
        past = self.earlier.setdefault(key, [])
        mapped = None if entry.flag is not None else recalibrated_entry(entry, past, how)
        variants = (entry, mapped, p_alive_entry(entry))
        self.entries += [e for e in variants if e is not None]
        past.append(entry)


def forecast_all(
    panel: Panel,
    plan: Plan,
    runners: Sequence[Candidate],
    split: SplitConfig,
    context: Context,
    say: Update,
) -> Board:
    """Forecast at every origin, guard, recalibrate."""
    board, started = Board(runners), time.monotonic()
    steps = sum(len(o.targets) for o in plan.origins) * len(runners)
    done = 0
    board.truths = [
        Truth.at(panel, panel.until(o.date), t, scored=o.scored)
        for o in plan.origins
        for t in o.targets
    ]
    refuse_few_events(board.truths, split.limits)
    for truth in board.truths:
        for candidate in runners:
            per_step = (time.monotonic() - started) / max(done, 1)
            left = f", {per_step * (steps - done):.0f} s left" if done >= 3 else ""
            where = f"origin {truth.origin}, {truth.target.label}, {candidate.name}{left}"
            say(where, FORECASTING * done / steps)
            _forecast_one(board, truth, candidate, split, context)
            done += 1
    return board


def _forecast_one(
    board: Board, truth: Truth, candidate: Candidate, split: SplitConfig, context: Context
) -> None:
    """Add one candidate's forecast; a refused fit is noted, the others go on."""
    try:
        entry = entry_at(truth, candidate, context)
    except FitRefusedError as error:
        board.refused.append(f"{truth.origin}, {truth.target.label}, {candidate.name}: {error}")
        return
    board.add(entry, split.recalibration)
