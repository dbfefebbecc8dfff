"""A backtest: rolling origins x candidates x rules on held-out windows."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from churnlab.backtest.config import SplitConfig
from churnlab.backtest.forecasting import FORECASTING, Board, forecast_all
from churnlab.backtest.limits import degradations, refuse_few_customers
from churnlab.backtest.report.answers import sentence
from churnlab.backtest.result import BacktestResult
from churnlab.backtest.reusing import FORECASTS
from churnlab.backtest.scores import answers, decisions, evaluate
from churnlab.backtest.scores.board import PLAIN, RECALIBRATED, Entry, predictions_frame
from churnlab.backtest.scores.differences import differences_frame
from churnlab.backtest.scores.resample import Resample
from churnlab.backtest.scores.tracking import tracking_frame
from churnlab.backtest.scores.visit_answers import visit_answers
from churnlab.backtest.splits import Plan, plan_origins
from churnlab.candidates import COMPULSORY, Candidate, Context, candidate_named, with_compulsory
from churnlab.events import EventLog
from churnlab.inference.diagnostics import kind_of
from churnlab.origins.cache import FitCache
from churnlab.origins.panel import Panel
from churnlab.origins.targets import targets
from churnlab.progress import Update
from churnlab.report.labels import label
from churnlab.rules import CalibratedRule, CostRatioRule, Costs, FixedRule, ThresholdRule
from churnlab.summary.calendar import SPREAD


def run_backtest(
    log: EventLog,
    *,
    candidates: Sequence[str | Candidate] = (),
    split: SplitConfig | None = None,
    rules: Mapping[str, ThresholdRule] | None = None,
    costs: Costs | None = None,
    seed: int = 1,
    k: int | None = None,
    method: str = "laplace",
    draws: int = 1000,
    chains: int = 4,
    priors: Mapping[str, str] | None = None,
    events: Mapping[str, Any] | None = None,
    calendar_spread: str = SPREAD,
    cache_dir: Path | str | None = None,
    keep_predictions: bool = False,
    progress: Update | None = None,
) -> BacktestResult:
    """Backtest candidates and threshold rules on rolling origins.

    log: Clean purchases up to `log.as_of`.
    candidates: Names (see `known_candidates`) or own candidates; the compulsory baselines are
        added. Empty: the default set.
    split: Origins, windows, recalibration, limits.
    rules: Rules by name; all are scored on the same forecasts. Default: `default_rules`.
    costs: Costs that decisions are paid in; default: those of the first rule that states them.
        Without any, decisions are counted (flagged, precision, recall) and not priced.
    k, method, draws, chains, priors: How Bayesian candidates are fitted (see
        `inference.fit_population`).
    events, calendar_spread: Of candidates on a clock, ``mbg_nbd@month`` and the like (see
        `fitting.ModelConfig`).
    cache_dir: Folder in which finished fits are kept and found again.
    keep_predictions: Keep forecasts per customer.
    progress: Called with a text (origin, target, candidate) and the fraction done.
    Raises DataError: No complete window; too few purchasers, events or non-events.
    Raises LeakageError: A candidate has seen the future.
    """
    split = split or SplitConfig()
    costs = costs or next((r for r in (rules or {}).values() if r.stated), Costs())
    chosen_rules = dict(rules or default_rules(costs))
    runners = _candidates(candidates, k)
    panel = Panel.from_log(log, split.group_columns, visits=any(c.needs_visits for c in runners))
    plan = plan_origins(panel, split, targets(split.horizon_days, split.cycles))
    refuse_few_customers(panel.until(plan.origins[-1].date), split.limits)
    context = Context(
        seed=seed,
        costs=costs,
        method=method,
        draws=draws,
        chains=chains,
        priors=dict(priors or {}),
        events=dict(events or {}),
        calendar_spread=calendar_spread,
        counts=split.counts,
        cache=FitCache(cache_dir),
    )
    say = progress or (lambda _text, _done: None)
    board = forecast_all(panel, plan, runners, split, context, say)
    result = _score(panel, plan, board, split, chosen_rules, costs, context, say)
    predictions = predictions_frame(board.entries, panel.ids) if keep_predictions else None
    return replace(result, predictions=predictions)


def default_rules(costs: Costs) -> dict[str, ThresholdRule]:
    """Return the rules that are scored where none is named: what needs costs only where stated."""
    rules: dict[str, ThresholdRule] = {"calibrated": CalibratedRule(), "fixed": FixedRule()}
    if costs.stated:
        stated = {f.name: getattr(costs, f.name) for f in fields(Costs)}
        rules["cost_ratio"] = CostRatioRule(**stated)
    return rules


def _candidates(wanted: Sequence[str | Candidate], k: int | None) -> list[Candidate]:
    """Return the wanted candidates and the compulsory baselines."""
    names = [c for c in wanted if isinstance(c, str)]
    own = [c for c in wanted if not isinstance(c, str)]
    every = list(COMPULSORY) if own and not names else with_compulsory(names)
    made = [candidate_named(name, k) for name in every]
    for name, candidate in zip(every, made, strict=True):
        candidate.known_by = name, k
    return made + own


def _score(
    panel: Panel,
    plan: Plan,
    board: Board,
    split: SplitConfig,
    rules: Mapping[str, ThresholdRule],
    costs: Costs,
    context: Context,
    say: Update,
) -> BacktestResult:
    """Turn forecasts into tables."""

    def rng_for(*parts: object) -> np.random.Generator:
        return generator(context.seed, *parts)

    resample = Resample(panel.ids.size, split.replicates, rng_for("customers"))
    say("scores", FORECASTING)
    scores = evaluate.scores_frame(board.entries, resample, split.limits.thin_cell)
    say("paired differences", 0.85)
    twins = {c.name: c.twin for c in board.runners if c.twin is not None}
    differences = differences_frame(board.entries, resample, split.compare_to, twins)
    say("threshold rules", 0.9)
    made = decisions.decide(board.entries, rules, costs, resample, rng_for)
    paid = decisions.cost_differences(made)
    say("reliability", 0.95)
    calibration = evaluate.calibration_frame(board.entries, rng_for)
    found = answers.brier_answers(board.entries, resample)
    found += answers.cost_answers(made)
    visits = visit_answers(board.entries, resample, twins)
    result = BacktestResult(
        scores=scores,
        differences=_with_costs(differences, paid),
        rules=decisions.rules_frame(made, costs),
        calibration=calibration,
        curves=decisions.curves_frame(made, costs),
        tracking=_tracking(panel, plan, board, context),
        predictions=None,
        summary=_summary(panel, plan, board, split, rules, costs, context, found, visits),
    )
    say("done", 1.0)
    return result


def _prices(costs: Costs) -> dict[str, float] | None:
    """Return what the two wrong decisions cost; None where nobody has said."""
    if not costs.stated:
        return None
    return {"wasted": costs.wasted, "missed": costs.missed, "ratio": costs.ratio}


def _with_costs(differences: pd.DataFrame, paid: pd.DataFrame) -> pd.DataFrame:
    """Append the differences of costs; where there are none, their columns alone.

    Concatenated, an empty table would make floats of whole numbers.
    """
    if paid.empty:
        return differences.assign(**dict.fromkeys(paid.columns))
    return pd.concat([differences, paid], ignore_index=True)


def _tracking(panel: Panel, plan: Plan, board: Board, context: Context) -> pd.DataFrame:
    """Follow weekly purchases from the first scored origin: the longest held-out stretch."""
    first = plan.scored[0].date
    fitted = {e.candidate for e in board.entries if e.truth.origin == first}
    runners = [c for c in board.runners if c.name in fitted]
    rng = generator(context.seed, "tracking")
    return tracking_frame(panel, panel.until(first), runners, context, rng)


def generator(seed: int, *parts: object) -> np.random.Generator:
    """Return a generator that depends on the seed and on what it is for, not on what ran before."""
    key = zlib.crc32("|".join(str(p) for p in parts).encode())
    return np.random.default_rng([seed, key])


def _summary(
    panel: Panel,
    plan: Plan,
    board: Board,
    split: SplitConfig,
    rules: Mapping[str, ThresholdRule],
    costs: Costs,
    context: Context,
    found: list[dict[str, Any]],
    visits: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return what the tables do not hold: answers, settings, origins, what fell short."""
    return {
        "answers": [sentence(a) for a in found + visits],
        "comparisons": found + visits,
        "origins": [o.date.isoformat() for o in plan.scored],
        "horizon_days": [float(h) for h in split.horizon_days],
        "baselines": [c.name for c in board.runners if c.kind in ("baseline", "peer")],
        "plan": [
            {"date": o.date, "scored": o.scored, "targets": [t.label for t in o.targets]}
            for o in plan.origins
        ],
        "n_origins": len(plan.scored),
        "dropped": list(plan.dropped),
        "degradations": degradations(board.truths, panel.first_day, split.limits)
        + _shortfalls(board.entries)
        + [{"target": "", "what": "cache", "reason": note} for note in context.cache.notes],
        "refused_fits": board.refused,
        "learnt": _learnt(board.entries),
        "split": asdict(split),
        "rules": {name: asdict(rule) for name, rule in rules.items()},
        "costs": _prices(costs),
        "data": {
            "customers": int(panel.ids.size),
            "purchase_days": int(panel.events.day.size),
            "first_day": panel.first_day,
            "as_of": panel.as_of,
        },
        "fits": {
            "made": context.cache.made["fits"],
            "reused": context.cache.hits["fits"],
            "kept": context.cache.kept["fits"],
        },
        "forecasts": {"made": context.cache.made[FORECASTS], "kept": context.cache.kept[FORECASTS]},
        "policy": label("note.policy"),
        "seed": context.seed,
    }


def _shortfalls(entries: list[Entry]) -> list[dict[str, Any]]:
    """Return the notes of candidates (short training windows and the like), each kind once.

    Notes that differ in numbers or brackets alone are one: that of the last origin, with how often
    it came.
    """
    kinds: dict[tuple[str, str], list[tuple[Entry, str]]] = {}
    for entry in entries:
        for note in entry.notes if entry.variant == PLAIN else ():
            kinds.setdefault((entry.candidate, kind_of(note)), []).append((entry, note))
    rows = []
    for (candidate, _), found in kinds.items():
        last, note = max(found, key=lambda one: one[0].truth.origin)
        targets = dict.fromkeys(e.truth.target.label for e, _ in found)
        times = "" if len(found) == 1 else f" ({len(found)} times, the last at {last.truth.origin})"
        reason = f"{candidate}: {note}{times}"
        rows.append({"target": ", ".join(targets), "what": "candidate", "reason": reason})
    return rows


def _learnt(entries: list[Entry]) -> list[dict[str, Any]]:
    """Return what candidates learnt at each origin, and by which maps they were recalibrated."""
    return [
        {
            "origin": e.truth.origin,
            "target": e.truth.target.label,
            "candidate": e.candidate,
            **e.details,
        }
        for e in entries
        if e.variant in (PLAIN, RECALIBRATED) and e.details
    ]
