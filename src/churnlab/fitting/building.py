"""From a summary to posteriors: the model's, and that of the kin that judges one-time buyers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.sample import Sample
from churnlab.inference import PopulationFit, Seasons, fit_population, fit_seasons, gate
from churnlab.progress import Update
from churnlab.summary import Summary, check_groups
from churnlab.summary.calendar import AUTO, number

if TYPE_CHECKING:
    from churnlab.fitting.seasonal import Evidence


class Built(NamedTuple):
    """What a fit is made of; see `FittedModel`."""

    data: Summary
    population: PopulationFit
    seasons: Seasons | None
    config: ModelConfig
    notes: tuple[str, ...]
    kin: PopulationFit | None


def build(
    summary: Summary,
    model: ModelConfig,
    inference: InferenceConfig,
    seed: int,
    *,
    kept: Mapping[str, Mapping[str, Any]] | None = None,
    check: bool = True,
    progress: Update | None = None,
) -> Built:
    """Reach the posteriors of a summary that is grouped as the model says.

    kept: By model, what an earlier fit of the same sampled (see `inference.fit_population`).
    check: Refuse a fit that its diagnostics do not support.
    """
    notes = check_groups(summary)
    if model.calendar == AUTO:
        months = _months(summary, model, seed)
        model = replace(model, calendar="month" if months.pays else None)
        notes = [*notes, months.words] if months.pays else notes
    seasons = None
    if (buckets := model.buckets) is not None:
        spread = model.calendar_spread
        seasons = fit_seasons(
            summary.dated(), buckets, model=model.name, priors=model.priors, spread=spread
        )
        summary = summary.on_clock(seasons.clock)

    def fitted(name: str, k: int | None) -> PopulationFit:
        found = fit_population(
            summary.cells,
            model=name,
            k=k,
            pooling=model.pooling,
            group_effects=model.group_effects,
            design=summary.design,
            shrinkage=model.shrinkage,
            method=inference.method,
            seen_until=summary.as_of,
            draws=inference.draws,
            chains=inference.chains,
            seed=seed,
            priors=model.priors,
            kept=(kept or {}).get(name),
            progress=progress,
        )
        if check:
            gate(found)
        return found

    result, kin = fitted(model.name, model.k), None
    judge = result.draws.likelihood.kin_for_first_purchasers
    n_once = int(summary.cells.weight[summary.cells.x == 0].sum())
    if judge is not None and n_once:
        kin = fitted(judge, result.draws.k if result.draws.likelihood.regular else None)
        notes = [*notes, _judged_by_kin(model.name, judge, n_once)]
    return Built(summary, result, seasons, model, tuple(notes), kin)


def _months(summary: Summary, model: ModelConfig, seed: int) -> Evidence:
    """Return whether months of the year forecast the past year better, where that can be asked."""
    from churnlab.fitting.seasonal import LEAST_HISTORY, Evidence, months_pay

    began = summary.customers["first_purchase_at"].min().date()
    known = (summary.as_of - began).days + 1 >= LEAST_HISTORY
    if not known or summary.histories is None or model.buckets is None:
        return Evidence()  # scores load scipy.stats, and a sample reads the log: not for nothing
    some, end = Sample.of(summary, seed), number(summary.as_of)
    assert some.row is not None, "a summary with histories"
    assert some.day is not None, "a summary with histories"
    return months_pay(some.row, some.day, end, model.name, model.priors, model.calendar_spread)


def _judged_by_kin(model: str, kin: str, n_once: int) -> str:
    return (
        f"{model} holds its {n_once:,} customers with one purchase alive for ever: their rows are "
        f"those of {kin}, fitted to the same customers (column model). Take model={kin} for all."
    )
