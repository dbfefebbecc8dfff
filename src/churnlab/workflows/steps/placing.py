"""Place everybody in the grid on a log's last day: fits of purchases and visits, and both axes."""

from dataclasses import dataclass, field, replace

from churnlab.errors import FitRefusedError
from churnlab.events import EventLog
from churnlab.fitting import Fit, ModelConfig
from churnlab.fitting import fit as fit_model
from churnlab.progress import SILENT, Progress
from churnlab.segments import (
    AudienceConfig,
    Axis,
    Placed,
    SegmentsConfig,
    VisitsConfig,
    WinbackConfig,
    load_playbook,
    place,
)
from churnlab.summary import summarise
from churnlab.workflows.steps.fitted import Fitted
from churnlab.workflows.steps.settings import FitSettings


@dataclass(kw_only=True)
class GridSettings(FitSettings):
    """What everything that places people in the grid has.

    compare_to: An earlier day for the changes (ISO date).
    playbook: A YAML file of actions; the packaged one by default.
    """

    compare_to: str | None = None
    visits: VisitsConfig = field(default_factory=VisitsConfig)
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)
    audiences: AudienceConfig = field(default_factory=AudienceConfig)
    winback: WinbackConfig = field(default_factory=WinbackConfig)
    playbook: str | None = None

    def __post_init__(self) -> None:
        """Say of a wrong visit model or playbook before anything is opened."""
        super().__post_init__()
        visit_model(self.visits)
        load_playbook(self.playbook)


def visit_model(chosen: VisitsConfig) -> ModelConfig:
    """Return how the visit-days are modelled, by groups of members where wanted."""
    return ModelConfig(
        name=chosen.model, k=chosen.k, group=chosen.group, pooling=chosen.pooling, calendar=None
    )


@dataclass(frozen=True)
class Day:
    """A day's grid with the fits behind it."""

    fitted: Fitted
    visits: Fit | None
    placed: Placed


def place_fitted(
    log: EventLog,
    fitted: Fitted,
    settings: GridSettings,
    progress: Progress = SILENT,
    *,
    slim: bool = False,
) -> Day:
    """Fit the visit-days and place every member of a log in the grid on its last day.

    A `slim` grid is enough to compare another day with.
    """
    visits = _fit_visits(log, settings, progress)
    measure, value, first = fitted.threshold.state(settings.risk)
    fit = fitted.fit
    purchase_axis = Axis(fit.draws, measure, (value,), first, fit.data.clock)
    visit_axis = None if visits is None else _visit_axis(visits, settings.visits)
    with progress.stage("placing everybody in the grid"):
        placed = place(
            log.attributes(),
            fitted.fit.data,
            purchase_axis,
            None if visits is None else visits.data,
            visit_axis,
            settings.segments,
            slim=slim,
        )
    snapshot = replace(placed.snapshot, notes=(*_added(log), *placed.snapshot.notes))
    return Day(fitted, visits, replace(placed, snapshot=snapshot))


def _added(log: EventLog) -> tuple[str, ...]:
    """Return whom the members table lacked; the log has added them, so the snapshot cannot tell."""
    members = log.report.members
    if members.added_purchasers + members.added_visitors == 0:
        return ()
    return (
        f"{members.added_purchasers:,} purchasers and {members.added_visitors:,} visitors without "
        "a purchase are missing from the members table; they were added with their first event as "
        "the signup.",
    )


def _fit_visits(log: EventLog, settings: GridSettings, progress: Progress) -> Fit | None:
    if "visits" not in log.tables:
        return None
    chosen = settings.visits
    with progress.stage(f"fitting the visit-days ({chosen.model})"):
        try:
            return fit_model(
                summarise(log, events="visits", count_purchases=chosen.count_purchases),
                model=visit_model(chosen),
                inference=settings.inference,
                seed=settings.seed,
                progress=progress.update,
            )
        except FitRefusedError as error:
            raise FitRefusedError(f"visit-days: {error} (visits.model, visits.pooling)") from error


def _visit_axis(visits: Fit, chosen: VisitsConfig) -> Axis:
    return Axis(visits.draws, chosen.measure, (chosen.risk_value, chosen.inactive_value))
