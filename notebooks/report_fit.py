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

# %%
from IPython.display import Markdown
from matplotlib import pyplot as plt

from churnlab.backtest.report import plots as forecasts
from churnlab.fitting.report import data, text
from churnlab.fitting.report import plots as draw
from churnlab.inference import load_draws, load_predictive
from churnlab.report import style, words
from churnlab.runs import open_run

style.use()
run = open_run(run_dir)
fit = run.json("fit.json")
customers = run.frame("customers.parquet")
horizon_days = run.manifest["config"]["risk"]["horizon_days"]

# %%
Markdown(text.question(fit, lang))

# %%
Markdown(text.answer(fit, customers, lang))

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
    lang=lang,
)
figure.suptitle(text.silence_claim(people, lang), x=0.02, ha="left", fontweight="bold")
plt.show()

# %%
pairs = data.shrinkage(customers)
if len(pairs):
    figure, ax = plt.subplots(figsize=(6.5, 4.5))
    draw.shrinkage(ax, pairs, lang=lang)
    ax.set_title(text.shrinkage_claim(pairs, lang))
    plt.show()

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
    ax.set_title(text.threshold_claim(fit["threshold"], lang))
    plt.show()

# %%
Markdown(text.recent_risks(fit, customers, lang))

# %%
Markdown(text.checks(fit, lang))

# %%
counts = data.predictive(load_predictive(run.file("posterior.nc")))
figure, ax = plt.subplots()
draw.predictive(ax, counts, lang=lang)
ax.set_title(text.predictive_claim(counts, lang))
plt.show()

# %%
Markdown(text.change_our_mind(lang))

# %%
Markdown(words.heading("provenance", lang) + "\n\n" + words.provenance(run))
