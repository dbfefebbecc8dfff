"""Does the visit log better the purchase forecast (P17)? In numbers; it may be no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from churnlab.backtest.scores.answers import common_origins, mean_at
from churnlab.backtest.scores.board import PLAIN, Entry
from churnlab.backtest.scores.differences import Series, series_of
from churnlab.backtest.scores.resample import Resample, quantiles


def visit_answers(
    entries: list[Entry], resample: Resample, twins: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return per target and visit candidate its Brier score less that of its twin without visits.

    Parameters
    ----------
    twins : mapping
        Twin without visits, by candidate.
    """
    if not twins:
        return []
    found = series_of(entries, resample, "brier")
    answers = []
    for target, candidate, variant in found:
        bar = found.get((target, twins.get(candidate, ""), PLAIN))
        if variant == PLAIN and bar is not None:
            answers.append(_visit_answer(target, found[target, candidate, variant], bar))
    return [a for a in answers if a["origins"]]


def _visit_answer(target: str, series: Series, twin: Series) -> dict[str, Any]:
    origins = common_origins(series, twin)
    entry = series.entries[0]
    answer: dict[str, Any] = {"target": target, "metric": "visits", "variant": PLAIN}
    answer |= {"best": entry.candidate, "simple": twin.entries[0].candidate}
    answer["origins"] = [o.isoformat() for o in origins]
    if not origins:
        return answer
    (value, draws), (bar, bar_draws) = mean_at(series, origins), mean_at(twin, origins)
    low, high = quantiles(draws - bar_draws)
    at = [e for e in series.entries if e.truth.origin in origins]
    return answer | {
        "value": value,
        "simple_value": bar,
        "difference": value - bar,
        "q05": low,
        "q95": high,
        "customers": int(np.unique(np.concatenate([e.truth.past.customer for e in at])).size),
    }
