"""What the functions of the library take: a log, or whatever a log can be read from."""

from typing import Any

from churnlab.errors import UsageError
from churnlab.events import EventLog, read_events
from churnlab.summary.customers import Summary


def as_log(data: Any) -> EventLog:
    """Return a log; paths and frames with the canonical columns are read as purchases."""
    if isinstance(data, EventLog):
        return data
    if isinstance(data, Summary):
        raise UsageError("expected a log or a frame of purchases; got a summary of one already.")
    return read_events(data)


def is_summary_frame(data: Any) -> bool:
    """Whether a frame holds x, t_x and T instead of purchases."""
    return {"x", "t_x", "T"} <= set(getattr(data, "columns", ()))
