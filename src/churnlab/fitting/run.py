"""From a summary to a fit, the kin that judges one-time buyers with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from churnlab.errors import UsageError
from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.fitted import Fit
from churnlab.fitting.sample import Sample
from churnlab.inference import PopulationFit, fit_population, fit_seasons, gate
from churnlab.parts import part
from churnlab.progress import Update
from churnlab.summary import Summary, check_groups, summarise
from churnlab.summary.calendar import AUTO, number
from churnlab.summary.taking import is_summary_frame

if TYPE_CHECKING:
    from churnlab.fitting.seasonal import Evidence


def _summarised(data: Any) -> Summary:
    if is_summary_frame(data):
        raise UsageError(
            "a frame with x, t_x and T is given; expected a summary: "
            "churnlab.Summary.from_arrays(frame.x, frame.t_x, frame.T, as_of=DAY), in days."
        )
    return summarise(data)


def fit(
    summary: Summary,
    *,
    model: str | Mapping[str, Any] | ModelConfig = "mbg_nbd",
    group: str | Sequence[str] | None = None,
    covariates: str | Sequence[str] | None = None,
    inference: str | Mapping[str, Any] | InferenceConfig = "laplace",
    priors: Mapping[str, str] | None = None,
    draws: int | None = None,
    seed: int = 1,
    check: bool = True,
    progress: Update | None = None,
) -> Fit:
    """Fit a model to a summary.

    Parameters
    ----------
    summary : Summary
        x, t_x, T per customer, from `summarise`; a log, or a path or frame of purchases with the
        canonical columns, is summarised first.
    model : str, mapping or ModelConfig
        A model's name, fields of its configuration, or all of it.
    group : str or list of str, optional
        Columns that pool partially; overrides the configuration's.
    covariates : str or list of str, optional
        Attributes that move rate and dropout; overrides the configuration's.
    inference : str, mapping or InferenceConfig
        `laplace` or `nuts`, or fields of the configuration.
    priors : mapping, optional
        Priors as text, by name.
    draws : int, optional
        Posterior draws.
    seed : int
        Everything random follows from it.
    check : bool
        Refuse a fit that its diagnostics do not support.
    progress : callable, optional
        Called with how far it has come.

    Returns
    -------
    Fit
        The posterior: ``.summary()`` of the population, ``.customers()``, ``.forecast()``,
        ``.plot_...()``.

    Raises
    ------
    DataError
        Too few customers or no repeat purchase.
    FitRefusedError
        The diagnostics do not support the fit.

    References
    ----------
    Batislam, Denizel and Filiztekin (2007), IJRM 24, 201-209 (MBG/NBD); the others: docs/models.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> summary = cl.summarise(cl.load_cdnow(as_of="1997-09-30"))
    >>> cl.fit(summary, model="mbg_nbd", seed=1)
    Fit(mbg_nbd, 2,357 customers up to 1997-09-30, laplace, 1,000 draws)
    """
    if not isinstance(summary, Summary):
        summary = _summarised(summary)
    chosen: ModelConfig = part("model", ModelConfig, model)
    if group is not None:
        chosen = replace(chosen, group=group if isinstance(group, str) else list(group))
    if covariates is not None:
        names = [covariates] if isinstance(covariates, str) else list(covariates)
        chosen = replace(chosen, covariates=names)
    if priors:
        chosen = replace(chosen, priors={**chosen.priors, **priors})
    how: InferenceConfig = part("inference", InferenceConfig, inference)
    if draws is not None:
        how = replace(how, draws=draws)
    if chosen.groups or chosen.covariates:
        summary = summary.grouped(chosen.groups, chosen.covariates)
    return fit_as(summary, chosen, how, seed, check=check, progress=progress)


def fit_as(
    summary: Summary,
    model: ModelConfig,
    inference: InferenceConfig,
    seed: int,
    *,
    kept: Mapping[str, Mapping[str, Any]] | None = None,
    check: bool = True,
    progress: Update | None = None,
) -> Fit:
    """Fit a summary that is grouped as the model says.

    Parameters
    ----------
    kept : mapping, optional
        By model, what an earlier fit of the same sampled (see `inference.fit_population`).
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

    result, first = fitted(model.name, model.k), None
    kin = result.draws.likelihood.kin_for_first_purchasers
    n_once = int(summary.cells.weight[summary.cells.x == 0].sum())
    if kin is not None and n_once:
        found = fitted(kin, result.draws.k if result.draws.likelihood.regular else None)
        other = replace(model, name=kin)
        first = Fit(summary, found, seasons, other, inference=inference, seed=seed)
        notes = [*notes, _judged_by_kin(model.name, kin, n_once)]
    return Fit(summary, result, seasons, model, tuple(notes), first, inference, seed)


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
