"""Models and customers on which SQL and Python are compared."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from churnlab.bundle import PurchaseRule, ScoringBundle
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig
from churnlab.summary import Calendar, Clock

AS_OF = dt.date(2024, 6, 30)
CENTRES = {
    "bg_nbd": (0.5, 43.0, 0.9, 0.6),  # b < 1: b - 1 + x must not be touched at x = 0
    "mbg_nbd": (0.5, 43.0, 0.9, 1.6),
    "pareto_nbd": (0.55, 74.0, 0.6, 82.0),
    "mbg_cnbd_k": (0.8, 43.0, 0.9, 1.6),
}
BASES = ("p_alive", "personal_cycles", "fixed_days")
CASES = [(m, 1, b) for m in ("bg_nbd", "mbg_nbd", "pareto_nbd") for b in BASES]
CASES.append(("mbg_cnbd_k", 3, "p_alive"))
#: States by lateness beside a risk: "late" stands for `rule=overdue` over 1 - P(alive).
CASES += [(m, 1, "late") for m in ("bg_nbd", "mbg_nbd", "pareto_nbd")]
CASES.append(("mbg_cnbd_k", 3, "late"))


#: Months with a strong season and a yearly event over new year; the log began long before.
CLOCK = Clock(
    Calendar.of("month", {"holidays": ["12-20", "01-03"]}),
    (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.1, 1.2, 1.3, 1.6, 2.1, 3.0),
    dt.date(2015, 3, 4),
)
CLOCK_CASES = [
    ("mbg_nbd", 1, "p_alive"), ("mbg_nbd", 1, "fixed_days"), ("pareto_nbd", 1, "personal_cycles"),
    ("bg_nbd", 1, "late"),
]  # fmt: skip


def rules_of(case, *, draws=8, groups=("all",), columns=(), clock=None):
    """A scorer's bundle with made-up draws."""
    model, k, basis = case
    rng = np.random.default_rng(11)
    theta = np.array(CENTRES[model]) * np.exp(0.15 * rng.normal(size=(draws, len(groups), 4)))
    late = basis == "late"
    risk = RiskConfig(basis="p_alive" if late else basis)
    cuts = (0.8, 0.6, 6.0) if late else (0.5, 0.4, None)
    rule = PurchaseRule(PopulationDraws(model, k, theta, groups), risk, *cuts, clock=clock)
    return ScoringBundle("cb-0123", AS_OF, "UTC", rule, None, columns)


def grouped_rules(clock=None):
    """Two groups with awkward names."""
    return rules_of(
        ("mbg_nbd", 1, "fixed_days"), groups=('we"b', "앱; --"), columns=('cha"nnel',), clock=clock
    )


def with_dates(summary):
    """A summary with the day of the last purchase, which a clock needs."""
    silence = pd.to_timedelta(summary["T"] - summary["t_x"], unit="D")
    return summary.assign(last_purchase_at=pd.Timestamp(AS_OF) - silence)


def assert_same(found, python, atol=1e-9):
    """SQL and Python agree on P(alive), risk, window and state of everyone."""
    found = found.sort_values("customer_id", ignore_index=True)
    python = python.sort_values("customer_id", ignore_index=True)
    assert list(found["customer_id"].astype(str)) == list(python["customer_id"].astype(str))
    assert len(found) > 3
    for column in ("p_alive", "purchase_risk", "horizon_days"):
        a, b = found[column].to_numpy(float), python[column].to_numpy(float)
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=column)
    assert list(found["purchase_state"]) == list(python["purchase_state"])
