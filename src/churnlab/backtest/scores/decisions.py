"""Threshold rules on the candidates' risks: learnt on earlier origins, paid for on later ones."""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.backtest.scores.board import P_ALIVE, Entry, usable_at
from churnlab.backtest.scores.differences import Series, paired_rows
from churnlab.backtest.scores.resample import Estimate, Resample, quantiles
from churnlab.metrics.cost import cost_curve, cost_of_flags, regret
from churnlab.origins.guards import assert_seen
from churnlab.rules import Costs, Evidence, Threshold, ThresholdRule
from churnlab.types import Array

#: The simple decision that others are compared with.
BAR = "hiatus"
#: Rule of candidates that bring a cutoff of their own.
OWN_CUTOFF = "own_cutoff"
_WRONG = (-0.1, 0.1)


@dataclass(frozen=True)
class Decision:
    """Who is contacted at one origin by one rule on one candidate, and what it cost.

    flag (cell,): Rows of the entry that are contacted.
    cost: Mean cost per customer.
    """

    entry: Entry
    basis: str
    rule: str
    threshold: Threshold | None
    flag: NDArray[np.bool_] | None
    cost: Estimate | None
    note: str = ""


def decision_risk(entry: Entry) -> tuple[str, Array] | None:
    """Return the basis and the risk that a rule cuts, or None for a bare score."""
    if entry.variant == P_ALIVE:
        return "p_alive", np.clip(entry.score, 0.0, 1.0)
    return None if entry.risk is None else (entry.truth.target.basis, entry.risk)


def decide(
    entries: list[Entry],
    rules: Mapping[str, ThresholdRule],
    costs: Costs,
    resample: Resample,
    rng_for: Callable[..., np.random.Generator],
) -> list[Decision]:
    """Choose and apply every rule to every scored entry; the interval at the last origin only."""
    earlier: dict[tuple[str, str, str], list[Entry]] = {}
    last = max(e.truth.origin for e in entries)
    jobs: list[tuple[Entry, list[Entry]]] = []
    for entry in entries:
        key = (entry.truth.target.label, *entry.series)
        if entry.truth.scored:
            jobs.append((entry, usable_at(entry.truth.origin, earlier.get(key, []))))
        earlier.setdefault(key, []).append(entry)

    def work(job: tuple[Entry, list[Entry]]) -> list[Decision]:
        want = job[0].truth.origin == last
        made = _decisions(*job, rules, rng_for if want else None)
        return [_paid_for(d, costs, resample) for d in made]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(itertools.chain.from_iterable(pool.map(work, jobs)))


def _paid_for(decision: Decision, costs: Costs, resample: Resample) -> Decision:
    """Add what a decision cost, where costs are stated."""
    if decision.flag is None or not costs.stated:
        return decision
    paid = cost_of_flags(decision.flag, decision.entry.outcome, costs.wasted, costs.missed)
    return replace(decision, cost=resample.mean(decision.entry, paid)[0])


def _decisions(
    entry: Entry,
    past: list[Entry],
    rules: Mapping[str, ThresholdRule],
    rng_for: Callable[..., np.random.Generator] | None,
) -> Iterator[Decision]:
    if entry.flag is not None:
        yield Decision(entry, "idle_days", OWN_CUTOFF, None, entry.flag, None)
        return
    found = decision_risk(entry)
    if found is None:
        return
    basis, risk = found
    now, then = Evidence(risk, row=entry.cells.code), _evidence(past) if past else None
    for name, rule in rules.items():
        if then is None and rule.needs_outcome(basis):
            why = "no earlier origin with complete labels to learn from"
            yield Decision(entry, basis, name, None, None, None, why)
            continue
        if then is not None and (rule.learns or rule.needs_outcome(basis)):
            rng = rng_for and rng_for("rule", name, *entry.series, entry.truth.target)
            until = max(e.truth.known_from for e in past)
            assert_seen(f"rule {rule.name} on {entry.candidate}", until, entry.truth.origin)
            threshold = rule.choose_on(then, basis=basis, learnt_until=until, rng=rng)
        else:
            threshold = rule.choose_on(now, basis=basis)
        flag = threshold.flag(risk, entry.truth.past.x[entry.cells.first] == 0)
        yield Decision(entry, basis, name, threshold, flag, None, "; ".join(threshold.notes))


def _evidence(past: list[Entry]) -> Evidence:
    """Return what earlier entries show, one row per cell and origin."""
    found = [(e, kind[1]) for e in past if (kind := decision_risk(e)) is not None]
    starts = np.cumsum([0, *(e.size.size for e, _ in found)])
    return Evidence(
        np.concatenate([risk for _, risk in found]),
        np.concatenate([e.outcome for e, _ in found]),
        np.concatenate([np.full(e.size.size, e.truth.origin.toordinal()) for e, _ in found]),
        np.concatenate([e.cells.code + at for (e, _), at in zip(found, starts, strict=False)]),
        np.concatenate([e.truth.past.customer for e, _ in found]),
    )


def rules_frame(decisions: list[Decision], costs: Costs) -> pd.DataFrame:
    """Return one row per decision: threshold, who was flagged, cost, regret."""
    return pd.DataFrame([_row(d, costs) for d in decisions])


def _row(d: Decision, costs: Costs) -> dict[str, Any]:
    truth, t = d.entry.truth, d.threshold
    row: dict[str, Any] = {
        "origin": truth.origin.isoformat(),
        "target": truth.target.label,
        "candidate": d.entry.candidate,
        "variant": d.entry.variant,
        "basis": d.basis,
        "rule": d.rule,
        "threshold": d.entry.details.get("cutoff_days", np.nan) if t is None else t.value,
        "first_threshold": np.nan if t is None else t.first_value,
    }
    for name in ("low", "high", "origin_low", "origin_high"):
        row[f"threshold_{name}"] = np.nan if t is None else _number(getattr(t, name))
    row["learnt_until"] = t.learnt_until.isoformat() if t and t.learnt_until else ""
    return {**row, **_paid(d, costs), "n": truth.past.n, "note": d.note}


def _paid(d: Decision, costs: Costs) -> dict[str, float]:
    names = ("flagged_share", "precision", "recall", "cost_per_customer", "cost_q05", "cost_q95")
    found = dict.fromkeys((*names, "regret", "extra_cost_lower", "extra_cost_higher"), np.nan)
    if d.flag is None:
        return found
    outcome, mean, flagged = d.entry.outcome, d.entry.mean, d.flag.astype(np.float64)
    hit = mean(flagged * outcome)
    found |= {
        "flagged_share": mean(flagged),
        "precision": hit / mean(flagged) if flagged.any() else np.nan,
        "recall": hit / mean(outcome) if outcome.any() else np.nan,
    }
    if d.cost is None:
        return found
    low, high = quantiles(d.cost.many)
    found |= {"cost_per_customer": d.cost.value, "cost_q05": low, "cost_q95": high}
    return found | _mistakes(d, costs)


def _mistakes(d: Decision, costs: Costs) -> dict[str, float]:
    """Regret against the best cut in hindsight, and the price of ten points either way."""
    outcome, size = d.entry.outcome, d.entry.size
    if d.threshold is None:
        cut = float(d.entry.details.get("cutoff_days", np.nan))
        score = d.entry.score
        return {"regret": regret(score, outcome, cut, costs.wasted, costs.missed, size)}
    found = decision_risk(d.entry)
    assert found is not None
    at = d.threshold.value
    cuts = np.clip([at, at + _WRONG[0], at + _WRONG[1]], 0, 1)
    table = cost_curve(found[1], outcome, cuts, costs.wasted, costs.missed, size)
    curve = table["cost_per_customer"]
    return {
        "regret": regret(found[1], outcome, at, costs.wasted, costs.missed, size),
        "extra_cost_lower": float(curve[1] - curve[0]),
        "extra_cost_higher": float(curve[2] - curve[0]),
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def cost_series(decisions: list[Decision]) -> dict[tuple[str, str, str, str, str], Series]:
    """Return costs by (target, candidate, variant, basis, rule), origins in order."""
    found: dict[tuple[str, str, str, str, str], Series] = {}
    for d in decisions:
        if d.cost is not None:
            key = (d.entry.truth.target.label, *d.entry.series, d.basis, d.rule)
            found.setdefault(key, Series([], [], [])).add(d.entry, d.cost)
    return found


def cost_differences(decisions: list[Decision]) -> pd.DataFrame:
    """Return cost - cost of the tuned hiatus, per origin and as the mean over origins."""
    found = cost_series(decisions)
    bars = {k[0]: s for k, s in found.items() if k[1] == BAR and k[4] == OWN_CUTOFF}
    rows: list[dict[str, Any]] = []
    for (target, candidate, variant, basis, rule), series in found.items():
        if target not in bars or series is bars[target]:
            continue
        same = {"target": target, "metric": "cost", "candidate": candidate, "variant": variant}
        more = {"baseline": BAR, "basis": basis, "rule": rule}
        rows += [{**same, **more, **r} for r in paired_rows(series, bars[target])]
    # without a price there is no row, and the columns stay
    return pd.DataFrame(rows) if rows else pd.DataFrame({"basis": [], "rule": []}, dtype="str")


def curves_frame(decisions: list[Decision], costs: Costs) -> pd.DataFrame:
    """Return held-out curves: whom every cut would have flagged at each origin, at what cost."""
    cuts, seen, parts = np.round(np.linspace(0, 1, 51), 2), set(), []
    for d in decisions:
        found = decision_risk(d.entry)
        if found is None or d.threshold is None or id(d.entry) in seen:
            continue
        seen.add(id(d.entry))
        prices = (costs.wasted, costs.missed) if costs.stated else (np.nan, np.nan)
        entry = d.entry
        curve = cost_curve(found[1], entry.outcome, cuts, *prices, entry.size)
        same = {
            "origin": d.entry.truth.origin.isoformat(),
            "target": d.entry.truth.target.label,
            "candidate": d.entry.candidate,
            "variant": d.entry.variant,
            "basis": d.basis,
        }
        parts.append(pd.DataFrame(same, index=curve.index).join(curve))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
