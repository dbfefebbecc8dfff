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
run_dir = "outputs/backtest"
lang = "en"
title = None
currency = None

# %%
from IPython.display import Markdown, display
from matplotlib import pyplot as plt

from churnlab.backtest.report import data, say, text
from churnlab.backtest.report import plots as forecasts
from churnlab.fitting.report import plots as draw_fits
from churnlab.report import front, style, words
from churnlab.report.figures import show
from churnlab.report.labels import label
from churnlab.runs import open_run

style.use()
run = open_run(run_dir)
summary = run.json("backtest.json")
headline = run.frame("headline.parquet")
rules = run.frame("rules.parquet")

# %%
Markdown(front.front(run, summary["data"]["as_of"], lang, title))

# %%
Markdown(text.question(summary, lang))

# %%
Markdown(text.answer(summary, lang))

# %%
Markdown(words.heading("evidence", lang))

# %%
if run.has("tracking.parquet"):
    weeks = data.followed(run.frame("tracking.parquet"))
    figure, ax = plt.subplots()
    draw_fits.tracking(ax, weeks, lang=lang)
    claim = text.tracking_claim(weeks, lang)
    ax.set_title(claim)
    show(figure, say("alt.tracking", lang, claim=claim))

# %%
answers = summary["comparisons"]
curve = data.best_cost_curve(run.frame("curves.parquet"), rules, answers)
if curve is not None:
    figure, ax = plt.subplots()
    forecasts.threshold_cost(
        ax, curve.cuts, curve.cost, chosen=curve.chosen, interval=curve.interval, lang=lang
    )
    claim = text.cost_claim(rules, answers, lang)
    ax.set_title(claim)
    show(figure, say("alt.cost", lang, claim=claim))

# %%
Markdown(text.checks(summary, lang))

# %%
Markdown(text.candidates_table(headline, lang))

# %%
curves = data.reliability_curves(run.frame("calibration.parquet"), headline)
figure, axes = plt.subplots(1, len(curves), figsize=(4.2 * len(curves), 4.2), squeeze=False)
for ax, (name, curve) in zip(axes[0], curves.items(), strict=True):
    forecasts.reliability(
        ax,
        curve["forecast"],
        curve["observed"],
        band=(curve["forecast"], curve["low"], curve["high"]),
        name=name,
        lang=lang,
    )
claim = text.reliability_claim(headline, list(curves), lang)
figure.suptitle(claim, x=0.02, ha="left", fontweight="bold")
show(figure, say("alt.reliability", lang, claim=claim))

# %%
ranked = data.ranked(headline)
figure, ax = plt.subplots(figsize=(7.2, 0.36 * len(ranked) + 1))
forecasts.score_bars(
    ax,
    ranked["name"].tolist(),
    ranked["brier"],
    baselines=ranked.loc[ranked["kind"] == "baseline", "name"].tolist(),
    axis_label=label("brier", lang),
)
claim = text.ranking_claim(ranked, lang)
ax.set_title(claim)
show(figure, say("alt.ranking", lang, claim=claim))

# %%
visits = text.visits_section(summary, run.frame("differences.parquet"), lang)
if visits is not None:
    display(Markdown(visits))

# %%
Markdown(text.rules_table(rules, lang))

# %%
Markdown(text.change_our_mind(summary, lang, currency))

# %%
Markdown(words.heading("provenance", lang) + "\n\n" + words.provenance(run, lang))
