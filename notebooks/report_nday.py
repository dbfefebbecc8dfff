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
run_dir = "outputs/nday"
lang = "en"
title = None
currency = None

# %%
from IPython.display import Markdown
from matplotlib import pyplot as plt

from churnlab.nday.report import data, say, text
from churnlab.nday.report import plots as draw
from churnlab.report import front, style, words
from churnlab.report.figures import show
from churnlab.runs import open_run

style.use()
run = open_run(run_dir)
rule = run.json("rule.json")
fitted = run.frame("nday_fitted.parquet")
best = run.frame("nday_best.parquet") if run.has("nday_best.parquet") else None
curve = data.curve(run.frame("curve.parquet"), fitted)

# %%
Markdown(front.front(run, rule["as_of"], lang, title))

# %%
Markdown(words.heading("question", lang) + "\n\n" + text.question(rule, lang))

# %%
Markdown(words.heading("answer", lang) + "\n\n" + text.answer(rule, lang, currency))

# %%
Markdown(words.heading("evidence", lang))

# %%
flat = data.headline(rule)
figure, ax = plt.subplots(figsize=(8, 5))
draw.draw_heat(ax, data.heat(run.frame("curve.parquet")), plateau=flat, n=rule["n"], lang=lang)
claim = text.heat_claim(rule, lang)
ax.set_title(claim)
show(figure, say("alt.heat", lang, claim=claim))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
draw.draw_curve(left, curve, plateau=flat, n=rule["n"], lang=lang)
draw.draw_hazard(right, curve, n=rule["n"], threshold=rule.get("hazard_threshold"), lang=lang)
claim = rule["plateau"]["statement"][lang]
figure.suptitle(claim, x=0.02, ha="left", fontweight="bold")
show(figure, say("alt.curve", lang, claim=claim))

# %%
if best is not None:
    figure, ax = plt.subplots()
    values = data.at_uplift(run.frame("nday_value.parquet"), text.assumed_uplift(rule))
    chosen = rule["recommendation"]["n"]
    draw.draw_value(ax, values, recommended=chosen, n=rule["n"], lang=lang)
    claim = text.value_claim(rule, best, lang)
    ax.set_title(claim)
    show(figure, say("alt.value", lang, claim=claim))
    display(Markdown(text.best_table(rule, best, lang, currency)))  # noqa: F821

# %%
if run.has("nday_groups.parquet"):
    figure, ax = plt.subplots()
    draw.draw_groups(ax, fitted, n=rule["n"], lang=lang)
    claim = say("claim.groups", lang)
    ax.set_title(claim)
    show(figure, say("alt.groups", lang, claim=claim))

# %%
Markdown(text.cannot_tell(rule, lang))

# %%
checks = text.checks(rule, run.frame("nday_checks.parquet"), lang)
Markdown(words.heading("checks", lang) + "\n\n" + checks)

# %%
if run.has("nday_experiment.parquet"):
    display(Markdown(text.experiment_table(run.frame("nday_experiment.parquet"), lang)))  # noqa: F821

# %%
Markdown(text.flat_sentence(rule, run.frame("nday_flat.parquet"), lang))

# %%
figure, ax = plt.subplots()
draw.draw_plateau(ax, run.frame("nday_plateau.parquet"), lang=lang)
claim = text.plateau_claim(rule, lang)
ax.set_title(claim)
show(figure, say("alt.plateau", lang, claim=claim))

# %%
if run.has("nday_backtest.parquet"):
    figure, ax = plt.subplots()
    held = data.held_out(run.frame("nday_backtest.parquet"), rule["fit"]["model"])
    draw.draw_held_out(ax, held, lang=lang)
    claim = say("claim.held_out", lang, share=float(held["inside"].mean()))
    ax.set_title(claim)
    show(figure, say("alt.held_out", lang, claim=claim))

# %%
Markdown(words.heading("change_our_mind", lang) + "\n\n" + say("mind", lang))

# %%
Markdown(words.heading("provenance", lang) + "\n\n" + words.provenance(run, lang))
