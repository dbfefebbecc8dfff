"""The gate: what a posterior must show before anything downstream may use it.

Its limits are the only ones in the package; whatever samples a posterior (purchases, amounts,
conversion) is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from churnlab.errors import FitRefusedError

if TYPE_CHECKING:
    from churnlab.inference.result import PopulationFit

#: Pareto k-hat at which importance weights stop being trusted (Vehtari, Simpson, Gelman, Yao and
#: Gabry 2024, "Pareto smoothed importance sampling", section 3.2).
MAX_K_HAT = 0.7
#: Rank-normalised R-hat at which chains stop being one (Vehtari et al. 2021).
MAX_R_HAT = 1.01
#: Effective draws of the worst quantity, in bulk and tails: 100 for each of four chains (ibid.) ...
MIN_ESS = 400.0
#: ... and where fewer draws are asked for, this share of them.
MIN_EFFICIENCY = 0.4
#: Share of divergent transitions at which chains have missed part of the posterior.
MAX_DIVERGENT = 0.01


def least_effective(draws: int) -> float:
    """Effective draws that every quantity of `draws` equal-weight ones must have."""
    return min(MIN_ESS, MIN_EFFICIENCY * draws)


def why_not(k_hat: float, ess: float, min_ess: float) -> str:
    """Why weighted draws of this quality must not be used; empty when they may."""
    if not k_hat < MAX_K_HAT:
        return (
            f"importance sampling is unreliable: Pareto k-hat {k_hat:.2f} (must be below "
            f"{MAX_K_HAT})"
        )
    if not ess >= min_ess:
        return (
            f"importance sampling is too wasteful: {ess:.0f} effective draws for the worst "
            f"parameter (at least {min_ess:.0f} needed)"
        )
    return ""


def mixed(diagnostics: Mapping[str, Any], n_draws: int) -> bool:
    """Whether chains have become one, by what `problems` asks of them."""
    return bool(
        diagnostics["r_hat"] < MAX_R_HAT
        and diagnostics["ess"] >= least_effective(n_draws)
        and diagnostics["divergences"] <= MAX_DIVERGENT * n_draws
    )


def gate(fit: PopulationFit) -> None:
    """Refuse a fit that its diagnostics do not support.

    Raises FitRefusedError: Names the worst parameter and its figures.
    """
    found = problems(fit)
    if found:
        raise FitRefusedError(
            f"The {fit.draws.model} fit ({fit.method}) is refused: {'; '.join(found)}. "
            "Try inference=nuts with more draws, tighter priors, or a simpler model."
        )


def problems(fit: PopulationFit) -> list[str]:
    """What the gate holds against a fit; empty when it passes."""
    # What does not vary (a fixed quantity) has no figures; what varies and has none is refused.
    table, found = fit.table[fit.table["sd"] != 0], []
    ess = table[["ess_bulk", "ess_tail"]].min(axis=1, skipna=False).fillna(0.0)
    n_draws = len(fit.u)
    needed = least_effective(n_draws)
    if not float(ess.min()) >= needed:
        found.append(
            f"{ess.idxmin()} has {float(ess.min()):.0f} effective draws (at least {needed:.0f})"
        )
    if fit.method != "nuts":
        k_hat = float(fit.diagnostics["k_hat"])
        if not k_hat < MAX_K_HAT:
            found.append(f"Pareto k-hat {k_hat:.2f} (below {MAX_K_HAT})")
        return found
    r_hat = table["r_hat"].fillna(np.inf)
    if not float(r_hat.max()) < MAX_R_HAT:
        found.append(f"{r_hat.idxmax()} has R-hat {float(r_hat.max()):.3f} (below {MAX_R_HAT})")
    divergent = int(fit.diagnostics.get("divergences", 0))
    if divergent > MAX_DIVERGENT * n_draws:
        found.append(f"{divergent} divergent transitions of {n_draws}")
    return found
