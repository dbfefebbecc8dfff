"""Segment a log: the visit x purchase grid on its last day, its changes, and whom to reach."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churnlab import models
from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.export.tables.files import write_csv
from churnlab.fitting.late import three_numbers
from churnlab.fitting.report.text import banner, headline
from churnlab.inference import posterior_image
from churnlab.progress import SILENT, Progress
from churnlab.report.drawn import drawn
from churnlab.runs import Result, RunFolder
from churnlab.segments import (
    Audience,
    AudienceData,
    Past,
    Playbook,
    Snapshot,
    all_audiences,
    audience_frame,
    check_breakdown,
    comparison_day,
    load_playbook,
)
from churnlab.segments.actions.effects import action_effects, effect_lines, with_evidence
from churnlab.segments.actions.plan import campaign_calendar, campaign_plan
from churnlab.segments.grid.extremes import extreme_visits
from churnlab.segments.report.lines import lines
from churnlab.segments.tables import breakdowns, churn_tables, compare, visit_checks, with_bands
from churnlab.workflows.fit import fit as fit_log
from churnlab.workflows.pages.board import PAGE
from churnlab.workflows.steps.fitted import Fitted
from churnlab.workflows.steps.history import Compared, by_fit_of, look_back
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.placing import Day, GridSettings, place_fitted
from churnlab.workflows.steps.settings import Worded
from churnlab.workflows.steps.stories import stories

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(kw_only=True)
class SegmentSettings(GridSettings, Worded):
    """Of the grid alone, whose purchase axis judges first purchasers."""

    def __post_init__(self) -> None:
        """Refuse models that cannot judge a first purchaser: half of the purchase axis."""
        super().__post_init__()
        if not models.get(self.model.name).judges_first_purchasers:
            raise UsageError(
                f"model={self.model.name} sets P(alive) = 1 for everybody with one purchase and "
                "cannot decide the first-purchase states; use mbg_nbd, mbg_cnbd_k or pareto_nbd "
                "for segments."
            )


@dataclass(frozen=True)
class Segmentation(Result):
    """The grid on the last day, its changes, and whom to reach.

    Attributes
    ----------
    now : Day
        The last day.
    before : Snapshot, optional
        The day compared with, as it was said then: by a fit of its own.
    past : Past, optional
        What still earlier days say.
    found : mapping of str to DataFrame
        The tables but for the actions.
    playbook, audiences
        The actions and whom each reaches.
    effect_days : int
        Window of the actions' outcome.
    stories : list
        What is told of the most urgent customers one by one (`stories.json`).
    with_fit : bool
        Whether the fit's files are written, too; a pipeline has them in a folder of their own.

    Notes
    -----
    Made by `churnlab.segment`, whose example those of the methods go on from.
    """

    now: Day
    before: Snapshot | None
    past: Past | None
    found: dict[str, pd.DataFrame]
    playbook: Playbook
    audiences: tuple[Audience, ...]
    effect_days: int
    stories: list[dict[str, Any]]
    with_fit: bool = False
    files: ClassVar[str] = (
        "files: {folder}/membership.parquet, shares.parquet, actions.parquet, ..."
    )

    @property
    def extremes(self) -> list[dict[str, Any]]:
        """States that hold hardly anybody or nearly everybody, with the reason."""
        return [*self.now.fitted.extremes, *extreme_visits(self.found["membership"])]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by the names of docs/files.md."""
        actions = self.playbook.frame().merge(audience_frame(self.audiences), on="action_id")
        return self.found | {"actions": actions}

    @property
    def warnings(self) -> list[str]:
        """What the fit cannot support; a pipeline has said it with the fit."""
        return self.now.fitted.warnings if self.with_fit else []

    @property
    def lines(self) -> list[str]:
        """The grid's shares, what changed, whom to reach."""
        past = () if self.past is None else self.past.lines
        fitted = self.now.fitted
        first = [headline(fitted.late.to_dict()), *map(banner, self.extremes)]
        grid = lines(self.now.placed.snapshot, self.before, self.found, self.audiences, past)
        return [*first, *grid, *effect_lines(self.found["action_effects"], self.effect_days)]

    @property
    def numbers(self) -> dict[str, int]:
        """The headline's."""
        return three_numbers(self.now.fitted.late.to_dict())

    def matter(self, folder: Path) -> dict[str, Path]:
        """Return the page, and whom to write to."""
        return {"to look at": folder / PAGE, "to send": folder / "campaign_plan.csv"}

    @drawn
    def plot_grid(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw the grid with shares and changes; the purchase states alone without visits.

        Examples
        --------
        >>> ax = found.plot_grid()
        """
        from churnlab.backtest.report.plots import purchase_axis
        from churnlab.report.style import axes
        from churnlab.segments.report import data, plots

        shown = data.grid(self.found["shares"], self.found.get("changes"), lang=lang)
        if shown.unknown_share < 1:
            return plots.draw_grid(axes(ax, (9, 6)), shown, lang=lang)
        return purchase_axis(axes(ax, (7.2, 3)), self.found["shares"], lang=lang)

    @drawn
    def plot_flow(self, ax: Axes | None = None, *, lang: str = "en") -> Axes:
        """Draw the largest moves between cells since the earlier day.

        Raises
        ------
        UsageError
            A grid without an earlier day to compare with.

        Examples
        --------
        >>> ax = found.plot_flow()
        """
        from churnlab.report.style import axes
        from churnlab.segments.report import data, plots

        shown = data.flows(self._table("transitions", "compare_to"), lang=lang)
        return plots.draw_flows(axes(ax, (9, 6)), shown, lang=lang)

    @drawn
    def plot_shares(
        self, ax: Axes | None = None, *, level: str | None = None, lang: str = "en"
    ) -> Axes:
        """Draw shares by day: of `polarity`, of the purchase states where there are no visits.

        Parameters
        ----------
        level : str, optional
            Whose shares: `polarity`, `purchase_state`, `visit_state` or `cell`.

        Raises
        ------
        UsageError
            A grid without earlier days (``segments={"periods": 6}``).

        Examples
        --------
        >>> ax = found.plot_shares(level="purchase_state")
        """
        from churnlab.report.style import axes
        from churnlab.segments.report import data, plots

        past = self._table("shares_over_time", "segments.periods")
        known = self.now.visits is not None
        shown = data.over_time(
            past, level=level or ("polarity" if known else "purchase_state"),
            scored_by="latest_fit", lang=lang,
        )  # fmt: skip
        return plots.draw_over_time(axes(ax, (9, 4)), shown, lang=lang)

    def _table(self, name: str, key: str) -> pd.DataFrame:
        if name not in self.found:
            raise UsageError(f"this grid has no {name}: there is no earlier day (see {key}).")
        return self.found[name]

    def write(self, folder: RunFolder) -> None:
        """Write the tables, the audiences, the visit-days' posterior and `segments.json`."""
        if self.with_fit:
            self.now.fitted.write(folder)
        visits = self.now.visits
        with ThreadPoolExecutor(1) as beside:  # neither tree nor tables keep a second core busy
            image = None if visits is None else beside.submit(posterior_image, visits.population)
            self._write_tables(folder)
            if visits is not None and image is not None:
                folder.write("visits_posterior.nc", lambda p: p.write_bytes(image.result()))
                folder.write_parquet("visits.parquet", visits.data.customers)

    def _write_tables(self, folder: RunFolder) -> None:
        super().write(folder)
        plan = folder.path / "campaign_plan.parquet"
        folder.write("campaign_plan.csv", lambda path: _to_csv(plan, path))
        for audience in self.audiences:
            if len(audience.frame):
                folder.write_parquet(f"audiences/{audience.action_id}.parquet", audience.frame)
        folder.write_json("stories.json", {"stories": self.stories})
        placed = self.now.placed
        folder.write_json(
            "segments.json",
            {
                "as_of": placed.snapshot.as_of,
                "n_members": placed.snapshot.n_members,
                "threshold": self.now.fitted.threshold.to_dict(),
                "late": self.now.fitted.late.to_dict(),
                "extreme_states": self.extremes,
                "visit_cuts": None if placed.visit_axis is None else placed.visit_axis.cuts,
                "core_leak": None if self.past is None else self.past.core_leak(),
                "notes": placed.snapshot.notes,
            },
        )


def _to_csv(plan: Path, path: Path) -> None:
    """Write the plan's Parquet as CSV: people open it in a spreadsheet."""
    file = pq.ParquetFile(plan)
    day = file.schema_arrow.get_field_index("send_date")

    def dated(group: int) -> pa.Table:
        table = file.read_row_group(group)
        return table.set_column(day, "send_date", table.column(day).cast(pa.date32()))

    write_csv(map(dated, range(file.num_row_groups)), path)


@use_case(SegmentSettings)
def segment(log: EventLog, settings: SegmentSettings, progress: Progress = SILENT) -> Segmentation:
    """Fit purchases and visits, place everybody in the grid, compare with earlier days.

    Parameters
    ----------
    log : EventLog
        Purchases, and visits where there are any.
    settings : SegmentSettings, optional
        Or its fields as keywords, each part whole, by its fields or by its name:
        ``risk="fixed_days"``, ``segments={"periods": 0}``, ``compare_to="2024-10-31"``.
    progress : Progress
        Hears of the stages.

    Returns
    -------
    Segmentation
        ``.lines`` in words, ``.tables`` (docs/files.md), ``.audiences``, ``.plot_grid()``,
        ``.plot_flow()``, ``.plot_shares()``.

    Raises
    ------
    UsageError
        A day or a breakdown's column that the log does not have.
    DataError, FitRefusedError
        The data do not support the fits.

    References
    ----------
    docs/segments.md, docs/risk.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> found = cl.segment(cl.load_shop(300), segments={"periods": 2}, inference={"draws": 200})
    >>> len(found.tables["membership"])
    300
    >>> _ = found.save("outputs/mine")  # a run folder, for `export`, `board` and reports
    """
    check(log, settings)
    fitted = fit_log(log, settings, progress)
    return replace(segment_fitted(log, fitted, settings, progress), with_fit=True)


def check(log: EventLog, settings: GridSettings) -> None:
    """Say before anything is fitted that a date or a breakdown's column does not exist."""
    _comparison_day(log, settings)
    check_breakdown(settings.segments.breakdown, log.attribute_table().columns)


def _comparison_day(log: EventLog, settings: GridSettings) -> dt.date | None:
    first = log.first_day()
    return comparison_day(log.as_of, first, settings.compare_to, settings.segments.every_days)


def segment_fitted(
    log: EventLog,
    fitted: Fitted,
    settings: GridSettings,
    progress: Progress = SILENT,
    *,
    journeys: pd.DataFrame | None = None,
) -> Segmentation:
    """Segment a log that is fitted already; audiences of `journeys` join the campaign plan."""

    def on(day: dt.date) -> Day:
        with progress.stage(f"the grid of {day}, by a fit of its own"):
            past = log.until(day)
            then = fit_log(past, settings, progress, with_worth=False)
            return place_fitted(past, then, settings, progress, slim=True)

    now = place_fitted(log, fitted, settings, progress)
    placed = now.placed
    tables, before, past = _moved(log, now, settings, progress, on)
    with progress.stage("audiences and campaigns"):
        tables |= churn_tables(fitted.table, settings.risk, settings.winback)
        tables |= breakdowns(log, placed, settings.segments, settings.seed)
        members = tables["membership"] = with_bands(tables["membership"], fitted.table)
        playbook = load_playbook(settings.playbook)
        chosen = settings.audiences
        effects = action_effects(
            log, placed, playbook, costs=settings.rule, window_days=chosen.effect_days,
            holdout_share=chosen.holdout_share, seed=settings.seed,
        )  # fmt: skip
        playbook = with_evidence(playbook, effects, chosen.effect_days)
        tables |= {"action_effects": effects}
        data = replace(audience_data(log, now, tables["churn_bands"]), journeys=journeys)
        audiences = all_audiences(playbook, data, chosen)
        plan = campaign_plan(
            playbook,
            audiences,
            log.as_of,
            treatments=log.frame("treatments") if "treatments" in log.tables else None,
            journeys=() if journeys is None else set(journeys["journey_id"]),
            bands=pd.Series(members["risk_band"].array, members["customer_id"]),
            holdout_share=chosen.holdout_share,
            seed=settings.seed,
        )
        calendar = campaign_calendar(plan, log.as_of, chosen.plan_days)
        tables |= {"campaign_plan": plan, "campaign_calendar": calendar}
    found = tables | ({} if past is None else past.tables)
    with progress.stage("the most urgent customers' stories"):
        told = stories(log, now, playbook)
    return Segmentation(
        now, before, past, found, playbook, audiences, chosen.effect_days, stories=told
    )


def _moved(
    log: EventLog,
    now: Day,
    settings: GridSettings,
    progress: Progress,
    on: Callable[[dt.date], Day],
) -> tuple[dict[str, pd.DataFrame], Snapshot | None, Past | None]:
    """Return the tables of shares and changes, the earlier day as it was said then, and the past.

    on: Fits the data up to a day and places everybody on it.
    """
    earlier, before, own = _comparison_day(log, settings), None, None
    if earlier is not None:
        before, own = by_fit_of(now, log, log.attributes(), earlier, settings), on(earlier)
    compared = None if before is None or own is None else Compared(own, before)
    past = look_back(log, now, compared, settings, progress, on)
    then = None if own is None else own.placed
    said = None if then is None else then.snapshot
    with progress.stage("shares and changes"):
        tables = compare(now.placed.snapshot, before, said, settings.segments, settings.seed)
        tables |= visit_checks(log, then, settings.visits)
    now.placed.snapshot.paired.clear()
    return tables, said, past


def audience_data(log: EventLog, now: Day, churn_bands: pd.DataFrame) -> AudienceData:
    """Return what the playbook's audiences are found from."""
    goods = {"event", "item"}
    visits = _rows(log, "visits", goods) if "visits" in log.tables else None
    needs = set() if visits is not None and goods <= set(visits.columns) else {"item"}
    return AudienceData(
        as_of=log.as_of,
        membership=now.placed.snapshot.membership,
        customers=now.fitted.table.frame(("customer_id", "due_date", "due_q10", "due_q90")),
        members=_rows(log, "members", {"coupon_expires_at"}),
        visits=visits,
        purchases=_rows(log, "purchases", needs),
        churn_bands=churn_bands,
    )


def _rows(log: EventLog, name: str, needs: set[str]) -> pd.DataFrame:
    """Return a table's rows, or its columns alone where they lack what an audience reads."""
    columns = log.table(name).columns
    return log.frame(name) if needs <= set(columns) else pd.DataFrame(columns=list(columns))
