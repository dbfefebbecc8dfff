"""`monitor`: a bundle against newer data.

On a failure the dates are still served; the bundle is marked stale and a person decides. No
threshold is refitted here.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd

from churnlab.bundle import ScoringBundle, score
from churnlab.bundle.people import log_of_frames
from churnlab.bundle.reading import load_bundle
from churnlab.bundle.rules import rules_of
from churnlab.errors import DataError, UsageError
from churnlab.events import EventLog
from churnlab.monitor import alarms, drift
from churnlab.monitor.checks import FAIL, OK, WARN, worst
from churnlab.monitor.labels import of_vintages
from churnlab.monitor.vintages import vintages

_ADVICE = {
    OK: "Serve the bundle.",
    WARN: "Serve the bundle; look at the warnings and plan a new backtest.",
    FAIL: "Keep serving the dates, mark the bundle stale, backtest and export anew; the threshold "
    "is not refitted here.",
}


def monitor(
    bundle: str | Path,
    log: EventLog | None = None,
    *,
    purchases: pd.DataFrame | None = None,
    visits: pd.DataFrame | None = None,
    members: pd.DataFrame | None = None,
    as_of: dt.date | str | None = None,
    expected_purchasers: int | None = None,
    vintage_days: int = 28,
    today: dt.date | None = None,
) -> dict[str, Any]:
    """Hold a bundle against newer data.

    bundle: A bundle.json, or the folder of an export.
    log: Events now, up to the last complete day: all history, not only the new days.
    purchases, visits, members: Instead of the log: frames, as `churnlab.bundle.score` takes them.
    as_of: Last complete day of the frames; default: the last day in them.
    expected_purchasers: Purchasers that ought to be there; default: those of the export.
    vintage_days: Days between the vintages whose labels are looked at.
    today: The day of the run, which the data's last day is held against; default: the clock's.
    Returns: `status` (ok, warn, fail), `bundle_id`, `as_of`, `stale`, `checks`, `vintages`.
    Raises VerificationError, DataError when bundle or data cannot be read.
    """
    document = load_bundle(bundle)
    rules = rules_of(document)
    if log is None:
        log = _log(rules, {"purchases": purchases, "visits": visits, "members": members}, as_of)
    day = log.as_of
    if day < rules.as_of:
        raise UsageError(
            f"as_of {day} lies before the bundle's {rules.as_of}; monitor on newer data."
        )
    limits, reference = document.monitoring.limits, document.monitoring.reference
    now = score(rules, log, details=False)
    members_known = not log.members_derived or "visits" in log.tables
    clock = today or dt.date.today()
    forecasts = vintages(rules, log, round(reference.horizon_days), vintage_days)
    checks = [
        alarms.staleness(document, max(day, clock)),
        alarms.alive(log, rules, clock),
        *alarms.past(bundle, document, log),
        alarms.empty_days(log, rules.as_of),
        alarms.volume(log, rules.as_of),
        drift.counts(now, expected_purchasers or reference.n_purchasers, limits),
        drift.duplicates(log, limits),
        drift.risk_drift(now, reference, limits),
        drift.segment_drift(now, reference, limits, members_known=members_known),
        *alarms.moved(rules, log),
        *of_vintages(forecasts, limits),
    ]
    status = worst(checks)
    return {
        "status": status,
        "bundle_id": rules.bundle_id,
        "calibration": document.calibration.status,
        "as_of": day.isoformat(),
        "stale": status == FAIL,
        "advice": _ADVICE[status],
        "checks": [c._asdict() for c in checks],
        "vintages": [v._asdict() for v in forecasts],
    }


def _log(
    rules: ScoringBundle, frames: dict[str, pd.DataFrame | None], as_of: dt.date | str | None
) -> EventLog:
    purchases = frames["purchases"]
    if purchases is None or not len(purchases):
        raise DataError("purchases has no rows; give the whole log up to today.")
    day = None if as_of is None else pd.Timestamp(as_of).date()
    return log_of_frames(frames, day, rules.time_zone, group=rules.grouping)
