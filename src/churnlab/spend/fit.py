"""Fitting the amounts: mode, curvature, importance sampling, as for purchases."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from churnlab.errors import FitRefusedError, UsageError
from churnlab.inference.result import parameter_table
from churnlab.inference.targets.density import Mode
from churnlab.inference.ways.laplace import Sample, sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.models.draws import SpendDraws
from churnlab.spend.checks import (
    Correlation,
    account,
    check_amounts,
    dependence_warning,
    identifiability,
    independence,
)
from churnlab.spend.target import SpendTarget
from churnlab.summary.spend import SpendSummary, summarise_spend
from churnlab.types import Array


@dataclass(frozen=True)
class SpendFit:
    """Posterior of the Gamma-Gamma model with everything needed to judge it.

    Attributes
    ----------
    data
        What it was fitted to.
    draws
        Equal-weight draws of p, q, gamma and of the share of purchases above 0.
    table
        One row per parameter (natural quantities, then p, q, gamma), as `PopulationFit.table`.
    max_likelihood
        (p, q, gamma) at the maximum of the bare likelihood.
    diagnostics
        k_hat, efficiency, log_evidence, ...
    dependence
        Correlation of how often and how much (in logs); None with too few customers.
    warnings
        What the amounts cannot support, and what became of zero amounts, in words.

    Notes
    -----
    Made by `churnlab.fit_spend`, whose example those of the methods go on from.
    """

    data: SpendSummary
    draws: SpendDraws
    table: pd.DataFrame
    max_likelihood: Array
    diagnostics: dict[str, Any]
    dependence: Correlation | None
    warnings: list[str]
    seconds: float
    u: Array = field(repr=False)
    target: SpendTarget = field(repr=False)

    def __repr__(self) -> str:
        """One line: purchases and customers with an amount, and draws."""
        return f"SpendFit({self.data.title}, {len(self.u):,} draws)"

    def _repr_html_(self) -> str:
        """Return the line with the table of parameters, for a notebook."""
        shown = self.summary().to_html(float_format="{:.4g}".format, na_rep="")
        return f"<p><b>{self!r}</b></p>{shown}"

    def summary(self) -> pd.DataFrame:
        """Return one row per parameter, as `Fit.summary`; amounts in the log's currency.

        Returns
        -------
        DataFrame
            A row a parameter: ``mean``, ``sd``, ``q05``, ``q95`` and the diagnostics of its draws.

        Examples
        --------
        >>> "amount_mean" in spend.summary().index
        True
        """
        return self.table.dropna(axis="columns", how="all")

    def to_dict(self) -> dict[str, Any]:
        """Return what `fit.json` says of the spend model.

        Returns
        -------
        dict
            Counts of customers and amounts, diagnostics, warnings.

        Examples
        --------
        >>> spend.to_dict()["n_negative"]
        0
        """
        return {
            "parameters": self.table.reset_index().to_dict("records"),
            "n_customers": int((self.data.customers["n_amounts"] > 0).sum()),
            "n_cells": self.target.n_cells,
            "n_amounts": self.data.count("n_amounts"),
            "n_zero": self.data.count("n_zero"),
            "n_negative": self.data.count("n_negative"),
            "n_missing": self.data.count("n_missing"),
            "max_likelihood": self.max_likelihood,
            "dependence": None if self.dependence is None else self.dependence._asdict(),
            "diagnostics": self.diagnostics,
            "warnings": self.warnings,
        }


def fit_spend(
    summary: SpendSummary,
    *,
    each: bool = True,
    draws: int = 1000,
    priors: dict[str, str] | None = None,
    scale: float | None = None,
    seed: int = 1,
    check: bool = True,
) -> SpendFit:
    """Fit the Gamma-Gamma model of amounts per purchase.

    Parameters
    ----------
    summary : SpendSummary
        Amounts per customer, from `summarise_spend`; a log is summarised first.
    each : bool
        Learn from each amount (default) or, as Fader and Hardie and lifetimes do, from each
        customer's mean alone; see docs/spend.md for what that costs.
    draws : int
        Posterior draws.
    priors : mapping, optional
        Priors as text, by name: amount_mean (in units of `scale`), amount_shape,
        amount_concentration.
    scale : float, optional
        Currency per unit of the prior of amount_mean; default: the customers' geometric mean.
    seed : int
        Everything random follows from it.
    check : bool
        Refuse a fit that its diagnostics do not support.

    Returns
    -------
    SpendFit
        Draws with their diagnostics; `Fit.customers(spend=...)` takes it.

    Raises
    ------
    DataError
        Fewer than two customers with a positive amount, or amounts that never differ.
    FitRefusedError
        Importance sampling failed (Pareto k-hat, effective sample size).

    References
    ----------
    Fader, Hardie and Lee (2005), Journal of Marketing Research 42, 415-430; docs/spend.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> spend = cl.fit_spend(cl.summarise_spend(cl.load_cdnow()))
    >>> bool(30 < spend.summary().loc["amount_mean", "mean"] < 40)  # dollars a purchase
    True
    """
    if draws < 1:
        raise UsageError(f"draws must be at least 1; got {draws}.")
    if not isinstance(summary, SpendSummary):
        summary = summarise_spend(summary)
    check_amounts(summary)
    start, rng = time.perf_counter(), np.random.default_rng(seed)
    cells = summary.cells
    target = SpendTarget(cells, each=each, priors=priors, scale=scale)
    mode = find_mode(target, target.starts())
    bare = SpendTarget(cells, each=each, scale=target.scale, with_prior=False)
    most_likely = find_mode(bare, mode.u[None])
    sample = sample_laplace(target, mode, draws, rng)
    if check and sample.reason:
        raise FitRefusedError(
            f"The spend fit is refused: {sample.reason}. State priors (value.priors.amount_shape="
            "...), or what a purchase is worth (value.per_purchase)."
        )
    share = rng.beta(1 + summary.count("n_amounts"), 1 + summary.count("n_zero"), draws)
    dependence = independence(summary)
    return SpendFit(
        data=summary,
        # without a zero amount on record there is nothing to thin
        draws=SpendDraws(
            target.theta_money(sample.u), share if summary.count("n_zero") else np.ones(draws)
        ),
        table=_table(target, sample),
        max_likelihood=target.theta_money(most_likely.u[None])[0],
        diagnostics=_diagnostics(target, mode, sample),
        dependence=dependence,
        warnings=[
            *account(summary),
            *identifiability(summary, target, sample.u, most_likely),
            *dependence_warning(dependence),
        ],
        seconds=time.perf_counter() - start,
        u=sample.u,
        target=target,
    )


def _table(target: SpendTarget, sample: Sample) -> pd.DataFrame:
    return parameter_table(
        target.parameter_names,
        target.quantities(sample.u),
        {"k_hat": sample.k_hat, "ess_bulk": sample.ess_bulk, "ess_tail": sample.ess_tail},
    )


def _diagnostics(target: SpendTarget, mode: Mode, sample: Sample) -> dict[str, Any]:
    return {
        "method": "laplace",
        "reason": sample.reason,
        **sample.diagnostics(),
        "modes": mode.n_modes,
        "passes": target.evaluations,
    }
