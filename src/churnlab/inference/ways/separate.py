"""No pooling: each group fitted on its own, put together as one result.

The joint posterior is the product of the groups' posteriors, so pairing their draws by index is
exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churnlab import models as likelihoods
from churnlab.errors import DataError
from churnlab.inference.diagnostics import in_groups
from churnlab.inference.result import Point, PopulationFit
from churnlab.inference.targets.structure import SeparateTarget
from churnlab.inference.targets.target import default_time_scale
from churnlab.models.draws import PopulationDraws

if TYPE_CHECKING:
    from churnlab.summary import Cells


def fit_separately(
    cells: Cells, fit_one: Callable[..., PopulationFit], **options: Any
) -> PopulationFit:
    """Fit every group on its own by `fit_one`, which takes the options of `fit_population`.

    Raises DataError: A group that cannot be fitted alone; the message names it.
    """
    scale = options.pop("time_scale", None) or default_time_scale(cells)
    if options["k"] is None and likelihoods.named(options["model"]).regular:
        whole = fit_one(cells, pooling="complete", time_scale=scale, **options)
        options["k"] = whole.draws.k
    fits = []
    for code, name in enumerate(cells.groups):
        try:
            one = fit_one(_only(cells, code), time_scale=scale, **options)
        except DataError as error:
            raise DataError(f"Group {name!r} cannot be fitted alone: {error}") from error
        fits.append(one)
    return _together(cells, fits)


def _only(cells: Cells, code: int) -> Cells:
    """The cells of one group, as a population."""
    from churnlab.summary import Cells as AllCells

    keep = cells.group == code
    columns = {n: getattr(cells, n)[keep] for n in ("x", "t_x", "T", "weight", "sum_log_gap")}
    return AllCells(**columns, group=np.zeros(int(keep.sum()), np.int64), groups=("all",))


def _together(cells: Cells, fits: list[PopulationFit]) -> PopulationFit:
    first, size = fits[0], min(len(f.u) for f in fits)
    u = np.column_stack([f.u[:size] for f in fits])
    names = list(cells.groups)
    target = SeparateTarget(cells, first.target)
    table = pd.concat([_named(f, n) for f, n in zip(fits, names, strict=True)])
    worst = {
        key: max(f.diagnostics[key] for f in fits)
        for key in ("k_hat", "r_hat", "divergences")
        if all(key in f.diagnostics for f in fits)
    }
    return PopulationFit(
        draws=PopulationDraws(
            first.draws.model, first.draws.k, target.theta_days(u), tuple(names),
            first.draws.seen_until,
        ),
        method="nuts" if any(f.method == "nuts" for f in fits) else first.method,
        reason="; ".join(f"{n}: {f.reason}" for f, n in zip(fits, names, strict=True) if f.reason),
        table=table,
        max_likelihood=_points([f.max_likelihood for f in fits]),
        mode=_points([f.mode for f in fits]),
        diagnostics=worst,
        warnings=in_groups([(n, w) for f, n in zip(fits, names, strict=True) for w in f.warnings]),
        seconds={s: sum(f.seconds.get(s, 0.0) for f in fits) for f in fits for s in f.seconds},
        u=u,
        target=target,
        cells=cells,
    )  # fmt: skip


def _named(fit: PopulationFit, group: str) -> pd.DataFrame:
    return fit.table.rename(index=lambda name: f"{name}[{group}]")


def _points(points: list[Point]) -> Point:
    """Parameters by group (group, parameter) and the total log-likelihood."""
    return Point(np.stack([p.theta for p in points]), float(sum(p.value for p in points)))
