"""The demo's result in one picture: forecast, silence, and the grid."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from churnlab.backtest.report import data as backtests
from churnlab.fitting.report import data as fits
from churnlab.fitting.report import plots as draw_fits
from churnlab.inference import load_draws
from churnlab.models.draws import PopulationDraws
from churnlab.runs import open_run
from churnlab.segments.report import data as cells
from churnlab.segments.report import plots as draw_cells
from churnlab.workflows.pages.front import say


def overview(real: Path, simulated: Path, *, lang: str = "en") -> Figure:
    """Draw the overview from the folders of two pipelines."""
    fit, backtest = open_run(real).part("fit"), open_run(real).part("backtest")
    grid = open_run(simulated).part("segment")
    assert fit is not None
    assert backtest is not None
    assert grid is not None
    return draw_overview(
        backtest.frame("tracking.parquet"),
        fit.frame("customers.parquet", fits.SHOWN),
        load_draws(fit.file("posterior.nc")),
        fit.json("fit.json"),
        grid.frame("shares.parquet"),
        grid.frame("changes.parquet"),
        horizon_days=fit.manifest["config"]["risk"]["horizon_days"],
        lang=lang,
    )


def draw_overview(
    tracking: pd.DataFrame,
    customers: pd.DataFrame,
    draws: PopulationDraws,
    fit: dict[str, Any],
    shares: pd.DataFrame,
    changes: pd.DataFrame | None,
    *,
    horizon_days: int,
    lang: str = "en",
) -> Figure:
    """Draw tracking and silence of real customers beside the grid of the simulated shop.

    tracking, customers, draws, fit: Of the real log: a backtest's tracking, the customers table,
        the posterior draws, fit.json.
    shares, changes: Of the shop with visits: tables of `churnlab segment`.
    horizon_days: Window of the risk shown.
    """
    figure = plt.figure(figsize=(15, 8.5))
    grid = figure.add_gridspec(2, 3, width_ratios=[1, 1, 1.5])
    track = figure.add_subplot(grid[0, :2])
    draw_fits.tracking(track, backtests.followed(tracking), lang=lang)
    track.set_title(say("overview.tracking", lang))
    left = figure.add_subplot(grid[1, 0])
    right = figure.add_subplot(grid[1, 1], sharey=left)
    people = fits.three_customers(customers)
    draw_fits.silence((left, right), draws, people, horizon_days=horizon_days, fit=fit, lang=lang)
    left.set_title(say("overview.silence", lang))
    place = figure.add_subplot(grid[:, 2])
    draw_cells.draw_grid(place, cells.grid(shares, changes, lang=lang), lang=lang)
    place.set_title(say("overview.grid", lang))
    return figure
