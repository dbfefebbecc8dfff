"""What amounts can and cannot support, in words; and the model's independence assumption."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from churnlab.errors import DataError
from churnlab.inference.diagnostics import prior_only
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.inference.targets.density import Mode
    from churnlab.spend.target import SpendTarget
    from churnlab.summary.spend import SpendSummary


#: Customers with two or more amounts below which the spread within customers is poorly known.
FEW_REPEATERS = 50
#: A correlation this small changes no customer's value by more than noise would.
NEGLIGIBLE = 0.1
#: Customers below which a correlation is not worth stating.
_FEW_PAIRS = 10


class Correlation(NamedTuple):
    """A correlation with its 90% interval."""

    value: float
    low: float
    high: float
    n_customers: int


def check_amounts(summary: SpendSummary) -> None:
    """Refuse amounts from which no spread can be learnt.

    Raises DataError: Fewer than two customers with a positive amount; amounts that never differ,
        between customers or within each of them.
    """
    cells = summary.cells
    customers = int(cells.weight.sum())
    if customers < 2:
        raise DataError(
            f"the spend model needs at least 2 customers with an amount above 0; got {customers} "
            f"({summary.count('n_zero')} purchases of amount 0, {summary.count('n_negative')} "
            f"below 0, {summary.count('n_missing')} without). State what a purchase is worth in "
            "value.per_purchase instead."
        )
    within = cells.n * np.log(cells.mean) - cells.sum_log  # 0 where a customer's amounts agree
    repeat = cells.n > 1
    alike = bool(np.all(within[repeat] <= 1e-9 * cells.n[repeat]))
    if np.ptp(cells.mean) <= 1e-9 * cells.mean.max() and alike:
        raise DataError(
            f"all amounts are equal ({cells.mean[0]:g}): there is no spread to learn. State what "
            "a purchase is worth in value.per_purchase, the margin of one purchase."
        )
    if repeat.any() and alike:
        raise DataError(
            f"each of the {int(cells.weight[repeat].sum())} customers with several amounts always "
            "pays the same: their next amount is their last one, and Gamma-Gamma cannot learn how "
            "amounts vary. Check that data.purchases.amount is what was paid, or use "
            "value.per_purchase."
        )


def independence(summary: SpendSummary) -> Correlation | None:
    """Correlation of log purchases with the mean log amount, among customers with two or more.

    The model takes how often and how much as independent, and then this correlation is 0 whatever
    the distributions. That of the *means* is not, ranks or no ranks: the mean of few skewed amounts
    is mostly below its expectation, that of many near it (on independent data like CDNOW's the
    rank correlation averages +.04). One-time buyers are left out: all their counts tie. Interval:
    Fisher's z.
    """
    people = summary.customers[summary.customers["n_amounts"] > 1]
    if len(people) < _FEW_PAIRS:
        return None
    n = people["n_amounts"].to_numpy(np.float64)
    bought, spent = np.log(n), people["sum_log_amount"].to_numpy() / n
    if np.ptp(bought) == 0 or np.ptp(spent) == 0:
        return None
    r = float(np.clip(np.corrcoef(bought, spent)[0, 1], -1 + 1e-12, 1 - 1e-12))
    half = float(ndtri(0.95)) / np.sqrt(len(people) - 3)
    low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    return Correlation(r, float(low), float(high), len(people))


def dependence_warning(found: Correlation | None) -> list[str]:
    """Say it when how often and how much go together, and what that does to values."""
    if found is None or abs(found.value) < NEGLIGIBLE or found.low <= 0 <= found.high:
        return []
    more, wrong = ("more", "low") if found.value > 0 else ("less", "high")
    return [
        f"Customers who buy more often spend {more} per purchase (correlation of logs "
        f"{found.value:+.2f}, 90% interval {found.low:+.2f} to {found.high:+.2f}); the spend model "
        f"takes the two as independent. Amounts of frequent buyers with few amounts on record "
        f"come out too {wrong}, those of rare buyers the other way."
    ]


def account(summary: SpendSummary) -> list[str]:
    """Say what became of purchases without a positive amount."""
    zero, negative, missing = (summary.count(f"n_{k}") for k in ("zero", "negative", "missing"))
    good = summary.count("n_amounts")
    said = []
    if zero:
        said.append(
            f"{zero:,} of {zero + good:,} purchases have amount 0: they are purchases, the spend "
            f"model speaks of the others, and expected amounts are multiplied by the share above "
            f"0 ({good / (zero + good):.1%})."
        )
    if negative:
        said.append(
            f"{negative:,} purchases have an amount below 0 (returns kept); the spend model leaves "
            "them out, so that values are before returns."
        )
    if missing:
        said.append(
            f"{missing:,} purchases have no amount; the spend model takes them to be like the "
            "others."
        )
    return said


def identifiability(
    summary: SpendSummary, target: SpendTarget, u: Array, most_likely: Mode
) -> list[str]:
    """Warn about what the amounts leave open."""
    said = []
    repeaters = int((summary.customers["n_amounts"] > 1).sum())
    if repeaters < FEW_REPEATERS:
        said.append(
            f"Only {repeaters} customers have two or more amounts; below {FEW_REPEATERS} the "
            "spread of one customer's amounts leans on its prior, and so does the shrinkage."
        )
    if not most_likely.proper:
        said.append(
            "The likelihood of the amounts has no proper maximum; the posterior is held by the "
            "priors of amount_shape and amount_concentration."
        )
    q = target.theta(u.T)[1]
    if float(np.median(q)) < 2.0:
        said.append(
            f"Mean amounts differ so much between customers (q = {np.median(q):.2f}, below 2) that "
            "their variance is infinite: a few customers hold most of the value. Read intervals, "
            "and look at the largest amounts."
        )
    return said + prior_only(target.map.names, target.priors, target.prior_draws, u)
