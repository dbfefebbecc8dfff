"""A fit on disk: netCDF for what was sampled, Parquet for the customers, JSON for the rest.

Nothing that runs is stored (no pickle). What can be computed from the data is computed again when
the fit is read; what was sampled is taken as it stands.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from churnlab.errors import UsageError
from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.fitted import FittedModel
from churnlab.inference.datatree import netcdf
from churnlab.runs import Run, RunFolder, open_run
from churnlab.summary.customers import with_cells
from churnlab.summary.gaps import Gaps

if TYPE_CHECKING:
    from churnlab.inference import PopulationFit
    from churnlab.summary import Summary

COMMAND: Final = "fit.save"
#: Raised when a file is written that older versions cannot read.
FORMAT: Final = 1


def save(fit: FittedModel, folder: str | Path) -> Path:
    """Write a fit into a folder; a fit that stands there is replaced at the end.

    Raises UsageError: A fit that was applied to other data (`Fit.on`), or of groups fitted alone.
    """
    _refuse(fit)
    summary, config = fit.data, dataclasses.replace(fit.config, k=fit.draws.k)
    how = {"format": FORMAT, "model": config, "inference": fit.inference}
    run = RunFolder(Path(folder), COMMAND, config=how, seed=fit.seed)
    models = {one.model: one.population for one in (fit, fit.first) if one is not None}
    for name, population in models.items():
        run.write(f"{name}.nc", partial(Path.write_bytes, data=netcdf(_arrays(population))))
    run.write_parquet("customers.parquet", summary.customers.drop(columns="cell"))
    if summary.purchase_days is not None:
        run.write_parquet("purchases.parquet", pd.DataFrame({"day": summary.purchase_days()}))
    if (histories := _histories(fit)) is not None:
        run.write_parquet("histories.parquet", histories)
    if summary.gaps is not None:
        run.write_parquet("gaps.parquet", pd.DataFrame(summary.gaps()._asdict()))
    about = {
        "as_of": summary.as_of,
        "group_columns": summary.group_columns,
        "covariates": summary.covariates,
        "counting": dict(summary.counting),
        "models": {name: _about(population) for name, population in models.items()},
    }
    run.write_json("fit.json", about)
    run.finish()
    return run.place


def _histories(fit: FittedModel) -> pd.DataFrame | None:
    """Return the purchase-days of the fit's sample, and of whom its clock is learnt from."""
    summary = fit.data
    if fit.seasons is None or summary.histories is None:
        return fit.sample.frame()
    who = pd.concat([one["customer_id"] for one in (fit.sample.people, summary.spaced)])
    return summary.histories(who.drop_duplicates().tolist())


def _refuse(fit: FittedModel) -> None:
    cells, own = fit.population.cells, fit.data.cells
    if not (len(cells) == len(own) and np.array_equal(cells.weight, own.weight)):
        raise UsageError("this fit was applied to other data by `on`; save the fit itself.")
    if fit.config.pooling == "none" and len(own.groups) > 1:
        raise UsageError(
            "pooling=none fits every group alone, which is not stored; save one fit a group, or "
            "use pooling=partial."
        )


def _arrays(population: PopulationFit) -> Any:
    """Return what was sampled, as an xarray Dataset."""
    from xarray import Dataset

    stats = {
        f"stat_{name}": (("chain", "draw"), np.asarray(values))
        for name, values in population.sample_stats.items()
    }
    return Dataset({"u": (("row", "coordinate"), population.u), **stats})


def _about(population: PopulationFit) -> dict[str, Any]:
    table = population.table.reset_index().to_dict("records")
    names = ("method", "reason", "diagnostics", "chains")
    return {"table": table} | {name: getattr(population, name) for name in names}


class Saved(NamedTuple):
    """What `save` wrote: what `Fit.of` takes."""

    summary: Summary
    model: ModelConfig
    inference: InferenceConfig
    seed: int
    kept: dict[str, dict[str, Any]]


def read(folder: str | Path) -> Saved:
    """Read what `save` wrote (see `churnlab.load`)."""
    run = open_run(folder)
    _check_format(run)
    about, config = run.json("fit.json"), run.manifest["config"]
    summary = with_cells(
        run.frame("customers.parquet"),
        dt.date.fromisoformat(about["as_of"]),
        tuple(about["group_columns"]),
        tuple(about["covariates"]),
    )
    summary = dataclasses.replace(summary, counting=about.get("counting", {}))
    if run.has("purchases.parquet"):
        days = run.frame("purchases.parquet")["day"].to_numpy()
        summary = dataclasses.replace(summary, purchase_days=lambda: days)
    if run.has("histories.parquet"):  # of those that are asked for
        every = run.frame("histories.parquet")
        summary = dataclasses.replace(
            summary, histories=lambda ids: every[every["customer_id"].isin(ids)]
        )
    if run.has("gaps.parquet"):
        columns = run.frame("gaps.parquet")
        gaps = Gaps(*(columns[name].to_numpy() for name in Gaps._fields))
        summary = dataclasses.replace(summary, gaps=lambda: gaps)
    kept = {name: _kept(run, name, said) for name, said in about["models"].items()}
    model, how = ModelConfig(**config["model"]), InferenceConfig(**config["inference"])
    return Saved(summary, model, how, run.manifest["seed"], kept)


def _kept(run: Run, name: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return what `inference.fit_population` takes as sampled before."""
    import xarray as xr

    with xr.open_dataset(run.file(f"{name}.nc"), engine="h5netcdf") as file:
        arrays = {str(key): np.asarray(file[key]) for key in file.data_vars}
    table = pd.DataFrame(said["table"]).set_index("parameter").astype("float64")
    u = arrays.pop("u")
    stats = {key.removeprefix("stat_"): values for key, values in arrays.items()}
    return said | {"u": u, "sample_stats": stats, "table": table}


def _check_format(run: Run) -> None:
    if run.command != COMMAND:
        raise UsageError(
            f"{run.path} was written by `churnlab {run.command}`; churnlab.load reads what "
            "Fit.save wrote."
        )
    found = run.manifest["config"]["format"]
    if found > FORMAT:
        raise UsageError(
            f"{run.path} was saved by a newer churnlab ({run.manifest['versions']['churnlab']}, "
            f"format {found}); this one reads formats up to {FORMAT}. Update churnlab."
        )
