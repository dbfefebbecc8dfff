"""Threshold rules on the candidates' risks: learnt on earlier origins, paid for on later ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.backtest.origins.guards import assert_seen
from churnlab.backtest.origins.panel import Array
from churnlab.backtest.scores.board import P_ALIVE, Entry, usable_at
from churnlab.backtest.scores.differences import Series, paired_rows
from churnlab.backtest.scores.resample import Resample, quantiles
from churnlab.metrics.cost import cost_curve, cost_of_flags, regret
from churnlab.rules import Costs, Threshold, ThresholdRule

#: The simple decision that others are compared with.
BAR = "hiatus"
_WRONG = (-0.1, 0.1)


@dataclass(frozen=True)
class Decision:
    """Who is contacted at one origin by one rule on one candidate, and what it cost."""

    entry: Entry
    basis: str
    rule: str
    threshold: Threshold | None
    flag: NDArray[np.bool_] | None
    costs: Array | None
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
    rng_for: Callable[..., np.random.Generator],
) -> list[Decision]:
    """Choose and apply every rule to every scored entry; the interval at the last origin only."""
    earlier: dict[tuple[str, str, str], list[Entry]] = {}
    last = max(e.truth.origin for e in entries)
    found: list[Decision] = []
    for entry in entries:
        key = (entry.truth.target.label, *entry.series)
        if entry.truth.scored:
            past = usable_at(entry.truth.origin, earlier.get(key, []))
            want = entry.truth.origin == last
            found += _decisions(entry, past, rules, costs, rng_for if want else None)
        earlier.setdefault(key, []).append(entry)
    return found


def _decisions(
    entry: Entry,
    past: list[Entry],
    rules: Mapping[str, ThresholdRule],
    costs: Costs,
    rng_for: Callable[..., np.random.Generator] | None,
) -> Iterator[Decision]:
    if entry.flag is not None:
        paid = _costs(entry.flag, entry, costs)
        yield Decision(entry, "idle_days", "own_cutoff", None, entry.flag, paid)
        return
    found = decision_risk(entry)
    if found is None:
        return
    basis, risk = found
    for name, rule in rules.items():
        if not past and rule.needs_outcome(basis):
            why = "no earlier origin with complete labels to learn from"
            yield Decision(entry, basis, name, None, None, None, why)
            continue
        rng = None if rng_for is None else rng_for("rule", name, *entry.series, entry.truth.target)
        threshold = learn_threshold(rule, basis, past, entry, rng)
        flag = threshold.flag(risk, entry.truth.past.x == 0)
        paid = _costs(flag, entry, costs)
        note = "; ".join(threshold.notes)
        yield Decision(entry, basis, name, threshold, flag, paid, note)


def _costs(flag: NDArray[np.bool_], entry: Entry, costs: Costs) -> Array | None:
    """Return what each decision cost; None where no costs are stated."""
    if not costs.stated:
        return None
    return cost_of_flags(flag, entry.truth.outcome, costs.wasted, costs.missed)


def learn_threshold(
    rule: ThresholdRule,
    basis: str,
    past: list[Entry],
    entry: Entry,
    rng: np.random.Generator | None,
) -> Threshold:
    """Choose a threshold on earlier entries, or on the present risk where nothing is learnt."""
    use = past if past and (rule.learns or rule.needs_outcome(basis)) else [entry]
    risks = [found[1] for e in use if (found := decision_risk(e)) is not None]
    if use == [entry]:
        return rule.choose(risks[0], basis=basis)
    until = max(e.truth.known_from for e in use)
    assert_seen(f"rule {rule.name} on {entry.candidate}", until, entry.truth.origin)
    return rule.choose(
        np.concatenate(risks),
        np.concatenate([e.truth.outcome for e in use]),
        basis=basis,
        customer=np.concatenate([e.truth.past.customer for e in use]),
        origin=np.concatenate([_repeat(e.truth.origin, e.truth.past.n) for e in use]),
        learnt_until=until,
        rng=rng,
    )


def _repeat(origin: dt.date, n: int) -> NDArray[Any]:
    return np.full(n, origin.toordinal())


def rules_frame(decisions: list[Decision], resample: Resample, costs: Costs) -> pd.DataFrame:
    """Return one row per decision: threshold, who was flagged, cost, regret."""
    return pd.DataFrame([_row(d, resample, costs) for d in decisions])


def _row(d: Decision, resample: Resample, costs: Costs) -> dict[str, Any]:
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
    return {**row, **_paid(d, resample, costs), "n": truth.past.n, "note": d.note}


def _paid(d: Decision, resample: Resample, costs: Costs) -> dict[str, float]:
    names = ("flagged_share", "precision", "recall", "cost_per_customer", "cost_q05", "cost_q95")
    found = dict.fromkeys((*names, "regret", "extra_cost_lower", "extra_cost_higher"), np.nan)
    if d.flag is None:
        return found
    outcome = d.entry.truth.outcome
    hit = float((d.flag * outcome).sum())
    found |= {
        "flagged_share": float(d.flag.mean()),
        "precision": hit / d.flag.sum() if d.flag.any() else np.nan,
        "recall": hit / outcome.sum() if outcome.any() else np.nan,
    }
    if d.costs is None:
        return found
    low, high = quantiles(resample.mean(d.entry, d.costs))
    found |= {"cost_per_customer": float(d.costs.mean()), "cost_q05": low, "cost_q95": high}
    return found | _mistakes(d, costs)


def _mistakes(d: Decision, costs: Costs) -> dict[str, float]:
    """Regret against the best cut in hindsight, and the price of ten points either way."""
    outcome = d.entry.truth.outcome
    if d.threshold is None:
        cut = float(d.entry.details.get("cutoff_days", np.nan))
        score = d.entry.score
        return {"regret": regret(score, outcome, cut, costs.wasted, costs.missed)}
    found = decision_risk(d.entry)
    assert found is not None
    at = d.threshold.value
    cuts = np.clip([at, at + _WRONG[0], at + _WRONG[1]], 0, 1)
    curve = cost_curve(found[1], outcome, cuts, costs.wasted, costs.missed)["cost_per_customer"]
    return {
        "regret": regret(found[1], outcome, at, costs.wasted, costs.missed),
        "extra_cost_lower": float(curve[1] - curve[0]),
        "extra_cost_higher": float(curve[2] - curve[0]),
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def cost_series(
    decisions: list[Decision], resample: Resample
) -> dict[tuple[str, str, str, str, str], Series]:
    """Return costs by (target, candidate, variant, basis, rule), origins in order."""
    found: dict[tuple[str, str, str, str, str], Series] = {}
    for d in decisions:
        if d.costs is None:
            continue
        key = (d.entry.truth.target.label, *d.entry.series, d.basis, d.rule)
        row = found.setdefault(key, Series([], [], []))
        row.entries.append(d.entry)
        row.points.append(float(d.costs.mean()))
        row.replicated.append(resample.mean(d.entry, d.costs))
    return found


def cost_differences(decisions: list[Decision], resample: Resample) -> pd.DataFrame:
    """Return cost - cost of the tuned hiatus, per origin and as the mean over origins."""
    found = cost_series(decisions, resample)
    bars = {k[0]: s for k, s in found.items() if k[1] == BAR and k[4] == "own_cutoff"}
    rows: list[dict[str, Any]] = []
    for (target, candidate, variant, basis, rule), series in found.items():
        if target not in bars or series is bars[target]:
            continue
        same = {"target": target, "metric": "cost", "candidate": candidate, "variant": variant}
        more = {"baseline": BAR, "basis": basis, "rule": rule}
        rows += [{**same, **more, **r} for r in paired_rows(series, bars[target])]
    return pd.DataFrame(rows)


def curves_frame(decisions: list[Decision], costs: Costs) -> pd.DataFrame:
    """Return held-out curves: whom every cut would have flagged at each origin, at what cost."""
    cuts, seen, parts = np.round(np.linspace(0, 1, 51), 2), set(), []
    for d in decisions:
        found = decision_risk(d.entry)
        if found is None or d.threshold is None or id(d.entry) in seen:
            continue
        seen.add(id(d.entry))
        prices = (costs.wasted, costs.missed) if costs.stated else (np.nan, np.nan)
        curve = cost_curve(found[1], d.entry.truth.outcome, cuts, *prices)
        same = {
            "origin": d.entry.truth.origin.isoformat(),
            "target": d.entry.truth.target.label,
            "candidate": d.entry.candidate,
            "variant": d.entry.variant,
            "basis": d.basis,
        }
        parts.append(pd.DataFrame(same, index=curve.index).join(curve))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
