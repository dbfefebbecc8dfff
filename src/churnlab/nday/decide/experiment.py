"""Uplift from an experiment log: randomised at eligibility, read by intention to treat.

Everybody is counted in the arm they were assigned to on day N, whether the message arrived or not.
A log that was not randomised is refused: sample-ratio mismatch, or arms that differ in what was
known before the message. Delayed conversions are right-censored, not lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import DataError, nearest
from churnlab.events.arms import ARMS, HOLDOUT, TREAT
from churnlab.nday.data import Conversions
from churnlab.nday.data.conversions import local_times
from churnlab.types import Array

#: Below this probability arms were not assigned as stated.
REFUSE_P = 0.001
#: Fewest members per arm of a cell that is reported.
MIN_PER_ARM = 20


@dataclass(frozen=True)
class Experiment:
    """Intention-to-treat effects.

    Parameters
    ----------
    table : DataFrame
        Per rule and N (and all N together, `n` null): `rule_id`, `n`, `n_treat`, `n_holdout`,
        `converted_treat`, `converted_holdout`, `censored` (follow-up not over), `rate_treat`,
        `rate_holdout`, `uplift` with `_q05`, `_q95`, `p_positive`, `srm_p`.
    draws : dict
        (rule_id, n) -> posterior draws of the uplift; n is None for all N together.
    report : dict
        Counts: rows, repeated (later assignments of a customer), not_members, not_eligible
        (bought before the day of assignment), after_as_of, used.
    balance_p : float
        Smallest p-value of the balance checks, times their number.
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

    Parameters
    ----------
    treatments : DataFrame
        `customer_id`, `event_at` (the day of assignment = day N), `arm`, optionally `rule_id`.
    found : Conversions
        Members and their age at the first purchase, up to `as_of`.
    last_age : int
        End of the window M: the outcome is a first purchase from the day of assignment through M.
    holdout_share : float
        Stated share of the holdout, for the sample-ratio check.

    Raises
    ------
    DataError
        Unknown arm, one arm only, sample-ratio mismatch (p < .001), arms that differ in group
        or signup period (p < .001), nobody usable.
    """
    log, report = _assignments(treatments, found, time_zone)
    log = log[log["age"] <= last_age]
    report["used"] = len(log)
    _both_arms(log)
    n_cells = max(log.groupby(["rule_id", "age"]).ngroups, 1)
    rows, effects = [], {}
    for rule_id, part in log.groupby("rule_id"):
        ages = sorted(part["age"].unique())
        cells = [(None, part), *[(int(a), part[part["age"] == a]) for a in ages]]
        for age, cell in cells:
            srm = sample_ratio_p(cell["arm"], holdout_share)
            limit = REFUSE_P if age is None else REFUSE_P / n_cells
            _refuse_mismatch(cell["arm"], srm, limit, holdout_share, str(rule_id), age, day_index)
            if cell["arm"].value_counts().reindex(ARMS, fill_value=0).min() < MIN_PER_ARM:
                continue
            n = None if age is None else age + day_index
            row, effect = _effect(cell, last_age, rng, draws)
            rows.append({"rule_id": rule_id, "n": n, **row, "srm_p": srm})
            effects[(str(rule_id), n)] = effect
    if not rows:
        raise DataError(
            f"the treatments leave fewer than {MIN_PER_ARM} members in an arm; expected more in "
            "both. Wait for more signups (see the power calculator)."
        )
    balance = _check_balance(log)
    table = pd.DataFrame(rows).astype({"n": "Int64"})
    return Experiment(table=table, draws=effects, report=report, balance_p=balance)


def _assignments(
    treatments: pd.DataFrame, found: Conversions, time_zone: str | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """First assignment of each customer and rule, with the member's facts."""
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
    log = pd.DataFrame(
        {
            "customer_id": treatments["customer_id"].astype(str),
            "date": local_times(treatments["event_at"], time_zone).dt.normalize(),
            "arm": treatments["arm"].astype(str),
            "rule_id": treatments["rule_id"].astype(str) if "rule_id" in treatments else "nday",
        }
    )
    report = {"rows": len(log)}
    late = log["date"] > pd.Timestamp(found.as_of)
    log = log[~late].sort_values(["date", "customer_id", "arm"], kind="stable")
    first = log.drop_duplicates(["customer_id", "rule_id"])
    report |= {"after_as_of": int(late.sum()), "repeated": len(log) - len(first)}
    both = log.groupby(["customer_id", "rule_id"])["arm"].nunique()
    report["in_both_arms"] = int((both > 1).sum())
    members = found.frame.rename(columns={"age": "bought_age"})
    joined = first.merge(members, on="customer_id", how="inner")
    report["not_members"] = len(first) - len(joined)
    joined["age"] = (joined["date"] - joined["signup_date"]).dt.days
    joined["seen_age"] = (pd.Timestamp(found.as_of) - joined["signup_date"]).dt.days
    bought = joined["bought_age"]
    eligible = (joined["age"] >= 0) & ((bought < 0) | (bought >= joined["age"]))
    report["not_eligible"] = int((~eligible).sum())
    return joined[eligible].reset_index(drop=True), report


def _both_arms(log: pd.DataFrame) -> None:
    missing = [a for a in ARMS if not (log["arm"] == a).any()]
    if missing:
        raise DataError(
            f"no usable member in the arm {', '.join(missing)}; without a holdout no uplift can "
            "be claimed. Keep a standing holdout (audience: holdout_share)."
        )


def sample_ratio_p(arm: pd.Series, holdout_share: float) -> float:
    """Exact binomial p-value of the number in the holdout given the stated share."""
    n = len(arm)
    from scipy import stats  # slow to import

    return float(stats.binomtest(int((arm == HOLDOUT).sum()), n, holdout_share).pvalue)


def _refuse_mismatch(
    arm: pd.Series, p: float, limit: float, share: float, rule: str, age: int | None, index: int
) -> None:
    if p >= limit:
        return
    where = f"rule {rule!r}" + ("" if age is None else f", day {age + index}")
    raise DataError(
        f"sample-ratio mismatch in {where}: {int((arm == HOLDOUT).sum())} of {len(arm)} members "
        f"are in the holdout, stated share {share:g}, p = {p:.2g} (limit {limit:.2g}). The arms "
        "were not assigned as stated; find out why before reading any effect."
    )


def _check_balance(log: pd.DataFrame) -> float:
    """Refuse arms that differ in what was known before the message; return the adjusted p."""
    month = log["signup_date"].dt.to_period("M").astype(str)
    facts = {"group": log["group"], "signup month": month, "day of assignment": log["age"]}
    found = {}
    for name, values in facts.items():
        p = independence_p(values, log["arm"])
        if p is not None:
            found[name] = p
    if not found:
        return 1.0
    worst = min(found, key=lambda k: found[k])
    p = min(1.0, found[worst] * len(found))
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
) -> tuple[dict[str, float], Array]:
    made = {a: _conversion_draws(cell[cell["arm"] == a], last_age, rng, draws) for a in ARMS}
    uplift = made[TREAT][0] - made[HOLDOUT][0]
    low, high = np.quantile(uplift, [0.05, 0.95])
    row = {
        "n_treat": made[TREAT][1]["n"],
        "n_holdout": made[HOLDOUT][1]["n"],
        "converted_treat": made[TREAT][1]["converted"],
        "converted_holdout": made[HOLDOUT][1]["converted"],
        "censored": made[TREAT][1]["censored"] + made[HOLDOUT][1]["censored"],
        "rate_treat": float(made[TREAT][0].mean()),
        "rate_holdout": float(made[HOLDOUT][0].mean()),
        "uplift": float(uplift.mean()),
        "uplift_q05": float(low),
        "uplift_q95": float(high),
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
    survival, variance = 1.0, 0.0
    for t in range(int(follow.max()) + 1):
        at_risk = int((duration >= t).sum())
        hits = int((event & (duration == t)).sum())
        if at_risk == 0 or hits == 0:
            continue
        survival *= 1 - hits / at_risk
        variance += hits / (at_risk * max(at_risk - hits, 1))
    p = 1 - survival
    greenwood = max(survival**2 * variance, 1e-12)
    n = p * survival / greenwood if p > 0 else float(len(duration))
    return min(max(n, 1.0), float(len(duration))), p
