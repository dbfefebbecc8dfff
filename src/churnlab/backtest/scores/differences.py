"""Paired differences between candidates and the bar, by origin and averaged over origins."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from churnlab.backtest.scores.board import PLAIN, RECALIBRATED, Entry
from churnlab.backtest.scores.resample import Estimate, Resample, quantiles
from churnlab.types import Array

#: What each metric is held against: plain recency, as ranking or as probability.
BARS: Final = {
    "brier": "recency_logistic",
    "log_score": "recency_logistic",
    "auc": "recency",
    "crps": None,
}


class Series(NamedTuple):
    """Metric of one candidate and variant at the scored origins of a target."""

    entries: list[Entry]
    points: list[float]
    replicated: list[Array]

    def add(self, entry: Entry, estimate: Estimate) -> None:
        """Add the next origin."""
        self.entries.append(entry)
        self.points.append(estimate.value)
        self.replicated.append(estimate.many)


def series_of(
    entries: list[Entry], resample: Resample, metric: str
) -> dict[tuple[str, str, str], Series]:
    """Return metrics by (target, candidate, variant), origins in order."""
    found: dict[tuple[str, str, str], Series] = {}
    for entry in entries:
        estimate = resample.metrics(entry).get(metric) if entry.truth.scored else None
        if estimate is not None:
            key = (entry.truth.target.label, *entry.series)
            found.setdefault(key, Series([], [], [])).add(entry, estimate)
    return found


def bar_of(found: dict[tuple[str, str, str], Series], target: str, metric: str) -> str | None:
    """Return the name of what a metric is held against: with no simple rule, the first peer."""
    if BARS[metric] is not None:
        return BARS[metric] if (target, BARS[metric], PLAIN) in found else None
    peers = [k[1] for k, s in found.items() if k[0] == target and s.entries[0].kind == "peer"]
    return peers[0] if peers else None


def differences_frame(
    entries: list[Entry],
    resample: Resample,
    compare_to: Sequence[str] = (),
    twins: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return candidate - bar of every metric: per origin and as the mean over common origins.

    Bars: plain recency (`BARS`), the candidates of `compare_to`, a candidate's twin without
    visits (`twins`), and, for a recalibrated candidate, itself without recalibration
    (``baseline == "itself"``).
    """
    rows: list[dict[str, Any]] = []
    for metric in BARS:
        found = series_of(entries, resample, metric)
        for (target, candidate, variant), series in found.items():
            same = {"target": target, "metric": metric, "candidate": candidate, "variant": variant}
            names = [bar_of(found, target, metric), *compare_to, (twins or {}).get(candidate)]
            for name, bar in _bars(found, target, candidate, variant, names).items():
                rows += [{**same, "baseline": name, **r} for r in paired_rows(series, bar)]
    return pd.DataFrame(rows)


def _bars(
    found: dict[tuple[str, str, str], Series],
    target: str,
    candidate: str,
    variant: str,
    names: Sequence[str | None],
) -> dict[str, Series]:
    """Return what one candidate is held against, by name."""
    bars = {
        n: found[target, n, PLAIN]
        for n in names
        if n is not None and n != candidate and (target, n, PLAIN) in found
    }
    if variant == RECALIBRATED and (target, candidate, PLAIN) in found:
        bars["itself"] = found[target, candidate, PLAIN]
    return bars


def paired_rows(series: Series, bar: Series) -> list[dict[str, Any]]:
    """Return one row per common origin and one, ``origin == "all"``, for their mean."""
    at = {e.truth.origin: i for i, e in enumerate(bar.entries)}
    rows, values, draws = [], [], []
    for i, entry in enumerate(series.entries):
        if entry.truth.origin not in at:
            continue
        j = at[entry.truth.origin]
        value, drawn = series.points[i] - bar.points[j], series.replicated[i] - bar.replicated[j]
        values.append(value)
        draws.append(drawn)
        rows.append(_row(entry.truth.origin.isoformat(), value, drawn, entry.truth.past.n, 1))
    if not values:
        return []
    n = max(r["n_customers"] for r in rows)
    mean = _row("all", float(np.mean(values)), np.mean(draws, axis=0), n, len(values))
    return [*rows, mean]


def _row(origin: str, value: float, drawn: Array, n: int, origins: int) -> dict[str, Any]:
    low, high = quantiles(drawn)
    return {
        "origin": origin,
        "difference": value,
        "q05": low,
        "q95": high,
        "share_below": float(np.mean(drawn < 0)),
        "n_customers": n,
        "n_origins": origins,
    }
