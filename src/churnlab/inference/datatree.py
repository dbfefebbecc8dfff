"""A fit as an ArviZ DataTree, and draws to and from netCDF.

Groups: ``posterior`` and ``prior`` (natural quantities, spreads and effects: what was sampled, per
day), ``derived`` and ``prior_derived`` (the model's own parameters, in days), ``sample_stats``,
``constant_data`` (cells and weights), ``cell_log_likelihood`` (of one customer of each cell: not
what ArviZ compares by, since a cell may stand for many customers; `churnlab.Fit.posterior` has
them by customer) and ``repeaters`` (customers by number of repeat purchases, 0 to
`PREDICTIVE_MAX` and above: observed, before and after the data).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from churnlab import models as likelihoods
from churnlab.errors import DataError
from churnlab.inference.result import PopulationFit
from churnlab.inference.targets.covariates import CovariateTarget
from churnlab.models.draws import PopulationDraws
from churnlab.runs.folder import write_atomic
from churnlab.types import Array

if TYPE_CHECKING:
    from xarray import DataTree

    from churnlab.summary import Cells


#: Draws for which predictive counts are simulated.
PREDICTIVE_DRAWS = 100
#: Customers simulated per predictive draw (counts are scaled to the population).
PREDICTIVE_CUSTOMERS = 20_000
PREDICTIVE_MAX = 7
#: Largest (draw x cell) table of log-likelihoods kept; draws are thinned above it.
LOG_LIKELIHOOD_LIMIT = 5_000_000


def to_datatree(fit: PopulationFit) -> DataTree:
    """Build the tree of a fit (see the module's docstring for its groups)."""
    from xarray import DataTree

    rng = np.random.default_rng(0)
    prior = fit.target.prior_draws(500, rng)
    own = _profiles(fit) if _has_profiles(fit) else _derived(fit, fit.u, fit.chains)
    more = {} if _has_profiles(fit) else {"/prior_derived": _derived(fit, prior, 1)}
    return DataTree.from_dict(
        {
            "/": _attributes(fit),
            "/posterior": _parameters(fit, fit.u, fit.chains),
            "/derived": own,
            "/sample_stats": _statistics(fit),
            "/cell_log_likelihood": _log_likelihood(fit),
            "/constant_data": _cells(fit.cells),
            "/repeaters": _repeaters(fit, prior, rng),
            "/prior": _parameters(fit, prior, 1),
            **more,
        }
    )


def _has_profiles(fit: PopulationFit) -> bool:
    return isinstance(fit.target, CovariateTarget)


def _profiles(fit: PopulationFit) -> Any:
    """Model parameters of each covariate profile, for draws thinned to what memory allows."""
    from xarray import Dataset

    names = fit.target.likelihood.parameters
    variables = {n: (("draw", "group"), fit.draws.theta[:, :, i]) for i, n in enumerate(names)}
    return Dataset(variables, {"group": list(fit.draws.groups)})


def _attributes(fit: PopulationFit) -> Any:
    from xarray import Dataset

    seen = fit.draws.seen_until
    return Dataset(
        attrs={
            "model": fit.draws.model,
            "k": fit.draws.k,
            "groups": json.dumps(fit.draws.groups, ensure_ascii=False),
            "seen_until": seen.isoformat() if seen else "",
            "method": fit.method,
            "reason": fit.reason,
            "time_unit": "days",
            "time_scale_days": fit.target.time_scale,
            "priors": json.dumps({q: p.text for q, p in fit.target.named_priors()}),
            "warnings": json.dumps(fit.warnings, ensure_ascii=False),
        }
    )


def _parameters(fit: PopulationFit, u: Array, chains: int) -> Any:
    from xarray import Dataset

    natural = fit.target.natural_days(u)
    variables: dict[str, Any] = {}
    for i, name in enumerate(fit.target.map.names):
        variables[name] = (("chain", "draw"), natural[:, i].reshape(chains, -1))
    for name, values in fit.target.spreads(u).items():
        variables[name] = (("chain", "draw"), values.reshape(chains, -1))
    coords = _chains(u, chains)
    if not _has_profiles(fit):
        return Dataset(variables, coords)
    return Dataset(
        variables | _effects(fit, u, chains), coords | {"effect": list(_effect_names(fit))}
    )


def _chains(u: Array, chains: int) -> dict[str, Any]:
    return {"chain": np.arange(chains), "draw": np.arange(len(u) // chains)}


def _effect_names(fit: PopulationFit) -> tuple[str, ...]:
    target: Any = fit.target
    return tuple(target.effect_names)


def _derived(fit: PopulationFit, u: Array, chains: int) -> Any:
    from xarray import Dataset

    theta = fit.target.theta_days(u)
    variables = {
        name: (("chain", "draw", "group"), theta[:, :, i].reshape(chains, -1, theta.shape[1]))
        for i, name in enumerate(fit.target.likelihood.parameters)
    }
    return Dataset(variables, _chains(u, chains) | {"group": list(fit.draws.groups)})


def _effects(fit: PopulationFit, u: Array, chains: int) -> dict[str, Any]:
    target: Any = fit.target
    effects = target.effects(u)
    flat = effects.reshape(-1, effects.shape[-1]).T.reshape(chains, -1, len(target.effect_names))
    return {"covariate_effect": (("chain", "draw", "effect"), flat)}


def _statistics(fit: PopulationFit) -> Any:
    from xarray import Dataset

    stats = {"lp": (("chain", "draw"), fit.log_posterior.reshape(fit.chains, -1))}
    for name, array in fit.sample_stats.items():
        stats[name] = (("chain", "draw"), np.asarray(array))
    figures = {k: v for k, v in fit.diagnostics.items() if isinstance(v, int | float)}
    return Dataset(stats, _chains(fit.u, fit.chains), figures)


def log_likelihood_matrix(fit: PopulationFit, limit: int = LOG_LIKELIHOOD_LIMIT) -> Array:
    """Log-likelihood of one customer of each cell, (draw, cell); draws are thinned to `limit`."""
    cells, draws = fit.cells, fit.draws
    draws = draws.thin(max(50, min(draws.n_draws, limit // max(len(cells.x), 1))))
    return draws.likelihood.cell_log_likelihoods(
        draws.theta.transpose(0, 2, 1), cells.group, cells.x, cells.t_x, cells.T, cells.sum_log_gap
    )


def _log_likelihood(fit: PopulationFit) -> Any:
    from xarray import Dataset

    values = log_likelihood_matrix(fit)
    chains = fit.chains if len(values) == len(fit.u) else 1
    shaped = values.reshape(chains, -1, values.shape[1])
    return Dataset(
        {"one_customer": (("chain", "draw", "cell"), shaped)},
        {"chain": np.arange(chains), "draw": np.arange(shaped.shape[1])},
        {"note": "of one customer of the cell; constant_data/weight customers are alike"},
    )


def _cells(cells: Cells) -> Any:
    from xarray import Dataset

    names = ("x", "t_x", "T", "weight", "sum_log_gap", "group")
    return Dataset({name: ("cell", np.asarray(getattr(cells, name))) for name in names})


def observed_counts(cells: Cells) -> Array:
    """Customers with 0, 1, ... `PREDICTIVE_MAX` or more repeat purchases."""
    group = np.minimum(cells.x, PREDICTIVE_MAX).astype(int)
    return np.bincount(group, weights=cells.weight, minlength=PREDICTIVE_MAX + 1)


def predictive_counts(fit: PopulationFit, u: Array, rng: np.random.Generator) -> Array:
    """Simulated counts like `observed_counts`, (draw, count), for customers of the same ages."""
    cells = fit.cells
    rows = np.linspace(0, len(u) - 1, min(PREDICTIVE_DRAWS, len(u))).round().astype(int)
    theta = fit.target.theta_days(u[rows])
    total = float(cells.weight.sum())
    size = int(min(total, PREDICTIVE_CUSTOMERS))
    below = np.cumsum(cells.weight / total)
    below /= below[-1]
    model = likelihoods.get(fit.draws.model, fit.draws.k)
    out = np.empty((len(rows), PREDICTIVE_MAX + 1))
    for i, one in enumerate(theta):
        chosen = np.searchsorted(below, rng.random(size), side="right")
        parameters = one[cells.group[chosen] if one.shape[0] > 1 else 0].T
        x, _, _ = model.simulate(parameters, cells.T[chosen], rng)
        counts = np.bincount(np.minimum(x, PREDICTIVE_MAX).astype(int), minlength=out.shape[1])
        out[i] = counts * (total / size)
    return out


def _repeaters(fit: PopulationFit, prior: Array, rng: np.random.Generator) -> Any:
    from xarray import Dataset

    counts = {
        "observed": ("count", observed_counts(fit.cells)),
        "prior": (("prior_draw", "count"), predictive_counts(fit, prior, rng)),
        "posterior": (("posterior_draw", "count"), predictive_counts(fit, fit.u, rng)),
    }
    return Dataset(counts, {"count": np.arange(PREDICTIVE_MAX + 1)})


def save_posterior(fit: PopulationFit, path: str | Path) -> None:
    """Write the fit's DataTree as netCDF; the file appears whole or not at all."""
    image = posterior_image(fit)
    write_atomic(Path(path), lambda temporary: temporary.write_bytes(image))


def posterior_image(fit: PopulationFit) -> memoryview:
    """Return what `save_posterior` writes."""
    return netcdf(to_datatree(fit))


def netcdf(data: Any) -> memoryview:
    """Return a DataTree or Dataset as the bytes of a netCDF file.

    Made in memory: HDF5 ends the process by a segmentation fault where a disk is full.
    """
    return memoryview(data.to_netcdf(engine="h5netcdf"))


def load_draws(path: str | Path) -> PopulationDraws:
    """Read the draws back from a file that `save_posterior` wrote.

    Raises DataError: A missing file, or one without a posterior of churnlab.
    """
    return _from_file(path, _read)


def load_predictive(path: str | Path) -> dict[str, Array]:
    """Read customers by number of repeat purchases: in the data, before it, and after it.

    Returns: ``observed`` (1, count), ``prior`` and ``posterior`` (draw, count): customers with 0,
        1, ... `PREDICTIVE_MAX` or more repeat purchases.
    Raises DataError: A missing file, or one without a posterior of churnlab.
    """
    return _from_file(path, _read_predictive)


def _from_file[T](path: str | Path, read: Callable[[Any], T]) -> T:
    import xarray as xr

    if not Path(path).is_file():
        raise DataError(f"There is no posterior at {path}; run `churnlab fit` first.")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return read(tree)
    except Exception as error:  # HDF5, xarray and JSON each have their own
        raise DataError(f"{path} is not a posterior written by churnlab ({error}).") from error


def _read(tree: Any) -> PopulationDraws:
    attributes = tree.attrs
    posterior = next(tree[g] for g in ("derived", "profiles", "posterior") if g in tree)
    model, k = str(attributes["model"]), int(attributes["k"])
    names = likelihoods.get(model, k).parameters
    theta = np.stack([np.asarray(posterior[name]) for name in names], axis=-1)
    seen = str(attributes["seen_until"])
    return PopulationDraws(
        model=model,
        k=k,
        theta=theta.reshape(-1, *theta.shape[-2:]),
        groups=tuple(json.loads(attributes["groups"])),
        seen_until=dt.date.fromisoformat(seen) if seen else None,
    )


def _read_predictive(tree: Any) -> dict[str, Array]:
    counts = {k: np.asarray(tree["repeaters"][k]) for k in ("observed", "prior", "posterior")}
    return {key: value.reshape(-1, value.shape[-1]) for key, value in counts.items()}
