"""The visit x purchase grid: who stands where, since when, what changed, and what to do about it.

No fitting here: posterior draws and summaries come in. See docs/segments.md.
"""

from churnlab.segments.actions.audiences import (
    Audience,
    AudienceConfig,
    AudienceData,
    all_audiences,
    audience_frame,
)
from churnlab.segments.actions.bands import calibrate_out_of_time
from churnlab.segments.actions.playbook import Playbook, default_playbook, load_playbook
from churnlab.segments.actions.winback import WinbackConfig
from churnlab.segments.config import SegmentsConfig, VisitsConfig
from churnlab.segments.grid.axes import Axis
from churnlab.segments.grid.build import take_snapshot
from churnlab.segments.grid.placed import Placed, place
from churnlab.segments.grid.polarity import segment_name
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.segments.movement.change import change_table
from churnlab.segments.movement.history import (
    Past,
    comparison_day,
    days_back,
    leak_verdict,
    shares_over_time,
    step_of,
)
from churnlab.segments.movement.shares import check_breakdown, shares_table

__all__ = [
    "Audience", "AudienceConfig", "AudienceData", "Axis", "Past", "Placed", "Playbook",
    "SegmentsConfig", "Snapshot", "VisitsConfig", "WinbackConfig", "all_audiences",
    "audience_frame", "calibrate_out_of_time", "change_table", "check_breakdown", "comparison_day",
    "days_back", "default_playbook", "leak_verdict", "load_playbook", "place", "segment_name",
    "shares_over_time", "shares_table", "step_of", "take_snapshot",
]  # fmt: skip
