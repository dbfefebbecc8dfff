"""What the data cannot support, in words a data scientist can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from churnlab.errors import DataError
from churnlab.inference.targets.density import Mode
from churnlab.inference.targets.target import Target
from churnlab.priors import Prior
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.summary import Cells


#: What two warnings of one kind may differ in: what stands in brackets, and numbers.
_DETAIL = re.compile(r" \(in .*\)$|\([^)]*\)|\d[\d.,]*(e[+-]?\d+)?")
FEW_REPEATERS = 50
FEW_CELLS = 20


def kind_of(warning: str) -> str:
    """Return what is the same of all warnings of a kind: neither its numbers nor its brackets."""
    return _DETAIL.sub("#", warning)


def in_groups(warnings: Sequence[tuple[str, str]]) -> list[str]:
    """Return warnings, (group, warning), each kind once: the first, and the groups that have it."""
    kinds: dict[str, dict[str, str]] = {}
    for group, warning in warnings:
        kinds.setdefault(kind_of(warning), {})[group] = warning
    return [f"{next(iter(of.values()))} (in {', '.join(of)})" for of in kinds.values()]


def check_cells(cells: Cells, k: int = 1) -> None:
    """Refuse data from which no purchase model can be learnt.

    Raises DataError: Fewer than two customers, nobody who bought twice, nobody observed for any
        time, or times that contradict each other.
    """
    customers = float(np.sum(cells.weight))
    if customers < 2:
        raise DataError(
            f"A population model needs at least 2 purchasers; got {customers:.0f}. "
            "Widen the data (more customers, a later as_of)."
        )
    if not (np.isfinite(cells.T).all() and np.isfinite(cells.t_x).all()):
        raise DataError("t_x and T must be finite; some are not. Check the dates of the purchases.")
    if bool(np.any((cells.t_x > cells.T) | (cells.t_x < 0))):
        raise DataError("t_x must lie between 0 and T in every row; check first and last purchase.")
    if not bool(np.any(cells.x > 0)):
        raise DataError(
            f"None of {customers:.0f} purchasers bought on a second day, so neither a purchase "
            "cycle nor dropout can be learnt. Take a later as_of or a longer history."
        )
    if k > 1 and not np.isfinite(cells.sum_log_gap[cells.x > 0]).all():
        raise DataError(
            f"Erlang gaps (k = {k}) need gaps above 0; some purchases fall on one moment. Use "
            "data.purchase_unit=customer_day, or a model without k."
        )
    if not bool(np.any(cells.T > 0)):
        raise DataError("Every customer's first purchase is on as_of; take a later as_of.")


def identifiability(
    target: Target, cells: Cells, natural: Array, u: Array, likelihood_mode: Mode
) -> list[str]:
    """Warnings about parameters that the data leave open.

    target: The log posterior (names, priors, time scale).
    natural: Draws of the natural quantities, (draw, quantity), rates per day.
    u: The same draws, unconstrained.
    likelihood_mode: The maximum of the bare likelihood.
    """
    return [
        *_thin_data(cells),
        *_runaway(target, likelihood_mode),
        *_dropout_level(target, natural),
        *_ridge(target, u),
        *prior_only(target.map.names, target.priors, target.prior_draws, u),
    ]


def _thin_data(cells: Cells) -> list[str]:
    found = []
    repeaters = float(np.sum(cells.weight[cells.x > 0]))
    if repeaters < FEW_REPEATERS:
        found.append(
            f"Only {repeaters:.0f} customers bought again; below {FEW_REPEATERS} the intervals are "
            "wide and lean on the priors. Use a longer history or more customers."
        )
    if len(cells.x) < FEW_CELLS:
        found.append(
            f"The customers fall into only {len(cells.x)} distinct histories; dropout and rate can "
            "hardly be told apart. Check that dates are not rounded to months."
        )
    return found


def _runaway(target: Target, mode: Mode) -> list[str]:
    if mode.proper and np.abs(mode.u).max() < 8:
        return []
    names = target.map.names
    natural = target.map.natural(mode.u)
    far = [i for i in range(len(names)) if i in mode.at_bound or abs(mode.u[i]) >= 8]
    listed = ", ".join(f"{names[i]} -> {natural[i]:.3g}" for i in far) or "a flat ridge"
    return [
        f"The likelihood has no proper maximum (runs off along {listed}); the posterior is held by "
        "the priors there. Report intervals, not point estimates, or use a simpler model."
    ]


def _dropout_level(target: Target, natural: Array) -> list[str]:
    level = natural[:, 2]
    high = float(np.quantile(level, 0.95))
    text = "per purchase"
    if target.map.quantities[2].per_time:
        high, text = high * target.time_scale, "over the customers' mean age"
    if high >= 0.02:
        return []
    return [
        f"Dropout is near zero (95% sure below {high:.2g} {text}): P(alive) is close to 1 for "
        "everybody and ranks nobody. Use risk.basis=personal_cycles or fixed_days."
    ]


def _ridge(target: Target, u: Array) -> list[str]:
    theta = np.log(target.theta_days(u)[:, 0, 2:4])
    spread = theta.std(axis=0)
    if spread.min() <= 0:
        return []
    correlation = float(np.corrcoef(theta.T)[0, 1])
    if correlation < 0.9 or spread.max() < 0.8:
        return []
    first, second = target.likelihood.parameters[2:4]
    low, high = np.exp(np.quantile(theta[:, 1], [0.05, 0.95]))
    return [
        f"({first}, {second}) lie on a ridge (correlation {correlation:.2f} in logs, {second} "
        f"between {low:.3g} and {high:.3g}): their ratio, the mean dropout, is known, its spread "
        "between customers is not. Read dropout_mean-type rows of the table, not these two."
    ]


def prior_only(
    names: Sequence[str],
    priors: Sequence[Prior],
    prior_draws: Callable[[int, np.random.Generator], Array],
    u: Array,
) -> list[str]:
    """Quantities whose posterior is nearly as wide as the prior."""
    low, high = np.quantile(prior_draws(4000, np.random.default_rng(0)), [0.16, 0.84], axis=0)
    share = u.std(axis=0) / np.maximum((high - low) / 2, 1e-12)
    return [
        f"The data say little about {name}: its posterior is {value:.0%} as wide as the prior. "
        f"What depends on it follows the prior {p.text}."
        for name, value, p in zip(names, share, priors, strict=True)
        if value > 0.6
    ]
