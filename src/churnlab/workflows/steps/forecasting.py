"""The forecast of a window in a fit: by the stack where the past bears it out, or by the model."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from churnlab.candidates import Context
from churnlab.candidates.stacked import Stacked
from churnlab.errors import DataError
from churnlab.events import EventLog
from churnlab.events.ids import positions
from churnlab.fitting import Fit
from churnlab.forecast.config import AUTO, MODEL, STACKED
from churnlab.forecast.learning import Learnt
from churnlab.forecast.stack import Member
from churnlab.origins.panel import Panel
from churnlab.origins.targets import Target
from churnlab.posterior import RiskConfig, customers_table
from churnlab.progress import Progress
from churnlab.workflows.steps.settings import FitSettings

#: Columns of the customers table.
COLUMNS = ("no_purchase", "no_purchase_q05", "no_purchase_q95")


@dataclass(frozen=True)
class WindowForecast:
    """P(no purchase in a window) of every customer, and what forecast it.

    name: `stacked` or `model`.
    horizon_days: The window.
    reason: Why that one, in words.
    columns: `COLUMNS`, a row a customer in the order of the summary.
    learnt: The stack that was taken.
    judged: The stack that the model was held against, taken or not.
    """

    name: str
    horizon_days: int
    reason: str
    columns: pd.DataFrame
    learnt: Learnt | None = None
    judged: Learnt | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the section `forecast` of `fit.json`."""
        judged = self.judged
        about: dict[str, Any] = {
            "name": self.name,
            "horizon_days": self.horizon_days,
            "reason": self.reason,
            "mean": float(self.columns[COLUMNS[0]].mean()),
        }
        if judged is None:
            return about | {"origins": (), "evidence": None}
        family = [member.draws.model for member in judged.stack.family]
        return about | {
            "origins": judged.origins,
            "customers": judged.customers,
            "family": family,
            "weight_of_learner": judged.stack.mixed.weight,
            "trees": asdict(judged.tuned),
            "evidence": None if judged.evidence is None else asdict(judged.evidence),
        }

    @property
    def line(self) -> str:
        """What is expected, and by what, in a line."""
        mean = float(self.columns[COLUMNS[0]].mean())
        by = "the stack" if self.name == STACKED else "the model"
        return (
            f"no purchase in the next {self.horizon_days} days: {mean:.1%} of the customers, by "
            f"{by} ({self.reason})"
        )


def forecast_window(
    log: EventLog, settings: FitSettings, fit: Fit, progress: Progress
) -> WindowForecast:
    """Forecast the window by the stack, or by the fitted model.

    Raises DataError: The stack was asked for by name, and there is nothing to learn it from.
    """
    wanted, days = settings.forecast.name, settings.forecast.horizon_days
    days = settings.risk.horizon_days if days is None else int(days)
    if wanted == MODEL:
        return _by_model(fit, days, "forecast.name=model")
    with progress.stage(f"learning a forecast of {days} days"):
        panel = Panel.from_log(log, list(settings.model.groups) or None)
        past, target = panel.until(log.as_of), Target("fixed_days", float(days))
        try:
            learnt = Stacked().learn(
                past, target, _context(settings), model=_rival(fit), whole=wanted == AUTO
            )
        except DataError as error:
            if wanted == STACKED:
                raise
            return _by_model(fit, days, str(error))
        if wanted == AUTO and not learnt.taken:
            return _by_model(fit, days, learnt.words, learnt)
        found = learnt.stack.forecast(past, target.windows(past))
        at = positions(fit.data.customers["customer_id"], panel.ids[past.customer])
    columns = pd.DataFrame({name: v[at] for name, v in zip(COLUMNS, found, strict=True)})
    return WindowForecast(STACKED, days, learnt.words, columns, learnt, learnt)


def _by_model(fit: Fit, days: int, reason: str, judged: Learnt | None = None) -> WindowForecast:
    read = ("purchase_risk", "purchase_risk_q05", "purchase_risk_q95")
    table = customers_table(
        fit.data,
        fit.draws,
        RiskConfig(basis="fixed_days", horizon_days=days),
        state=None,
        first_draws=None if fit.first is None else fit.first.draws,
        columns=read,
    )
    columns = table[list(read)].set_axis(COLUMNS, axis=1)
    return WindowForecast(MODEL, days, reason, columns, judged=judged)


def _rival(fit: Fit) -> Member | None:
    """Return the fitted model as the stack is held against it; None: that of the family.

    Of a model of covariates, or one that leaves first purchasers to its kin, that does.
    """
    if fit.first is not None or fit.data.design is not None:
        return None
    clock = None if fit.seasons is None else fit.seasons.clock
    return Member(fit.draws.thin(Context.score_draws), clock)


def _context(settings: FitSettings) -> Context:
    """Return how the family is fitted: as in a backtest, by default priors."""
    return Context(
        seed=settings.seed,
        counts=False,
        events=settings.model.events,
        calendar_spread=settings.model.calendar_spread,
    )
