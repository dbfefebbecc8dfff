"""Repurchase cycles of goods: per item, and the day on which a customer is due to buy it again.

A customer's purchases of one item are to that item what purchases are to a shop: x, t_x, T and a
buy-till-you-die model. Who tried an item once and left it does not lengthen the cycle of those who
go on. Items are pooled partially by empirical Bayes: all together give the centre of every item's
priors (each by the clock of its own median gap), the spread of these gaps says how far the rates
lie apart, and with these priors each item is fitted alone. Costs are in cells (different x,
t_x, T), whatever the customers; no spread is sampled, so goods that do not differ are no harder.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
from ibis import _

from churnlab import models
from churnlab.engine import frame
from churnlab.fitting import Fit, InferenceConfig, ModelConfig, fit
from churnlab.journeys.baskets import DAY, Baskets
from churnlab.journeys.config import CycleConfig
from churnlab.posterior import customers_table
from churnlab.summary import Summary

_DUE: Final = ["customer_id", "item", "x", "last_purchase_at", "rhythm_days", "p_alive", "due_date",
               "due_q10", "due_q90"]  # fmt: skip

#: Items' rates are taken to differ by a tenth at least: the median gaps of few items say little.
LEAST_SPREAD: Final = 0.1
#: Of the log of an item's other quantities around those of all items together.
SPREAD: Final = 0.5
#: Of the probability to leave an item after a purchase: off 0, where goods that nobody leaves have
#: no mode to sample from.
LEAVING: Final = {"dropout_mean": "Beta(alpha=2, beta=8)"}
#: Purchases that the drop-out of all items together is worth for each.
WORTH: Final = 10.0
#: A dozen items need no more draws for a cycle's interval; their number is most of the time.
_INFERENCE: Final = InferenceConfig(draws=200)


@dataclass(frozen=True)
class Cycles:
    """Cycles of goods and due dates.

    items: ``item, customers, repeaters`` (bought it again), ``gap_days`` (median gap seen),
        ``cycle_days, cycle_q05, cycle_q95`` (days per purchase at the item's mean rate), most
        repeaters first.
    due: Per customer and item bought at least twice: ``customer_id, item, x`` (purchase-days after
        the first), ``last_purchase_at, rhythm_days, p_alive, due_date, due_q10, due_q90, remind``.
    """

    items: pd.DataFrame
    due: pd.DataFrame


def find_cycles(
    baskets: Baskets, config: CycleConfig, as_of: dt.date, *, seed: int
) -> Cycles | None:
    """Return cycles and due dates; None where no item was bought again by enough customers.

    Raises FitRefusedError: The fit's diagnostics do not support it.
    """
    seen = item_histories(baskets, as_of)
    again = seen[seen["x"] > 0]["item"].value_counts()
    again = again[again >= config.least_customers].sort_index().sort_values(
        ascending=False, kind="stable"
    )  # fmt: skip
    codes = again.index[: config.most_items]
    if codes.empty:
        return None
    rows = seen[seen["item"].isin(codes)].sort_values(["item", "customer"], ignore_index=True)
    rows["name"] = baskets.names(rows["item"])
    fitted = _fit(rows, config, as_of, seed)
    return Cycles(_item_table(rows, fitted), _due_table(baskets, rows, fitted, config, as_of))


def _fit(rows: pd.DataFrame, config: CycleConfig, as_of: dt.date, seed: int) -> Fit:
    """Fit all items together, each by the clock of its own median gap, then each with its priors.

    By one clock, items that differ would look like customers that do.
    """

    def fitted(rows: pd.DataFrame, pooling: str, priors: dict[str, str]) -> Fit:
        model = ModelConfig(name=config.model, pooling=pooling)
        summary = _summary(rows, as_of)
        return fit(summary, model=model, inference=_INFERENCE, priors=priors, seed=seed)

    beta = LEAVING if "a" in models.get(config.model).parameters else {}
    gaps = np.log(rows.groupby("name")["gap"].median())
    if len(gaps) == 1:
        return fitted(rows, "complete", beta)
    pace = rows["name"].map(gaps - gaps.mean())
    times = rows[["t_x", "T"]].div(np.exp(pace), axis="index")
    by_own = rows.assign(**times, sum_log_gap=rows["sum_log_gap"] - rows["x"] * pace)
    whole = fitted(by_own, "complete", beta)
    spread = max(float(gaps.std()), LEAST_SPREAD)
    return fitted(rows, "none", item_priors(whole, spread, time_scale=float(rows["T"].mean())))


def item_priors(whole: Fit, spread: float, *, time_scale: float) -> dict[str, str]:
    """Return priors of an item's quantities around those of all items together.

    whole: Of all items together.
    spread: Standard deviation of the items' log rates.
    time_scale: Days per unit of time of the priors: the mean age.
    """
    found, means = {}, whole.population.table["mean"]
    for quantity in whole.population.target.map.quantities:
        mean = float(means[quantity.name])
        if quantity.support == "unit":
            a, b = 1 + WORTH * mean, 1 + WORTH * (1 - mean)
            found[quantity.name] = f"Beta(alpha={a}, beta={b})"
            continue
        centre = mean * time_scale if quantity.per_time else mean
        sigma = spread if quantity.name == "rate_mean" else SPREAD
        found[quantity.name] = f"LogNormal(mu={np.log(centre)}, sigma={sigma})"
    return found


def _summary(rows: pd.DataFrame, as_of: dt.date) -> Summary:
    alone = (rows["name"] == rows["name"].iloc[0]).all()
    return Summary.from_arrays(
        rows["x"], rows["t_x"], rows["T"], as_of=as_of, sum_log_gap=rows["sum_log_gap"],
        group=None if alone else rows["name"],
    )  # fmt: skip


def item_histories(baskets: Baskets, as_of: dt.date) -> pd.DataFrame:
    """Return x, t_x, T of every customer's purchase-days of every item.

    Returns: ``customer`` (code), ``item`` (code), ``x, t_x, T, sum_log_gap, gap`` (median, days;
        missing at x = 0).
    """
    today = (as_of - dt.date(1970, 1, 1)).days
    by = ["customer", "item"]
    days = baskets.lines.select(*by, day=(_["at"] // DAY).cast("int64")).distinct()
    before = _.day.lag().over(ibis.window(group_by=by, order_by="day"))
    days = days.mutate(gap=_.day - before)
    found = days.group_by(by).aggregate(
        x=_.count() - 1, t_x=_.day.max() - _.day.min(), T=today - _.day.min(),
        sum_log_gap=_.gap.ln().sum().coalesce(0.0), gap=_.gap.median(),
    )  # fmt: skip
    return frame(found)


def _item_table(rows: pd.DataFrame, fitted: Fit) -> pd.DataFrame:
    """Return one row per item; a mean rate is r / alpha, whatever the way of dropping out."""
    draws = fitted.draws
    alone = len(draws.groups) == 1
    order: list[Any] = [rows["name"].iloc[0]] if alone else list(draws.groups)
    cycle = draws.theta[:, :, 1] / draws.theta[:, :, 0]
    low, middle, high = np.quantile(cycle, [0.05, 0.5, 0.95], axis=0)
    table = pd.DataFrame({"item": order, "cycle_days": middle, "cycle_q05": low, "cycle_q95": high})
    counts = rows.groupby("name").agg(
        customers=("x", "size"), repeaters=("x", lambda x: int((x > 0).sum())),
        gap_days=("gap", "median"),
    )  # fmt: skip
    found = counts.reset_index().rename(columns={"name": "item"}).merge(table, on="item")
    return found.sort_values(["repeaters", "item"], ascending=[False, True], ignore_index=True)


def _due_table(
    baskets: Baskets, rows: pd.DataFrame, fitted: Fit, config: CycleConfig, as_of: dt.date
) -> pd.DataFrame:
    """Return due dates of those who bought an item again.

    Their rhythm and not their cycle: quantiles of a rate for every customer and item would take
    longer than all the rest.
    """
    rows = rows[rows["x"] > 0].reset_index(drop=True)
    wanted = [c for c in _DUE if c not in ("customer_id", "item")]
    table = customers_table(_summary(rows, as_of), fitted.draws, columns=wanted)
    named = rows["customer"].map(frame(baskets.people).set_index("customer")["customer_id"])
    due = table.assign(customer_id=named, item=rows["name"])[_DUE]
    due = due.sort_values(["item", "due_date", "customer_id"], ignore_index=True)
    last = pd.Timestamp(as_of + dt.timedelta(days=config.remind_days))
    return due.assign(remind=(due["due_date"] > pd.Timestamp(as_of)) & (due["due_date"] <= last))
