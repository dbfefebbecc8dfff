"""A population of customers as an ordinary PyMC model.

Variables are the natural quantities of `churnlab.models`, with the priors of `churnlab.priors`;
groups are a hierarchy over the coordinate ``group``, covariates a regression. The likelihood is the
fused kernel, as a `pm.CustomDist` with a simulator: prior and posterior predictive draws,
`pm.sample`, `pm.compute_log_likelihood` and whatever a user adds work as with any other variable.

`churnlab.fit` does not sample this graph: its NUTS moves on coordinates whitened by the curvature
at the mode, over cells summed by group, which needs a third of the leapfrog steps and no
compilation. The tests hold the two densities equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.basic import Constant
from scipy.special import gammaln

from churnlab import models as likelihoods
from churnlab.errors import UsageError
from churnlab.models.base import Likelihood
from churnlab.models.parametrisation import SPREADS, varying_rows
from churnlab.models.pymc.kernel_op import RowLogLikelihood
from churnlab.priors import Prior, parse
from churnlab.summary import as_summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from churnlab.summary import Cells, Summary

#: PyTensor's functions for `Parametrisation.theta`.
SYMBOLIC = SimpleNamespace(exp=pt.exp, expit=pt.expit, stack=pt.stack)
#: Rows of eta that covariates move, and the prior of their effects per standard deviation.
EFFECTS = {0: "rate_effect", 2: "dropout_effect"}
EFFECT_SD = 0.5


def pymc_model(
    summary: Summary,
    /,
    *,
    model: str = "mbg_nbd",
    k: int | None = None,
    group: str | tuple[str, ...] | None = None,
    effects: str = "locations",
    priors: Mapping[str, str] | None = None,
) -> pm.Model:
    """Return a PyMC model of a summary's customers.

    Parameters
    ----------
    summary
        From `churnlab.summarise`; its groups and covariates become the model's. A log is summarised
        first.
    model, k
        One of `churnlab.models.MODELS`, and the Erlang shape where it has one (default 2).
    group
        Column or columns to group by instead of the summary's own.
    effects
        What varies between groups: ``locations`` or ``all`` (with the shapes).
    priors
        Texts of priors by natural quantity or spread; defaults for the others. Rates are in units
        of 1 / mean age of the customers, as in `churnlab.fit`.

    Returns
    -------
    pm.Model
        Free variables: the natural quantities (with groups their spreads and standard normal
        ``<quantity>_offset``; with covariates ``rate_effect`` and ``dropout_effect``).
        Deterministic: the model's own parameters in days, by group where there are any. Observed:
        ``customers``, (cell, 2): x and t_x of each distinct cell, its log-likelihood times the
        cell's number of customers, ``customers_weight`` in constant_data: divide by it for one.

    Raises
    ------
    UsageError
        An unknown model or prior.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24, 275-284; docs/models.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> summary = cl.summarise(cl.load_cdnow())
    >>> model = cl.pymc_model(summary, model="bg_nbd")
    >>> sorted(v.name for v in model.free_RVs)
    ['dropout_concentration', 'dropout_mean', 'rate_mean', 'rate_shape']
    """
    likelihood = likelihoods.named(model)(k)
    summary = as_summary(summary)
    if group is not None:
        summary = summary.grouped((group,) if isinstance(group, str) else tuple(group))
    texts = dict(priors or {})
    spreads = {name: texts.pop(name, text) for name, text in SPREADS.values()}
    stated = likelihood.priors(texts)
    cells, design = summary.cells, summary.design
    groups = cells.groups if design is None else design.groups
    scale = float(np.sum(cells.weight * cells.T) / np.sum(cells.weight)) or 1.0
    with pm.Model() as built:
        eta = [_logit_or_log(q.support, _register(q.name, prior))
               for q, prior in zip(likelihood.map.quantities, stated, strict=True)]  # fmt: skip
        if len(groups) > 1:
            built.add_coord("group", list(groups))
            rows = varying_rows(effects, len(eta))
            eta = [_by_group(row, e, likelihood.map.names[row], spreads) if row in rows else e
                   for row, e in enumerate(eta)]  # fmt: skip
        theta = _theta(likelihood, eta, scale)
        for name, row in zip(likelihood.parameters, theta, strict=True):
            pm.Deterministic(name, row, dims="group" if row.ndim else None)
        if design is not None:
            built.add_coord("effect", list(design.names))
            eta = [e[design.group] if e.ndim else e for e in eta]
            for row, name in EFFECTS.items():
                effect = pm.Normal(name, 0.0, EFFECT_SD, dims="effect")
                eta[row] = eta[row] + pt.dot(pt.constant(design.matrix), effect)
            theta = _theta(likelihood, eta, scale)
        _observe("customers", likelihood, cells, theta)
    return built


def purchases(
    name: str, cells: Cells, /, *, model: str = "mbg_nbd", k: int | None = None, **quantities: Any
) -> Any:
    """Register the likelihood of customers, for natural quantities of your own, in a PyMC model.

    name: Name of the observed variable.
    cells: Customers as distinct rows: `Summary.cells`.
    model, k: As in `pymc_model`.
    **quantities: Each natural quantity of the model: a number, or (group,) in the order of
        ``cells.groups``; rates are per day.
    Raises UsageError: Quantities that are missing or that the model does not have, or of another
        length than the groups.
    """
    likelihood = likelihoods.named(model)(k)
    wanted = likelihood.map.names
    if set(quantities) != set(wanted):
        raise UsageError(
            f"{model} needs the quantities {', '.join(wanted)}; got "
            f"{', '.join(quantities) or 'none'}."
        )
    eta = []
    for q in likelihood.map.quantities:
        value = pt.as_tensor(quantities[q.name], dtype="float64")
        _check_shape(q.name, value, cells.groups)
        eta.append(_logit_or_log(q.support, value))
    return _observe(name, likelihood, cells, _theta(likelihood, eta, 1.0))


def _check_shape(name: str, value: Any, groups: Sequence[str]) -> None:
    """Refuse what is no number a group: by row of the cells it would be read for other groups."""
    shape = tuple(map(int, value.shape.eval(mode="FAST_COMPILE"))) if value.ndim else ()
    if shape not in ((), (len(groups),)):
        raise UsageError(
            f"{name} has the shape {shape}; expected one number, or one for each of the "
            f"{len(groups)} groups of the cells in their order, not one a row (rate, not "
            "rate[cells.group])."
        )


def to_pymc(prior: Prior) -> Any:
    """Return the PyMC distribution (unregistered) that the prior's text names."""
    return _family(prior).dist(**_arguments(prior))


def _register(name: str, prior: Prior) -> Any:
    return _family(prior)(name, **_arguments(prior))


def _family(prior: Prior) -> Any:
    return getattr(pm, prior.family)


def _arguments(prior: Prior) -> dict[str, Any]:
    # PyTensor stores bare Python floats in single precision where that looks exact: say double.
    return {n: np.asarray(v, np.float64) for n, v in prior.distribution.arguments().items()}


def _logit_or_log(support: str, value: Any) -> Any:
    return pt.log(value) - pt.log1p(-value) if support == "unit" else pt.log(value)


def _by_group(row: int, eta: Any, quantity: str, spreads: dict[str, str]) -> Any:
    """Rows of eta around the population's, not centred: few data a group are the usual case."""
    name = SPREADS[row][0]
    spread = _register(name, parse(spreads[name]))
    return eta + spread * pm.Normal(f"{quantity}_offset", 0.0, 1.0, dims="group")


def _theta(likelihood: Likelihood, eta: list[Any], unit: float) -> list[Any]:
    """Parameters in days, each () or (group,), of eta on time in units of `unit` days."""
    shape = next((e.shape for e in eta if e.ndim), ())
    rows = likelihood.map.theta([pt.broadcast_to(e, shape) for e in eta], SYMBOLIC)
    return [rows[i] * np.float64(unit) ** p for i, p in enumerate(likelihood.time_powers)]


def _observe(name: str, likelihood: Likelihood, cells: Cells, theta: list[Any]) -> Any:
    """Register x and t_x of the cells as a variable with the kernel's density."""
    op = RowLogLikelihood(likelihood.name, likelihood.k)
    constant = (likelihood.k - 1) * cells.sum_log_gap - cells.x * gammaln(likelihood.k)

    def logp(value: Any, theta: Any, design: Any) -> Any:
        if not (isinstance(value, Constant) and isinstance(design, Constant)):
            raise UsageError("The purchases of a churnlab model are data; they cannot be sampled.")
        (x, t_x), (T, weight) = value.data.T, design.data.T
        return weight * (op.of_rows(theta.T, x, t_x, T) + constant)

    def random(theta: Any, design: Any, rng: Any = None, size: Any = None) -> Any:
        del size  # one draw of each cell's purchases
        x, t_x, _ = likelihood.simulate(np.moveaxis(theta, -1, 0), design[..., 0], rng)
        return np.stack([x, t_x], axis=-1)

    of_cell = [row[cells.group] if row.ndim else row for row in theta]
    rows = pt.stack([pt.broadcast_to(row, cells.x.shape) for row in of_cell], axis=1)
    context = pm.modelcontext(None)
    context.add_coord("cell", np.arange(len(cells.x)))
    context.add_coord("column", ["x", "t_x"])
    pm.Data(f"{name}_weight", cells.weight, dims="cell")
    return pm.CustomDist(
        name, rows, np.column_stack([cells.T, cells.weight]), logp=logp, random=random,
        signature="(p),(c)->(c)", observed=np.column_stack([cells.x, cells.t_x]),
        dims=("cell", "column"),
    )  # fmt: skip
