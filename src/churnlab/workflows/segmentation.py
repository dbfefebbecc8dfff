"""What segmenting a log finds: the grid, its changes, the actions and whom each reaches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churnlab.errors import UsageError
from churnlab.export.tables.files import write_csv
from churnlab.fitting.late import three_numbers
from churnlab.fitting.report.text import banner, headline
from churnlab.inference import posterior_image
from churnlab.report.drawn import drawn
from churnlab.runs import Result, RunFolder
from churnlab.segments import Audience, Past, Playbook, Snapshot, audience_frame
from churnlab.segments.actions.effects import effect_lines
from churnlab.segments.grid.extremes import extreme_visits
from churnlab.segments.report.lines import lines
from churnlab.workflows.pages.board import PAGE
from churnlab.workflows.steps.placing import Day

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        fitted, visits = self.now.fitted, self.now.visits
        with ThreadPoolExecutor(1) as beside:  # neither trees nor tables keep a second core busy
            fit = beside.submit(fitted.write, folder) if self.with_fit else None
            image = None if visits is None else beside.submit(posterior_image, visits.population)
            self._write_tables(folder)
            if visits is not None and image is not None:
                folder.write("visits_posterior.nc", lambda p: p.write_bytes(image.result()))
                folder.write_parquet("visits.parquet", visits.data.customers)
            if fit is not None:
                fit.result()

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
