"""One entry: from tables to curve, plateau, decision, backtest, experiment and audience."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from churnlab.errors import DataError, nearest
from churnlab.nday import summary, tables
from churnlab.nday.config import NdayConfig
from churnlab.nday.data import (
    CohortCounts,
    Conversions,
    cohort_curve,
    count_cohorts,
    require_enough,
)
from churnlab.nday.data.conversions import NOT_CONVERTED, local_times
from churnlab.nday.decide.attention import AttentionReadings, attention_readings
from churnlab.nday.decide.audience import Audience, audience_of
from churnlab.nday.decide.experiment import Experiment, read_experiment
from churnlab.nday.decide.plateau import PlateauDay
from churnlab.nday.decide.recommend import Recommendation, recommend
from churnlab.nday.decide.uplift import experiment_value, full_uplift
from churnlab.nday.holdout import HeldOut, backtest_nday
from churnlab.nday.inputs import Inputs, read_inputs
from churnlab.nday.posterior import ConversionFit, fit_conversion, population_curves
from churnlab.nday.posterior.checks import predictive_checks
from churnlab.nday.posterior.drift import cohort_drift
from churnlab.nday.result import NdayResult
from churnlab.nday.window import cut_window, fitting_window, longer_window
from churnlab.progress import SILENT, Update
from churnlab.types import Array


def run_nday(
    source: Any,
    config: NdayConfig,
    *,
    as_of: dt.date | str | None = None,
    seed: int = 0,
    time_zone: str | None = None,
    previous: pd.DataFrame | None = None,
    opted_out: tuple[str, ...] = (),
    progress: Update = SILENT.update,
) -> NdayResult:
    """Answer the N-day question from an event log or from frames.

    source: `members` and `purchases`; `visits` and `treatments` when there are any.
    as_of: Last complete local day; default: the log's.
    seed: The result is the same for the same seed.
    time_zone: For aware times in frames.
    previous: Earlier audiences: nobody gets a message twice. Treatments are respected too.
    opted_out: Ids not to be messaged.
    Raises DataError: No members, too few signups or days, a window longer than the follow-up, a
        broken experiment log.
    """
    rngs = np.random.default_rng(seed).spawn(7)
    progress("cohorts", 0.0)
    data = read_inputs(source, as_of, time_zone)
    found = data.conversions(config.cohort.by)
    config, cut = fitting_window(config, found)
    counts = count_cohorts(found, config.cohort)
    start = policy_start(config, data)
    before = counts if start is None else counts.until(_day_before(start))
    _require_enough(before, config, start)
    progress("fit", 0.1)
    fit = fit_conversion(before, config.cohort, draws=config.draws, rng=rngs[0])
    study = _Study(config, data, found, before, start, fit, population_curves(fit), cut)
    studied, rule = study.tables_and_rule(rngs, progress)
    progress("audience", 0.95)
    sent = _audience(data, found, config, previous, opted_out)
    rule |= {"audience": sent.report, "seed": seed}
    progress("done", 1.0)
    return NdayResult(cohort_curve(counts), sent.frame, rule, studied)


def policy_start(config: NdayConfig, data: Inputs) -> dt.date | None:
    """First day on which a message may have gone out: configured, or the first treatment."""
    if config.policy_start is not None or data.treatments is None or data.treatments.empty:
        return config.policy_date()
    first = local_times(data.treatments["event_at"], data.time_zone).min()
    return None if pd.isna(first) else first.date()


def _day_before(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=1)


def _require_enough(counts: CohortCounts, config: NdayConfig, start: dt.date | None) -> None:
    try:
        require_enough(counts, config.cohort)
    except DataError as error:
        if start is None:
            raise
        raise DataError(
            f"{error} Messages went out from {start} on (the first treatment, or "
            "nday.policy_start): curves are learnt from what was known before."
        ) from error
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
    cut: list[dict[str, str]]

    def tables_and_rule(
        self, rngs: list[np.random.Generator], tell: Update
    ) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Decide, check, backtest, read the experiment."""
        config, counts, G = self.config, self.counts, self.G
        seen = self._attention(rngs[1])
        tell("decision", 0.4)
        days = tables.plateau_days(counts, G, config, rngs[5])
        trial = self._experiment(rngs[6])
        effects = {} if trial is None else trial.draws
        uplift = full_uplift(seen.readings, effects, config)
        grid = uplift.grid(config.uplifts)
        found = tables.decision_tables(self.fit, counts, G, seen, days, grid, config, rngs[2])
        found["checks"] = predictive_checks(self.fit, counts, rngs[3])
        tell("backtest", 0.5)
        held_out = (
            backtest_nday(counts, config, seen.readings, rngs[4]) if config.backtest else None
        )
        if held_out is not None:
            found |= held_out.tables
        if trial is not None:
            found["experiment"] = trial.table
        if trial is not None and config.costs.stated:
            found["experiment_value"] = experiment_value(effects, G, config)
        chosen = recommend(G, days[0], seen.readings, uplift, config)
        return found, self._rule(days, found["checks"], held_out, trial, seen, chosen)

    def _attention(self, rng: np.random.Generator) -> AttentionReadings:
        """Attention as it was before the policy."""
        found = self.found if self.start is None else _until(self.found, _day_before(self.start))
        return attention_readings(found, self.data.visits, self.config, rng, self.data.time_zone)

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

    def _rule(
        self,
        days: list[PlateauDay],
        checks: pd.DataFrame,
        held_out: HeldOut | None,
        trial: Experiment | None,
        seen: AttentionReadings,
        chosen: Recommendation,
    ) -> dict[str, Any]:
        config, G = self.config, self.G
        slow = tables.slow_share(G, config)
        effect, detail = summary.experiment_part(trial, config.n)
        return {
            **summary.rule_part(config, self.data.as_of, self.data.time_zone),
            "uplift": effect,
            "at_n": summary.at_n(G, config),
            "plateau": summary.plateau_part(G, days, config, slow),
            "recommendation": summary.recommendation_part(chosen, config, slow),
            "warnings": [
                *self.cut,
                *summary.warnings_part(cohort_drift(self.counts), held_out),
                *cut_window(self.counts),
                *longer_window(config, self.found, days[0], slow),
                *summary.expiry_part(days[0], config.cohort),
            ],
            "fit": summary.fit_part(self.fit, checks),
            "backtest": summary.backtest_part(held_out),
            "experiment": detail,
            "power": summary.power_part(G, config),
            "attention_from_visits": seen.from_visits,
            "data": summary.data_part(self.found.report, self.counts, self.start),
            "assumptions": summary.trust_part(seen, trial, config, self.start),
        }


def _until(found: Conversions, as_of: dt.date) -> Conversions:
    """Members as they were known at the end of an earlier day."""
    frame = found.frame[found.frame["signup_date"] <= pd.Timestamp(as_of)]
    seen = (pd.Timestamp(as_of) - frame["signup_date"]).dt.days
    age = frame["age"].where(frame["age"] <= seen, NOT_CONVERTED)
    return replace(found, frame=frame.assign(age=age).reset_index(drop=True), as_of=as_of)


def _audience(
    data: Inputs,
    found: Conversions,
    config: NdayConfig,
    previous: pd.DataFrame | None,
    opted_out: tuple[str, ...],
) -> Audience:
    """Tomorrow's audience; whoever is in the treatments had their message."""
    earlier = [f for f in (previous, _treated(data, config)) if f is not None and len(f)]
    index = config.cohort.day_index
    due = {
        data.as_of + dt.timedelta(days=1 + index - n)
        for n in (config.n, *config.n_by_group.values())
    }
    return audience_of(
        data.reachable(found, config.cohort.by, due),
        n=config.n,
        day_index=index,
        rule_id=config.rule_id,
        holdout_share=config.holdout_share,
        by=config.cohort.by,
        n_by_group=config.n_by_group,
        previous=pd.concat(earlier, ignore_index=True) if earlier else None,
        opted_out=opted_out,
    )


def _treated(data: Inputs, config: NdayConfig) -> pd.DataFrame | None:
    if data.treatments is None or data.treatments.empty:
        return None
    date = local_times(data.treatments["event_at"], data.time_zone).dt.normalize()
    known = date <= pd.Timestamp(data.as_of)
    ids = data.treatments["customer_id"].astype(str)
    return pd.DataFrame({"customer_id": ids[known], "send_date": date[known]})
