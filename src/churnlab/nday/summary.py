"""`rule.json`: the rule, what it rests on, and what it cannot say."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from churnlab.errors import UsageError
from churnlab.nday.config import NdayConfig
from churnlab.nday.data import CohortConfig, CohortCounts
from churnlab.nday.decide import value as nday
from churnlab.nday.decide.attention import AttentionReadings
from churnlab.nday.decide.experiment import Experiment
from churnlab.nday.decide.plateau import PlateauDay, forward_hazard, late_bump
from churnlab.nday.decide.power import signups_needed
from churnlab.nday.decide.recommend import Recommendation
from churnlab.nday.draws import interval
from churnlab.nday.holdout import HeldOut
from churnlab.nday.posterior import ConversionFit
from churnlab.nday.posterior.drift import Drift
from churnlab.nday.report import advice
from churnlab.nday.report.advice import Sentence
from churnlab.nday.report.words import assumptions, verdict
from churnlab.types import Array

#: A trend of the cohorts with a smaller p is said: one false alarm in a hundred runs.
DRIFT_P = 0.01
#: Less of the held-out cohorts inside their 90% intervals is said.
LEAST_COVERAGE = 0.8


def rule_part(config: NdayConfig, as_of: dt.date, time_zone: str | None) -> dict[str, Any]:
    """What operations need: the days, the count and the holdout."""
    return {
        "rule_id": config.rule_id,
        "action_id": config.action_id,
        "n": config.n,
        "last_unconverted_day": config.n - 1,
        "send_day": config.n,
        "day_zero_index": config.cohort.day_index,
        "window_days": config.cohort.window_days,
        "n_by_group": dict(config.n_by_group),
        "time_zone": time_zone or "UTC",
        "as_of": as_of,
        "send_date": as_of + dt.timedelta(days=1),
        "holdout_share": config.holdout_share,
        "randomised": config.holdout_share > 0,
        "hazard_threshold": config.hazard_threshold,
        "costs": asdict(config.costs),
    }


def at_n(G: Array, config: NdayConfig) -> dict[str, Any]:
    """Reach, organic share, waste and break-even at the N in use."""
    age, costs = [config.n - config.cohort.day_index], config.costs
    return {
        "reach": interval(nday.reach(G, age)),
        "organic_after": interval(nday.organic_after(G, age)),
        "conversion_in_window": interval(G[:, -1]),
        "waste_per_signup": interval(nday.waste(G, age, costs)) if costs.stated else None,
        "break_even_uplift": interval(nday.break_even(G, age, costs)) if costs.stated else None,
    }


def plateau_part(
    G: Array, days: list[PlateauDay], config: NdayConfig, slow: tuple[int, float]
) -> dict[str, Any]:
    """The headline, the other definitions, a second wave if there is one, and a statement.

    `slow` is a day and the share of the window's buyers after it: said where there is no plateau.
    """
    index, apart = config.cohort.day_index, config.cohort.expiry_ages
    bump, window = late_bump(G, apart=apart), config.cohort.window_days
    said = verdict(days[0], bump, window_days=window, day_index=index, slow=slow)
    return {
        "verdict": said.code,
        "headline": days[0].definition,
        "statement": said.said,
        "definitions": {
            d.definition: {
                "median": _shown(d.quantile(0.5), index),
                "q05": _shown(d.quantile(0.05), index),
                "q95": _shown(d.quantile(0.95), index),
                "p_none": d.p_none,
            }
            for d in days
        },
        "late_bump": {
            **asdict(bump),
            "trough": _shown(bump.trough, index),
            "peak": _shown(bump.peak, index),
        },
        "hazard_at_end": float(forward_hazard(G, apart=apart)[:, -1].mean()),
    }


def recommendation_part(
    found: Recommendation, config: NdayConfig, slow: tuple[int, float]
) -> dict[str, Any]:
    """N, its value, regret, costs, edge, and a sentence in both languages."""
    said = advice.recommendation(found, window_days=config.cohort.window_days, slow=slow)
    if not config.costs.stated:
        return {**asdict(found), "costs": None, "sentence": said}
    rest = advice.at_costs(config.costs)
    said = {lang: f"{text} {rest[lang]}" for lang, text in said.items()}
    return {**asdict(found), "costs": asdict(config.costs), "sentence": said}


def warnings_part(drift: Drift, held_out: HeldOut | None) -> list[Sentence]:
    """Cohorts that change, and held-out ones outside of their intervals."""
    found = []
    if drift.p < DRIFT_P:
        found.append(advice.drifting(drift.early, drift.late))
    if held_out is not None and held_out.origin is not None:
        worst = held_out.coverage.sort_values("coverage").iloc[0]
        if worst["coverage"] < LEAST_COVERAGE:
            found.append(advice.uncovered(str(worst["quantity"]), float(worst["coverage"])))
    return found


def expiry_part(flat: PlateauDay, cohort: CohortConfig) -> list[Sentence]:
    """Say that the plateau begins where the coupon ends, which then may have made it."""
    before = flat.quantile(0.5) - 1
    if before not in cohort.expiry_ages:
        return []
    return [advice.after_expiry(int(before) + cohort.day_index)]


def _shown(age: float, index: int) -> float | None:
    return None if not math.isfinite(age) else age + index


def fit_part(fit: ConversionFit, checks: pd.DataFrame) -> dict[str, Any]:
    """Which fit, and whether it can be trusted."""
    return {
        "model": fit.name,
        "method": fit.method,
        "reason": "",
        "diagnostics": {"cohort_spread": math.sqrt(fit.variance)},
        "seconds": fit.seconds,
        "draws": fit.draws,
        "predictive_checks_inside": f"{int(checks['inside'].sum())} of {len(checks)}",
    }


def backtest_part(held_out: HeldOut | None) -> dict[str, Any]:
    """Coverage on held-out cohorts and the models' order; the uplift stays empty."""
    if held_out is None or held_out.origin is None:
        reason = held_out.skipped if held_out else "turned off"
        return {"split": "none", "skipped": reason, "uplift": None}
    return {
        "split": held_out.split,
        "origin": held_out.origin,
        "coverage": held_out.coverage.to_dict("records"),
        "comparison": held_out.comparison.to_dict("records"),
        "skipped": held_out.skipped,
        "uplift": None,
    }


def experiment_part(trial: Experiment | None, n: int) -> tuple[dict[str, float] | None, Any]:
    """Return the uplift (at N if the log has it, else over all N) and the details."""
    if trial is None:
        return None, None
    keys = list(trial.draws)
    key = next((k for k in keys if k[1] == n), keys[0])
    detail = {
        "report": trial.report,
        "balance_p": trial.balance_p,
        "rows": trial.table.astype(object).where(trial.table.notna(), None).to_dict("records"),
    }
    return interval(trial.draws[key]), detail


def power_part(G: Array, config: NdayConfig) -> dict[str, Any] | None:
    """Signups a holdout needs to find the break-even uplift at N; None without stated costs."""
    if not config.costs.stated:
        return None
    age = [config.n - config.cohort.day_index]
    target = float(nday.break_even(G, age, config.costs).mean())
    share = config.holdout_share if config.holdout_share > 0 else 0.1
    try:
        size = signups_needed(
            target,
            organic=float(nday.organic_after(G, age).mean()),
            reach=float(nday.reach(G, age).mean()),
            holdout_share=share,
        )
    except UsageError:
        return None
    return {"uplift": target, "holdout_share": share, "power": 0.8, "alpha": 0.05, **asdict(size)}


def data_part(
    report: Mapping[str, int], counts: CohortCounts, policy_start: dt.date | None
) -> dict[str, Any]:
    """What went in and what was left out."""
    return {
        **report,
        "cohorts": len(counts.cohorts),
        "complete_cohorts": int(counts.complete.sum()),
        "signups_before_policy": int(counts.signups.sum()),
        "policy_start": policy_start,
    }


def trust_part(
    seen: AttentionReadings, trial: Experiment | None, config: NdayConfig, start: dt.date | None
) -> list[dict[str, str]]:
    """Assumptions, in both languages."""
    return assumptions(
        from_visits=seen.from_visits,
        active_days=config.active_days,
        experiment=trial is not None,
        redemption=config.costs.organic_redemption if config.costs.stated else None,
        policy_start=start.isoformat() if start else None,
    )
