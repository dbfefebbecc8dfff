"""The result of a fit, the same whichever way it was reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from churnlab.models.draws import PopulationDraws
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.inference.targets.target import Target
    from churnlab.summary import Cells


class Point(NamedTuple):
    """Model parameters in days with the log-likelihood there (time in days)."""

    theta: Array
    value: float


@dataclass(frozen=True)
class PopulationFit:
    """Posterior of a population's parameters with everything needed to judge it.

    draws: Equal-weight draws of the model's parameters.
    method: The way that ended up used, ``laplace`` or ``nuts``.
    reason: Why ``laplace`` fell through to ``nuts``; empty otherwise.
    table: One row per parameter (natural quantities, then the model's own): mean, sd, q05, q95,
        r_hat, k_hat, ess_bulk, ess_tail. Rates per day, times in days.
    max_likelihood: Maximum-likelihood parameters and log-likelihood; with covariates those of the
        model with them (at mean covariates and reference levels), without groups.
    mode: The posterior mode's parameters and the log-likelihood there.
    diagnostics: Figures of the method (k_hat, efficiency, log_evidence; r_hat, divergences, ...).
    warnings: What the data cannot support, in words.
    seconds: Wall time by stage.
    u: The draws in unconstrained coordinates, (draw, coordinate).
    sample_stats: Sampler statistics by name, (chain, draw); empty under ``laplace``.
    chains: Chains behind the draws: draw ``c * n + i`` is draw i of chain c.
    log_density: Log posterior of each draw where sampling has computed it; see `log_posterior`.
    """

    draws: PopulationDraws
    method: str
    reason: str
    table: pd.DataFrame
    max_likelihood: Point
    mode: Point
    diagnostics: dict[str, Any]
    warnings: list[str]
    seconds: dict[str, float]
    u: Array = field(repr=False)
    target: Target = field(repr=False)
    cells: Cells = field(repr=False)
    sample_stats: dict[str, Array] = field(default_factory=dict, repr=False)
    chains: int = 1
    log_density: Array | None = field(default=None, repr=False)

    @cached_property
    def log_posterior(self) -> Array:
        """Log posterior (time in days) of each draw, (draw,): as sampled, or a pass over cells."""
        return self.target.values(self.u) if self.log_density is None else self.log_density

    @property
    def log_likelihood(self) -> Array:
        """Log-likelihood (time in days) of each draw, (draw,)."""
        return np.asarray(self.log_posterior - self.target.log_prior(self.u.T)[0])


def parameter_table(
    names: tuple[str, ...], values: Array, diagnostics: Mapping[str, Array | float]
) -> pd.DataFrame:
    """Mean, sd and 90% interval per parameter beside the given diagnostics.

    names: One per column of `values`.
    values: (draw, parameter).
    diagnostics: Columns r_hat, k_hat, ess_bulk, ess_tail.
    """
    low, high = np.quantile(values, [0.05, 0.95], axis=0)
    columns: dict[str, Any] = {"mean": values.mean(axis=0), "sd": values.std(axis=0, ddof=1)}
    columns |= {"q05": low, "q95": high}
    columns |= {n: diagnostics.get(n, np.nan) for n in ("r_hat", "k_hat", "ess_bulk", "ess_tail")}
    return pd.DataFrame(columns, index=pd.Index(names, name="parameter"))
