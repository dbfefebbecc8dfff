"""The light production scorer: a bundle and new events in, scored customers out.

Needs NumPy and pandas only. `score` gives the columns of `customer_thresholds`; `read_bundle`
reads what `churnlab export` wrote, without a refit and without the rest of churnlab.
"""

from churnlab.scoring.bundle import PurchaseRule, ScoringBundle, VisitRule, read_bundle
from churnlab.scoring.process import Process, Risk
from churnlab.scoring.table import COLUMNS, score

__all__ = [
    "COLUMNS",
    "Process",
    "PurchaseRule",
    "Risk",
    "ScoringBundle",
    "VisitRule",
    "read_bundle",
    "score",
]
