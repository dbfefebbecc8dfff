"""`churnlab segment`: the visit x purchase grid at `as_of`, and its changes since `compare_to`."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pandas as pd

from churnlab.cli.commands import fit as fit_command
from churnlab.cli.console import Console
from churnlab.config.schemas.segment import SegmentSettings
from churnlab.errors import FitRefusedError, UsageError
from churnlab.events import EventLog
from churnlab.fitting import Fit, ModelConfig
from churnlab.fitting import fit as fit_model
from churnlab.inference import save_posterior
from churnlab.runs.folder import RunFolder
from churnlab.segments import (
    Audience,
    Axis,
    Playbook,
    VisitsConfig,
    all_audiences,
    audience_frame,
    check_breakdown,
    check_dates,
    load_playbook,
    take_snapshot,
)
from churnlab.summary import summarise
from churnlab.workflows.grid import Placed, Settings, audience_data, compare, lines, study
from churnlab.workflows.history import LOOK_BACK, Past, look_back
from churnlab.workflows.opening import open_data


def run(settings: SegmentSettings, folder: RunFolder, console: Console) -> Placed:
    """Open the data, fit purchases and visits, place everybody, write the tables."""
    require_first_purchases(settings.model.name)
    settings.model.require_plain_days("churnlab segment")
    visit_model(settings.visits)  # a wrong name is said before anything is fitted
    load_playbook(settings.playbook)  # a wrong playbook is said before anything is opened
    log = open_data(settings, folder, console)
    check(log, settings)
    fitted = fit_command.fit_log(log, settings, console)
    fit_command.write(fitted, folder)
    return segment_log(log, fitted, settings, folder, console)


def require_first_purchases(model: str) -> None:
    """Refuse models that cannot judge a first purchaser: half of the grid's purchase axis."""
    if model in ("bg_nbd", "bg_cnbd_k"):
        raise UsageError(
            f"model={model} sets P(alive) = 1 for everybody with one purchase and cannot decide "
            "the first-purchase states; use mbg_nbd, mbg_cnbd_k or pareto_nbd for segments."
        )


def check(log: EventLog, settings: Settings) -> None:
    """Say before anything is fitted that a date or a breakdown's column does not exist."""
    comparison_day(log, settings)
    check_breakdown(settings.segments.breakdown, log.attribute_table().columns)


def segment_log(
    log: EventLog,
    fitted: fit_command.Fitted,
    settings: Settings,
    folder: RunFolder,
    console: Console,
) -> Placed:
    """Segment a log that is open and fitted already."""
    now = place(log, fitted, settings, console)
    earlier = comparison_day(log, settings)
    before = None
    if earlier is not None:
        before = _place_on(earlier, log, settings, console)
    past = look_back(
        log, now, before, settings, console, lambda day: _place_on(day, log, settings, console)
    )
    with console.stage("shares, changes and audiences"):
        tables = compare(now, before, settings) | study(log, now, before, settings)
        playbook = load_playbook(settings.playbook)
        audiences = all_audiences(playbook, audience_data(log, now, tables), settings.audiences)
    if past is not None:
        tables |= past.tables()
    _write(tables, playbook, audiences, now, past, folder)
    console.say(*lines(now, before, tables, audiences, () if past is None else past.lines()))
    console.say(f"files: {folder.path}/membership.parquet, shares.parquet, actions.parquet, ...")
    return now


def place(
    log: EventLog, fitted: fit_command.Fitted, settings: Settings, console: Console
) -> Placed:
    """Fit the visit-days and place every member of a log in the grid on its last day."""
    visits = _fit_visits(log, settings, console)
    measure, value, first = fitted.threshold.state(settings.risk)
    purchase_axis = Axis(fitted.fit.draws, measure, (value,), first)
    visit_axis = None if visits is None else _visit_axis(visits, settings)
    with console.stage("placing everybody in the grid"):
        snapshot = take_snapshot(
            log.attributes(),
            fitted.fit.summary,
            purchase_axis,
            None if visits is None else visits.summary,
            visit_axis,
            config=settings.segments,
        )
    snapshot = replace(snapshot, notes=(*_added(log), *snapshot.notes))
    return Placed(fitted, visits, purchase_axis, visit_axis, snapshot)


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


def _place_on(day: dt.date, log: EventLog, settings: Settings, console: Console) -> Placed:
    """Fit the data up to an earlier day and place everybody on it."""
    with console.one_stage(f"the grid of {day}, by a fit of its own"):
        past = log.until(day)
        then = fit_command.fit_log(past, settings, console, with_worth=False)
        return place(past, then, settings, console)


def _fit_visits(log: EventLog, settings: Settings, console: Console) -> Fit | None:
    if "visits" not in log.tables:
        return None
    chosen = settings.visits
    model = visit_model(chosen)
    with console.stage(f"fitting the visit-days ({chosen.model})"):
        try:
            return fit_model(
                summarise(log, events="visits", count_purchases=chosen.count_purchases),
                model=model,
                inference=settings.inference,
                seed=settings.seed,
                progress=console.progress,
            )
        except FitRefusedError as error:
            raise FitRefusedError(f"visit-days: {error} (visits.model, visits.pooling)") from error


def visit_model(chosen: VisitsConfig) -> ModelConfig:
    """Return how the visit-days are modelled, by groups of members where wanted."""
    return ModelConfig(name=chosen.model, k=chosen.k, group=chosen.group, pooling=chosen.pooling)


def _visit_axis(visits: Fit, settings: Settings) -> Axis:
    chosen = settings.visits
    return Axis(visits.draws, chosen.measure, (chosen.risk_value, chosen.inactive_value))


def comparison_day(log: EventLog, settings: Settings) -> dt.date | None:
    """Return the day to compare with: stated, or a step before where the log reaches back."""
    first = log.days("purchases")["day"].min().date()
    if settings.compare_to is not None:
        try:
            day = dt.date.fromisoformat(settings.compare_to)
        except ValueError as error:
            raise UsageError(
                f"compare_to must be a date such as 2024-10-31; got {settings.compare_to!r}."
            ) from error
        check_dates(log.as_of, day, first)
        return day
    step = dt.timedelta(days=settings.segments.every_days or LOOK_BACK)
    day = log.as_of - step
    return day if day > first + step else None


def _write(
    tables: dict[str, pd.DataFrame],
    playbook: Playbook,
    audiences: tuple[Audience, ...],
    now: Placed,
    past: Past | None,
    folder: RunFolder,
) -> None:
    for name, table in tables.items():
        folder.write_parquet(f"{name}.parquet", table)
    actions = playbook.frame().merge(audience_frame(audiences), on="action_id")
    folder.write_parquet("actions.parquet", actions)
    if now.visits is not None:
        visits = now.visits
        folder.write("visits_posterior.nc", lambda p: save_posterior(visits.population, p))
        folder.write_parquet("visits.parquet", visits.summary.customers)
    for audience in audiences:
        if len(audience.frame):
            folder.write_parquet(f"audiences/{audience.action_id}.parquet", audience.frame)
    folder.write_json(
        "segments.json",
        {
            "as_of": now.snapshot.as_of,
            "n_members": now.snapshot.n_members,
            "threshold": now.fitted.threshold.to_dict(),
            "visit_cuts": None if now.visit_axis is None else now.visit_axis.cuts,
            "core_leak": None if past is None else past.core_leak(),
            "notes": now.snapshot.notes,
        },
    )
