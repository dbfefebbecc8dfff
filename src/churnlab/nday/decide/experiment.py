"""Uplift from an experiment log: randomised at eligibility, read by intention to treat.

Everybody is counted in the arm they were assigned to on day N, whether the message arrived or not.
A log that was not randomised is refused: sample-ratio mismatch, or arms that differ in what was
known before the message. Delayed conversions are right-censored, not lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import DataError, nearest
from churnlab.events.arms import ARMS, HOLDOUT, TREAT
from churnlab.metrics import arms as two_arms
from churnlab.metrics.arms import REFUSE_P
from churnlab.nday.data import Conversions
from churnlab.nday.data.conversions import local_times
from churnlab.nday.draws import columns
from churnlab.types import Array

#: Fewest members per arm of a cell that is reported.
MIN_PER_ARM = 20


@dataclass(frozen=True)
class Experiment:
    """Intention-to-treat effects.

    table: Per rule and N (and all N together, `n` null): `rule_id`, `n`, `n_treat`, `n_holdout`,
        `converted_treat`, `converted_holdout`, `censored` (follow-up not over), `rate_treat`,
        `rate_holdout`, `uplift` with `_q05`, `_q95`, `p_positive`, `srm_p`.
    draws: (rule_id, n) -> posterior draws of the uplift; n is None for all N together.
    report: Counts: rows, repeated (later assignments of a customer), not_members, not_eligible
        (bought before the day of assignment), after_as_of, used.
    balance_p: Smallest p-value of the balance checks, times their number.
    """

    table: pd.DataFrame
    draws: dict[tuple[str, int | None], Array]
    report: dict[str, int]
    balance_p: float


def read_experiment(
    treatments: pd.DataFrame,
    found: Conversions,
    *,
    last_age: int,
    holdout_share: float,
    day_index: int = 0,
    time_zone: str | None = None,
    rng: np.random.Generator,
    draws: int = 2000,
) -> Experiment:
    """Estimate the uplift per rule and N.

    treatments: `customer_id`, `event_at` (the day of assignment = day N), `arm`, optionally
        `rule_id`.
    found: Members and their age at the first purchase, up to `as_of`.
    last_age: End of the window M: the outcome is a first purchase from the day of assignment
        through M.
    holdout_share: Stated share of the holdout, for the sample-ratio check.
    Raises DataError: Unknown arm, one arm only, sample-ratio mismatch (p < .001), arms that differ
        in group or signup period (p < .001), nobody usable.
    """
    log, report = _assignments(treatments, found, time_zone)
    log = log[log["age"] <= last_age]
    report["used"] = len(log)
    _both_arms(log)
    n_cells = max(log.groupby(["rule_id", "age"]).ngroups, 1)
    rows, effects = [], {}
    for rule_id, age, cell in _cells(log):
        srm = sample_ratio_p(cell["arm"], holdout_share)
        where = f"rule {rule_id!r}" + ("" if age is None else f", day {age + day_index}")
        limit = REFUSE_P if age is None else REFUSE_P / n_cells
        _refuse_mismatch(cell["arm"], srm, limit, holdout_share, where)
        if cell["arm"].value_counts().reindex(ARMS, fill_value=0).min() < MIN_PER_ARM:
            continue
        n = None if age is None else age + day_index
        row, effects[rule_id, n] = _effect(cell, last_age, rng, draws)
        rows.append({"rule_id": rule_id, "n": n, **row, "srm_p": srm})
    if not rows:
        raise DataError(
            f"the treatments leave fewer than {MIN_PER_ARM} members in an arm; expected more in "
            "both. Wait for more signups (see the power calculator)."
        )
    table = pd.DataFrame(rows).astype({"n": "Int64"})
    return Experiment(table, effects, report, balance_p=_check_balance(log))


def _cells(log: pd.DataFrame) -> Iterator[tuple[str, int | None, pd.DataFrame]]:
    """Yield each rule as a whole (age None), then by the day of assignment."""
    for rule_id, part in log.groupby("rule_id"):
        yield str(rule_id), None, part
        for age, cell in part.groupby("age"):
            yield str(rule_id), int(str(age)), cell


def _assignments(
    treatments: pd.DataFrame, found: Conversions, time_zone: str | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """First assignment of each customer and rule, with the member's facts."""
    _check_arms(treatments)
    log = pd.DataFrame(
        {
            "customer_id": treatments["customer_id"].astype(str),
            "date": local_times(treatments["event_at"], time_zone).dt.normalize(),
            "arm": treatments["arm"].astype(str),
            "rule_id": treatments["rule_id"].astype(str) if "rule_id" in treatments else "nday",
        }
    )
    rows, end = len(log), pd.Timestamp(found.as_of)
    log = log[~(log["date"] > end)].sort_values(["date", "customer_id", "arm"], kind="stable")
    own = ["customer_id", "rule_id"]
    first, arms = log.drop_duplicates(own), log.drop_duplicates([*own, "arm"])
    members = found.frame.rename(columns={"age": "bought_age"})
    joined = first.merge(members, on="customer_id", how="inner")
    joined["age"] = (joined["date"] - joined["signup_date"]).dt.days
    joined["seen_age"] = (end - joined["signup_date"]).dt.days
    bought = joined["bought_age"]
    eligible = (joined["age"] >= 0) & ((bought < 0) | (bought >= joined["age"]))
    report = {
        "rows": rows,
        "after_as_of": rows - len(log),
        "repeated": len(log) - len(first),
        "in_both_arms": len(arms) - len(first),
        "not_members": len(first) - len(joined),
        "not_eligible": int((~eligible).sum()),
    }
    return joined[eligible].reset_index(drop=True), report


def _check_arms(treatments: pd.DataFrame) -> None:
    for column in ("customer_id", "event_at", "arm"):
        if column not in treatments.columns:
            raise DataError(
                f"treatments have no column {column!r}; they have "
                f"{', '.join(map(str, treatments.columns))}."
            )
    unknown = sorted(set(treatments["arm"].dropna().astype(str)) - set(ARMS))
    if unknown or treatments["arm"].isna().any():
        got = unknown[0] if unknown else "(missing)"
        raise DataError(
            f"treatments have the arm {got!r}; expected {' or '.join(ARMS)}.{nearest(got, ARMS)}"
        )


def _both_arms(log: pd.DataFrame) -> None:
    missing = [a for a in ARMS if not (log["arm"] == a).any()]
    if missing:
        raise DataError(
            f"no usable member in the arm {', '.join(missing)}; without a holdout no uplift can "
            "be claimed. Keep a standing holdout (audience: holdout_share)."
        )


def sample_ratio_p(arm: pd.Series, holdout_share: float) -> float:
    """Exact binomial p-value of the number in the holdout given the stated share."""
    return two_arms.sample_ratio_p(int((arm == HOLDOUT).sum()), len(arm), holdout_share)


def _refuse_mismatch(arm: pd.Series, p: float, limit: float, share: float, where: str) -> None:
    if p < limit:
        raise DataError(
            f"sample-ratio mismatch in {where}: {int((arm == HOLDOUT).sum())} of {len(arm)} "
            f"members are in the holdout, stated share {share:g}, p = {p:.2g} (limit {limit:.2g}). "
            "The arms were not assigned as stated; find out why before reading any effect."
        )


def _check_balance(log: pd.DataFrame) -> float:
    """Refuse arms that differ in what was known before the message; return the adjusted p."""
    month = log["signup_date"].dt.to_period("M").astype(str)
    facts = {"group": log["group"], "signup month": month, "day of assignment": log["age"]}
    found = {name: independence_p(values, log["arm"]) for name, values in facts.items()}
    known = {name: p for name, p in found.items() if p is not None}
    if not known:
        return 1.0
    worst = min(known, key=lambda name: known[name])
    p = min(1.0, known[worst] * len(known))
    if p < REFUSE_P:
        raise DataError(
            f"the arms were not assigned at random: they differ in {worst} (chi-square, "
            f"p = {p:.2g} after correction, limit {REFUSE_P}). No uplift is read from such a log."
        )
    return p


def independence_p(values: pd.Series, arm: pd.Series) -> float | None:
    """Chi-square p-value of independence; rare values are pooled, None if nothing varies."""
    counts = values.value_counts()
    # A cell expects its total times the smaller arm's share; 5 is the usual least.
    share = arm.value_counts(normalize=True).min()
    rare = counts.index[counts * share < 5]
    pooled = values.astype(str).where(~values.isin(rare), "(other)")
    table = pd.crosstab(pooled, arm)
    table = table[table.sum(axis=1) * share >= 5]
    if min(table.shape) < 2:
        return None
    from scipy import stats  # slow to import

    return float(stats.chi2_contingency(table, correction=False).pvalue)


def _effect(
    cell: pd.DataFrame, last_age: int, rng: np.random.Generator, draws: int
) -> tuple[dict[str, Any], Array]:
    made = {a: _conversion_draws(cell[cell["arm"] == a], last_age, rng, draws) for a in ARMS}
    (treat, treated), (holdout, held) = made[TREAT], made[HOLDOUT]
    uplift = treat - holdout
    row = {
        "n_treat": treated["n"],
        "n_holdout": held["n"],
        "converted_treat": treated["converted"],
        "converted_holdout": held["converted"],
        "censored": treated["censored"] + held["censored"],
        "rate_treat": float(treat.mean()),
        "rate_holdout": float(holdout.mean()),
        **columns(uplift=uplift),
        "p_positive": float((uplift > 0).mean()),
    }
    return row, uplift


def _conversion_draws(
    arm: pd.DataFrame, last_age: int, rng: np.random.Generator, draws: int
) -> tuple[Array, dict[str, int]]:
    """Posterior of the share that buys from the assignment through the window's end.

    With everyone followed to the end: Beta(1/2 + y, 1/2 + n - y). Otherwise Kaplan-Meier in days
    since signup with delayed entry at the assignment, and a Beta of the sample size that its
    Greenwood variance is worth.
    """
    entry = arm["age"].to_numpy(np.int64)
    end = np.minimum(arm["seen_age"].to_numpy(np.int64), last_age)
    bought = arm["bought_age"].to_numpy(np.int64)
    event = (bought >= 0) & (bought <= end)
    stop = np.where(event, bought, end)
    facts = {
        "n": len(arm),
        "converted": int(event.sum()),
        "censored": int((~event & (end < last_age)).sum()),
    }
    n, p = float(len(arm)), float(event.mean())
    if facts["censored"]:
        n, p = _kaplan_meier(last_age - entry, stop - entry, event)
    return rng.beta(0.5 + n * p, 0.5 + n * (1 - p), draws), facts


def _kaplan_meier(
    follow: NDArray[np.int64], duration: NDArray[np.int64], event: NDArray[np.bool_]
) -> tuple[float, float]:
    """Effective size and share converted by the end, from days since assignment."""
    size = int(follow.max()) + 1
    gone, hits = (np.bincount(d, minlength=size)[:size] for d in (duration, duration[event]))
    at_risk = np.maximum(len(duration) - np.cumsum(gone) + gone, 1)
    survival = float(np.prod(1 - hits / at_risk))
    variance = float((hits / (at_risk * np.maximum(at_risk - hits, 1))).sum())
    p, greenwood = 1 - survival, max(survival**2 * variance, 1e-12)
    n = p * survival / greenwood if p > 0 else float(len(duration))
    return min(max(n, 1.0), float(len(duration))), p
