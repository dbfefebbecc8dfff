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
run_dir = "outputs/segment"
lang = "en"
title = None
currency = None

# %%
from IPython.display import Markdown
from matplotlib import pyplot as plt

from churnlab.backtest.report import plots as forecasts
from churnlab.report import front, style, words
from churnlab.report.figures import show
from churnlab.runs import open_run
from churnlab.segments.report import data, say, text
from churnlab.segments.report import plots as draw

style.use()
run = open_run(run_dir)
segments = run.json("segments.json")
shares = run.frame("shares.parquet")
changes = run.frame("changes.parquet") if run.has("changes.parquet") else None
refitted = run.frame("reestimation.parquet") if run.has("reestimation.parquet") else None

# %%
Markdown(front.front(run, segments["as_of"], lang, title))

# %%
Markdown(text.question(segments, lang))

# %%
Markdown(text.answer(shares, changes, refitted, lang, segments))

# %%
Markdown(words.heading("evidence", lang))

# %%
grid = data.grid(shares, changes, lang=lang)
if grid.unknown_share < 1:
    figure, ax = plt.subplots(figsize=(9, 6))
    draw.draw_grid(ax, grid, lang=lang)
else:
    figure, ax = plt.subplots(figsize=(7.2, 3))
    forecasts.purchase_axis(ax, shares, lang=lang)
claim = text.grid_claim(shares, lang)
ax.set_title(claim)
show(figure, say("alt.grid" if grid.unknown_share < 1 else "alt.states", lang, claim=claim))
if grid.unknown_share < 1:
    display(Markdown(say("grid_caption", lang)))  # noqa: F821

# %%
if run.has("shares_over_time.parquet"):
    past = run.frame("shares_over_time.parquet")
    levels = ("polarity", "parent") if grid.unknown_share < 1 else ("purchase_state",)
    figure, panels = plt.subplots(
        len(levels), 1, figsize=(9, 0.5 + 3.5 * len(levels)), sharex=True, squeeze=False
    )
    for ax, level in zip(panels[:, 0], levels, strict=True):
        latest, own = (
            data.over_time(past, level=level, scored_by=fit, lang=lang)
            for fit in ("latest_fit", "own_fit")
        )
        draw.draw_over_time(ax, latest, beside=own, lang=lang)
    for ax in panels[:-1, 0]:
        ax.get_legend().remove()
    claim = text.over_time_claim(past, levels[0], lang)
    panels[0, 0].set_title(claim)
    show(figure, say("alt.over_time", lang, claim=claim))

# %%
if grid.unknown_share < 1 and run.has("transitions.parquet"):
    flows = data.flows(run.frame("transitions.parquet"), lang=lang)
    figure, ax = plt.subplots(figsize=(9, 6))
    draw.draw_flows(ax, flows, lang=lang)
    ax.set_title(say("flows_title", lang))
    show(figure, say("alt.flows", lang, n=int(flows.n.max(initial=0))))

# %%
display(Markdown(text.core(run, segments, lang)))  # noqa: F821

# %%
display(Markdown(text.breakdowns(run, lang)))  # noqa: F821

# %%
Markdown(text.actions(run.frame("actions.parquet"), lang))

# %%
Markdown(text.checks(run, segments, lang))

# %%
if refitted is not None:
    display(Markdown(text.behaviour(refitted, lang)))  # noqa: F821

# %%
display(Markdown(text.calibrations(run, lang)))  # noqa: F821

# %%
Markdown(text.change_our_mind(lang))

# %%
Markdown(words.heading("provenance", lang) + "\n\n" + words.provenance(run, lang))
