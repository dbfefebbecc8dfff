"""Numbers behind the figures of a backtest, from the tables in its run folder."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from churnlab.types import Array
from churnlab.vocabulary import RISK_BASES

#: What makes a decision.
_DECISION = ["target", "candidate", "variant", "basis", "rule"]


class CostCurve(NamedTuple):
    """Held-out cost per customer of every cut, and the cut that was chosen beforehand."""

    cuts: Array
    cost: Array
    chosen: float
    interval: tuple[float, float] | None


def followed(tracking: pd.DataFrame, model: str | None = None) -> pd.DataFrame:
    """Return the tracking of a model, or of the Bayesian ones: plug-in twins lie on top of them."""
    if model in set(tracking["candidate"]):
        return tracking[tracking["candidate"] == model].reset_index(drop=True)
    return tracking[~tracking["candidate"].str.endswith("_ml")].reset_index(drop=True)


def ranked(headline: pd.DataFrame, *, most: int = 14) -> pd.DataFrame:
    """Return candidates of the first target by Brier score, best first, with a name to show.

    A recalibrated candidate whose map was not taken is the plain one, and shown once.
    """
    first = headline[headline["target"] == headline["target"].iloc[0]].dropna(subset=["brier"])
    best = first.drop_duplicates(["candidate", "brier"]).sort_values("brier").head(most)
    variant = best["variant"].where(best["variant"] != "plain", "")
    names = best["candidate"] + variant.map(lambda v: f" ({v})" if v else "")
    frame: pd.DataFrame = best.assign(name=names)[["name", "kind", "brier"]].reset_index(drop=True)
    return frame


def reliability_curves(
    calibration: pd.DataFrame, headline: pd.DataFrame, *, most: int = 3
) -> dict[str, pd.DataFrame]:
    """Return reliability curves of the best models of the first target, at the last origin."""
    models = headline[(headline["kind"] == "model") & (headline["variant"] == "plain")]
    if models.empty:
        models = headline[headline["variant"] == "plain"].dropna(subset=["brier"])
    first = models[models["target"] == models["target"].iloc[0]].sort_values("brier").head(most)
    target, names = first["target"].iloc[0], first["candidate"]
    rows = calibration[(calibration["target"] == target) & (calibration["variant"] == "plain")]
    last = rows[rows["origin"] == rows["origin"].max()]
    return {n: last[last["candidate"] == n] for n in names if (last["candidate"] == n).any()}


def cheapest(rules: pd.DataFrame, answers: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the decision that the first answer on costs names, with its `cost_per_customer`.

    Without an answer (no simple rule to beat) it is the cheapest on a risk of the first target;
    means are over the same origins: decisions that lack some (nothing to learn from) do not run.
    """
    for a in answers:
        if a["metric"] == "cost":
            named = (a["target"], a["best"], a["variant"], a["basis"], a["rule"])
            return dict(zip(_DECISION, named, strict=True)) | {"cost_per_customer": a["value"]}
    on_risk = rules[rules["basis"].isin(RISK_BASES)].dropna(subset=["cost_per_customer"])
    if on_risk.empty:
        return None
    first = on_risk[on_risk["target"] == on_risk["target"].iloc[0]]
    costs = first.groupby(_DECISION)["cost_per_customer"]
    means = costs.mean()[costs.size() == costs.size().max()]
    best: Any = means.idxmin()
    return dict(zip(_DECISION, best, strict=True)) | {"cost_per_customer": float(means.min())}


def best_cost_curve(
    curves: pd.DataFrame, rules: pd.DataFrame, answers: Iterable[Mapping[str, Any]]
) -> CostCurve | None:
    """Return the cost curve of the `cheapest` decision, mean over its origins."""
    best = cheapest(rules, answers)
    if best is None or curves.empty:
        return None
    rows = _of(curves, {k: best[k] for k in _DECISION if k != "rule"})
    if rows.empty:
        return None
    cost = rows.groupby("threshold")["cost_per_customer"].mean()
    chosen = _of(rules, {k: best[k] for k in _DECISION}).iloc[-1]
    known = pd.notna(chosen["threshold_low"])
    interval = (float(chosen["threshold_low"]), float(chosen["threshold_high"])) if known else None
    return CostCurve(
        cost.index.to_numpy(float), cost.to_numpy(float), float(chosen["threshold"]), interval
    )


def _of(table: pd.DataFrame, values: dict[str, Any]) -> pd.DataFrame:
    return table[np.logical_and.reduce([table[k] == v for k, v in values.items()])]
