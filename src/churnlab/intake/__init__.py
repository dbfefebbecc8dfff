"""From any export to settings: which tables, columns, formats, statuses and zone, and why."""

from churnlab.intake.proposal import Proposal, Question
from churnlab.intake.propose import propose

__all__ = ["Proposal", "Question", "propose"]
