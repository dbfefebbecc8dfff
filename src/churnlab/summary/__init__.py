"""From events to x, t_x, T per customer, and to the distinct cells that a likelihood needs.

x counts repeat purchase-days, t_x = last - first, T = as_of - first; all in days. The likelihood
depends on the data only through (group, x, t_x, T) and the sum of log gaps, so customers with equal
values become one weighted cell: the posterior is exactly the same, the work much less.
"""

from churnlab.summary.aggregate import as_summary, summarise
from churnlab.summary.calendar import Calendar
from churnlab.summary.cells import Cells
from churnlab.summary.clock import Clock
from churnlab.summary.customers import JOINED, UNKNOWN, Summary
from churnlab.summary.dated import Dated
from churnlab.summary.design import Design
from churnlab.summary.grouping import check_groups
from churnlab.summary.spend import SpendSummary, summarise_spend

__all__ = [
    "JOINED", "UNKNOWN", "Calendar", "Cells", "Clock", "Dated", "Design", "SpendSummary", "Summary",
    "as_summary", "check_groups", "summarise", "summarise_spend",
]  # fmt: skip
