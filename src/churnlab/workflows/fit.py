"""Fit a log: the posterior of a model, a first threshold, and the per-customer table."""

from dataclasses import replace
from functools import partial

from churnlab.backtest import Context, calibrate_threshold
from churnlab.events import EventLog
from churnlab.fitting import Fit
from churnlab.fitting import fit as fit_model
from churnlab.forecast.config import NONE
from churnlab.inference.targets.covariates import split_effect_priors
from churnlab.posterior import CustomerTable
from churnlab.progress import SILENT, Progress, Update
from churnlab.rules import OverdueRule, Threshold
from churnlab.summary import summarise
from churnlab.workflows.steps.beside import beside
from churnlab.workflows.steps.elsewhere import fit_elsewhere
from churnlab.workflows.steps.fitted import Fitted
from churnlab.workflows.steps.forecasting import forecast_window
from churnlab.workflows.steps.settings import FitSettings, ModelSettings
from churnlab.workflows.steps.worth import find_worth


def fit(
    log: EventLog, settings: FitSettings, progress: Progress = SILENT, *, with_worth: bool = True
) -> Fitted:
    """Fit purchases and amounts of a log, choose the threshold, compute the per-customer table.

    Without worth nobody asks for money (an earlier day's grid, for example), and the table is made
    when somebody asks for it.

    Raises DataError: Too few customers, no repeat purchase, or too little to learn a threshold
        from.
    Raises FitRefusedError: The diagnostics do not support the fit.
    """
    if log.engine is not None:
        return fit_elsewhere(log, settings, progress)
    model = settings.model
    with progress.stage("summarising customers"):
        summary = summarise(log, group=list(model.groups) or None)
    with progress.stage(f"fitting {model.name} ({settings.inference.method})"):
        posterior = fit_model(
            summary,
            model=model,
            inference=settings.inference,
            seed=settings.seed,
            progress=progress.update,
        )
    if with_worth:
        with progress.stage("holding the fit against its own simulations"):
            _ = posterior.misfit
    with progress.stage(f"choosing the threshold ({settings.rule.name})"):
        threshold = (
            posterior.overdue(settings.rule)
            if isinstance(settings.rule, OverdueRule)
            else choose_threshold(log, settings, posterior)
        )

    def columns(update: Update) -> CustomerTable:
        state = threshold.state(settings.risk)
        return posterior.customer_table(settings.risk, state=state, progress=update)

    if not with_worth:
        return Fitted(
            posterior, threshold, None, partial(columns, progress.update), settings.rule,
            settings.risk,
        )  # fmt: skip
    window = None
    with beside(columns) as own:  # what is learnt of amounts and windows leaves a core alone
        worth = find_worth(log, settings, progress)
        if settings.forecast.name != NONE:
            window = forecast_window(log, settings, posterior, progress)
        with progress.stage("risk, dates and value of every customer"):
            table = posterior.with_value(own.result(), worth.spend, worth.config)
    if window is not None:
        table = table.joined(window.columns)
    return Fitted(posterior, threshold, worth, lambda: table, settings.rule, settings.risk, window)


def choose_threshold(log: EventLog, settings: ModelSettings, fit: Fit) -> Threshold:
    """Choose a cut on the risk by the rule, on earlier origins of the same log where it learns.

    A calendar that the fit has not taken is not asked for at the earlier ones either.
    """
    calendar = settings.model.calendar if fit.config.calendar else None
    model = replace(settings.model, calendar=calendar)
    priors, _ = split_effect_priors(model.priors)
    chosen = calibrate_threshold(
        log,
        rule=settings.rule,
        risk=settings.risk,
        model=model.candidate,
        k=model.k,
        group=model.groups,
        seed=settings.seed,
        context=Context(
            seed=settings.seed,
            counts=False,
            priors=priors,
            events=model.events,
            calendar_spread=model.calendar_spread,
        ),
    )
    left_out = ["covariates"] if model.covariates else []
    left_out += ["groups"] if model.groups and "@" in model.candidate else []
    if not left_out or chosen.learnt_until is None:
        return chosen
    note = f"the threshold was learnt on the model without {' and '.join(left_out)}"
    return replace(chosen, notes=(*chosen.notes, note))
