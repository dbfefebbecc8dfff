"""From draws of the population to every customer: P(alive), risk, dates, cycles, forecasts.

Formulas only: nothing here needs PyMC. Definitions and their reasons: docs/risk.md.
"""

from __future__ import annotations

from churnlab.posterior.counts import Purchases, expected_purchases
from churnlab.posterior.customers import (
    COLUMNS,
    CustomerTable,
    customer_columns,
    customers_table,
    first_purchase_warning,
    p_alive_table,
)
from churnlab.posterior.cycles import RateQuantiles, rate_quantiles
from churnlab.posterior.dates import at_risk_days, due_days, to_dates, whole_due_days
from churnlab.posterior.forecast import WeeklyForecast, weekly_forecast
from churnlab.posterior.latent import sample_latent, sample_next_purchase
from churnlab.posterior.precision import MonteCarlo, monte_carlo
from churnlab.posterior.risk import (
    RiskSummary,
    personal_window,
    rhythm_days,
    risk_by_draw,
    risk_curve,
    risk_summary,
)
from churnlab.posterior.settings import (
    LATE,
    NEVER,
    Lateness,
    Measure,
    RiskConfig,
    StateCut,
    ValueConfig,
)
from churnlab.posterior.silence.stream import Keys, Rows, keys_of, rows_of
from churnlab.posterior.worth.amounts import AMOUNT_COLUMNS, Amounts, expected_amounts
from churnlab.posterior.worth.value import (
    VALUE_COLUMNS,
    Discounted,
    discounted_purchases,
    value_table,
)

__all__ = [
    "AMOUNT_COLUMNS",
    "COLUMNS",
    "LATE",
    "NEVER",
    "VALUE_COLUMNS",
    "Amounts",
    "CustomerTable",
    "Discounted",
    "Keys",
    "Lateness",
    "Measure",
    "MonteCarlo",
    "Purchases",
    "RateQuantiles",
    "RiskConfig",
    "RiskSummary",
    "Rows",
    "StateCut",
    "ValueConfig",
    "WeeklyForecast",
    "at_risk_days",
    "customer_columns",
    "customers_table",
    "discounted_purchases",
    "due_days",
    "expected_amounts",
    "expected_purchases",
    "first_purchase_warning",
    "keys_of",
    "monte_carlo",
    "p_alive_table",
    "personal_window",
    "rate_quantiles",
    "rhythm_days",
    "risk_by_draw",
    "risk_curve",
    "risk_summary",
    "rows_of",
    "sample_latent",
    "sample_next_purchase",
    "to_dates",
    "value_table",
    "weekly_forecast",
    "whole_due_days",
]
