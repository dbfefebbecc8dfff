"""What customers are worth in a run: by their amounts, by a stated margin, or unknown."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.posterior import ValueConfig
from churnlab.progress import Progress
from churnlab.spend import SpendFit, fit_spend
from churnlab.summary import summarise_spend
from churnlab.workflows.steps.settings import FitSettings

AMOUNT, STATED = "amount", "value.per_purchase"


@dataclass(frozen=True)
class Worth:
    """What residual values of a run rest on.

    config: Horizon, discount, margins.
    spend: The spend model; None without amounts, or where they cannot be learnt from.
    notes: Why there is no spend model, and what the values are.
    """

    config: ValueConfig
    spend: SpendFit | None
    notes: tuple[str, ...]

    @property
    def by(self) -> str | None:
        """`amount`, `value.per_purchase`, or None: no residual value."""
        if self.config.per_purchase is not None:
            return STATED
        return None if self.spend is None else AMOUNT

    @property
    def warnings(self) -> list[str]:
        """Return the spend model's warnings."""
        return [] if self.spend is None else list(self.spend.warnings)

    def to_dict(self) -> dict[str, Any]:
        """Return the section `spend` of `fit.json`."""
        return {
            "worth": self.by,
            "value": asdict(self.config),
            "model": None if self.spend is None else self.spend.to_dict(),
            "notes": self.notes,
        }

    def lines(self, customers: pd.DataFrame) -> list[str]:
        """Return the closing lines about money."""
        said = [f"note: {note}" for note in self.notes]
        if self.spend is not None:
            mean = self.spend.table.loc["amount_mean"]
            said.append(
                f"amount per purchase: {mean['mean']:,.2f} on average over customers (90% interval "
                f"{mean['q05']:,.2f} to {mean['q95']:,.2f})"
            )
        if self.by is None:
            return said
        value, config = customers["residual_value"], self.config
        if self.by == STATED:
            basis = f"{config.per_purchase:g} per purchase for everybody"
        elif config.margin_rate == 1.0:
            basis = "revenue; state value.margin_rate for margins"
        else:
            basis = f"margin rate {config.margin_rate:g}"
        said.append(
            f"residual value of the next {config.horizon_days} days: {value.sum():,.0f} in all, "
            f"{value.mean():,.2f} per customer ({basis}, {config.discount_rate:.0%} a year off)"
        )
        return said


def find_worth(log: EventLog, settings: FitSettings, progress: Progress) -> Worth:
    """Fit the amounts where there are some; what they cannot support is a note, not an error."""
    config = settings.value
    if "amount" not in log.table("purchases").columns:
        return Worth(config, None, _without_amounts(config))
    try:
        with progress.stage("fitting amounts (gamma_gamma)"):
            spend = fit_spend(
                summarise_spend(log),
                draws=settings.inference.draws,
                priors=config.priors,
                seed=settings.seed,
            )
    except (DataError, FitRefusedError) as error:
        return Worth(config, None, (f"no spend model: {error}",))
    return Worth(config, spend, _with_amounts(config))


def _without_amounts(config: ValueConfig) -> tuple[str, ...]:
    if config.per_purchase is None:
        return (
            "the purchases carry no amount: no residual value; name the column in "
            "data.purchases.amount or state value.per_purchase",
        )
    return (
        f"the purchases carry no amount: every purchase is worth value.per_purchase = "
        f"{config.per_purchase:g}",
    )


def _with_amounts(config: ValueConfig) -> tuple[str, ...]:
    if config.per_purchase is None:
        return ()
    return (
        f"every purchase is worth value.per_purchase = {config.per_purchase:g}, whatever its "
        "amount",
    )
