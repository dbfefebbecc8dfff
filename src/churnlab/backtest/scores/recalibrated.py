"""A forecast recalibrated on earlier origins, by a named map or by the one that held out best."""

from dataclasses import replace
from typing import Final

import numpy as np

from churnlab.backtest.config import AUTO, NONE
from churnlab.backtest.scores.board import RECALIBRATED, Entry, usable_at
from churnlab.metrics import CALIBRATORS, calibrator
from churnlab.origins.guards import assert_seen
from churnlab.types import Array

#: The forecast as it comes: what `auto` keeps until a map has bettered it on held-out origins.
IDENTITY: Final = "identity"
#: Held-out origins that a map is judged on at least: customers' errors do not show how much a gain
#: turns from one origin to the next.
LEAST_HELD_OUT: Final = 2
#: Standard errors by which a map's held-out gain must exceed 0 (one-sided 5%).
_CLEAR: Final = 1.645


def recalibrated_entry(entry: Entry, earlier: list[Entry], how: str) -> Entry | None:
    """Return the entry recalibrated on earlier origins, or None when there are none.

    Only origins whose labels are complete by this origin are learnt from. `details` says by which
    map.
    """
    usable = usable_at(entry.truth.origin, earlier)
    if entry.risk is None or how == NONE or not _teaches(usable):
        return None
    seen_until = max(e.truth.known_from for e in usable)
    assert_seen(f"recalibration of {entry.candidate}", seen_until, entry.truth.origin)
    name = chosen_map(usable) if how == AUTO else how
    mapped = _mapped(name, usable, entry.risk)
    return replace(
        entry,
        variant=RECALIBRATED,
        score=mapped,
        risk=mapped,
        p_alive=None,
        expected=None,
        crps=None,
        flag=None,
        details={"recalibration": name},
    )


def chosen_map(usable: list[Entry]) -> str:
    """Return the map with the least held-out Brier score, `IDENTITY` where none is clearly better.

    Each of `usable` that has earlier outcomes known by then is forecast by each map learnt on
    those. A map is taken when it betters the plain forecast by more than 1.645 standard errors
    (customers are the clusters: one is there at several origins) and is not more biased: the
    mean over origins of abs(bias) does not rise; of fewer than `LEAST_HELD_OUT` origins none is.
    """
    folds = [(e, past) for e in usable if _teaches(past := usable_at(e.truth.origin, usable))]
    best, least = IDENTITY, 0.0
    for name in CALIBRATORS if len(folds) >= LEAST_HELD_OUT else ():
        change, error, bias = _held_out(folds, name)
        if change + _CLEAR * error < 0 and bias <= 0 and change < least:
            best, least = name, change
    return best


def _held_out(folds: list[tuple[Entry, list[Entry]]], name: str) -> tuple[float, float, float]:
    """Return a map's change of the Brier score, its standard error, and that of abs(bias)."""
    changes, biases = [], []
    for entry, past in folds:
        plain, outcome = _risk(entry), entry.outcome
        mapped = _mapped(name, past, plain)
        change_of = (mapped - outcome) ** 2 - (plain - outcome) ** 2
        changes.append(change_of[entry.cells.code])
        biases.append(abs(entry.mean(mapped - outcome)) - abs(entry.mean(plain - outcome)))
    change = np.concatenate(changes)
    customer = np.concatenate([entry.truth.past.customer for entry, _ in folds])
    per_customer = np.bincount(customer, change - change.mean())
    error = float(np.sqrt((per_customer**2).sum())) / change.size
    return float(change.mean()), error, float(np.mean(biases))


def _mapped(name: str, past: list[Entry], risk: Array) -> Array:
    """Return `risk` mapped by what `past` shows."""
    if name == IDENTITY:
        return risk
    learnt = calibrator(name).learn(
        np.concatenate([_risk(e) for e in past]),
        np.concatenate([e.outcome for e in past]),
        np.concatenate([e.size for e in past]),
    )
    return np.clip(learnt(risk), 0.0, 1.0)


def _teaches(past: list[Entry]) -> bool:
    """Return whether forecasts of both outcomes are among them."""
    return len({v for e in past for v in np.unique(e.outcome)}) == 2


def _risk(entry: Entry) -> Array:
    assert entry.risk is not None
    return entry.risk
