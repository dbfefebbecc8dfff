"""Do visits fall before purchases do (P17)? Tested, not assumed.

Two recalibrations of the same purchase forecast compete on rolling origins: one sees purchases
only (forecast, idle time, count), the other also how long the visits have been silent. Both learn
on earlier origins whose windows had closed, so the difference is what the visit log adds. The
answer may be no.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.draws import PopulationDraws
from churnlab.errors import DataError
from churnlab.metrics import Difference, paired_difference
from churnlab.metrics.logistic import logistic_weights
from churnlab.segments.build import HasSummary
from churnlab.segments.visits import any_event, forecast_silence

Array = NDArray[np.float64]

PURCHASE_FEATURES = ("logit_forecast", "log_idle_purchase", "log_purchases")
VISIT_FEATURES = ("log_idle_visit", "visit_silence_logit", "no_visit_yet")
_EDGE = 1e-6


@dataclass(frozen=True)
class Precedence:
    """Whether the visit log betters the purchase forecast."""

    difference: Difference
    """Brier score with visits minus without, 90% interval; below 0 means that visits help."""
    brier_with: float
    brier_without: float
    by_origin: pd.DataFrame
    """``origin, n, share_no_purchase, brier_with, brier_without, difference``."""
    visits_help: bool
    """Whether the whole interval lies below 0."""
    sentence: str


def precedence_rows(
    purchases: HasSummary,
    purchase_draws: PopulationDraws,
    visits: HasSummary,
    visit_draws: PopulationDraws,
    purchase_days: pd.DataFrame,
    horizon_days: int,
) -> pd.DataFrame:
    """Return what both forecasts see at one origin, and what came.

    Parameters
    ----------
    purchases, visits : Summary
        Up to the origin.
    purchase_draws, visit_draws : PopulationDraws
        Fitted on data up to the origin (or earlier).
    purchase_days : DataFrame
        ``customer_id, day``, the horizon after the origin included.
    horizon_days : int
        Window of the outcome ``no_purchase``, and of both forecasts.
    """
    origin = purchases.as_of
    bought = purchases.customers
    seen = visits.customers.assign(silence=forecast_silence(visits, visit_draws, horizon_days))
    seen = seen.set_index("customer_id").reindex(bought["customer_id"])
    day = pd.Timestamp(origin)
    idle_visit = (day - seen["last_purchase_at"]).dt.days.to_numpy(dtype=float)
    none = np.isnan(idle_visit)
    age = bought["T"].to_numpy(dtype=float)
    silence = np.where(none, 0.5, seen["silence"].to_numpy(dtype=float))
    idle = age - bought["t_x"].to_numpy(dtype=float)
    forecast = forecast_silence(purchases, purchase_draws, horizon_days)
    return pd.DataFrame(
        {
            "customer_id": bought["customer_id"].to_numpy(),
            "origin": day,
            "no_purchase": ~any_event(bought["customer_id"], purchase_days, origin, horizon_days),
            "forecast": forecast,
            "logit_forecast": _logit(forecast),
            "log_idle_purchase": np.log1p(idle),
            "log_purchases": np.log1p(bought["x"].to_numpy(dtype=float)),
            "log_idle_visit": np.log1p(np.where(none, idle, idle_visit)),
            "visit_silence_logit": _logit(silence),
            "no_visit_yet": none.astype(float),
        }
    )


def visits_lead(
    rows: pd.DataFrame,
    horizon_days: int,
    rng: np.random.Generator,
    *,
    replicates: int = 1000,
) -> Precedence:
    """Compare the purchase forecast with and without visits on held-out origins.

    Parameters
    ----------
    rows : DataFrame
        `precedence_rows` of several origins.
    horizon_days : int
        Window of the outcome: an origin is learnt from only by those at least that much later.

    Raises
    ------
    DataError
        When no origin has an earlier one whose window had closed.
    """
    scored = [
        part
        for origin in sorted(rows["origin"].unique())
        if (part := _score_origin(rows, pd.Timestamp(origin), horizon_days)) is not None
    ]
    if not scored:
        raise DataError(
            f"No origin has an earlier one at least {horizon_days} days before; got "
            f"{rows['origin'].nunique()} origin(s). Give more origins or a shorter horizon."
        )
    table = pd.concat(scored, ignore_index=True)
    found = paired_difference(
        table["with"], table["without"], table["customer_id"], rng, replicates=replicates
    )
    return Precedence(
        found,
        float(table["with"].mean()),
        float(table["without"].mean()),
        _by_origin(table),
        found.high < 0,
        _sentence(found, horizon_days, table["origin"].nunique()),
    )


def _score_origin(
    rows: pd.DataFrame, origin: pd.Timestamp, horizon_days: int
) -> pd.DataFrame | None:
    """Brier terms at one origin, learnt on closed windows; None if there are none."""
    closed = rows["origin"] + pd.Timedelta(days=horizon_days) <= origin
    past, now = rows[closed], rows[rows["origin"] == origin]
    if len(past) == 0 or past["no_purchase"].nunique() < 2:
        return None
    y = now["no_purchase"].to_numpy(dtype=float)
    scores = {
        name: (_recalibrated(past, now, features) - y) ** 2
        for name, features in (
            ("without", PURCHASE_FEATURES),
            ("with", PURCHASE_FEATURES + VISIT_FEATURES),
        )
    }
    return now[["customer_id", "origin", "no_purchase"]].assign(**scores)


def _recalibrated(past: pd.DataFrame, now: pd.DataFrame, features: Sequence[str]) -> Array:
    """Probabilities of a logistic regression learnt on `past`, features standardised there."""
    columns = list(features)
    mean, spread = past[columns].mean(), past[columns].std(ddof=0)
    spread = spread.where(spread > 0, 1.0)
    learn, use = (
        np.column_stack([np.ones(len(f)), ((f[columns] - mean) / spread).to_numpy()])
        for f in (past, now)
    )
    weights = logistic_weights(learn, past["no_purchase"].to_numpy(dtype=float))
    return np.asarray(1.0 / (1.0 + np.exp(-use @ weights)))


def _by_origin(table: pd.DataFrame) -> pd.DataFrame:
    by = table.groupby("origin")
    frame = pd.DataFrame(
        {
            "n": by.size(),
            "share_no_purchase": by["no_purchase"].mean(),
            "brier_with": by["with"].mean(),
            "brier_without": by["without"].mean(),
        }
    ).reset_index()
    return frame.assign(difference=frame["brier_with"] - frame["brier_without"])


def _sentence(found: Difference, horizon_days: int, n_origins: int) -> str:
    verdict = (
        "Yes: the visit log betters the purchase forecast"
        if found.high < 0
        else "No: the visit log makes the purchase forecast worse"
        if found.low > 0
        else "Not shown: the visit log does not clearly better the purchase forecast"
    )
    return (
        f"{verdict} (Brier difference {found.value:+.5f}, 90% interval {found.low:+.5f} to "
        f"{found.high:+.5f}; {horizon_days}-day windows, {n_origins} origins, "
        f"{found.n_customers:,} customers)."
    )


def _logit(p: Array) -> Array:
    clipped = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def origins_before(
    last_day: dt.date, horizon_days: int, n_origins: int, step_days: int
) -> list[dt.date]:
    """Return origins in order, the last with a whole window before `last_day`."""
    latest = last_day - dt.timedelta(days=horizon_days)
    return [latest - dt.timedelta(days=step_days * i) for i in range(n_origins)][::-1]
