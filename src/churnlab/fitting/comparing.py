"""Fits side by side: which describes the same customers best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from churnlab.errors import UsageError
from churnlab.fitting.by_customer import in_days
from churnlab.fitting.views import Fit
from churnlab.studies.compare import compare_models
from churnlab.types import Array


def compare(fits: Mapping[str, Fit]) -> pd.DataFrame:
    """Rank fits of the same customers by how well they foresee a customer left out (PSIS-LOO).

    Each customer counts once, however many share a cell. A better description of the past is not
    yet a better forecast: `churnlab.backtest` compares on held-out time.

    Parameters
    ----------
    fits : mapping of str to Fit
        Fits by a name of your choice; groups, covariates and calendars may differ (a calendar's
        multipliers are held at their estimates and count as that many parameters).

    Returns
    -------
    DataFrame
        One row per fit, best first: ``elpd`` (log density, time in days), ``se``, ``elpd_diff``
        to the best, ``diff_se`` (paired over customers), ``p_loo``, ``max_k_hat``,
        ``log_evidence`` (laplace only, not on a clock).

    Raises
    ------
    UsageError
        No mapping of fits, fewer than two, or fits of different customers or days.

    References
    ----------
    Vehtari, Gelman and Gabry (2017), Statistics and Computing 27, 1413-1432.

    Examples
    --------
    >>> import churnlab as cl
    >>> summary = cl.summarise(cl.load_cdnow(as_of="1997-09-30"))
    >>> table = cl.compare({m: cl.fit(summary, model=m) for m in ("bg_nbd", "mbg_nbd")})
    >>> table["elpd_diff"].max()
    np.float64(0.0)
    """
    if not isinstance(fits, Mapping):
        raise UsageError(
            f"expected fits by name, cl.compare({{'one': fit, 'other': fit}}); got a "
            f"{type(fits).__name__}."
        )
    for name, one in fits.items():
        if not isinstance(one, Fit):
            raise UsageError(f"{name!r} is no fit (of churnlab.fit) but {type(one).__name__}.")
    people = {name: fit.data.customers for name, fit in fits.items()}
    first = next(iter(people.values()), pd.DataFrame())
    for name, own in people.items():
        if not all(np.array_equal(own[c], first[c]) for c in ("customer_id", "x", "t_x", "T")):
            raise UsageError(
                f"the fit {name!r} is of other customers or another day; fit all models to one "
                "summary."
            )
    cell_of = {name: own["cell"].to_numpy() for name, own in people.items()}
    plus = {name: _in_days(name, fit) for name, fit in fits.items()}
    table = compare_models({name: fit.population for name, fit in fits.items()}, cell_of, plus)
    table.loc[[name for name, fit in fits.items() if fit.seasons], "log_evidence"] = np.nan
    return table


def _in_days(name: str, fit: Fit) -> Array:
    found = in_days(fit)
    if found is None:
        raise UsageError(
            f"the fit {name!r} is on a clock and was read from a folder, which holds the days of a "
            "sample of its customers; compare it before it is saved, or fit it with "
            "model={'name': ..., 'calendar': None}."
        )
    return found
