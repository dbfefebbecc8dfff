"""Expected amounts on held-out purchases, beside what needs no model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd

from churnlab.errors import DataError
from churnlab.events import EventLog
from churnlab.inference import fit_spend
from churnlab.metrics import paired_difference
from churnlab.posterior import expected_amounts
from churnlab.summary import SpendSummary

#: Amounts of customers, one per purchase, to a forecast for customers (n amounts, their mean).
_Forecast = Callable[[pd.DataFrame, pd.Series], np.ndarray]


def spend_holdout(
    log: EventLog, origin: dt.date | str, *, seed: int = 1, replicates: int = 500
) -> pd.DataFrame:
    """Compare forecasts of the mean amount per purchase after `origin`.

    Customers: those with a positive amount on both sides of the origin. Scores per customer are
    consistent for a mean: the squared error, which the largest amounts decide, and the gamma
    deviance ``2 (y/m - 1 - ln(y/m))``, which counts ratios.

    Parameters
    ----------
    log : EventLog
        With amounts.
    origin : date or ISO text
        Last day that forecasts know.

    Returns
    -------
    DataFrame
        One row per candidate: `spend_model`; `means_alone` (learnt from each customer's mean, as
        lifetimes does); `repeat_only` (the first purchase left out, as lifetimes does); `own_mean`;
        `everybody`. Columns: n_customers, bias (forecast / observed - 1), rmse, deviance, and the
        paired difference of each score to `spend_model` with its 90% interval over customers
        (above 0: the model is better).
    """
    days = _positive_days(log)
    day = pd.Timestamp(origin)
    past, coming = days[days["day"] <= day], days[days["day"] > day]
    observed = coming.groupby("customer_id")["amount"].mean()
    observed = observed[observed.index.isin(past["customer_id"])].sort_index()
    if len(observed) < 2:
        raise DataError(f"{len(observed)} customers have amounts on both sides of {origin}.")
    ids = pd.Series(observed.index)
    forecasts = {name: forecast(past, ids) for name, forecast in _candidates(seed).items()}
    actual = observed.to_numpy()
    scores = {name: _scores(f, actual) for name, f in forecasts.items()}
    rows = []
    for name, (squared, deviance) in scores.items():
        row = {
            "candidate": name,
            "n_customers": len(actual),
            "bias": forecasts[name].sum() / actual.sum() - 1,
            "rmse": float(np.sqrt(squared.mean())),
            "deviance": float(deviance.mean()),
        }
        for score, mine, base in zip(
            ("mse", "deviance"), (squared, deviance), scores["spend_model"], strict=True
        ):
            rng = np.random.default_rng(seed)
            found = paired_difference(mine, base, ids, rng, replicates=replicates)
            row |= {f"{score}_more": found.value, f"{score}_more_q05": found.low,
                    f"{score}_more_q95": found.high}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)


def _positive_days(log: EventLog) -> pd.DataFrame:
    """Return customer_id, day and amount of purchase-days with a positive sum."""
    rows = log.frame("purchases")
    if "amount" not in rows.columns:
        raise DataError("the purchases carry no amount; name it in data.purchases.amount.")
    found = rows.groupby(["customer_id", "event_date"], as_index=False)["amount"].sum()
    return found[found["amount"] > 0].rename(columns={"event_date": "day"})


def _candidates(seed: int) -> dict[str, _Forecast]:
    return {
        "spend_model": lambda past, ids: _model(past, ids, seed),
        "means_alone": lambda past, ids: _model(past, ids, seed, each=False),
        "repeat_only": lambda past, ids: _model(past[past.duplicated("customer_id")], ids, seed),
        "own_mean": lambda past, ids: _own_means(past)[ids].to_numpy(),
        "everybody": lambda past, ids: np.full(len(ids), _own_means(past).mean()),
    }


def _own_means(past: pd.DataFrame) -> pd.Series:
    return past.groupby("customer_id")["amount"].mean()


def _model(past: pd.DataFrame, ids: pd.Series, seed: int, *, each: bool = True) -> np.ndarray:
    summary = SpendSummary.from_amounts(past["customer_id"], past["amount"])
    draws = fit_spend(summary, each=each, seed=seed).draws
    return expected_amounts(draws, *summary.of(ids)).mean


def _scores(forecast: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ratio = actual / forecast
    return (forecast - actual) ** 2, 2 * (ratio - 1 - np.log(ratio))
