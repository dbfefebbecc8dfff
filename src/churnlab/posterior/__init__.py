"""From draws of the population to every customer: P(alive), risk, dates, cycles, forecasts.

Formulas only: nothing here needs PyMC. Definitions and their reasons: docs/risk.md.
"""

from __future__ import annotations

from churnlab.posterior.counts import Purchases, expected_purchases
from churnlab.posterior.customers import COLUMNS, customers_table, first_purchase_warning
from churnlab.posterior.cycles import RateQuantiles, rate_quantiles
from churnlab.posterior.dates import at_risk_days, due_days, to_dates
from churnlab.posterior.risk import (
    RiskSummary,
    personal_window,
    rhythm_days,
    risk_curve,
    risk_summary,
)
from churnlab.posterior.settings import NEVER, RiskConfig
from churnlab.posterior.stream import Keys, Rows, keys_of, rows_of

__all__ = [
    "COLUMNS",
    "NEVER",
    "Keys",
    "Purchases",
    "RateQuantiles",
    "RiskConfig",
    "RiskSummary",
    "Rows",
    "at_risk_days",
    "customers_table",
    "due_days",
    "expected_purchases",
    "first_purchase_warning",
    "keys_of",
    "personal_window",
    "rate_quantiles",
    "rhythm_days",
    "risk_curve",
    "risk_summary",
    "rows_of",
    "to_dates",
]
