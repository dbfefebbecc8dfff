"""What the front page of a pipeline says: the steps' answers together."""

from typing import Final

from churnlab.backtest.report import text as backtest_text
from churnlab.fitting.report import text as fit_text
from churnlab.fitting.report.data import SHOWN
from churnlab.journeys.report import text as journey_text
from churnlab.journeys.result import read_tables
from churnlab.nday.report import text as nday_text
from churnlab.report.catalogue import Catalogue
from churnlab.report.notes import told
from churnlab.report.words import bullets, heading
from churnlab.runs.reading import Run

say: Final = Catalogue(__file__)


def question(run: Run, lang: str) -> str:
    """Return the question of the main job."""
    return heading("question", lang) + "\n\n" + say("question", lang)


def answer(run: Run, lang: str, currency: str | None = None) -> str:
    """Return the answers of the fit, the backtest, the N-day rule and the journeys' first ones."""
    fit = run.part("fit")
    assert fit is not None  # a pipeline without a fit does not finish
    customers = fit.frame("customers.parquet", SHOWN)
    days = run.manifest["config"]["risk"]["horizon_days"]
    parts = [fit_text.answer(fit.json("fit.json"), customers, days, lang, currency)]
    said = (_backtest(run, lang), _nday(run, lang, currency), _journeys(run, lang))
    return "\n\n".join([*parts, *(bullets(lines, none="") for lines in said if lines)])


def _backtest(run: Run, lang: str) -> list[str]:
    part = run.part("backtest")
    return [] if part is None else backtest_text.answer_lines(part.json("backtest.json"), lang)


def _nday(run: Run, lang: str, currency: str | None) -> list[str]:
    part = run.part("nday")
    return [] if part is None else nday_text.answer_lines(part.json("rule.json"), lang, currency)


def _journeys(run: Run, lang: str) -> list[str]:
    part = run.part("journey")
    if part is None:
        return []
    return journey_text.answer_lines(read_tables(part), part.json("journey.json"), lang)[:3]


def steps(run: Run, lang: str) -> str:
    """Return which steps were done and which were skipped, with the reason."""
    items = [_step(name, outcome, lang) for name, outcome in run.json("steps.json").items()]
    return say("steps", lang) + "\n\n" + bullets(items, none="–")


def _step(name: str, outcome: str, lang: str) -> str:
    skipped, _, reason = outcome.partition(": ")
    step, _, model = name.partition("_")
    what = say(f"step.{step}", lang)
    what = say("of_model", lang, name=what, model=model) if model else what
    return say(f"outcome.{skipped}", lang, name=what, reason=told(reason, lang))


def checks(run: Run, lang: str) -> str:
    """Return the data report, the fit's diagnostics and the backtest's limits."""
    fit, backtest = run.part("fit"), run.part("backtest")
    parts = [steps(run, lang)]
    if fit is not None:
        parts.append(fit_text.checks(fit.json("fit.json"), lang).split("\n\n", 1)[1])
    if backtest is not None:
        limits = backtest_text.checks(backtest.json("backtest.json"), lang)
        parts.append(limits.split("\n\n", 1)[1])
    return "\n\n".join((heading("checks", lang), *parts))
