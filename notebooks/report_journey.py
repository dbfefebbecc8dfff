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
run_dir = "outputs/journey"
lang = "en"
title = None
currency = None

# %%
from IPython.display import Markdown
from matplotlib import pyplot as plt

from churnlab.journeys.report import plots as draw
from churnlab.journeys.report import say, text
from churnlab.journeys.result import read_tables
from churnlab.report import front, style, words
from churnlab.report.figures import show
from churnlab.runs import open_run

style.use()
run = open_run(run_dir)
summary = run.json("journey.json")
tables = read_tables(run)
journeys = tables["journeys"]
who = text.who_of(journeys)
theirs = journeys[journeys["who"] == who]
name = say(f"who.{who}", lang)

# %%
Markdown(front.front(run, summary["as_of"], lang, title))

# %%
Markdown(words.heading("question", lang) + "\n\n" + text.question(summary, lang))

# %%
Markdown(
    words.heading("answer", lang)
    + "\n\n"
    + words.bullets(text.answer_lines(tables, summary, lang), none="–")
)

# %%
if len(theirs):
    display(Markdown(text.journey_table(journeys, lang)))  # noqa: F821

# %%
Markdown(words.heading("evidence", lang))

# %%
if len(theirs):
    figure, ax = plt.subplots(figsize=(9, 5))
    draw.draw_sankey(ax, theirs)
    claim = say("claim.sankey", lang, who=name, days=summary["window_days"])
    ax.set_title(claim)
    show(figure, say("alt.sankey", lang, claim=claim))

# %%
if len(theirs):
    figure, ax = plt.subplots(figsize=(9, 1.2 + 0.3 * min(len(theirs), 12)))
    draw.draw_lifts(ax, theirs, lang=lang)
    claim = say("claim.lift", lang)
    ax.set_title(claim)
    show(figure, say("alt.lifts", lang, claim=claim))

# %%
if "personas" in tables:
    for group, rows in tables["personas"].groupby("comparison", sort=False):
        figure, ax = plt.subplots(figsize=(9, 4.5))
        draw.draw_persona(ax, rows, lang=lang)
        claim = say("claim.persona", lang, group=say(f"group.{group}", lang))
        ax.set_title(claim)
        show(figure, say("alt.persona", lang, claim=claim))

# %%
if "predicts" in tables:
    figure, ax = plt.subplots(figsize=(9, 1.8 + 0.3 * len(tables["predicts"])))
    draw.draw_predicts(ax, tables["predicts"], lang=lang)
    claim = say("claim.predict", lang)
    ax.set_title(claim)
    show(figure, say("alt.predicts", lang, claim=claim))

# %%
if "cycles" in tables:
    figure, ax = plt.subplots(figsize=(9, 1.8 + 0.3 * min(len(tables["cycles"]), 12)))
    draw.draw_cycles(ax, tables["cycles"], lang=lang)
    claim = say("claim.cycles", lang)
    ax.set_title(claim)
    show(figure, say("alt.cycles", lang, claim=claim))

# %%
Markdown(text.stop_table(tables["stops"], lang))

# %%
Markdown(text.companion_table(tables["companions"], lang))

# %%
Markdown(
    words.heading("checks", lang)
    + f"\n\n{text.checks(journeys, lang)}\n\n**{say('head.notes', lang)}**\n\n"
    + text.notes(summary, lang)
)

# %%
Markdown(words.heading("change_our_mind", lang) + "\n\n" + text.change_our_mind(lang))

# %%
Markdown(words.heading("provenance", lang) + "\n\n" + words.provenance(run, lang))
