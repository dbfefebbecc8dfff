"""Event logs: the data contract, its sources, and the checked log inside an embedded engine."""

from churnlab.events.config import (
    DATA_NAMES,
    DataConfig,
    MembersTable,
    PurchasesTable,
    TreatmentsTable,
    VisitsTable,
)
from churnlab.events.log import EventLog
from churnlab.events.members import FIRST_CATEGORY, SIGNUP_MONTH
from churnlab.events.python import log_from_frames, read_events
from churnlab.events.reading import open_log
from churnlab.events.report import Beginning, DataReport, MembersReport, TableReport

__all__ = [
    "DATA_NAMES", "FIRST_CATEGORY", "SIGNUP_MONTH", "Beginning", "DataConfig", "DataReport",
    "EventLog", "MembersReport", "MembersTable", "PurchasesTable", "TableReport", "TreatmentsTable",
    "VisitsTable", "log_from_frames", "open_log", "read_events",
]  # fmt: skip
