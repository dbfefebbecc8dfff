"""Fitting a population: one entrance, two ways, one result."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from churnlab import models as likelihoods
from churnlab.errors import UsageError, one_of
from churnlab.inference.diagnostics import check_cells, identifiability
from churnlab.inference.result import Point, PopulationFit
from churnlab.inference.targets.covariates import (
    MOST_ELEMENTS,
    CovariatesInGroups,
    CovariateTarget,
    split_effect_priors,
)
from churnlab.inference.targets.density import Mode
from churnlab.inference.targets.groups import GroupTarget, split_priors
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.erlang import MOST_K, choose_k
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.separate import fit_separately
from churnlab.inference.ways.stages import Stages
from churnlab.inference.ways.ways import sample
from churnlab.models.draws import PopulationDraws
from churnlab.progress import Update
from churnlab.types import Array
from churnlab.vocabulary import INFERENCE_METHODS

if TYPE_CHECKING:
    from churnlab.summary import Cells, Design

POOLINGS = ("partial", "complete", "none")


def fit_population(
    cells: Cells,
    *,
    model: str = "mbg_nbd",
    k: int | None = None,
    method: str = "laplace",
    draws: int = 1000,
    chains: int = 4,
    seed: int = 1,
    priors: dict[str, str] | None = None,
    pooling: str = "partial",
    group_effects: str = "locations",
    design: Design | None = None,
    shrinkage: bool = False,
    time_scale: float | None = None,
    seen_until: dt.date | None = None,
    kept: Mapping[str, Any] | None = None,
    progress: Update | None = None,
) -> PopulationFit:
    """Posterior of a population's parameters.

    cells: Distinct (group, x, t_x, T) with weights, in days (`churnlab.summary`).
    model: One of `churnlab.models.MODELS`.
    k: Erlang shape of ``bg_cnbd_k`` and ``mbg_cnbd_k``; chosen by evidence when missing.
    method: ``laplace`` (falls through to NUTS where it is unreliable, with the reason) or ``nuts``.
    draws: Equal-weight draws (``nuts``: per chain).
    chains: Chains of ``nuts``.
    priors: Prior texts by natural quantity, e.g. ``{"rate_shape": "Gamma(alpha=2, beta=1)"}``.
    pooling: With several groups in `cells`: ``partial`` (groups borrow strength), ``complete``
        (groups are ignored) or ``none`` (every group on its own). One group: no difference.
    group_effects: What varies under partial pooling: ``locations`` of rate and dropout, or ``all``
        four quantities.
    design: With covariates: the profiles that the groups of `cells` are
        (`churnlab.summary.Design`).
    shrinkage: Learn the scale of the covariates' effects instead of stating it.
    time_scale: Days per unit of inner time that the priors refer to; default: the customers' mean
        age.
    seen_until: Last day of the data, kept with the draws.
    kept: What was sampled for the same data and arguments before (`u`, `method`, `table`, ...): it
        is taken as it is, nothing is sampled.
    Raises UsageError: Unknown model, method or prior.
    Raises DataError: Data that no model can be learnt from.
    """
    _check_method(method, draws, pooling)
    groups = cells.groups if design is None else design.groups
    if pooling == "none" and len(groups) > 1:
        if design is not None:
            raise UsageError(
                "pooling=none fits every group alone and knows no covariates; use partial or "
                "complete, or take the group as a covariate."
            )
        return fit_separately(
            cells, fit_population, model=model, k=k, method=method, draws=draws, chains=chains,
            seed=seed, priors=priors, time_scale=time_scale, seen_until=seen_until,
            progress=progress,
        )  # fmt: skip
    check_cells(cells, 2 if likelihoods.named(model).regular and k != 1 else 1)
    if pooling == "complete" and design is None:
        cells = replace(cells, group=np.zeros(len(cells.x), np.int64), groups=("all",))
    grouped = len(groups) > 1 and pooling == "partial"
    own, effects = split_effect_priors(priors) if design is not None else (priors, {})
    own, spreads = split_priors(own) if grouped else (own, {})
    erlang = _erlang_shape(cells, model, k, own, time_scale, seed)
    pooled = Target(cells, model, erlang, own, time_scale=time_scale)
    bare = Target(cells, model, erlang, time_scale=pooled.time_scale, with_prior=False)
    stage = Stages(progress)
    with stage("mode", 0.0):
        mode = find_mode(pooled)
        highest = most_likely = find_mode(bare, mode.u)
    target = pooled
    if grouped:
        target = GroupTarget(_by_group(cells, design), pooled, mode, spreads, group_effects)
    if design is not None:
        alone = replace(design, group=np.zeros_like(design.group), groups=("all",))
        kind = CovariatesInGroups if grouped else CovariateTarget
        target = kind(cells, design if grouped else alone, target, mode, effects, shrinkage)
        with stage("effects", 0.2):
            free = CovariateTarget(cells, alone, bare, most_likely, {})
            highest = find_mode(free, free.start()[0])
    rng = np.random.default_rng(seed)
    parts = kept or sample(target, mode, method, draws, chains, rng, stage)
    found = PopulationFit(
        draws=_population_draws(target, parts["u"], seen_until, seed),
        max_likelihood=Point(
            bare.theta_days(highest.u[None, : len(pooled.map)])[0, 0], highest.value
        ),
        mode=_point(target.population, mode),
        warnings=[
            *_warnings(cells, target.population, parts["u"], mode, most_likely),
            *_capped(erlang, stated=k is not None),
        ],
        seconds=stage.seconds,
        target=target,
        cells=cells,
        **parts,
    )
    stage.done()
    return found


def _population_draws(
    target: Target, u: Array, seen_until: dt.date | None, seed: int
) -> PopulationDraws:
    """Draws for what comes after the fit; with groups, those of an unseen one beside them."""
    unseen = None
    if isinstance(target, GroupTarget):
        unseen = target.unseen_days(u, np.random.default_rng([seed, len(u)]))
    if isinstance(target, CovariateTarget):  # a profile per customer would not fit into memory
        most = max(100, MOST_ELEMENTS // (len(target.map) * len(target.groups)))
        u = u[np.linspace(0, len(u) - 1, min(most, len(u))).round().astype(int)]
    return PopulationDraws(
        target.model, target.k, target.theta_days(u), target.groups, seen_until, unseen
    )


def _by_group(cells: Cells, design: Design | None) -> Cells:
    """Cells with profiles replaced by their groups."""
    if design is None:
        return cells
    return replace(cells, group=design.group[cells.group], groups=design.groups)


def _warnings(
    cells: Cells, population: Target, u: Array, mode: Mode, most_likely: Mode
) -> list[str]:
    part = u[:, : population.dimension]
    found = identifiability(population, cells, population.natural_days(part), part, most_likely)
    if mode.n_modes > 1:
        found.append("Two starts ended in different maxima; run inference=nuts to compare.")
    return found


def _capped(chosen: int, *, stated: bool) -> list[str]:
    if chosen < MOST_K + stated:
        return []
    if stated:
        return [
            f"model.k={chosen} is more regular than the k = {MOST_K} up to which evidence is "
            "sought: nothing here says that gaps are so regular. Leave model.k out to have it "
            "chosen, or compare by `churnlab backtest`."
        ]
    return [
        f"The evidence still rises at k = {MOST_K}, the most that is tried: gaps are more regular "
        "than that. Risks rise too late after the due date; set model.k higher and compare by "
        "`churnlab backtest`."
    ]


def maximum_likelihood(cells: Cells, model: str, k: int | None = None) -> Point:
    """Maximum-likelihood parameters (time in days) and the log-likelihood there.

    cells: Distinct (group, x, t_x, T) with weights, in days.
    model, k: Name of the model and Erlang shape (default 1).
    Raises DataError: Data that no model can be learnt from.
    """
    check_cells(cells, k or 1)
    target = Target(cells, model, k or 1, with_prior=False)
    mode = find_mode(target)
    return Point(target.theta_days(mode.u[None])[0, 0], mode.value)


def _point(target: Target, mode: Mode) -> Point:
    value = float(target.log_likelihoods(mode.u[None])[0])
    return Point(target.theta_days(mode.u[None])[0, 0], value)


def _check_method(method: str, draws: int, pooling: str) -> None:
    one_of("the pooling", pooling, POOLINGS)
    one_of("the inference", method, INFERENCE_METHODS)
    if draws < 1:
        raise UsageError(f"draws must be at least 1; got {draws}.")


def _erlang_shape(
    cells: Cells,
    model: str,
    k: int | None,
    priors: dict[str, str] | None,
    time_scale: float | None,
    seed: int,
) -> int:
    if k is not None or not likelihoods.named(model).regular:
        return 1 if k is None else k
    return choose_k(cells, model, priors=priors, time_scale=time_scale, seed=seed).best
