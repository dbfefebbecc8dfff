"""A strong comparator: gradient boosting on everything a history tells, tuned inside the past."""

from typing import ClassVar

import numpy as np

from churnlab.candidates.base import Candidate, Context, Forecast, Kind
from churnlab.forecast.boosting import ORIGINS, Booster, customers_of, training_rows
from churnlab.forecast.features import features
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.origins.training import training_for


class GradientBoosting(Candidate):
    """scikit-learn's histogram gradient boosting, trained and tuned on earlier origins only."""

    name = "gradient_boosting"
    kind: ClassVar[Kind] = "comparator"

    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Train on earlier origins and forecast the present one."""
        training = training_for(past, target, ORIGINS)
        outcome, notes = training.outcome, (training.note,) if training.note else ()
        if len(np.unique(outcome)) < 2:
            rate = np.full(past.n, float(outcome.mean()))
            return Forecast(rate, training.seen_until, risk=rate, notes=(*notes, "one class only"))
        context.report("train")
        booster = Booster.fit(training_rows(training), outcome, customers_of(training))
        risk = booster.predict(features(past, target.windows(past))[1])
        tuned = booster.tuned
        details = {"leaves": tuned.leaves, "least": tuned.least, "trees": tuned.trees}
        return Forecast(risk, training.seen_until, risk=risk, details=details, notes=notes)
