"""What the front page of a pipeline says: the steps' answers together, in two languages."""

from __future__ import annotations

from churnlab.backtest.report import text as backtest_text
from churnlab.fitting.report import text as fit_text
from churnlab.journeys.report import text as journey_text
from churnlab.journeys.result import read_tables
from churnlab.report.words import bullets, heading, pick
from churnlab.runs.reading import Run


def question(run: Run, lang: str) -> str:
    """Return the question of the main job."""
    text = pick(
        lang,
        "Who is slipping away, since which date, with what certainty, and what would it cost to be "
        "wrong?",
        "누가, 언제부터, 얼마나 확실하게 이탈하고 있으며, 틀리면 비용이 얼마인가?",
    )
    return heading("question", lang) + "\n\n" + text


def answer(run: Run, lang: str) -> str:
    """Return the answers of the fit, the backtest, and the first ones of the journeys."""
    fit = run.part("fit")
    assert fit is not None  # a pipeline without a fit does not finish
    parts = [fit_text.answer(fit.json("fit.json"), fit.frame("customers.parquet"), lang)]
    backtest = run.part("backtest")
    if backtest is not None:
        parts.append(bullets(backtest.json("backtest.json")["answers"], none="–"))
    journey = run.part("journey")
    if journey is not None:
        said = journey_text.answer_lines(read_tables(journey), journey.json("journey.json"), lang)
        parts.append(bullets(said[:3], none="–"))
    return "\n\n".join(parts)


def steps(run: Run, lang: str) -> str:
    """Return which steps were done and which were skipped, with the reason."""
    found = run.json("steps.json")
    items = [f"{name}: {outcome}" for name, outcome in found.items()]
    return pick(lang, "**Steps**", "**단계**") + "\n\n" + bullets(items, none="–")


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
