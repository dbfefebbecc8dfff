"""Explain one customer: why they stand where they stand, in a picture and a paragraph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from churnlab.errors import DataError
from churnlab.events import EventLog
from churnlab.explanation.data import explanation, near_ids
from churnlab.progress import SILENT, Progress
from churnlab.runs import Result, RunFolder
from churnlab.segments import load_playbook
from churnlab.workflows.fit import fit as fit_log
from churnlab.workflows.segment import SegmentSettings
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.placing import place_fitted


@dataclass(kw_only=True)
class ExplainSettings(SegmentSettings):
    """Of one customer's explanation.

    customer: An id, to the letter.
    """

    customer: str = "???"


@dataclass(frozen=True)
class Explanation(Result):
    """One customer's story.

    Attributes
    ----------
    told : dict
        What `explain.json` holds.
    lang : str
        Language of the picture and of the lines.

    Notes
    -----
    Made by `churnlab.explain`, whose example those of the methods go on from.
    """

    told: dict[str, Any]
    lang: str
    files: ClassVar[str] = "files: {folder}/explain.json, explain.png"

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Risk and P(alive) on each day, and the risk of visits where there are any."""
        names = ("risk_by_day", "alive_by_day", "visit_risk_by_day")
        return {name: pd.DataFrame(self.told[name]) for name in names if self.told[name]}

    @property
    def lines(self) -> list[str]:
        """The paragraph."""
        return [self.told["paragraph"][self.lang]]

    def write(self, folder: RunFolder) -> None:
        """Write `explain.json` and draw `explain.png`."""
        from matplotlib import pyplot as plt

        from churnlab.explanation.plots import draw_explanation
        from churnlab.report.style import styled

        with styled():
            figure = draw_explanation(self.told, lang=self.lang)
            folder.write("explain.png", figure.savefig)
            plt.close(figure)
        folder.write_json("explain.json", self.told)


@use_case(ExplainSettings, "customer")
def explain(log: EventLog, settings: ExplainSettings, progress: Progress = SILENT) -> Explanation:
    """Fit, place everybody, and tell the story of one customer.

    Parameters
    ----------
    log : EventLog
        Purchases, and visits where there are any.
    settings : ExplainSettings, optional
        Or its fields: ``explain(log, "0841", lang="ko")``.
    progress : Progress
        Hears of the stages.

    Returns
    -------
    Explanation
        ``.lines`` in words, ``.told`` as a dict (dates; probabilities 0-1; times in days).

    Raises
    ------
    DataError
        No such customer; the message names ids near it.

    Examples
    --------
    >>> import churnlab as cl
    >>> story = cl.explain(cl.load_shop(300), "m00002", inference={"draws": 200})
    >>> story.told["customer_id"]
    'm00002'
    """
    _require(log, settings.customer)
    fitted = fit_log(log, settings, progress)
    day = place_fitted(log, fitted, settings, progress)
    told = explanation(
        log,
        settings.customer,
        day.placed,
        fitted.customers,
        fitted.threshold.to_dict(),
        load_playbook(settings.playbook),
    )
    return Explanation(told, settings.lang)


def _require(log: EventLog, customer: str) -> None:
    known = log.members()["customer_id"].tolist()
    if customer in set(known):
        return
    near = near_ids(str(customer), known)
    close = f" Near it: {', '.join(map(repr, near))}." if near else ""
    raise DataError(
        f"there is no customer {customer!r} among the {len(known):,} members.{close} "
        "Ids are text, to the letter."
    )
