"""The visit x purchase grid: who stands where, since when, what changed, and what to do about it.

No fitting here: posterior draws and summaries come in. See docs/segments.md.
"""

from churnlab.segments.actions.audiences import (
    Audience,
    AudienceConfig,
    AudienceData,
    all_audiences,
    audience,
    audience_frame,
)
from churnlab.segments.actions.bands import band_calibration, calibrate_out_of_time, churn_bands
from churnlab.segments.actions.playbook import Playbook, default_playbook, load_playbook
from churnlab.segments.actions.winback import (
    WinbackConfig,
    break_even_table,
    message_value,
    worth_once_back,
)
from churnlab.segments.config import SegmentsConfig, VisitsConfig, check_dates
from churnlab.segments.grid.axes import Axis
from churnlab.segments.grid.build import take_snapshot
from churnlab.segments.grid.placed import Placed, place
from churnlab.segments.grid.polarity import check_polarity, polarity_of, segment_name
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.segments.grid.visits import forecast_silence, visit_calibration
from churnlab.segments.movement.change import change_table, reestimation_table, segment_share_frame
from churnlab.segments.movement.history import (
    LeakVerdict,
    Past,
    comparison_day,
    days_back,
    leak_verdict,
    shares_over_time,
    step_of,
)
from churnlab.segments.movement.leaks import leak_alert, leak_history, leak_table
from churnlab.segments.movement.repeat import repeat_rates, repeat_table
from churnlab.segments.movement.shares import breakdown_table, check_breakdown, shares_table
from churnlab.segments.movement.transitions import transition_table
from churnlab.segments.person.curves import risk_by_day

__all__ = [
    "Audience",
    "AudienceConfig",
    "AudienceData",
    "Axis",
    "LeakVerdict",
    "Past",
    "Placed",
    "Playbook",
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
    "comparison_day",
    "days_back",
    "default_playbook",
    "forecast_silence",
    "leak_alert",
    "leak_history",
    "leak_table",
    "leak_verdict",
    "load_playbook",
    "message_value",
    "place",
    "polarity_of",
    "reestimation_table",
    "repeat_rates",
    "repeat_table",
    "risk_by_day",
    "segment_name",
    "segment_share_frame",
    "shares_over_time",
    "shares_table",
    "step_of",
    "take_snapshot",
    "transition_table",
    "visit_calibration",
    "worth_once_back",
]
