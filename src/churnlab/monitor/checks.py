"""What one check says, and how its value becomes a status."""

from typing import NamedTuple

OK, WARN, FAIL = "ok", "warn", "fail"


class Check(NamedTuple):
    """One thing monitored."""

    name: str
    status: str
    value: float | None
    warn: float | None
    fail: float | None
    detail: str
    """What moved, by how much, and what to do."""


def level(value: float, warn: float, fail: float) -> str:
    """Return the status of a value that is bad when it is large."""
    return FAIL if value > fail else WARN if value > warn else OK


def check(
    name: str, value: float, limits: tuple[float, float], detail: str, advice: str = ""
) -> Check:
    """Return a check by its limits (warn, fail); the advice is told where it is not ok."""
    status = level(value, *limits)
    told = f"{detail}. {advice}" if advice and status != OK else detail
    return Check(name, status, value, *limits, told)


def worst(found: list[Check]) -> str:
    """Return the worst status of all."""
    statuses = {c.status for c in found}
    return next((s for s in (FAIL, WARN) if s in statuses), OK)
