"""A fit of a log that stays in Spark or PostgreSQL: cells come here, and go back as columns."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.fitting import Fit
from churnlab.fitting import fit as fit_model
from churnlab.fitting.late import LateCounts, count_late, extreme_states
from churnlab.fitting.report.text import banner, headline
from churnlab.forecast.config import MODEL, STACKED
from churnlab.inference import posterior_image
from churnlab.posterior import CustomerTable
from churnlab.progress import Progress
from churnlab.rules import OverdueRule
from churnlab.runs import RunFolder
from churnlab.summary import summarise
from churnlab.types import Array
from churnlab.workflows.steps.fitted import Fitted, fit_report, state_line
from churnlab.workflows.steps.settings import FitSettings


@dataclass(frozen=True, repr=False)
class FittedElsewhere(Fitted):
    """A fitted log whose customers stay where they are.

    The table holds one row a cell; `write` brings its columns to the customers there.
    """

    files: ClassVar[str] = "files: {folder}/customers.parquet/, fit.json, posterior.nc"
    log: EventLog | None = None

    @property
    def _weight(self) -> Array:
        return self.fit.data.cells.weight

    @cached_property
    def late(self) -> LateCounts:
        """Who became late, who is worth a message, who is probably gone."""
        read = ("at_risk_date", "risk_band", f"risk_{self.risk.windowed_basis}")
        return count_late(
            self.table.frame(read), self.fit.data.as_of, self.costs, self.risk.windowed_basis,
            self._weight,
        )  # fmt: skip

    @cached_property
    def extremes(self) -> list[dict[str, Any]]:
        """Purchase states that hold hardly anybody or nearly everybody, by the sample."""
        read = ("x", "at_risk_date", "last_purchase_at", "days_since_last", "rhythm_days")
        people = self.fit.data.customers
        some = replace(self.table, summary=self.fit.data).frame(read)
        found = extreme_states(some, self.fit.data.as_of)
        each = self.fit.data.cells.n_customers / len(people)
        return [one | {k: round(one[k] * each) for k in ("n", "of")} for one in found]

    @property
    def expected(self) -> float:
        """Purchases to come of all customers, within the risk's days."""
        each = self.table.frame(("expected_purchases",))["expected_purchases"]
        return float(each.to_numpy() @ self._weight)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """One row a cell."""
        return {"cells": self.customers.assign(n_customers=self._weight.astype(np.int64))}

    @property
    def warnings(self) -> list[str]:
        """What neither purchases nor amounts can support, in words."""
        assert self.log is not None
        if "amount" not in self.log.table("purchases").columns:
            return self.fit.warnings
        return [*self.fit.warnings, "customers are not valued: amounts stay where they are"]

    @property
    def lines(self) -> list[str]:
        """Key results, then what they rest on."""
        assert self.log is not None
        assert self.log.engine is not None
        population, data = self.fit.population, self.fit.data
        share = self.late.at_risk / max(self.late.purchasers, 1)
        return [
            f"{self.fit.model}: {data.cells.n_customers:,} customers up to {data.as_of}, "
            f"{population.method} with {len(self.fit.draws.theta):,} draws; {len(data.cells):,} "
            f"cells and {len(data.customers):,} customers of them came from {self.log.engine.name}",
            f"{state_line(self.threshold)}: {self.late.at_risk:,} at risk ({share:.1%})",
            headline(self.late.to_dict()),
            *map(banner, self.extremes),
            self.monte_carlo.line(),
            *(f"note: {n}" for n in self.threshold.notes),
        ]

    def write(self, folder: RunFolder) -> None:
        """Write `posterior.nc` and `fit.json` here; let the engine write `customers.parquet/`."""
        there, log = self.fit.data.elsewhere, self.log
        assert there is not None
        assert log is not None
        engine = log.engine
        assert engine is not None
        with ThreadPoolExecutor(1) as beside:
            image = beside.submit(posterior_image, self.fit.population)
            rows = there.with_columns(self.customers)
            folder.write_parts("customers.parquet", lambda path: engine.write(rows, path))
            folder.write_json("fit.json", fit_report(self))
            folder.write("posterior.nc", lambda path: path.write_bytes(image.result()))


def fit_elsewhere(log: EventLog, settings: FitSettings, progress: Progress) -> FittedElsewhere:
    """Fit the cells of a log that stays where it is, and compute the table of its cells.

    Raises UsageError: A rule, model or value that needs every customer's history here.
    """
    assert log.engine is not None
    model, rule = settings.model, settings.rule
    if not isinstance(rule, OverdueRule):
        raise UsageError(
            f"rule={rule.name} learns from earlier days of every customer, and the log stays in "
            f"{log.engine.name}; take rule=overdue, or read the log with data.engine=duckdb."
        )
    if settings.forecast.name in (STACKED, MODEL):
        raise UsageError(
            f"forecast.name={settings.forecast.name} needs every customer's days, and the log "
            f"stays in {log.engine.name}; take forecast.name=auto (risk_fixed_days is the model's) "
            "or data.engine=duckdb."
        )
    if model.calendar == "auto":
        model = replace(model, calendar=None)
    if model.buckets is not None:
        raise UsageError(
            f"model.calendar needs the days of every customer, and the log stays in "
            f"{log.engine.name}; take model.calendar=null, or data.engine=duckdb."
        )
    with progress.stage(f"summing up customers in {log.engine.name}"):
        summary = summarise(log, group=list(model.groups) or None, there=True)
    with progress.stage(f"fitting {model.name} ({settings.inference.method})"):
        posterior = fit_model(
            summary, model=model, inference=settings.inference, seed=settings.seed,
            progress=progress.update,
        )  # fmt: skip
    with progress.stage("holding the fit against its own simulations"):
        _ = posterior.misfit
    with progress.stage(f"choosing the threshold ({rule.name})"):
        threshold = posterior.overdue(rule)

    def table() -> CustomerTable:
        found = posterior.customer_table(
            settings.risk, state=threshold.state(settings.risk), progress=progress.update
        )
        return _of_cells(found, posterior)

    made = FittedElsewhere(posterior, threshold, None, table, rule, settings.risk, log=log)
    with progress.stage("risk and dates of every cell"):
        _ = made.table
    return made


def _of_cells(table: CustomerTable, fit: Fit) -> CustomerTable:
    """Return the table with one row a cell instead of one a sampled customer."""
    there = fit.data.elsewhere
    assert there is not None
    rows = replace(fit.data, customers=there.rows)
    own = {}
    if "model" in table.own and fit.first is not None:
        once = there.rows["x"].to_numpy() == 0
        own["model"] = np.where(once, fit.first.model, fit.model)
    return replace(table, summary=rows, own=own)
