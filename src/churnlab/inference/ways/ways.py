"""The way to a target's posterior: the fast one that suits it, and NUTS where that does not do."""

from collections.abc import Callable
from typing import Any

import numpy as np

from churnlab.inference.acceptance import least_effective, mixed, why_not
from churnlab.inference.result import parameter_table
from churnlab.inference.targets.covariates import CovariatesInGroups, CovariateTarget
from churnlab.inference.targets.density import Mode
from churnlab.inference.targets.groups import GroupTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.laplace import CHEAP, PILOT, sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.stages import Stages
from churnlab.types import Array

#: Coordinates up to which importance sampling is tried.
MOST_COORDINATES = 30
#: Attempts at importance sampling: proposed draws per kept one at least, and times as many in the
#: pilot. Of few customers a pilot of the usual size may miss a tail of the posterior, or one of two
#: maxima. All attempts after the first take a second where NUTS takes twenty, and mixes badly.
AGAIN = ((0, 1), (8, 1), (8, 8), (8, 16))


def sample(
    target: Target,
    mode: Mode,
    method: str,
    draws: int,
    chains: int,
    rng: np.random.Generator,
    stage: Stages,
) -> dict[str, Any]:
    """Draws and their diagnostics, with the reason when laplace gave way to NUTS.

    Chains that have not mixed are no posterior, but they have been where it is: a proposal fitted
    to their draws is weighted once more.
    """
    if method != "laplace":
        with stage("nuts", 0.4):
            return _from_nuts(target, mode, draws, chains, rng) | {"reason": ""}
    name, way = _way(target)
    with stage(name, 0.3):
        parts, reason = way(target, mode, draws, rng)
    if not reason:
        return parts | {"reason": ""}
    with stage("nuts", 0.4):
        found = _from_nuts(target, mode, draws, chains, rng) | {"reason": reason}
        if way is _try_two_stages or mixed(found["diagnostics"], len(found["u"])):
            return found
        parts, again = way(target, mode, draws, rng, near=found["u"])
        return found if again else parts | {"reason": ""}


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
    target: CovariateTarget,
    mode: Mode,
    draws: int,
    rng: np.random.Generator,
    near: Array | None = None,
) -> _Tried:
    if target.shrinkage:
        return {}, "learnt scales of effects have a funnel that importance sampling cannot follow"
    if target.dimension > MOST_COORDINATES:
        return {}, f"importance sampling is not tried in {target.dimension} dimensions"
    pilot = PILOT * target.dimension**2 // 16  # the bends of a proposal grow with its square
    return _try_laplace(target, find_mode(target, target.start()[0]), draws, rng, near, pilot)


def _try_laplace(
    target: Target,
    mode: Mode,
    draws: int,
    rng: np.random.Generator,
    near: Array | None = None,
    pilot: int = PILOT,
) -> _Tried:
    """Importance sampling; where it fails and draws are cheap, again with more of them."""
    tried: list[_Tried] = []
    for times, share in AGAIN:
        most = max(draws * times, pilot * share)
        if tried and (not tried[-1][1] or target.n_cells * most > CHEAP):
            break
        sample = sample_laplace(
            target, mode, draws, rng, pilot_draws=pilot * share, at_least=draws * times, near=near
        )
        # the gate judges the draws that are kept: resampling costs some of the weighted ones
        kept = float(min(sample.ess_bulk.min(), sample.ess_tail.min()))
        reason = sample.reason or why_not(sample.k_hat, kept, least_effective(draws))
        diagnostics = sample.diagnostics() | {"passes": target.evaluations}
        parts = _weighed(target, sample, "laplace", diagnostics)
        tried.append((parts | {"log_density": sample.log_density}, reason))
    return next((one for one in tried if not one[1]), tried[0])


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
