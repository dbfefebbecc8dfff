"""The threshold bundle: reading it, and scoring new events with it.

`read_bundle` reads what `churnlab export` wrote; `score` gives the columns of
`customer_thresholds` by `churnlab.posterior`, without a refit.
"""

from churnlab.bundle.people import People
from churnlab.bundle.rules import PurchaseRule, ScoringBundle, VisitRule, read_bundle
from churnlab.bundle.score import score

__all__ = ["People", "PurchaseRule", "ScoringBundle", "VisitRule", "read_bundle", "score"]
