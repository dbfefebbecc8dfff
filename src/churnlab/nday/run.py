"""One entry: from tables to curve, plateau, decision, backtest, experiment and audience."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import DataError, nearest
from churnlab.nday import steps, summary
from churnlab.nday.config import NdayConfig
from churnlab.nday.data import (
    CohortCounts,
    Conversions,
    cohort_curve,
    convert,
    count_cohorts,
    require_enough,
)
from churnlab.nday.data.conversions import NOT_CONVERTED, local_times
from churnlab.nday.decide.audience import Audience, audience
from churnlab.nday.decide.experiment import Experiment, read_experiment
from churnlab.nday.decide.plateau import PlateauDay
from churnlab.nday.decide.recommend import Uplift
from churnlab.nday.holdout import HeldOut, backtest_nday
from churnlab.nday.inputs import Inputs, read_inputs
from churnlab.nday.posterior import (
    ConversionFit,
    fit_conversion,
    population_curves,
)
from churnlab.nday.posterior.checks import predictive_checks
from churnlab.nday.posterior.drift import cohort_drift
from churnlab.nday.report.advice import window_cut, window_longer
from churnlab.nday.result import NdayResult
from churnlab.progress import Update

Array = NDArray[np.float64]

#: Signup days that must have the whole window when it is shortened.
_WHOLE_DAYS = 7


def run_nday(
    source: Any,
    config: NdayConfig,
    *,
    as_of: dt.date | str | None = None,
    seed: int = 0,
    time_zone: str | None = None,
    previous: pd.DataFrame | None = None,
    opted_out: tuple[str, ...] = (),
    progress: Update | None = None,
) -> NdayResult:
    """Answer the N-day question from an event log or from frames.

    Parameters
    ----------
    source : EventLog or mapping of str to DataFrame
        `members` and `purchases`; `visits` and `treatments` when there are any.
    config : NdayConfig
        What is asked.
    as_of : date, str or None
        Last complete local day; default: the log's.
    seed : int
        The result is the same for the same seed.
    time_zone : str or None
        For aware times in frames.
    previous : DataFrame or None
        Earlier audiences: nobody gets a message twice. Treatments are respected too.
    opted_out : tuple of str
        Ids not to be messaged.
    progress : callable or None
        Called with stage and share done.

    Raises
    ------
    DataError
        No members, too few signups or days, a window longer than the follow-up, a broken
        experiment log.
    """
    tell = progress or _silent
    rngs = np.random.default_rng(seed).spawn(7)
    tell("cohorts", 0.0)
    data = read_inputs(source, as_of, time_zone)
    by, zone = config.cohort.by, data.time_zone
    found = convert(data.members, data.purchases, as_of=data.as_of, by=by, time_zone=zone)
    config, cut = fitting_window(config, found)
    counts = count_cohorts(found, config.cohort)
    start = policy_start(config, data)
    before = counts if start is None else counts.until(_day_before(start))
    require_enough(before, config.cohort)
    _require_groups(before, config)
    tell("fit", 0.1)
    fit = fit_conversion(before, config.cohort, draws=config.draws, rng=rngs[0])
    study = _Study(config, data, found, before, start, fit, population_curves(fit), cut)
    tables, rule = study.tables_and_rule(rngs, tell)
    tell("audience", 0.95)
    sent = _audience(data, config, previous, opted_out)
    rule |= {"audience": sent.report, "seed": seed}
    tell("done", 1.0)
    return NdayResult(cohort_curve(counts), sent.frame, rule, tables)


def fitting_window(
    config: NdayConfig, found: Conversions
) -> tuple[NdayConfig, dict[str, str] | None]:
    """Shorten a window that reaches past the follow-up, so that a week of cohorts has all of it.

    Returns the configuration to use and, when it differs, a sentence that says so. Too short for
    `min_follow_up_days` or for the N in use it stays as asked, and is refused later.
    """
    cohort, index = config.cohort, config.cohort.day_index
    if found.frame.empty:
        return config, None
    longest = (pd.Timestamp(found.as_of) - found.frame["signup_date"].min()).days + index
    used = longest - _WHOLE_DAYS + 1
    needed = max(cohort.min_follow_up_days, config.n, *config.n_by_group.values(), index + 2)
    if cohort.window_days <= longest or used < needed:
        return config, None
    expiry = [day for day in cohort.expiry_days if day <= used]
    shorter = replace(cohort, window_days=used, expiry_days=expiry)
    n_max = None if config.n_max is None else min(config.n_max, used)
    n_min = None if config.n_min is None else min(config.n_min, used)
    said = window_cut(cohort.window_days, used, str(found.as_of))
    return replace(config, cohort=shorter, n_min=n_min, n_max=n_max), said


def policy_start(config: NdayConfig, data: Inputs) -> dt.date | None:
    """First day on which a message may have gone out: configured, or the first treatment."""
    if config.policy_start is not None or data.treatments is None or data.treatments.empty:
        return config.policy_date()
    first = local_times(data.treatments["event_at"], data.time_zone).min()
    return None if pd.isna(first) else first.date()


def _silent(stage: str, done: float) -> None:
    """Tell nobody."""


def _day_before(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=1)


def _require_groups(counts: CohortCounts, config: NdayConfig) -> None:
    for group in config.n_by_group:
        if group not in counts.groups:
            raise DataError(
                f"n_by_group names {group!r}, which {config.cohort.by!r} does not have; it has "
                f"{', '.join(counts.groups)}.{nearest(group, counts.groups)}"
            )


@dataclass(frozen=True)
class _Study:
    """What is known once the curve is fitted."""

    config: NdayConfig
    data: Inputs
    found: Conversions
    counts: CohortCounts
    start: dt.date | None
    fit: ConversionFit
    G: Array
    cut: dict[str, str] | None

    def tables_and_rule(
        self, rngs: list[np.random.Generator], tell: Update
    ) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Decide, check, backtest, read the experiment."""
        seen = self._attention(rngs[1])
        tell("decision", 0.4)
        days = steps.plateau_days(self.counts, self.G, self.config, rngs[5])
        trial = self._experiment(rngs[6])
        uplift = steps.full_uplift(seen.readings, trial.draws if trial else {}, self.config)
        grid = steps.uplift_grid(uplift, self.config)
        tables = steps.decision_tables(
            self.fit, self.counts, self.G, seen, days, grid, self.config, rngs[2]
        )
        checks = predictive_checks(self.fit, self.counts, rngs[3])
        tables["checks"] = checks
        tell("backtest", 0.5)
        held_out = self._held_out(seen, rngs[4])
        tables |= _backtest_tables(held_out)
        if trial is not None:
            tables["experiment"] = trial.table
        if trial is not None and self.config.costs.stated:
            tables["experiment_value"] = steps.experiment_value(trial.draws, self.G, self.config)
        return tables, self._rule(days, checks, held_out, trial, seen, uplift)

    def _longer_window(self, flat: PlateauDay) -> list[dict[str, str]]:
        """Suggest a longer window when there is no plateau and people bought after this one."""
        cohort, found = self.config.cohort, self.found
        later = found.frame["age"].max() > cohort.last_age
        first = found.frame["signup_date"].min()
        longest = (pd.Timestamp(found.as_of) - first).days + cohort.day_index - _WHOLE_DAYS + 1
        twice = min(2 * cohort.window_days, longest)
        if flat.p_none <= 0.5 or not later or twice <= cohort.window_days:
            return []
        day, share = steps.slow_share(self.G, self.config)
        return [window_longer(share, day, twice)]

    def _attention(self, rng: np.random.Generator) -> steps.AttentionReadings:
        """Attention as it was before the policy."""
        found = self.found if self.start is None else _until(self.found, _day_before(self.start))
        return steps.attention(found, self.data.visits, self.config, rng, self.data.time_zone)

    def _experiment(self, rng: np.random.Generator) -> Experiment | None:
        if self.data.treatments is None or self.data.treatments.empty:
            return None
        return read_experiment(
            self.data.treatments,
            self.found,
            last_age=self.config.cohort.last_age,
            holdout_share=self.config.holdout_share,
            day_index=self.config.cohort.day_index,
            time_zone=self.data.time_zone,
            rng=rng,
        )

    def _held_out(self, seen: steps.AttentionReadings, rng: np.random.Generator) -> HeldOut | None:
        if not self.config.backtest:
            return None
        return backtest_nday(self.counts, self.config, seen.readings, rng)

    def _rule(
        self,
        days: list[PlateauDay],
        checks: pd.DataFrame,
        held_out: HeldOut | None,
        trial: Experiment | None,
        seen: steps.AttentionReadings,
        uplift: Uplift,
    ) -> dict[str, Any]:
        effect, detail = summary.experiment_part(trial, self.config.n)
        return {
            **summary.rule_part(self.config, self.data.as_of, self.data.time_zone),
            "uplift": effect,
            "at_n": summary.at_n(self.G, self.config),
            "plateau": summary.plateau_part(self.G, days, self.config),
            "recommendation": summary.recommendation_part(
                self.G,
                steps.recommend(self.G, days, seen.readings, uplift, self.config),
                self.config,
            ),
            "warnings": summary.warnings_part(cohort_drift(self.counts), held_out, self.cut)
            + self._longer_window(days[0]),
            "fit": summary.fit_part(self.fit, checks),
            "backtest": summary.backtest_part(held_out),
            "experiment": detail,
            "power": summary.power_part(self.G, self.config),
            "attention_from_visits": seen.from_visits,
            "data": summary.data_part(self.found.report, self.counts, self.start),
            "assumptions": summary.trust_part(seen, trial, self.config, self.start),
        }


def _until(found: Conversions, as_of: dt.date) -> Conversions:
    """Members as they were known at the end of an earlier day."""
    frame = found.frame[found.frame["signup_date"] <= pd.Timestamp(as_of)]
    seen = (pd.Timestamp(as_of) - frame["signup_date"]).dt.days
    age = frame["age"].where(frame["age"] <= seen, NOT_CONVERTED)
    return replace(found, frame=frame.assign(age=age).reset_index(drop=True), as_of=as_of)


def _backtest_tables(held_out: HeldOut | None) -> dict[str, pd.DataFrame]:
    if held_out is None or held_out.origin is None:
        return {}
    tables = {
        "backtest": held_out.cohorts,
        "coverage": held_out.coverage,
        "comparison": held_out.comparison,
        "choice": held_out.choice,
    }
    return {name: table for name, table in tables.items() if not table.empty}


def _audience(
    data: Inputs,
    config: NdayConfig,
    previous: pd.DataFrame | None,
    opted_out: tuple[str, ...],
) -> Audience:
    """Tomorrow's audience; whoever is in the treatments had their message."""
    earlier = [f for f in (previous, _treated(data, config)) if f is not None and len(f)]
    return audience(
        data.members,
        data.purchases,
        n=config.n,
        as_of=data.as_of,
        day_index=config.cohort.day_index,
        rule_id=config.rule_id,
        holdout_share=config.holdout_share,
        by=config.cohort.by,
        n_by_group=config.n_by_group,
        previous=pd.concat(earlier, ignore_index=True) if earlier else None,
        opted_out=opted_out,
        time_zone=data.time_zone,
    )


def _treated(data: Inputs, config: NdayConfig) -> pd.DataFrame | None:
    if data.treatments is None or data.treatments.empty:
        return None
    date = local_times(data.treatments["event_at"], data.time_zone).dt.normalize()
    known = date <= pd.Timestamp(data.as_of)
    ids = data.treatments["customer_id"].astype(str)
    return pd.DataFrame({"customer_id": ids[known], "send_date": date[known]})
