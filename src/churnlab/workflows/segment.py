"""Segment a log: the visit x purchase grid on its last day, its changes, and whom to reach."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from churnlab import models
from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.progress import SILENT, Progress
from churnlab.segments import (
    AudienceData,
    Past,
    Snapshot,
    all_audiences,
    check_breakdown,
    comparison_day,
    load_playbook,
)
from churnlab.segments.actions.effects import action_effects, with_evidence
from churnlab.segments.actions.plan import campaign_calendar, campaign_plan
from churnlab.segments.tables import breakdowns, churn_tables, compare, visit_checks, with_bands
from churnlab.workflows.fit import fit as fit_log
from churnlab.workflows.segmentation import Segmentation
from churnlab.workflows.steps.beside import beside
from churnlab.workflows.steps.fitted import Fitted
from churnlab.workflows.steps.history import Compared, by_fit_of, look_back
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.placing import Day, GridSettings, place_fitted
from churnlab.workflows.steps.settings import Worded
from churnlab.workflows.steps.stories import Few, stories


@dataclass(kw_only=True)
class SegmentSettings(GridSettings, Worded):
    """Of the grid alone, whose purchase axis judges first purchasers."""

    def __post_init__(self) -> None:
        """Refuse models that cannot judge a first purchaser: half of the purchase axis."""
        super().__post_init__()
        if not models.get(self.model.name).judges_first_purchasers:
            raise UsageError(
                f"model={self.model.name} sets P(alive) = 1 for everybody with one purchase and "
                "cannot decide the first-purchase states; use mbg_nbd, mbg_cnbd_k or pareto_nbd "
                "for segments."
            )


@use_case(SegmentSettings)
def segment(log: EventLog, settings: SegmentSettings, progress: Progress = SILENT) -> Segmentation:
    """Fit purchases and visits, place everybody in the grid, compare with earlier days.

    Parameters
    ----------
    log : EventLog
        Purchases, and visits where there are any.
    settings : SegmentSettings, optional
        Or its fields as keywords, each part whole, by its fields or by its name:
        ``risk="fixed_days"``, ``segments={"periods": 0}``, ``compare_to="2024-10-31"``.
    progress : Progress
        Hears of the stages.

    Returns
    -------
    Segmentation
        ``.lines`` in words, ``.tables`` (docs/files.md), ``.audiences``, ``.plot_grid()``,
        ``.plot_flow()``, ``.plot_shares()``.

    Raises
    ------
    UsageError
        A day or a breakdown's column that the log does not have.
    DataError, FitRefusedError
        The data do not support the fits.

    References
    ----------
    docs/segments.md, docs/risk.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> found = cl.segment(cl.load_shop(300), segments={"periods": 2}, inference={"draws": 200})
    >>> len(found.tables["membership"])
    300
    >>> _ = found.save("outputs/mine")  # a run folder, for `export`, `board` and reports
    """
    check(log, settings)
    fitted = fit_log(log, settings, progress)
    return replace(segment_fitted(log, fitted, settings, progress), with_fit=True)


def check(log: EventLog, settings: GridSettings) -> None:
    """Say before anything is fitted that a date or a breakdown's column does not exist."""
    _comparison_day(log, settings)
    check_breakdown(settings.segments.breakdown, log.attribute_table().columns)


def _comparison_day(log: EventLog, settings: GridSettings) -> dt.date | None:
    first = log.first_day()
    return comparison_day(log.as_of, first, settings.compare_to, settings.segments.every_days)


def segment_fitted(
    log: EventLog,
    fitted: Fitted,
    settings: GridSettings,
    progress: Progress = SILENT,
    *,
    journeys: pd.DataFrame | None = None,
) -> Segmentation:
    """Segment a log that is fitted already; audiences of `journeys` join the campaign plan."""

    def on(day: dt.date) -> Day:
        with progress.stage(f"the grid of {day}, by a fit of its own"):
            past = log.until(day)
            then = fit_log(past, settings, progress, with_worth=False)
            return place_fitted(past, then, settings, progress, slim=True)

    now = place_fitted(log, fitted, settings, progress)
    placed = now.placed
    tables, before, past = _moved(log, now, settings, progress, on)
    with progress.stage("churn rates and effects"):
        tables |= churn_tables(fitted.table, settings.risk, settings.winback)
        tables |= breakdowns(log, placed, settings.segments, settings.seed)
        members = tables["membership"] = with_bands(tables["membership"], fitted.table)
        playbook = load_playbook(settings.playbook)
        chosen = settings.audiences
        effects = action_effects(
            log, placed, playbook, costs=settings.rule, window_days=chosen.effect_days,
            holdout_share=chosen.holdout_share, seed=settings.seed,
        )  # fmt: skip
        playbook = with_evidence(playbook, effects, chosen.effect_days)
        tables |= {"action_effects": effects}
        few = Few.of(log, now)
    with (
        beside(partial(stories, few, now, playbook)) as told,
        progress.stage("audiences and campaigns"),
    ):
        data = replace(audience_data(log, now, tables["churn_bands"]), journeys=journeys)
        audiences = all_audiences(playbook, data, chosen)
        plan = campaign_plan(
            playbook,
            audiences,
            log.as_of,
            treatments=log.frame("treatments") if "treatments" in log.tables else None,
            journeys=() if journeys is None else set(journeys["journey_id"]),
            bands=pd.Series(members["risk_band"].array, members["customer_id"]),
            holdout_share=chosen.holdout_share,
            seed=settings.seed,
        )
        calendar = campaign_calendar(plan, log.as_of, chosen.plan_days)
        tables |= {"campaign_plan": plan, "campaign_calendar": calendar}
    found = tables | ({} if past is None else past.tables)
    return Segmentation(
        now, before, past, found, playbook, audiences, chosen.effect_days, stories=told.result()
    )


def _moved(
    log: EventLog,
    now: Day,
    settings: GridSettings,
    progress: Progress,
    on: Callable[[dt.date], Day],
) -> tuple[dict[str, pd.DataFrame], Snapshot | None, Past | None]:
    """Return the tables of shares and changes, the earlier day as it was said then, and the past.

    on: Fits the data up to a day and places everybody on it.
    """
    earlier, before, own = _comparison_day(log, settings), None, None
    if earlier is not None:
        before, own = by_fit_of(now, log, log.attributes(), earlier, settings), on(earlier)
    compared = None if before is None or own is None else Compared(own, before)
    past = look_back(log, now, compared, settings, progress, on)
    then = None if own is None else own.placed
    said = None if then is None else then.snapshot
    with progress.stage("shares and changes"):
        tables = compare(now.placed.snapshot, before, said, settings.segments, settings.seed)
        tables |= visit_checks(log, then, settings.visits)
    now.placed.snapshot.paired.clear()
    return tables, said, past


def audience_data(log: EventLog, now: Day, churn_bands: pd.DataFrame) -> AudienceData:
    """Return what the playbook's audiences are found from."""
    goods = {"event", "item"}
    visits = _rows(log, "visits", goods) if "visits" in log.tables else None
    needs = set() if visits is not None and goods <= set(visits.columns) else {"item"}
    return AudienceData(
        as_of=log.as_of,
        membership=now.placed.snapshot.membership,
        customers=now.fitted.table.frame(("customer_id", "due_date", "due_q10", "due_q90")),
        members=_rows(log, "members", {"coupon_expires_at"}),
        visits=visits,
        purchases=_rows(log, "purchases", needs),
        churn_bands=churn_bands,
    )


def _rows(log: EventLog, name: str, needs: set[str]) -> pd.DataFrame:
    """Return a table's rows, or its columns alone where they lack what an audience reads."""
    columns = log.table(name).columns
    return log.frame(name) if needs <= set(columns) else pd.DataFrame(columns=list(columns))
