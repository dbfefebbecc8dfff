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
run_dir = "outputs/fit"
lang = "en"
title = None
currency = None

# %%
from IPython.display import Markdown
from matplotlib import pyplot as plt

from churnlab.backtest.report import plots as forecasts
from churnlab.fitting.report import data, say, text
from churnlab.fitting.report import plots as draw
from churnlab.inference import load_draws, load_predictive
from churnlab.report import front, style, words
from churnlab.report.figures import show
from churnlab.runs import open_run

style.use()
run = open_run(run_dir)
fit = run.json("fit.json")
customers = run.frame("customers.parquet", (*data.SHOWN, *fit["group_columns"]))
horizon_days = run.manifest["config"]["risk"]["horizon_days"]

# %%
Markdown(front.front(run, fit["as_of"], lang, title))

# %%
Markdown(text.question(fit, lang))

# %%
Markdown(text.answer(fit, customers, horizon_days, lang, currency))

# %%
Markdown(words.heading("evidence", lang))

# %%
draws = load_draws(run.file("posterior.nc"))
people = data.three_customers(customers)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
on_p_alive = fit["threshold"]["basis"] == "p_alive"
draw.silence(
    axes,
    draws,
    people,
    horizon_days=horizon_days,
    threshold=fit["threshold"]["value"] if on_p_alive else None,
    fit=fit,
    lang=lang,
)
claim = text.silence_claim(people, lang)
figure.suptitle(claim, x=0.02, ha="left", fontweight="bold")
show(figure, say("alt.silence", lang, n=len(people), claim=claim))

# %%
curve = data.cost_curve(fit["threshold"])
if curve is not None:
    figure, ax = plt.subplots()
    forecasts.threshold_cost(
        ax,
        curve["threshold"],
        curve["cost_per_customer"],
        chosen=fit["threshold"]["value"],
        interval=data.interval(fit["threshold"]),
        lang=lang,
    )
    claim = text.threshold_claim(fit["threshold"], lang)
    ax.set_title(claim)
    show(figure, say("alt.threshold", lang, claim=claim))

# %%
Markdown(text.recent_risks(fit, customers, lang))

# %%
Markdown(text.checks(fit, lang))

# %%
pairs = data.shrinkage(customers)
if len(pairs):
    figure, ax = plt.subplots(figsize=(6.5, 4.5))
    draw.shrinkage(ax, pairs, lang=lang)
    claim = text.shrinkage_claim(pairs, lang)
    ax.set_title(claim)
    show(figure, say("alt.shrinkage", lang, claim=claim))

# %%
counts = data.predictive(load_predictive(run.file("posterior.nc")))
figure, ax = plt.subplots()
draw.predictive(ax, counts, lang=lang)
claim = text.predictive_claim(counts, lang)
ax.set_title(claim)
show(figure, say("alt.predictive", lang, claim=claim))

# %%
Markdown(text.change_our_mind(lang))

# %%
Markdown(words.heading("provenance", lang) + "\n\n" + words.provenance(run, lang))
