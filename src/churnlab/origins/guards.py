"""Leakage as an error: everything learnt carries the last day it has seen."""

import datetime as dt

from churnlab.errors import VerificationError


class LeakageError(VerificationError):
    """Something learnt from days after the origin at which it is used."""


def assert_seen(what: str, seen_until: dt.date | None, origin: dt.date) -> None:
    """Refuse what has seen days after `origin`, or does not say what it has seen."""
    if seen_until is None:
        raise LeakageError(
            f"{what} does not say which days it has seen; expected a date up to the origin "
            f"{origin}. Set seen_until to the last day of its data."
        )
    if seen_until > origin:
        raise LeakageError(
            f"{what} has seen data until {seen_until}, after the origin {origin}: its score would "
            "be an artefact. Learn it from the history that the harness hands out."
        )
