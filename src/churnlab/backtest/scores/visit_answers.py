"""Does the visit log better the purchase forecast (P17)? In numbers; it may be no."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from churnlab.backtest.scores.answers import common_origins, mean_at
from churnlab.backtest.scores.board import PLAIN, Entry
from churnlab.backtest.scores.differences import Series, series_of
from churnlab.backtest.scores.resample import Resample, quantiles, simultaneous_band
from churnlab.types import Array


def visit_answers(
    entries: list[Entry], resample: Resample, twins: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return whether visits better the purchase forecast: one answer, or none without candidates.

    Each visit candidate is held against its twin without visits, per target, by the Brier score.
    It is one question, so the intervals hold for all pairs together and there is one answer: the
    pair that decides, with all of them in `pairs`.

    twins: Twin without visits, by candidate.
    """
    if not twins:
        return []
    found = series_of(entries, resample, "brier")
    pairs = []
    for target, candidate, variant in found:
        bar = found.get((target, twins.get(candidate, ""), PLAIN))
        if variant == PLAIN and bar is not None:
            pairs.append(_visit_answer(target, found[target, candidate, variant], bar))
    known = [(answer, draws) for answer, draws in pairs if draws is not None]
    if not known:
        return []
    judged = _together([answer for answer, _ in known], [draws for _, draws in known])
    return [one_answer(judged)]


def one_answer(pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer of pairs whose intervals hold together: better, worse, or not shown.

    Where one pair is better and another worse, nothing is shown.
    """
    better = [p for p in pairs if p["q95"] < 0]
    worse = [p for p in pairs if p["q05"] > 0]
    verdict = "equal" if bool(better) == bool(worse) else "better" if better else "worse"
    speaks = max(pairs, key=lambda p: p["q05"]) if verdict == "worse" else min(
        pairs, key=lambda p: p["q95"]
    )  # fmt: skip
    return {**speaks, "verdict": verdict, "pairs": list(pairs)}


def _together(answers: list[dict[str, Any]], draws: list[Array]) -> list[dict[str, Any]]:
    """Return the pairs with intervals that hold for all of them, none narrower than its own."""
    if len(answers) == 1:
        return answers
    bands = simultaneous_band([a["difference"] for a in answers], draws)
    return [
        answer | {"q05": min(low, answer["q05"]), "q95": max(high, answer["q95"])}
        for answer, low, high in zip(answers, *(b.tolist() for b in bands), strict=True)
    ]


def _visit_answer(target: str, series: Series, twin: Series) -> tuple[dict[str, Any], Array | None]:
    """Return a pair's difference, and its replicates; None without a common origin."""
    origins = common_origins(series, twin)
    entry = series.entries[0]
    answer: dict[str, Any] = {"target": target, "metric": "visits", "variant": PLAIN}
    answer |= {"best": entry.candidate, "simple": twin.entries[0].candidate}
    answer["origins"] = [o.isoformat() for o in origins]
    if not origins:
        return answer, None
    (value, draws), (bar, bar_draws) = mean_at(series, origins), mean_at(twin, origins)
    low, high = quantiles(draws - bar_draws)
    at = [e for e in series.entries if e.truth.origin in origins]
    answer |= {
        "value": value,
        "simple_value": bar,
        "difference": value - bar,
        "q05": low,
        "q95": high,
        "customers": int(np.unique(np.concatenate([e.truth.past.customer for e in at])).size),
    }
    return answer, draws - bar_draws
