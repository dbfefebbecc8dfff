"""The answer in numbers: does anything beat the simple rule? `report.answers` says it in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from churnlab.backtest.scores.board import PLAIN, Entry
from churnlab.backtest.scores.decisions import Decision, cost_series
from churnlab.backtest.scores.differences import Series, series_of
from churnlab.backtest.scores.resample import Resample, quantiles, simultaneous_high
from churnlab.candidates.boosting import GradientBoosting
from churnlab.types import Array

#: Kind of the simple rules: none is left out because it does well.
_SIMPLE = "baseline"
_MODEL = "model"
_CONTENDERS = (_MODEL, "comparator")
#: Without this one beside the models no answer says that a model beats anything.
STRONG = GradientBoosting.name


def brier_answers(entries: list[Entry], resample: Resample) -> list[dict[str, Any]]:
    """Return per target the best model against the best simple rule, in Brier score.

    Each simple rule counts as it comes and recalibrated, which makes it free of its form.
    """
    found = series_of(entries, resample, "brier")
    answers = []
    for target in dict.fromkeys(k[0] for k in found):
        simple, rivals = _sides(found, target)
        if simple and rivals:
            answers.append(_brier_answer(target, simple, rivals))
    return answers


def _sides(found: Mapping[Any, Series], target: str) -> tuple[dict[Any, Series], dict[Any, Series]]:
    """Return the series of a target: the simple rules', and the contenders'."""
    here = {k: s for k, s in found.items() if k[0] == target}
    kinds = {k: s.entries[0].kind for k, s in here.items()}
    return (
        {k: s for k, s in here.items() if kinds[k] == _SIMPLE},
        {k: s for k, s in here.items() if kinds[k] in _CONTENDERS},
    )


def common_origins(*many: Series) -> list[Any]:
    """Return the origins that all series have."""
    shared = set.intersection(*({e.truth.origin for e in s.entries} for s in many))
    return sorted(shared)


def mean_at(series: Series, origins: list[Any]) -> tuple[float, Array]:
    """Return the mean over origins of the metric and of its replicates."""
    rows = [i for i, e in enumerate(series.entries) if e.truth.origin in origins]
    values = float(np.mean([series.points[i] for i in rows]))
    return values, np.mean([series.replicated[i] for i in rows], axis=0)


def _brier_answer(
    target: str,
    simple: dict[tuple[str, str, str], Series],
    rivals: dict[tuple[str, str, str], Series],
) -> dict[str, Any]:
    """Compare every model with the best simple rule, on their common origins.

    A comparator stands beside: it is the answer where no model takes part.
    """
    origins = _shared_origins(simple, rivals)
    usable = {k: s for k, s in rivals.items() if set(origins) <= _origins(s)}
    bars = {k: s for k, s in simple.items() if set(origins) <= _origins(s)}
    bar_key = min(bars, key=lambda k: mean_at(bars[k], origins)[0])
    bar, bar_draws = mean_at(bars[bar_key], origins)
    simple_at = [e for e in bars[bar_key].entries if e.truth.origin in origins]
    pairs = {k: mean_at(s, origins) for k, s in _contending(usable).items()}
    differences = [v - bar for v, _ in pairs.values()]
    draws = [d - bar_draws for _, d in pairs.values()]
    highs = simultaneous_high(differences, draws)
    best = int(np.argmin(differences))
    low, high = quantiles(draws[best])
    return {
        "target": target,
        "metric": "brier",
        "best": list(pairs)[best][1],
        "variant": list(pairs)[best][2],
        "value": list(pairs.values())[best][0],
        "simple": bar_key[1],
        "simple_variant": bar_key[2],
        "simple_value": bar,
        "simple_rules": len({k[1] for k in bars}),
        "difference": differences[best],
        "q05": low,
        "q95": high,
        "adjusted_high": float(highs[best]),
        "contenders": len(pairs),
        **_strong(usable, origins, bar_draws),
        "origins": [o.isoformat() for o in origins],
        "simple_is_as_good": bool(highs[best] >= 0),
        "caution": "; ".join(dict.fromkeys(n for e in simple_at for n in e.notes)),
    }


def _contending(rivals: Mapping[Any, Series]) -> dict[Any, Series]:
    """Return the models among the rivals; where there are none, all."""
    return {k: s for k, s in rivals.items() if s.entries[0].kind == _MODEL} or dict(rivals)


def _strong(rivals: Mapping[Any, Series], origins: list[Any], bar_draws: Array) -> dict[str, Any]:
    """Return the strong comparator's best form and the upper end of its own difference."""
    found = [mean_at(s, origins) for k, s in rivals.items() if k[1] == STRONG]
    if not found:
        return {"comparator": None, "comparator_value": None, "comparator_q95": None}
    value, draws = min(found, key=lambda one: one[0])
    high = quantiles(draws - bar_draws)[1]
    return {"comparator": STRONG, "comparator_value": value, "comparator_q95": high}


def _shared_origins(
    simple: dict[tuple[str, str, str], Series], rivals: dict[tuple[str, str, str], Series]
) -> list[Any]:
    """Return the origins that all have, recalibrated ones too where that keeps at least half."""
    plain = common_origins(*_plain(simple), *_plain(rivals))
    every = common_origins(*simple.values(), *rivals.values())
    return every if 2 * len(every) >= len(plain) and every else plain


def _plain(rivals: dict[tuple[str, str, str], Series]) -> list[Series]:
    return [s for k, s in rivals.items() if k[2] == PLAIN]


def _origins(series: Series) -> set[Any]:
    return {e.truth.origin for e in series.entries}


def cost_answers(decisions: list[Decision]) -> list[dict[str, Any]]:
    """Return per target the cheapest decision against the cheapest one on a simple rule."""
    found = cost_series(decisions)
    answers = []
    for target in dict.fromkeys(k[0] for k in found):
        simple, rivals = _sides(found, target)
        if simple and rivals:
            answers.append(_cost_answer(target, simple, rivals))
    return answers


def _cost_answer(
    target: str, simple: dict[Any, Series], rivals: dict[Any, Series]
) -> dict[str, Any]:
    most = max(len(s.entries) for s in rivals.values())
    rivals = {k: s for k, s in rivals.items() if len(s.entries) == most}
    origins = common_origins(*rivals.values())
    bars = {k: s for k, s in simple.items() if set(origins) <= _origins(s)}
    if not bars:
        bars, origins = simple, common_origins(*simple.values(), *rivals.values())
    bar_key = min(bars, key=lambda k: mean_at(bars[k], origins)[0])
    bar = bars[bar_key]
    value, bar_draws = mean_at(bar, origins)
    pairs = {k: mean_at(s, origins) for k, s in _contending(rivals).items()}
    differences = [v - value for v, _ in pairs.values()]
    draws = [d - bar_draws for _, d in pairs.values()]
    highs, best = simultaneous_high(differences, draws), int(np.argmin(differences))
    key = list(pairs)[best]
    low, high = quantiles(draws[best])
    return {
        "target": target,
        "metric": "cost",
        "best": key[1],
        "variant": key[2],
        "basis": key[3],
        "rule": key[4],
        "value": list(pairs.values())[best][0],
        "simple": bar_key[1],
        "simple_variant": bar_key[2],
        "simple_basis": bar_key[3],
        "simple_rule": bar_key[4],
        "simple_value": value,
        "simple_rules": len({k[1] for k in bars}),
        "difference": differences[best],
        "q05": low,
        "q95": high,
        "adjusted_high": float(highs[best]),
        "contenders": len(pairs),
        **_strong(rivals, origins, bar_draws),
        "origins": [o.isoformat() for o in origins],
        "simple_is_as_good": bool(highs[best] >= 0),
    }


def means_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the headline table: metrics of each candidate, means over the *same* origins.

    Recalibrated forms lack the first origins; means over different origins would compare easy
    windows with hard ones. Origins that every row has are used where they are at least half of
    all; otherwise each row's own (column `origins` tells).
    """
    whole = scores[scores["slice"] == "all"]
    keys = ["target", "candidate", "kind", "variant"]
    kept = pd.concat([_same_origins(t, keys) for _, t in whole.groupby("target", sort=False)])
    table = kept.pivot_table(
        index=keys, columns="metric", values="value", aggfunc="mean", sort=False
    )
    origins = kept.groupby(keys, sort=False)["origin"].nunique().rename("origins")
    return table.join(origins).reset_index()


def _same_origins(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Keep the origins that every candidate and variant has."""
    by_origin = rows.drop_duplicates([*keys, "origin"]).groupby("origin").size()
    full = by_origin.index[by_origin == len(rows[keys].drop_duplicates())]
    enough = len(full) and 2 * len(full) >= rows["origin"].nunique()
    return rows[rows["origin"].isin(full)] if enough else rows
