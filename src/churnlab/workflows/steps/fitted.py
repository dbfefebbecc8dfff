"""A fitted log as every command writes it: `posterior.nc`, `fit.json`, `customers.parquet`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from churnlab.engine import give_back
from churnlab.fitting import Fit
from churnlab.fitting.coming import purchases_to_come
from churnlab.fitting.late import LateCounts, count_late, extreme_states
from churnlab.fitting.report.text import banner, headline
from churnlab.inference import posterior_image
from churnlab.posterior import CustomerTable, MonteCarlo, RiskConfig, monte_carlo
from churnlab.report.labels import LANGUAGES, label
from churnlab.rules import Costs, Threshold
from churnlab.runs import Result, RunFolder
from churnlab.studies.sensitivity import prior_sensitivity
from churnlab.workflows.steps.forecasting import WindowForecast
from churnlab.workflows.steps.worth import Worth


@dataclass(frozen=True)
class Fitted(Result):
    """A fitted log with its threshold, and what customers are worth.

    threshold: The rule's cut on the risk.
    worth: What residual values rest on.
    make_table: Computes the per-customer table's columns.
    costs: Of a message, as far as they are stated.
    risk: Risk that the costs are held against.
    window: What forecasts a window best, beside the model.
    """

    files: ClassVar[str] = "files: {folder}/customers.parquet, fit.json, posterior.nc"
    fit: Fit
    threshold: Threshold
    worth: Worth | None
    make_table: Callable[[], CustomerTable]
    costs: Costs = field(default_factory=Costs)
    risk: RiskConfig = field(default_factory=RiskConfig)
    window: WindowForecast | None = None

    @cached_property
    def table(self) -> CustomerTable:
        """Risk, dates and value of every customer, computed when first asked for."""
        return self.make_table()

    @cached_property
    def customers(self) -> pd.DataFrame:
        """The same, with all rows and columns in memory."""
        return self.table.frame()

    @cached_property
    def late(self) -> LateCounts:
        """Who became late, who is worth a message, who is probably gone."""
        as_of = self.fit.data.as_of
        basis = self.risk.windowed_basis
        read = ("at_risk_date", "risk_band", f"risk_{basis}", "residual_value")
        return count_late(self.table.frame(read), as_of, self.costs, basis)

    @cached_property
    def extremes(self) -> list[dict[str, Any]]:
        """Purchase states that hold hardly anybody or nearly everybody."""
        read = ("x", "at_risk_date", "last_purchase_at", "days_since_last", "rhythm_days")
        return extreme_states(self.table.frame(read), self.fit.data.as_of)

    @property
    def expected(self) -> float:
        """Purchases to come of all customers, within the risk's days."""
        return float(self.table.frame(("expected_purchases",))["expected_purchases"].sum())

    @cached_property
    def monte_carlo(self) -> MonteCarlo:
        """What another seed would move."""
        state = self.threshold.state(self.risk)
        return monte_carlo(self.fit.draws, self.fit.data.cells, state)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The per-customer table."""
        return {"customers": self.customers}

    @property
    def warnings(self) -> list[str]:
        """What neither purchases nor amounts can support, in words."""
        return [*self.fit.warnings, *(self.worth.warnings if self.worth else [])]

    @property
    def lines(self) -> list[str]:
        """Key results, then what they rest on."""
        threshold = self.threshold
        customers = self.table.frame(("x", "cycle_days", "at_risk_date", "residual_value"))
        as_of = pd.Timestamp(self.fit.data.as_of)
        flagged = int((customers["at_risk_date"] <= as_of).sum())
        share = flagged / len(customers)
        return [
            f"{self.fit.model}: {len(customers):,} customers up to {as_of.date()}, "
            f"{self.fit.population.method} with {len(self.fit.draws.theta):,} draws",
            _cycles(customers),
            f"{state_line(threshold)}: {flagged:,} at risk ({share:.1%})",
            headline(self.late.to_dict()),
            *map(banner, self.extremes),
            self.monte_carlo.line(),
            *([self.window.line] if self.window else []),
            *(self.worth.lines(customers) if self.worth else []),
            *(f"note: {n}" for n in threshold.notes),
        ]

    def write(self, folder: RunFolder) -> None:
        """Write `posterior.nc`, `fit.json`, `customers.parquet` and what a stack has learnt."""
        give_back()  # what the table was computed with: tree and table are made side by side
        with ThreadPoolExecutor(2) as beside:  # none of the three keeps a second core busy
            image = beside.submit(posterior_image, self.fit.population)
            report = beside.submit(fit_report, self)
            folder.write_parquet("customers.parquet", self.table)
            folder.write_json("fit.json", report.result())
            if self.window is not None and self.window.learnt is not None:
                folder.write_json("forecast.json", self.window.learnt.stack.to_dict())
            folder.write("posterior.nc", lambda path: path.write_bytes(image.result()))


def fit_report(fitted: Fitted) -> dict[str, Any]:
    """Return what `fit.json` holds (docs/files.md lists the keys)."""
    population, summary = fitted.fit.population, fitted.fit.data
    best, mode = population.max_likelihood, population.mode
    spend = None if fitted.worth is None else fitted.worth.spend
    return {
        "model": fitted.fit.model,
        "k": fitted.fit.draws.k,
        "method": population.method,
        "reason": population.reason,
        "as_of": summary.as_of,
        "group_columns": summary.group_columns,
        "groups": group_rows(fitted.fit),
        "covariates": covariate_rows(fitted.fit),
        "parameters": population.table.reset_index().to_dict("records"),
        "n_customers": summary.cells.n_customers,
        "n_cells": len(summary.cells.x),
        "max_log_likelihood": best.value,
        "max_likelihood": best.theta,
        "log_likelihood_at_mode": mode.value,
        "diagnostics": population.diagnostics,
        "warnings": fitted.fit.warnings,
        "misfit": [asdict(one) for one in fitted.fit.misfit],
        "next_purchase": fitted.fit.next_levels(fitted.risk.due_window_days)._asdict(),
        "due": fitted.fit.next_levels(fitted.risk.due_window_days, due=True)._asdict(),
        "misfit_words": {lang: fitted.fit.say_misfit(lang) for lang in LANGUAGES},
        "calendar": None if fitted.fit.seasons is None else fitted.fit.seasons.to_dict(),
        "prior_sensitivity": prior_sensitivity(population).to_dict("records"),
        "seconds": population.seconds | ({"amounts": spend.seconds} if spend else {}),
        "threshold": fitted.threshold.to_dict(),
        "late": fitted.late.to_dict(),
        "coming": purchases_to_come(fitted.fit, fitted.expected, fitted.risk.horizon_days),
        "forecast": None if fitted.window is None else fitted.window.to_dict(),
        "extreme_states": fitted.extremes,
        "monte_carlo": fitted.monte_carlo.to_dict(),
        "spend": None if fitted.worth is None else fitted.worth.to_dict(),
    }


def group_rows(fit: Fit) -> list[dict[str, Any]]:
    """Return customers and natural quantities of each group; empty without groups."""
    summary, population = fit.data, fit.population
    if not summary.group_columns or summary.design is not None or len(fit.draws.groups) == 1:
        return []
    target: Any = population.target
    natural = target.natural_by_group(population.u)
    customers = np.bincount(summary.cells.group, summary.cells.weight)
    rows = []
    for g, name in enumerate(fit.draws.groups):
        row: dict[str, Any] = {"group": name, "customers": round(customers[g])}
        for quantity, values in zip(target.map.names, natural[:, g], strict=True):
            low, high = np.quantile(values, [0.05, 0.95])
            row[quantity] = {"mean": values.mean(), "q05": low, "q95": high}
        rows.append(row)
    return rows


def covariate_rows(fit: Fit) -> list[dict[str, Any]]:
    """Return how each covariate was coded; its effects are among the parameters."""
    design = fit.data.design
    return [] if design is None else [asdict(coding) for coding in design.codings]


def state_line(threshold: Threshold) -> str:
    """Return what puts a customer at risk, in words."""
    if threshold.window_cycles is not None:
        return (
            f"late by the own rhythm (of those who come back within {threshold.window_cycles:g} "
            f"own rhythms, {threshold.quantile:.0%} have come back by now"
            + (f": level {threshold.value:.3f}" if threshold.learnt_until else "")
            + ")"
        )
    known = threshold.low is not None and threshold.high is not None
    interval = f", 90% interval {threshold.low:.3f} to {threshold.high:.3f}" if known else ""
    what = label(f"formula.{threshold.basis}")
    return f"at risk from {what} = {threshold.value:.3f} ({threshold.rule}{interval})"


def _cycles(customers: pd.DataFrame) -> str:
    repeat = customers.loc[customers["x"] > 0, "cycle_days"]
    if repeat.empty:
        return "nobody has bought twice: cycles are the population's"
    low, middle, high = repeat.quantile([0.1, 0.5, 0.9])
    return (
        f"purchase cycles of the {len(repeat):,} repeat customers: median {middle:.0f} days, "
        f"80% of them between {low:.0f} and {high:.0f}"
    )
