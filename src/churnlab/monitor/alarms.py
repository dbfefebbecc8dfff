"""Checks of the feed and of what customers do, with the false alarms that are allowed."""

import datetime as dt
from pathlib import Path

import numpy as np

from churnlab.bundle import ScoringBundle
from churnlab.bundle.document import Bundle
from churnlab.events import EventLog
from churnlab.monitor import feed
from churnlab.monitor.checks import FAIL, OK, WARN, Check, check, level
from churnlab.monitor.evidence import DROPOUT, NEWCOMERS, RATE, Evidence, evidence
from churnlab.monitor.steps import steps
from churnlab.monitor.volume import unusual

#: Days without a purchase beyond the longest gap before the export.
LATE_WARN_DAYS, LATE_FAIL_DAYS = 0, 1
#: Share of exported purchasers whose history up to the export is another one now.
PAST_WARN, PAST_FAIL = 0.01, 0.05
#: Probability of a warning, of a failure, over a bundle's whole life if nothing has moved by more
#: than the tolerated 10%, however often one looks.
FALSE_WARNINGS, FALSE_FAILURES = 0.01, 0.001
#: -log10 of the probability of a volume by chance; a year has some thousand volumes.
VOLUME_WARN, VOLUME_FAIL = 7.0, 10.0

_MOVED = {
    RATE: "rate of buying x {factor:.2f} (or rows that are lost or doubled)",
    DROPOUT: "dropout after a purchase x {factor:.1f}",
    NEWCOMERS: "new customers buy at x {factor:.2f} of the rate of those before them",
}


def staleness(bundle: Bundle, day: dt.date) -> Check:
    """How old the bundle is on a day."""
    age, limits = float((day - dt.date.fromisoformat(bundle.as_of)).days), bundle.monitoring.limits
    warn, fail = limits.stale_warn_days, limits.stale_fail_days
    until = dt.date.fromisoformat(bundle.valid_until)
    status = FAIL if day > until else level(age, warn, fail)
    detail = f"{age:.0f} days after the bundle's as_of; valid until {until}"
    return Check("staleness", status, age, warn, fail, detail)


def alive(log: EventLog, rules: ScoringBundle, today: dt.date) -> Check:
    """A feed that ends before today is dead, however well its last rows look."""
    found = feed.silence(log, rules.as_of, today)
    limits = float(found.usual + LATE_WARN_DAYS), float(found.usual + LATE_FAIL_DAYS)
    detail = (
        f"last purchase on {found.last}, {found.days} whole days without one before {today}, at "
        f"most {found.usual} before the export"
    )
    advice = "See whether the feed runs; data of the past need monitor.today"
    return check("feed", float(found.days), limits, detail, advice)


def past(bundle: str | Path, document: Bundle, log: EventLog) -> list[Check]:
    """The exported customers must have the history that they were exported with."""
    found = feed.past(bundle, document, log)
    if found is None:
        return []
    detail = f"{found.missing:,} of {found.n:,} exported purchasers are missing"
    detail += f", {found.changed:,} have another history up to {document.as_of}"
    if found.shift:
        detail += f"; most dates moved by {found.shift:+d} days"
    share = (found.missing + found.changed) / found.n
    advice = "Compare the feed's old rows with those of the export before anything else"
    return [check("history", share, (PAST_WARN, PAST_FAIL), detail, advice)]


def empty_days(log: EventLog, exported: dt.date) -> Check:
    """No day without rows whose weekday always has some."""
    empty = feed.empty_days(log, exported)
    detail = "no day without rows that usually has some"
    if empty:
        day, usual = empty[0]
        detail = f"{len(empty)} days without rows, the first {day} (usually {usual:.0f}): load them"
    return Check("empty days", FAIL if empty else OK, float(len(empty)), 0.0, 0.0, detail)


def volume(log: EventLog, exported: dt.date) -> Check:
    """Rows per weekday and week, and new customers per week, against the weeks before."""
    found = unusual(log, exported)
    limits = VOLUME_WARN, VOLUME_FAIL
    if found is None:
        return Check("volume", OK, None, *limits, "fewer than two weeks to compare")
    detail = (
        f"most unusual: {found.rows:,.0f} {found.what} {found.when} where {found.usual:,.0f} are "
        f"usual (x {found.rows / max(found.usual, 1e-9):.2f})"
    )
    advice = "Count the source's rows of those days; load what is missing, drop what is doubled"
    made = check("volume", found.surprise, limits, detail, advice)
    # many rows may be a good week
    too_many = made.status == FAIL and found.rows > found.usual
    return made._replace(status=WARN) if too_many else made


def moved(rules: ScoringBundle, log: EventLog) -> list[Check]:
    """Whether customers buy and leave as forecast."""
    found = evidence(rules.purchases.draws, steps(rules, log))
    return [] if found is None else [told(found, rules.as_of)]


def told(found: Evidence, exported: dt.date) -> Check:
    """Return the check of the evidence that anything has moved."""
    warn, fail = (float(np.log(1 / rate)) for rate in (FALSE_WARNINGS, FALSE_FAILURES))
    whom = {RATE: "", DROPOUT: " among those who bought since", NEWCOMERS: " among the new"}
    ratio = found.observed / found.expected if found.expected else float("nan")
    counted = (
        f"{found.observed:,.0f} buyers{whom[found.kind]} in {found.days} days, "
        f"{found.expected:,.0f} expected (x {ratio:.2f}), ln evidence {found.log_evidence:.1f}"
    )
    since = exported + dt.timedelta(found.since + 1)
    what = _MOVED[found.kind].format(factor=found.factor)
    advice = f"Most probably {what}, since {since}. Check the feed, then backtest and export anew"
    return check("moved", found.log_evidence, (warn, fail), counted, advice)
