"""`monitor`: a bundle against newer data.

On a failure the dates are still served; the bundle is marked stale and a person decides. No
threshold is refitted here.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from churnlab.bundle import ScoringBundle, score
from churnlab.bundle.document import Bundle, Limits, Reference
from churnlab.bundle.people import log_of_frames
from churnlab.bundle.reading import load_bundle
from churnlab.bundle.rules import rules_of
from churnlab.errors import DataError, UsageError
from churnlab.events import EventLog
from churnlab.metrics import population_stability_index, shares_of_bins
from churnlab.monitor import feed
from churnlab.monitor.evidence import STRATA, Evidence, evidence
from churnlab.monitor.vintages import Vintage, vintages

OK, WARN, FAIL = "ok", "warn", "fail"
#: Days without a purchase beyond the longest gap before the export.
LATE_WARN_DAYS, LATE_FAIL_DAYS = 0, 1
#: Share of exported purchasers whose history up to the export is another one now.
PAST_WARN, PAST_FAIL = 0.01, 0.05
#: Probability of a warning, of a failure, over a bundle's whole life if nothing has moved by more
#: than the tolerated 10%, however often one looks.
FALSE_WARNINGS, FALSE_FAILURES = 0.05, 0.01


class Check(NamedTuple):
    """One thing monitored."""

    name: str
    status: str
    value: float | None
    warn: float | None
    fail: float | None
    detail: str


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

    Parameters
    ----------
    bundle : path
        A bundle.json, or the folder of an export.
    log : EventLog, optional
        Events now, up to the last complete day: all history, not only the new days.
    purchases, visits, members : DataFrame
        Instead of the log: frames, as `churnlab.bundle.score` takes them.
    as_of : date, optional
        Last complete day of the frames; default: the last day in them.
    expected_purchasers : int, optional
        Purchasers that ought to be there; default: those of the export.
    vintage_days : int
        Days between the vintages whose labels are looked at.
    today : date, optional
        The day of the run, which the data's last day is held against; default: the clock's.

    Returns
    -------
    dict
        `status` (ok, warn, fail), `bundle_id`, `as_of`, `stale`, `checks`, `vintages`.

    Raises
    ------
    VerificationError, DataError
        When bundle or data cannot be read.
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
    checks = [
        _staleness(document, max(day, today or dt.date.today())),
        _alive(log, rules, today or dt.date.today()),
        *_past(bundle, document, log),
        _days(log, rules),
        _counts(now, expected_purchasers or reference.n_purchasers, limits),
        _duplicates(log, limits),
        _risk_drift(now, reference, limits),
        _segment_drift(now, reference, limits, members_known=members_known),
    ]
    forecasts = vintages(rules, log, round(reference.horizon_days), vintage_days)
    checks += [_moved(found) for found in evidence(rules, log)]
    checks += _matured(forecasts, limits) + _early(forecasts, limits)
    status = _worst([c.status for c in checks])
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


_ADVICE = {
    OK: "Serve the bundle.",
    WARN: "Serve the bundle; look at the warnings and plan a new backtest.",
    FAIL: "Keep serving the dates, mark the bundle stale, backtest and export anew; the threshold "
    "is not refitted here.",
}


def _worst(found: list[str]) -> str:
    return next((s for s in (FAIL, WARN) if s in found), OK)


def _level(value: float, warn: float, fail: float) -> str:
    return FAIL if value > fail else WARN if value > warn else OK


def _log(
    rules: ScoringBundle, frames: dict[str, pd.DataFrame | None], as_of: dt.date | str | None
) -> EventLog:
    purchases = frames["purchases"]
    if purchases is None or not len(purchases):
        raise DataError("purchases has no rows; give the whole log up to today.")
    day = None if as_of is None else pd.Timestamp(as_of).date()
    return log_of_frames(frames, day, rules.time_zone, group=rules.grouping)


def _staleness(bundle: Bundle, day: dt.date) -> Check:
    age, limits = float((day - dt.date.fromisoformat(bundle.as_of)).days), bundle.monitoring.limits
    warn, fail = limits.stale_warn_days, limits.stale_fail_days
    until = dt.date.fromisoformat(bundle.valid_until)
    status = FAIL if day > until else _level(age, warn, fail)
    detail = f"{age:.0f} days after the bundle's as_of; valid until {until}"
    return Check("staleness", status, age, warn, fail, detail)


def _alive(log: EventLog, rules: ScoringBundle, today: dt.date) -> Check:
    """A feed that ends before today is dead, however well its last rows look."""
    found = feed.silence(log, rules.as_of, today)
    warn, fail = float(found.usual + LATE_WARN_DAYS), float(found.usual + LATE_FAIL_DAYS)
    detail = (
        f"last purchase on {found.last}, {found.days} whole days without one before {today}, at "
        f"most {found.usual} before the export"
    )
    status = _level(float(found.days), warn, fail)
    if status != OK:
        detail += ". See whether the feed runs; data of the past need monitor.today"
    return Check("feed", status, float(found.days), warn, fail, detail)


def _past(bundle: str | Path, document: Bundle, log: EventLog) -> list[Check]:
    """The exported customers must have the history that they were exported with."""
    found = feed.past(bundle, document, log)
    if found is None:
        return []
    share = (found.missing + found.changed) / found.n
    detail = f"{found.missing:,} of {found.n:,} exported purchasers are missing"
    detail += f", {found.changed:,} have another history up to {document.as_of}"
    if found.shift:
        detail += f"; most dates moved by {found.shift:+d} days"
    status = _level(share, PAST_WARN, PAST_FAIL)
    if status != OK:
        detail += ". Compare the feed's old rows with those of the export before anything else"
    return [Check("history", status, share, PAST_WARN, PAST_FAIL, detail)]


def _days(log: EventLog, rules: ScoringBundle) -> Check:
    empty = feed.empty_days(log, rules.as_of)
    detail = "no day without rows that usually has some"
    if empty:
        day, usual = empty[0]
        detail = f"{len(empty)} days without rows, the first {day} (usually {usual:.0f}): load them"
    return Check("empty days", FAIL if empty else OK, float(len(empty)), 0.0, 0.0, detail)


def _moved(found: Evidence) -> Check:
    """Each of the groups has its share of the false alarms that are stated for all together."""
    warn, fail = (float(np.log(len(STRATA) / rate)) for rate in (FALSE_WARNINGS, FALSE_FAILURES))
    ratio = found.observed / found.expected if found.expected else float("nan")
    detail = (
        f"{found.observed:,.0f} buyers in {found.weeks} weeks, {found.expected:,.0f} expected "
        f"(x {ratio:.2f}), ln evidence {found.log_evidence:.1f}"
    )
    status = _level(found.log_evidence, warn, fail)
    if status != OK:
        detail += f": {STRATA[found.who]}. Check the feed, then backtest and export anew"
    return Check(f"moved, {found.who}", status, found.log_evidence, warn, fail, detail)


def _counts(now: pd.DataFrame, expected: int, limits: Limits) -> Check:
    found = int(now["purchase_state"].ne("none").sum())
    warn, fail = limits.count_warn, limits.count_fail
    detail = f"{found:,} purchasers; {expected:,} at the export"
    if not found:
        return Check("purchasers", FAIL, None, warn, fail, detail)
    value = abs(float(np.log(found / expected)))
    # a history that is complete can only grow: fewer purchasers than before is a broken feed
    status = FAIL if found < expected else _level(value, warn, fail)
    return Check("purchasers", status, value, warn, fail, detail)


def _duplicates(log: EventLog, limits: Limits) -> Check:
    """The log has dropped repeated rows already; its report remembers how many there were."""
    rows = log.report.tables["purchases"]
    share = rows.dropped.get("duplicate", 0) / max(rows.rows, 1)
    warn, fail = limits.duplicate_warn, limits.duplicate_fail
    detail = f"{share:.1%} of the rows repeat another"
    return Check("duplicate rows", _level(share, warn, fail), share, warn, fail, detail)


def _risk_drift(now: pd.DataFrame, reference: Reference, limits: Limits) -> Check:
    risk = now["purchase_risk"].dropna().to_numpy(float)
    warn, fail = limits.psi_warn, limits.psi_fail
    if not risk.size:
        return Check("psi of risk", FAIL, None, warn, fail, "no purchaser was scored")
    shares = shares_of_bins(risk, reference.risk_edges)
    value = population_stability_index(reference.risk_shares, shares)
    detail = f"mean risk {risk.mean():.3f}"
    return Check("psi of risk", _level(value, warn, fail), value, warn, fail, detail)


def _segment_drift(
    now: pd.DataFrame,
    reference: Reference,
    limits: Limits,
    *,
    members_known: bool,
) -> Check:
    """PSI of the segment shares; without the members, among purchasers only."""
    then = pd.Series(reference.segment_shares, dtype=float)
    found = now["segment_code"].value_counts(normalize=True)
    detail = "all members"
    if not members_known:
        then = then[~then.index.str.startswith("none.")]
        found = found[~found.index.str.startswith("none.")]
        detail = "purchasers only (no members given)"
    if now["visit_state"].eq("visit_unknown").all():
        then, found = (s.groupby(s.index.str.split(".").str[0]).sum() for s in (then, found))
        detail += ", purchase states only (no visits given)"
    warn, fail = limits.psi_warn, limits.psi_fail
    codes = then.index.union(found.index)
    if not then.sum() or not found.sum():
        return Check("psi of segments", WARN, None, warn, fail, f"nothing to compare: {detail}")
    value = population_stability_index(
        then.reindex(codes).fillna(0.0).to_numpy(), found.reindex(codes).fillna(0.0).to_numpy()
    )
    return Check("psi of segments", _level(value, warn, fail), value, warn, fail, detail)


def _matured(found: list[Vintage], limits: Limits) -> list[Check]:
    """Bias and miscalibration of the vintages whose labels are complete."""
    checks = []
    for v in found:
        if not v.matured:
            continue
        name, rows = f"vintage {v.as_of}", f"{v.n:,} customers, {v.days} days"
        bias = abs(v.bias) if v.bias is not None else None
        excess = None if v.mcb is None or v.mcb_noise is None else max(v.mcb - v.mcb_noise, 0.0)
        for what, value in (("bias", bias), ("mcb", excess)):
            warn, fail = getattr(limits, f"{what}_warn"), getattr(limits, f"{what}_fail")
            if value is None:
                checks.append(Check(f"{what}, {name}", WARN, None, warn, fail, "no outcome"))
                continue
            status = _level(value, warn, fail)
            # a bias within two standard errors of zero is noise
            if what == "bias" and abs(v.z) < 2:
                status = OK
            checks.append(Check(f"{what}, {name}", status, value, warn, fail, rows))
    return checks


def _early(found: list[Vintage], limits: Limits) -> list[Check]:
    """Early alarm: the elapsed part of windows that are not complete yet.

    The model forecasts any window, so a vintage's first e days are held against P(no purchase in
    e days); an alarm needs both a large bias and one that chance does not explain (|z| > 3).
    """
    checks = []
    for v in found:
        if v.matured or v.bias is None:
            continue
        warn, fail = limits.bias_warn, limits.bias_fail
        loud = abs(v.z) > 3
        status = _level(abs(v.bias), warn, fail) if loud else OK
        status = WARN if status == FAIL else status  # not a failure before the window is complete
        detail = f"{v.days} of {v.horizon_days} days seen, z = {v.z:.1f}"
        checks.append(
            Check(f"early bias, vintage {v.as_of}", status, abs(v.bias), warn, fail, detail)
        )
    return checks
