"""`churnlab segment`: the visit x purchase grid at `as_of`, and its changes since `compare_to`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.cli.commands import fit as fit_command
from churnlab.cli.console import Console
from churnlab.cli.opening import open_data
from churnlab.config.schema import PipelineSettings, SegmentSettings
from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.fitting import Fit, ModelConfig
from churnlab.fitting import fit as fit_model
from churnlab.inference import save_posterior
from churnlab.posterior import RiskConfig
from churnlab.runs import RunFolder
from churnlab.segments import (
    Audience,
    AudienceData,
    Axis,
    Playbook,
    Snapshot,
    all_audiences,
    audience_frame,
    break_even_table,
    breakdown_table,
    change_table,
    check_dates,
    churn_bands,
    leak_table,
    load_playbook,
    reestimation_table,
    repeat_table,
    segment_share_frame,
    shares_table,
    take_snapshot,
    transition_table,
    visit_calibration,
)
from churnlab.summary import summarise

Settings = SegmentSettings | PipelineSettings
#: Without `compare_to` the grid is compared with this many days before.
_DEFAULT_LOOK_BACK = 30


@dataclass(frozen=True)
class Placed:
    """A day's grid with the fits behind it."""

    fitted: fit_command.Fitted
    visits: Fit | None
    purchase_axis: Axis
    visit_axis: Axis | None
    snapshot: Snapshot


def run(settings: SegmentSettings, folder: RunFolder, console: Console) -> Placed:
    """Open the data, fit purchases and visits, place everybody, write the tables."""
    require_first_purchases(settings.model.name)
    log = open_data(settings, folder, console)
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


def segment_log(
    log: EventLog,
    fitted: fit_command.Fitted,
    settings: Settings,
    folder: RunFolder,
    console: Console,
) -> Placed:
    """Segment a log that is open and fitted already."""
    now = place(log, fitted, settings, console)
    earlier = _comparison_day(log, settings)
    before = None
    if earlier is not None:
        with console.part(str(earlier)):
            past = log.until(earlier)
            before = place(past, fit_command.fit_log(past, settings, console), settings, console)
    with console.stage("shares, changes and audiences"):
        tables = _tables(now, before, settings) | _extras(log, now, before, settings)
        playbook = load_playbook(settings.playbook)
        audiences = all_audiences(playbook, _audience_data(log, now, tables), settings.audiences)
    _write(tables, playbook, audiences, now, folder)
    console.say(*lines(now, before, tables, audiences))
    console.say(f"files: {folder.path}/membership.parquet, shares.parquet, actions.parquet, ...")
    return now


def place(
    log: EventLog, fitted: fit_command.Fitted, settings: Settings, console: Console
) -> Placed:
    """Fit the visit-days and place every member of a log in the grid on its last day."""
    visits = _fit_visits(log, settings, console)
    value, first = fitted.threshold.inside()
    purchase_axis = Axis(fitted.fit.draws, settings.risk, (value,), first)
    visit_axis = None if visits is None else _visit_axis(visits, settings)
    with console.stage("placing everybody in the grid"):
        snapshot = take_snapshot(
            log.members(),
            fitted.fit.summary,
            purchase_axis,
            None if visits is None else visits.summary,
            visit_axis,
            config=settings.segments,
        )
    return Placed(fitted, visits, purchase_axis, visit_axis, snapshot)


def _fit_visits(log: EventLog, settings: Settings, console: Console) -> Fit | None:
    if "visits" not in log.tables:
        return None
    chosen = settings.visits
    with console.stage(f"fitting the visit-days ({chosen.model})"):
        return fit_model(
            summarise(log, events="visits", count_purchases=chosen.count_purchases),
            model=ModelConfig(name=chosen.model, k=chosen.k),
            inference=settings.inference,
            seed=settings.seed,
            progress=console.progress,
        )


def _visit_axis(visits: Fit, settings: Settings) -> Axis:
    chosen = settings.visits
    risk = RiskConfig(basis=chosen.basis, horizon_days=chosen.horizon_days, cycles=chosen.cycles)
    return Axis(visits.draws, risk, (chosen.risk_value, chosen.inactive_value))


def _comparison_day(log: EventLog, settings: Settings) -> dt.date | None:
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
    day = log.as_of - dt.timedelta(days=_DEFAULT_LOOK_BACK)
    return day if day > first + dt.timedelta(days=_DEFAULT_LOOK_BACK) else None


def _tables(now: Placed, before: Placed | None, settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the tables by file name; those of a comparison only where there is one."""
    config = settings.segments
    rng, leak_rng, share_rng = np.random.default_rng(settings.seed).spawn(3)
    shares = shares_table(now.snapshot, config, share_rng)
    if before is None:
        return {"membership": now.snapshot.membership, "shares": shares}
    change = change_table(before.snapshot, now.snapshot, config, rng)
    by_old_fit = take_snapshot(
        now.fitted.log.members(),
        now.fitted.fit.summary,
        before.purchase_axis,
        None if now.visits is None else now.visits.summary,
        before.visit_axis,
        config=config,
    )
    return {
        "membership": _with_previous(now.snapshot, before.snapshot),
        "shares": shares,
        "changes": change,
        "segment_share": segment_share_frame(shares, change),
        "transitions": transition_table(before.snapshot, now.snapshot, config),
        "leaks": leak_table(before.snapshot, now.snapshot, config, leak_rng),
        "repeat_rates": repeat_table(before.snapshot, now.snapshot),
        "reestimation": reestimation_table(before.snapshot, now.snapshot, by_old_fit),
    }


def _with_previous(now: Snapshot, before: Snapshot) -> pd.DataFrame:
    """Add each member's cell on the earlier day; new members have none."""
    previous = before.membership[["customer_id", "segment_code"]]
    renamed = previous.rename(columns={"segment_code": "previous_code"})
    return now.membership.merge(renamed, on="customer_id", how="left")


def _extras(
    log: EventLog, now: Placed, before: Placed | None, settings: Settings
) -> dict[str, pd.DataFrame]:
    """Return churn-rate bands, win-back table, breakdowns, and the visit model's calibration."""
    basis = settings.risk.basis if settings.risk.basis != "p_alive" else "personal_cycles"
    bands = churn_bands(now.fitted.customers, basis=basis)
    rates = bands.groupby("churn_band", observed=True)["churn_rate"].mean()
    found = {
        "churn_bands": bands,
        "winback": break_even_table([1 - rate for rate in rates], settings.winback),
    }
    rngs = np.random.default_rng([settings.seed, 1]).spawn(len(settings.segments.breakdown))
    for column, rng in zip(settings.segments.breakdown, rngs, strict=True):
        found[f"breakdown_{column}"] = breakdown_table(
            now.snapshot, log.members(), column, settings.segments, rng
        )
    if before is not None and before.visits is not None:
        found["visit_calibration"] = visit_calibration(
            before.visits.summary,
            before.visits.draws,
            log.days("visits"),
            log.as_of,
            settings.visits.calibration_days,
        )
    return found


def _audience_data(log: EventLog, now: Placed, tables: dict[str, pd.DataFrame]) -> AudienceData:
    return AudienceData(
        as_of=log.as_of,
        membership=now.snapshot.membership,
        customers=now.fitted.customers,
        members=log.members(),
        visits=log.frame("visits") if "visits" in log.tables else None,
        purchases=log.frame("purchases"),
        churn_bands=tables["churn_bands"],
    )


def _write(
    tables: dict[str, pd.DataFrame],
    playbook: Playbook,
    audiences: tuple[Audience, ...],
    now: Placed,
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
            "notes": now.snapshot.notes,
        },
    )


def lines(
    now: Placed,
    before: Placed | None,
    tables: dict[str, pd.DataFrame],
    audiences: tuple[Audience, ...],
) -> list[str]:
    """Return the closing lines: the grid's shares, what changed, whom to reach."""
    shares = tables["shares"]
    cells = shares[(shares["level"] == "segment") & (shares["n"] > 0)]
    top = cells.sort_values("share", ascending=False)
    said = [f"{now.snapshot.n_members:,} members on {now.snapshot.as_of}, by cell:"]
    said += [
        f"  {r.name_en:<42}{r.n:>8,}  {r.share:6.1%}  ({r.share_q05:.1%} to {r.share_q95:.1%})"
        for r in top.itertuples()
    ]
    said += list(now.snapshot.notes)
    if before is not None:
        said += _change_lines(tables["changes"], before)
    if "visit_calibration" in tables:
        said += _calibration_lines(tables["visit_calibration"])
    reached = [a for a in audiences if len(a.frame)]
    said.append(f"audiences: {len(reached)} of {len(audiences)} actions have somebody to reach")
    return said


def _calibration_lines(calibration: pd.DataFrame) -> list[str]:
    """Return how the visit model forecast silence in short windows, and what came."""
    return [
        f"visit model, no visit within {row.horizon_days} day(s): forecast {row.forecast:.1%}, "
        f"came {row.observed:.1%} ({row.observed_q05:.1%} to {row.observed_q95:.1%})"
        for row in calibration.itertuples()
    ]


def _change_lines(change: pd.DataFrame, before: Placed) -> list[str]:
    groups = change[change["level"] == "polarity"]
    return [
        f"{r.name_en} share since {before.snapshot.as_of}: {r.change:+.1%} "
        f"({r.change_q05:+.1%} to {r.change_q95:+.1%})"
        for r in groups.itertuples()
    ]
