"""Scores of entries: overall with intervals, and by frequency class, age and group."""

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.backtest.scores.board import Entry
from churnlab.backtest.scores.resample import Resample
from churnlab.metrics.binary import area_under_curve, bias, lift_at_capacity, log_score
from churnlab.metrics.corp import corp_split
from churnlab.metrics.counts import count_bias, mean_absolute_error, root_mean_square_error
from churnlab.metrics.reliability import reliability_curve

#: Share of customers at which the lift is read.
LIFT_SHARE = 0.1


def point_scores(entry: Entry, rows: NDArray[Any] | slice = slice(None)) -> dict[str, float]:
    """Return every score of an entry on some of its rows."""
    outcome, score, size = entry.outcome[rows], entry.score[rows], entry.size[rows]
    found = {
        "event_rate": float(np.average(outcome, weights=size)),
        "auc": area_under_curve(score, outcome, size),
        f"lift_{LIFT_SHARE * 100:.0f}": lift_at_capacity(score, outcome, LIFT_SHARE, size),
    }
    if entry.risk is not None:
        risk = entry.risk[rows]
        split = corp_split(risk, outcome, size)
        found |= {"brier": split.brier, "mcb": split.mcb, "dsc": split.dsc, "unc": split.unc}
        found["log_score"] = log_score(risk, outcome, size)
        found["bias"] = bias(risk, outcome, size)
        found["mean_risk"] = float(np.average(risk, weights=size))
    return found | _count_scores(entry, rows)


def _count_scores(entry: Entry, rows: NDArray[Any] | slice) -> dict[str, float]:
    counts = entry.truth.counts[entry.cells.first[rows]].astype(np.float64)
    size, found = entry.size[rows], {}
    if entry.expected is not None:
        expected = entry.expected[rows]
        found["mae"] = mean_absolute_error(expected, counts, size)
        found["rmse"] = root_mean_square_error(expected, counts, size)
        found["count_bias"] = count_bias(expected, counts, size)
        found["mean_expected"] = float(np.average(expected, weights=size))
        found["mean_actual"] = float(np.average(counts, weights=size))
    if entry.crps is not None:
        found["crps"] = float(np.average(entry.crps[rows], weights=size))
    return found


def scores_frame(entries: list[Entry], resample: Resample, thin: int) -> pd.DataFrame:
    """Return the tidy table of scores of all scored entries."""
    scored = [entry for entry in entries if entry.truth.scored]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda entry: list(_rows(entry, resample, thin)), scored)
        return pd.DataFrame(itertools.chain.from_iterable(found))


def _rows(entry: Entry, resample: Resample, thin: int) -> Iterator[dict[str, Any]]:
    same = labels(entry)
    for part, level, mask in _parts(entry):
        n, events = round(entry.size[mask].sum()), round((entry.size * entry.outcome)[mask].sum())
        sizes = {"n": n, "events": events, "thin": bool(n < thin)}
        for metric, value in point_scores(entry, mask).items():
            low, high = resample.interval(entry, metric) if part == "all" else (np.nan, np.nan)
            where = {"slice": part, "level": level, "metric": metric, "value": value}
            yield {**same, **where, "q05": low, "q95": high, **sizes}


def labels(entry: Entry) -> dict[str, Any]:
    """Return the columns that say which forecast a row belongs to."""
    target = entry.truth.target
    return {
        "origin": entry.truth.origin.isoformat(),
        "target": target.label,
        "basis": target.basis,
        "horizon_days": target.length if target.basis == "fixed_days" else np.nan,
        "candidate": entry.candidate,
        "kind": entry.kind,
        "variant": entry.variant,
    }


def _parts(entry: Entry) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Yield class, level and which rows of the entry are in it."""
    yield "all", "all", np.ones(entry.size.size, dtype=bool)
    for name, (codes, levels) in entry.truth.slices(entry.cells.first).items():
        for code in sorted(np.flatnonzero(np.bincount(codes)), key=levels.__getitem__):
            yield name, levels[code], codes == code


def calibration_frame(
    entries: list[Entry], rng_for: Callable[..., np.random.Generator]
) -> pd.DataFrame:
    """Return reliability curves with consistency bands of every scored probability."""
    parts = []
    for entry in entries:
        if not entry.truth.scored or entry.risk is None:
            continue
        rng = rng_for("calibration", *entry.series, entry.truth.target.label, entry.truth.origin)
        curve = reliability_curve(entry.risk, entry.outcome, rng, weight=entry.size, points=40)
        same = labels(entry)
        keep = ("origin", "target", "candidate", "variant")
        parts.append(curve.assign(**{k: same[k] for k in keep}))
    frame = pd.concat(parts, ignore_index=True)
    first = ["origin", "target", "candidate", "variant"]
    return frame[first + [c for c in frame.columns if c not in first]]
