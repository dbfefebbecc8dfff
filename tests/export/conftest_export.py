"""Builders of a small export: simulated customers and stand-in draws."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd

from churnlab.export import ExportInputs, VisitEvidence
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig
from churnlab.rules import Threshold
from churnlab.vocabulary import SEGMENT_CODES

AS_OF = dt.date(2024, 6, 30)
CREATED = dt.datetime(2024, 7, 1, 3, 0, tzinfo=dt.UTC)
CENTRES = {
    "bg_nbd": (0.5, 43.0, 0.9, 1.8),
    "mbg_nbd": (0.5, 43.0, 0.9, 1.6),
    "pareto_nbd": (0.55, 74.0, 0.6, 82.0),
    "mbg_cnbd_k": (0.8, 43.0, 0.9, 1.6),
}


def make_draws(model="mbg_nbd", *, n=200, groups=("all",), k=1, seed=1, pace=1.0):
    rng = np.random.default_rng(seed)
    shift = 1 + 0.2 * np.arange(len(groups))[:, None]
    theta = np.array(CENTRES[model]) * shift * np.exp(0.08 * rng.normal(size=(n, len(groups), 4)))
    theta[:, :, 1] /= pace
    return PopulationDraws(model, k, theta, tuple(groups), seen_until=AS_OF)


def make_events(n_customers=200, *, seed=2, until=AS_OF):
    """Purchases of customers with personal rhythms, at times of the day."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2023-01-01")
    rows = []
    for i in range(n_customers):
        first = rng.uniform(0, 400)
        gaps = rng.exponential(rng.gamma(2.0, 30.0), size=rng.geometric(0.3))
        times = first + np.concatenate([[0], np.cumsum(gaps)])
        rows += [(f"고객 {i:04d}", start + pd.Timedelta(days=t)) for t in times]
    events = pd.DataFrame(rows, columns=["customer_id", "event_at"])
    events["event_at"] = events["event_at"].dt.floor("s")
    return events[events["event_at"] < pd.Timestamp(until) + pd.Timedelta(days=1)]


def make_summary(events, as_of=AS_OF):
    """The plain, slow twin of the scorer's summary."""
    rows = []
    for customer, own in events.groupby("customer_id"):
        days = sorted({t.date() for t in own["event_at"] if t.date() <= as_of})
        rows.append((customer, len(days) - 1, (days[-1] - days[0]).days, (as_of - days[0]).days))
    return pd.DataFrame(rows, columns=["customer_id", "x", "t_x", "T"])


ACTIONS = [
    {"action_id": "keep", "channel": "onsite", "incentive": "none", "cooldown_days": 7,
     "message_class": "informational", "evidence": "playbook"},
    {"action_id": "win_back", "channel": "알림톡", "incentive": "10% coupon", "cooldown_days": 30,
     "message_class": "advertising", "evidence": "playbook"},
]  # fmt: skip
PLAYBOOK = {c: ["win_back", "keep"] if "risk" in c else ["keep"] for c in SEGMENT_CODES}
BACKTEST = {
    "origins": ["2023-10-01", "2023-12-01", "2024-02-01"],
    "horizon_days": [28],
    "baselines": ["hiatus", "majority"],
    "scores": [
        {"origin": "2023-10-01", "horizon_days": 28, "forecaster": "mbg_nbd", "metric": "brier",
         "value": 0.16, "q05": 0.15, "q95": 0.17},
        {"origin": "all", "horizon_days": 28, "forecaster": "hiatus", "metric": "brier",
         "value": 0.18},
    ],
    "degraded": [],
}  # fmt: skip
THRESHOLD = Threshold(
    value=0.5, first_value=0.4, low=0.42, high=0.58, basis="p_alive", rule="fixed",
    curve=pd.DataFrame({"threshold": [0.5], "cost_per_customer": [1.0]}),
    extra_cost_lower=0.1, extra_cost_higher=0.2,
)  # fmt: skip
NDAY_RULE = {
    "rule_id": "day-10", "last_unconverted_day": 9, "action_id": "win_back", "day_zero_index": 0
}  # fmt: skip


def make_inputs(model="mbg_nbd", *, basis="p_alive", visits=True, groups=("all",), k=1, **changes):
    events = changes.pop("events", None)
    events = make_events() if events is None else events
    summary = make_summary(events)
    if len(groups) > 1:
        summary["channel"] = np.array(groups)[np.arange(len(summary)) % len(groups)]
        changes.setdefault("group_columns", ("channel",))
    evidence = None
    if visits:
        seen = make_summary(make_events(150, seed=5))
        evidence = VisitEvidence(
            draws=make_draws(seed=9, pace=30.0),
            risk=RiskConfig(basis="fixed_days", horizon_days=14),
            risk_value=0.7,
            inactive_value=0.95,
            summary=seen,
        )
    members = pd.DataFrame(
        {
            "customer_id": [f"고객 {i:04d}" for i in range(230)],
            "signed_up_at": pd.Timestamp("2023-01-01"),
        }
    )
    values = {
        "as_of": AS_OF, "time_zone": "Asia/Seoul", "summary": summary,
        "draws": make_draws(model, groups=groups, k=k), "risk": RiskConfig(basis=basis),
        "threshold": replace(THRESHOLD, basis=basis), "backtest": BACKTEST, "members": members,
        "visits": evidence, "nday_rules": [NDAY_RULE], "actions": ACTIONS, "playbook": PLAYBOOK,
        "nday_audience": pd.DataFrame(
            {"customer_id": ["고객 0001"], "rule_id": ["day-10"], "signup_date": ["2024-06-20"],
             "send_date": ["2024-06-30"], "arm": ["treat"], "suppressed_reason": [None]}
        ),
        "config": {"model": model}, "data_hashes": {"purchases": "0" * 64}, "seed": 1,
    }  # fmt: skip
    return ExportInputs(**(values | changes))
