"""The two ways to a fit: from a summary, and from a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.saving import read
from churnlab.fitting.views import Fit
from churnlab.parts import part, whole
from churnlab.progress import Update
from churnlab.summary import Summary, as_summary


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
    summary = as_summary(summary)
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
        how = replace(how, draws=whole("draws", draws, 1))
    seed = whole("seed", seed, 0)
    if chosen.groups or chosen.covariates:
        summary = summary.grouped(chosen.groups, chosen.covariates)
    return Fit.of(summary, chosen, how, seed, check=check, progress=progress)


def load(folder: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote: the same draws, diagnostics and customers.

    Parameters
    ----------
    folder : path
        Where `Fit.save` wrote.

    Returns
    -------
    Fit
        As it was saved, without sampling anything again.

    Raises
    ------
    UsageError
        No saved fit, or one of a newer churnlab.

    Examples
    --------
    >>> import churnlab as cl
    >>> fit = cl.fit(cl.summarise(cl.load_cdnow(as_of="1997-09-30")))
    >>> folder = fit.save("outputs/fit")
    >>> cl.load(folder)
    Fit(mbg_nbd, 2,357 customers up to 1997-09-30, laplace, 1,000 draws)
    """
    saved = read(folder)
    return Fit.of(
        saved.summary, saved.model, saved.inference, saved.seed, kept=saved.kept, check=False
    )
