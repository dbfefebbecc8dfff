"""`churnlab nday`: conversion curve of signup cohorts, plateau, rule(N), audience."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from churnlab.cli.console import Console
from churnlab.config.schemas.nday import NdaySettings
from churnlab.errors import DataError, UsageError
from churnlab.events import EventLog
from churnlab.nday import NdayConfig, NdayResult, run_nday
from churnlab.runs.folder import RunFolder
from churnlab.workflows.opening import open_data


def run(settings: NdaySettings, folder: RunFolder, console: Console) -> NdayResult:
    """Open the data, study the signup cohorts, write curve, rule and audience."""
    previous = _previous(settings.previous)
    log = open_data(settings, folder, console)
    return study_log(log, settings.nday, folder, console, seed=settings.seed, previous=previous)


def study_log(
    log: EventLog,
    config: NdayConfig,
    folder: RunFolder,
    console: Console,
    *,
    seed: int,
    previous: pd.DataFrame | None = None,
) -> NdayResult:
    """Study the signup cohorts of a log that is open already."""
    if log.members_derived:
        raise DataError(
            "the N-day rule needs signups: there is no members table, and a first event is no "
            "signup. Give data.members.path (customer_id, signed_up_at)."
        )
    with console.stage("signup cohorts"):
        result = run_nday(log, config, seed=seed, previous=previous, progress=console.progress)
    result.write(folder)
    console.say(*lines(result))
    console.say(f"files: {folder.path}/curve.parquet, nday_audience.parquet, rule.json")
    return result


def _previous(path: str | None) -> pd.DataFrame | None:
    if path is None:
        return None
    if not Path(path).is_file():
        raise UsageError(f"previous={path!r} is no file; give an earlier nday_audience.parquet.")
    return pd.read_parquet(path)


def lines(result: NdayResult) -> list[str]:
    """Return the closing lines: plateau, what rule(N) does, uplift, tomorrow's audience."""
    rule, audience = result.rule, result.audience
    sent = audience["suppressed_reason"].fillna("") == ""
    treat = int((sent & (audience["arm"] == "treat")).sum())
    at_n, n = rule["at_n"], rule["n"]
    return [
        str(rule["plateau"]["statement"]["en"]),
        f"rule({n}): {_share(at_n['reach'])} of the signups are reached, "
        f"{_share(at_n['organic_after'])} of them would have bought anyway within "
        f"{rule['window_days']} days; it pays from an uplift of "
        f"{_share(at_n['break_even_uplift'])}",
        _uplift(rule.get("uplift")),
        *(f"assumption: {a['en']}" for a in rule["assumptions"]),
        f"message on {rule['send_date']}: {treat:,} to treat of {len(audience):,} who signed up "
        f"{n - rule['day_zero_index']} days before and have not bought",
    ]


def _share(value: dict[str, float]) -> str:
    return f"{value['mean']:.1%} ({value['q05']:.1%} to {value['q95']:.1%})"


def _uplift(value: dict[str, float] | None) -> str:
    if not value:
        return "uplift: unknown without a randomised holdout; keep 10-20% and log who got what"
    return f"uplift measured by the randomised holdout: {_share(value)}"
