"""From any export to settings: which tables, columns, formats, statuses and zone, and why."""

from churnlab.events.init.proposal import Proposal, Question
from churnlab.events.init.propose import propose

__all__ = ["Proposal", "Question", "propose"]
