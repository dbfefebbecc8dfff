"""Backtest on held-out cohorts: learnt on earlier signups, scored on later ones.

Training sees nothing after the day before the first held-out signup: earlier cohorts are cut there
too. Every held-out cohort is followed through the whole window.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.nday.config import NdayConfig, NdayCosts
from churnlab.nday.data import CohortCounts
from churnlab.nday.decide import value as nday
from churnlab.nday.posterior import (
    ConversionFit,
    fit_conversion,
    population_curves,
    predict_cohorts,
    score_table,
)
from churnlab.types import Array

#: Fewer held-out signup days than this say nothing of the coverage of cohorts.
MIN_TEST_COHORTS = 7


@dataclass(frozen=True)
class HeldOut:
    """Predicted against realised, on cohorts the fit has not seen.

    cohorts: `model`, `signup_date` (null: all held-out cohorts together), `group`, `signups`,
        `quantity` (reach, organic_after, waste, conversion), `predicted`, `q05`, `q95`, `realised`,
        `inside`, `uplift` (always null: a backtest has no control group).
    coverage: Per model and quantity: share of the cohorts inside their 90% interval, mean error.
    comparison: Held-out log score.
    choice: Per reading and uplift: the N chosen on the earlier cohorts, its value on the later
        ones, the best N in hindsight and the regret; empty without stated costs.
    origin: Last day the training saw; None when skipped.
    split: ``forward`` (earlier cohorts predict later ones), ``interleaved`` (every fourth signup
        day held out: the follow-up is too short to go forward; no test of change over time) or
        ``none``.
    skipped: Why there is no forward backtest; empty otherwise.
    """

    cohorts: pd.DataFrame
    coverage: pd.DataFrame
    comparison: pd.DataFrame
    choice: pd.DataFrame
    origin: dt.date | None
    split: str
    skipped: str

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Those that are not empty, by the names of the files."""
        found = {
            "backtest": self.cohorts, "coverage": self.coverage, "comparison": self.comparison,
            "choice": self.choice,
        }  # fmt: skip
        return {name: table for name, table in found.items() if not table.empty}


def interleave(counts: CohortCounts) -> tuple[CohortCounts, CohortCounts] | str:
    """Hold out every fourth signup day with a whole window."""
    days = np.unique(counts.cohorts["signup_date"].to_numpy()[counts.complete])
    held = days[3::4]
    if len(held) < MIN_TEST_COHORTS:
        return (
            f"{len(days)} signup days have the whole window; a backtest holds out at least "
            f"{MIN_TEST_COHORTS}, every fourth"
        )
    out = counts.cohorts["signup_date"].isin(held).to_numpy() & counts.complete
    return counts.select(~out), counts.select(out)


def split(counts: CohortCounts, test_share: float) -> tuple[CohortCounts, CohortCounts] | str:
    """Split into (training cut at the origin, complete held-out cohorts), or say why not."""
    dates, complete = counts.cohorts["signup_date"], counts.complete
    days = np.unique(dates[complete].to_numpy())
    n_test = int(np.ceil(test_share * len(days)))
    if n_test < MIN_TEST_COHORTS:
        return (
            f"{len(days)} signup days have the whole window; {n_test} held out, expected at least "
            f"{MIN_TEST_COHORTS}"
        )
    first = pd.Timestamp(days[-n_test])
    origin = (first - pd.Timedelta(days=1)).date()
    followed = (pd.Timestamp(origin) - dates.min()).days
    if followed < counts.last_age:
        return (
            f"on {origin}, before the first held-out cohort, the oldest cohort was followed for "
            f"{followed} days; the window needs {counts.last_age}"
        )
    return counts.until(origin), counts.select(complete & (dates >= first).to_numpy())


def backtest_nday(
    counts: CohortCounts,
    config: NdayConfig,
    attention: Mapping[str, Array],
    rng: np.random.Generator,
) -> HeldOut:
    """Fit the earlier cohorts and score what it says of the later ones.

    counts: Cohorts before the policy.
    attention: Reading -> (draw or 1, age); a fixed assumption here, not something learnt.
    """
    parts = split(counts, config.test_share)
    way, why = "forward", ""
    if isinstance(parts, str):
        way, why = "interleaved", parts
        parts = interleave(counts)
    if isinstance(parts, str):
        return _skipped(f"{why}; {parts}")
    train, test = parts
    fit = fit_conversion(train, config.cohort, draws=config.draws, rng=rng)
    cohorts = _score(fit, test, config, rng)
    return HeldOut(
        cohorts=cohorts,
        coverage=coverage_table(cohorts),
        comparison=score_table(fit, test),
        choice=_choice(population_curves(fit), test, config, attention),
        origin=train.as_of,
        split=way,
        skipped=why,
    )


def quantities(
    conversions: NDArray[np.int64], signups: NDArray[np.int64], age: int, costs: NdayCosts
) -> dict[str, Array]:
    """Reach, organic share, conversion and (with stated costs) waste, counts (..., cohort, age)."""
    before = conversions[..., :age].sum(axis=-1)
    later = conversions[..., age:].sum(axis=-1)
    left = signups - before
    found = {
        "reach": left / signups,
        "organic_after": np.where(left > 0, later / np.maximum(left, 1), np.nan),
        "conversion": (before + later) / signups,
    }
    if costs.stated:
        found["waste"] = costs.organic_coupon * later / signups
    return found


def _score(
    fit: ConversionFit, test: CohortCounts, config: NdayConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Compare cohort by cohort, then all together (no signup date, group ``all``)."""
    made, age = predict_cohorts(fit, test, rng), config.n - config.cohort.day_index
    each = _compare(made, test.conversions, test.cohorts, age, config.costs)
    total = pd.DataFrame({"signup_date": [pd.NaT], "group": "all", "signups": test.signups.sum()})
    total = total.astype(test.cohorts.dtypes.to_dict())
    sums = made.sum(axis=1, keepdims=True), test.conversions.sum(axis=0, keepdims=True)
    pooled = _compare(*sums, total, age, config.costs)
    table = pd.concat([each, pooled], ignore_index=True)
    table.insert(0, "model", fit.name)
    return table.assign(uplift=np.nan)


def _compare(
    made: NDArray[np.int64],
    real: NDArray[np.int64],
    cohorts: pd.DataFrame,
    age: int,
    costs: NdayCosts,
) -> pd.DataFrame:
    signups = cohorts["signups"].to_numpy(np.int64)
    realised = quantities(real, signups, age, costs)
    parts = []
    for name, draws in quantities(made, signups, age, costs).items():
        low, high = np.nanquantile(draws, [0.05, 0.95], axis=0)
        seen = realised[name]
        found = {"quantity": name, "predicted": np.nanmean(draws, axis=0), "q05": low, "q95": high}
        inside = (seen >= low - 1e-12) & (seen <= high + 1e-12)
        parts.append(cohorts.assign(**found, realised=seen, inside=inside))
    return pd.concat(parts, ignore_index=True)


def coverage_table(cohorts: pd.DataFrame) -> pd.DataFrame:
    """Share of held-out cohorts inside their 90% interval, by model and quantity."""
    each = cohorts[cohorts["signup_date"].notna()].dropna(subset="realised")
    keyed = each.assign(error=each["predicted"] - each["realised"])
    table = keyed.groupby(["model", "quantity"], sort=False).agg(
        cohorts=("inside", "size"), coverage=("inside", "mean"), mean_error=("error", "mean")
    )
    return table.reset_index()


def _choice(
    G: Array, test: CohortCounts, config: NdayConfig, attention: Mapping[str, Array]
) -> pd.DataFrame:
    """Choose N on the earlier curve, value it on the later cohorts' own curve."""
    ages, index, costs = config.ages(), config.cohort.day_index, config.costs
    if not costs.stated:
        return pd.DataFrame()
    real, in_use = test.buyers.sum(axis=0) / test.signups.sum(), ages.index(config.n - index)
    rows = []
    for (reading, a), u0 in product(attention.items(), config.uplifts):
        mean = a.mean(axis=0, keepdims=True)
        expected, realised = (
            nday.value(g, ages, nday.uplift(g, ages, u0, mean), costs).mean(axis=0)
            for g in (G, real[None, :])
        )
        pick, best = int(expected.argmax()), int(realised.argmax())
        rows.append(
            {
                "reading": reading,
                "u0": u0,
                "chosen_n": ages[pick] + index,
                "value_expected": expected[pick],
                "value_realised": realised[pick],
                "hindsight_n": ages[best] + index,
                "regret": realised[best] - realised[pick],
                "regret_in_use": realised[best] - realised[in_use],
            }
        )
    return pd.DataFrame(rows)


def _skipped(reason: str) -> HeldOut:
    empty = pd.DataFrame()
    return HeldOut(empty, empty, empty, empty, None, "none", reason)
