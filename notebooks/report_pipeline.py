# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
run_dir = "outputs/pipeline"
lang = "en"
title = None
currency = None

# %%
from IPython.display import Markdown
from matplotlib import pyplot as plt

from churnlab.backtest.report import data as backtests
from churnlab.backtest.report import plots as forecasts
from churnlab.backtest.report import say as of_backtests
from churnlab.backtest.report import text as backtest_text
from churnlab.fitting.report import data as fits
from churnlab.fitting.report import plots as draw_fits
from churnlab.fitting.report import say as of_fits
from churnlab.fitting.report import text as fit_text
from churnlab.inference import load_draws, load_predictive
from churnlab.report import front, style, words
from churnlab.report.figures import show
from churnlab.runs import open_run
from churnlab.segments.report import data as cells
from churnlab.segments.report import plots as draw_cells
from churnlab.segments.report import say as of_cells
from churnlab.segments.report import text as segments_text
from churnlab.workflows.pages import front as text

style.use()
run = open_run(run_dir)
fit_run, backtest_run, segment_run = run.part("fit"), run.part("backtest"), run.part("segment")
fit = fit_run.json("fit.json")
customers = fit_run.frame("customers.parquet", (*fits.SHOWN, *fit["group_columns"]))

# %%
Markdown(front.front(run, fit["as_of"], lang, title))

# %%
Markdown(text.question(run, lang))

# %%
Markdown(text.answer(run, lang, currency))

# %%
Markdown(words.heading("evidence", lang))

# %%
if backtest_run is not None and backtest_run.has("tracking.parquet"):
    weeks = backtests.followed(backtest_run.frame("tracking.parquet"), fit["model"])
    figure, ax = plt.subplots()
    draw_fits.tracking(ax, weeks, lang=lang)
    claim = backtest_text.tracking_claim(weeks, lang)
    ax.set_title(claim)
    show(figure, of_backtests("alt.tracking", lang, claim=claim))

# %%
people = fits.three_customers(customers)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
draw_fits.silence(
    axes,
    load_draws(fit_run.file("posterior.nc")),
    people,
    horizon_days=run.manifest["config"]["risk"]["horizon_days"],
    threshold=fit["threshold"]["value"] if fit["threshold"]["basis"] == "p_alive" else None,
    fit=fit,
    lang=lang,
)
claim = fit_text.silence_claim(people, lang)
figure.suptitle(claim, x=0.02, ha="left", fontweight="bold")
show(figure, of_fits("alt.silence", lang, n=len(people), claim=claim))

# %%
curve = fits.cost_curve(fit["threshold"])
if curve is not None:
    figure, ax = plt.subplots()
    forecasts.threshold_cost(
        ax,
        curve["threshold"],
        curve["cost_per_customer"],
        chosen=fit["threshold"]["value"],
        interval=fits.interval(fit["threshold"]),
        lang=lang,
    )
    claim = fit_text.threshold_claim(fit["threshold"], lang)
    ax.set_title(claim)
    show(figure, of_fits("alt.threshold", lang, claim=claim))

# %%
if segment_run is not None:
    shares = segment_run.frame("shares.parquet")
    has_change = segment_run.has("changes.parquet")
    changes = segment_run.frame("changes.parquet") if has_change else None
    grid = cells.grid(shares, changes, lang=lang)
    if grid.unknown_share < 1:
        figure, ax = plt.subplots(figsize=(9, 6))
        draw_cells.draw_grid(ax, grid, lang=lang)
    else:
        figure, ax = plt.subplots(figsize=(7.2, 3))
        forecasts.purchase_axis(ax, shares, lang=lang)
    claim = segments_text.grid_claim(shares, lang)
    ax.set_title(claim)
    kind = "grid" if grid.unknown_share < 1 else "states"
    show(figure, of_cells(f"alt.{kind}", lang, claim=claim))

# %%
Markdown(fit_text.recent_risks(fit, customers, lang))

# %%
Markdown(text.checks(run, lang))

# %%
if backtest_run is not None:
    headline = backtest_run.frame("headline.parquet")
    curves = backtests.reliability_curves(backtest_run.frame("calibration.parquet"), headline)
    figure, axes = plt.subplots(1, len(curves), figsize=(4.2 * len(curves), 4.2), squeeze=False)
    for ax, (name, curve) in zip(axes[0], curves.items(), strict=True):
        band = (curve["forecast"], curve["low"], curve["high"])
        forecasts.reliability(
            ax, curve["forecast"], curve["observed"], band=band, name=name, lang=lang
        )
    claim = backtest_text.reliability_claim(headline, list(curves), lang)
    figure.suptitle(claim, x=0.02, ha="left", fontweight="bold")
    show(figure, of_backtests("alt.reliability", lang, claim=claim))

# %%
counts = fits.predictive(load_predictive(fit_run.file("posterior.nc")))
figure, ax = plt.subplots()
draw_fits.predictive(ax, counts, lang=lang)
claim = fit_text.predictive_claim(counts, lang)
ax.set_title(claim)
show(figure, of_fits("alt.predictive", lang, claim=claim))

# %%
Markdown(fit_text.change_our_mind(lang))

# %%
Markdown(words.heading("provenance", lang) + "\n\n" + words.provenance(run, lang))
