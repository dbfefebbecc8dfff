"""NUTS by nutpie: started at the mode, whitened by the curvature, any shape of posterior."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from churnlab.inference.result import parameter_table
from churnlab.inference.targets.density import Mode
from churnlab.inference.targets.structure import EtaTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.proposal import whitening_axes
from churnlab.types import Array

#: Enough for the step size and the diagonal: whitening has done the rest.
TUNE = 400
#: Groups: the spreads and the group effects need adaptation.
GROUP_TUNE = 800
STATISTICS = ("diverging", "energy", "n_steps", "step_size", "logp")


def sample_nuts(
    target: Target, mode: Mode, draws: int, chains: int, seed: int, tune: int = TUNE
) -> dict[str, Any]:
    """Sample the posterior and return the method's parts of a `PopulationFit`.

    target, mode: The log posterior and its maximum.
    draws, chains, tune: Per chain: kept and warm-up draws.
    seed: Of nutpie.
    """
    import nutpie

    if isinstance(target, EtaTarget):
        (start, axes), tune = target.start(), GROUP_TUNE
    else:
        start, axes = mode.u, _axes(mode)
    if chains >= (os.cpu_count() or 1):
        target.engine.threads = 1
    stretch = np.multiply if axes.ndim == 1 else np.matmul
    compiled = _compiled(target, start, lambda v: stretch(v, axes.T), lambda v: stretch(v, axes))
    trace = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=0.9,
    )
    z = np.asarray(trace["posterior"]["z"])
    stats = trace["sample_stats"]
    kept = {name: np.asarray(stats[name]) for name in STATISTICS if name in stats}
    return _parts(target, start + stretch(z.reshape(-1, z.shape[-1]), axes.T), chains, kept)


def _compiled(
    target: Target, start: Array, there: Callable[[Array], Array], back: Callable[[Array], Array]
) -> Any:
    """The target as it stands, in z with u = start + there(z): its exact gradient needs no graph.

    The same density as a PyMC graph (`churnlab.models.pymc`) takes 10-20 s to compile and then
    gains nothing, since the kernel is nearly all of the work; and the kernel here sums cells by
    group, where the graph wants every cell's own value. Chains share the cores, so each pass uses
    one thread.
    """
    from nutpie.compiled_pyfunc import from_pyfunc

    def density(z: Array) -> tuple[float, Array]:
        value, gradient = target.value_and_gradient(start + there(z))
        return value, back(gradient)

    return from_pyfunc(
        ndim=len(start),
        make_logp_fn=lambda: density,
        make_expand_fn=lambda *_: lambda z: {"z": z},
        expanded_dtypes=[np.dtype("float64")],
        expanded_shapes=[(len(start),)],
        expanded_names=["z"],
        make_initial_point_fn=lambda seed: np.random.default_rng(seed).normal(0, 0.3, len(start)),
    )


def _axes(mode: Mode) -> Array:
    """Whitening axes; a unit ball where the curvature says nothing."""
    if np.isfinite(mode.hessian).all():
        return np.clip(whitening_axes(mode.hessian), -3.0, 3.0)
    return np.eye(len(mode.u))


def _parts(target: Target, u: Array, chains: int, stats: dict[str, Array]) -> dict[str, Any]:
    values = target.quantities(u)
    by_chain = values.reshape(chains, -1, values.shape[1])
    diagnostics = chain_diagnostics(by_chain)
    table = parameter_table(target.parameter_names, values, diagnostics)
    return {
        "u": u,
        "method": "nuts",
        "table": table,
        "chains": chains,
        "sample_stats": stats,
        "diagnostics": {
            "r_hat": float(np.max(diagnostics["r_hat"])),
            "ess": float(min(diagnostics["ess_bulk"].min(), diagnostics["ess_tail"].min())),
            "divergences": int(stats["diverging"].sum()) if "diverging" in stats else 0,
            "chains": chains,
            "passes": int(stats["n_steps"].sum()) if "n_steps" in stats else 0,
        },
    }


def chain_diagnostics(values: Array) -> dict[str, Array]:
    """Rank-normalised R-hat, bulk and tail ESS per quantity of (chain, draw, quantity)."""
    from arviz_stats.base.array import array_stats

    def each(function: Any, **options: Any) -> Array:
        return np.array(
            [
                float(function(values[:, :, i], chain_axis=0, draw_axis=1, **options))
                for i in range(values.shape[2])
            ]
        )

    return {
        "r_hat": each(array_stats.rhat, method="rank"),
        "ess_bulk": each(array_stats.ess, method="bulk"),
        "ess_tail": each(array_stats.ess, method="tail", prob=(0.05, 0.95)),
    }
