"""The visit x purchase grid: who stands where, since when, what changed, and what to do about it.

No fitting here: posterior draws and summaries come in. See docs/segments.md.
"""

from churnlab.segments.audiences import (
    Audience,
    AudienceConfig,
    AudienceData,
    all_audiences,
    audience,
    audience_frame,
)
from churnlab.segments.axes import Axis
from churnlab.segments.bands import (
    band_calibration,
    calibrate_out_of_time,
    churn_bands,
    windowed_basis,
)
from churnlab.segments.build import take_snapshot
from churnlab.segments.change import change_table, reestimation_table, segment_share_frame
from churnlab.segments.config import SegmentsConfig, VisitsConfig, check_dates
from churnlab.segments.history import LeakVerdict, days_back, leak_verdict, shares_over_time
from churnlab.segments.leaks import LeakAlert, leak_alert, leak_history, leak_table
from churnlab.segments.person import risk_by_day
from churnlab.segments.playbook import Action, Playbook, default_playbook, load_playbook
from churnlab.segments.polarity import check_polarity, polarity_of, segment_name
from churnlab.segments.precedence import (
    Precedence,
    origins_before,
    precedence_rows,
    visits_lead,
)
from churnlab.segments.repeat import (
    compare_repeat_rates,
    first_purchasers,
    repeat_rates,
    repeat_table,
)
from churnlab.segments.shares import breakdown_table, check_breakdown, shares_table
from churnlab.segments.snapshot import Snapshot
from churnlab.segments.transitions import transition_table
from churnlab.segments.visits import forecast_silence, visit_calibration
from churnlab.segments.winback import (
    WinbackConfig,
    break_even_table,
    message_value,
    worth_once_back,
)

__all__ = [
    "Action",
    "Audience",
    "AudienceConfig",
    "AudienceData",
    "Axis",
    "LeakAlert",
    "LeakVerdict",
    "Playbook",
    "Precedence",
    "SegmentsConfig",
    "Snapshot",
    "VisitsConfig",
    "WinbackConfig",
    "all_audiences",
    "audience",
    "audience_frame",
    "band_calibration",
    "break_even_table",
    "breakdown_table",
    "calibrate_out_of_time",
    "change_table",
    "check_breakdown",
    "check_dates",
    "check_polarity",
    "churn_bands",
    "compare_repeat_rates",
    "days_back",
    "default_playbook",
    "first_purchasers",
    "forecast_silence",
    "leak_alert",
    "leak_history",
    "leak_table",
    "leak_verdict",
    "load_playbook",
    "message_value",
    "origins_before",
    "polarity_of",
    "precedence_rows",
    "reestimation_table",
    "repeat_rates",
    "repeat_table",
    "risk_by_day",
    "segment_name",
    "segment_share_frame",
    "shares_over_time",
    "shares_table",
    "take_snapshot",
    "transition_table",
    "visit_calibration",
    "visits_lead",
    "windowed_basis",
    "worth_once_back",
]
