"""The way to a target's posterior: the fast one that suits it, and NUTS where that does not do."""

from collections.abc import Callable
from typing import Any

import numpy as np

from churnlab.inference.acceptance import least_effective, why_not
from churnlab.inference.result import parameter_table
from churnlab.inference.targets.covariates import CovariatesInGroups, CovariateTarget
from churnlab.inference.targets.density import Mode
from churnlab.inference.targets.groups import GroupTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.laplace import PILOT, sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.stages import Stages

#: Coordinates up to which importance sampling is tried.
MOST_COORDINATES = 30


def sample(
    target: Target,
    mode: Mode,
    method: str,
    draws: int,
    chains: int,
    rng: np.random.Generator,
    stage: Stages,
) -> dict[str, Any]:
    """Draws and their diagnostics, with the reason when laplace gave way to NUTS."""
    reason = ""
    if method == "laplace":
        name, way = _way(target)
        with stage(name, 0.3):
            parts, reason = way(target, mode, draws, rng)
        if not reason:
            return parts | {"reason": ""}
    with stage("nuts", 0.4):
        return _from_nuts(target, mode, draws, chains, rng) | {"reason": reason}


_Tried = tuple[dict[str, Any], str]


def _way(target: Target) -> tuple[str, Callable[..., _Tried]]:
    """The fast way for a target, by the name of its stage."""
    if isinstance(target, GroupTarget):
        return "two stages", _try_two_stages
    if isinstance(target, CovariatesInGroups) and not target.shrinkage:
        return "two stages", _try_two_stages
    if isinstance(target, CovariateTarget):
        return "laplace", _try_with_covariates
    return "laplace", _try_laplace


def _try_with_covariates(
    target: CovariateTarget, mode: Mode, draws: int, rng: np.random.Generator
) -> _Tried:
    if target.shrinkage:
        return {}, "learnt scales of effects have a funnel that importance sampling cannot follow"
    if target.dimension > MOST_COORDINATES:
        return {}, f"importance sampling is not tried in {target.dimension} dimensions"
    pilot = PILOT * target.dimension**2 // 16  # the bends of a proposal grow with its square
    return _try_laplace(target, find_mode(target, target.start()[0]), draws, rng, pilot)


def _try_laplace(
    target: Target, mode: Mode, draws: int, rng: np.random.Generator, pilot: int = PILOT
) -> _Tried:
    sample = sample_laplace(target, mode, draws, rng, pilot_draws=pilot)
    diagnostics = sample.diagnostics() | {"passes": target.evaluations}
    # the gate judges the draws that are kept: resampling costs some of the weighted ones
    kept = float(min(sample.ess_bulk.min(), sample.ess_tail.min()))
    reason = sample.reason or why_not(sample.k_hat, kept, least_effective(draws))
    parts = _weighed(target, sample, "laplace", diagnostics)
    return parts | {"log_density": sample.log_density}, reason


def _try_two_stages(
    target: GroupTarget | CovariatesInGroups, mode: Mode, draws: int, rng: np.random.Generator
) -> _Tried:
    from churnlab.inference.ways.twostage import sample_two_stage

    del mode  # the target knows it
    sample = sample_two_stage(target, draws, rng)
    return _weighed(target, sample, "two_stage", sample.diagnostics), sample.reason


def _weighed(
    target: Target, sample: Any, method: str, diagnostics: dict[str, Any]
) -> dict[str, Any]:
    """Parts of a `PopulationFit` of draws that came by importance weights."""
    quality = {name: getattr(sample, name) for name in ("k_hat", "ess_bulk", "ess_tail")}
    table = parameter_table(target.parameter_names, target.quantities(sample.u), quality)
    return {"u": sample.u, "method": method, "table": table, "diagnostics": diagnostics}


def _from_nuts(
    target: Target, mode: Mode, draws: int, chains: int, rng: np.random.Generator
) -> dict[str, Any]:
    from churnlab.inference.ways.nuts import sample_nuts

    return sample_nuts(target, mode, draws, chains, int(rng.integers(2**31)))
