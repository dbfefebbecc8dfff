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
runs = ["outputs/one", "outputs/other"]
names = ["one", "other"]
lang = "en"

# %%
from IPython.display import Markdown, display
from matplotlib import pyplot as plt

from churnlab.comparison import report, side_by_side
from churnlab.report import style, words
from churnlab.report.figures import show
from churnlab.report.labels import window
from churnlab.runs import open_run, overview

style.use()
opened = {name: open_run(folder) for name, folder in zip(names, runs, strict=True)}
table = side_by_side(opened)

# %%
Markdown(report.head(opened, lang))

# %%
Markdown(words.heading("question", lang) + "\n\n" + report.say("question", lang, n=len(opened)))

# %%
Markdown(
    words.heading("answer", lang) + "\n\n" + words.bullets(report.answer(table, lang), none="")
)

# %%
targets = table.loc[table["figure"] == "brier", "target"].unique()
if len(targets):
    display(Markdown(words.heading("evidence", lang)))

# %%
for target in targets:
    figure, ax = plt.subplots(figsize=(8, 4.5))
    report.draw_scores(ax, table, target, lang=lang)
    ax.set_title(window(target, lang))
    show(figure, report.say("alt", lang, target=window(target, lang)))

# %%
Markdown(words.heading("checks", lang) + "\n\n" + report.checks(table, lang))

# %%
about = overview(opened)[["run", "command", "model", "data", "seed", "finished"]]
about["finished"] = about["finished"].dt.strftime("%Y-%m-%d %H:%M UTC")
display(Markdown(words.heading("provenance", lang)))
Markdown(words.table(report.say.heads(about.astype(str), lang)))
