"""From draws of the population to every customer: P(alive), risk, dates, cycles, forecasts.

Formulas only: nothing here needs PyMC. Definitions and their reasons: docs/risk.md.
"""

from churnlab.posterior.customers import (
    CustomerTable,
    customer_columns,
    customers_table,
    p_alive_table,
)
from churnlab.posterior.dates import at_risk_days, to_dates
from churnlab.posterior.forecast import weekly_forecast
from churnlab.posterior.latent import sample_latent
from churnlab.posterior.precision import MonteCarlo, monte_carlo
from churnlab.posterior.risk import (
    personal_window,
    rhythm_days,
    risk_by_draw,
    risk_curve,
    risk_summary,
)
from churnlab.posterior.settings import Lateness, Measure, RiskConfig, StateCut, ValueConfig
from churnlab.posterior.silence.stream import Rows, keys_of, rows_of
from churnlab.posterior.worth.value import value_table

__all__ = [
    "CustomerTable", "Lateness", "Measure", "MonteCarlo", "RiskConfig", "Rows", "StateCut",
    "ValueConfig", "at_risk_days", "customer_columns", "customers_table", "keys_of", "monte_carlo",
    "p_alive_table", "personal_window", "rhythm_days", "risk_by_draw", "risk_curve", "risk_summary",
    "rows_of", "sample_latent", "to_dates", "value_table", "weekly_forecast",
]  # fmt: skip
