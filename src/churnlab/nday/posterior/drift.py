"""Do later cohorts convert like earlier ones?"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from churnlab.nday.data import CohortCounts
from churnlab.nday.posterior.fit import Pooled


@dataclass(frozen=True)
class Drift:
    """A trend of the cohort levels over the signup day.

    p: Two-sided, of no trend: score test, with the cohorts' spread beyond chance in its variance.
    early, late: Conversion of the earlier and the later half of the signup days at equal follow-up:
        the pooled curve at the half's level, events per event expected.
    """

    p: float
    early: float
    late: float


def cohort_drift(counts: CohortCounts) -> Drift:
    """Test the cohorts' levels for a trend over signup days."""
    pooled = Pooled.of(counts)
    days = (counts.cohorts["signup_date"] - counts.cohorts["signup_date"].min()).dt.days
    time = days.to_numpy(float)
    expected = pooled.expected
    time = time - np.average(time, weights=np.maximum(expected, 1e-12))
    noise = expected + pooled.variance * expected**2
    z = float(time @ (pooled.seen - expected)) / max(float(np.sqrt(time**2 @ noise)), 1e-12)
    late = time > 0
    overall = 1.0 - float(np.prod(1.0 - pooled.events / np.maximum(pooled.at_risk, 1.0)))
    ratio = [
        float(pooled.seen[half].sum() / max(expected[half].sum(), 1e-12)) for half in (~late, late)
    ]
    early, later = (1.0 - (1.0 - overall) ** level for level in ratio)
    return Drift(float(2 * norm.sf(abs(z))), early, later)
