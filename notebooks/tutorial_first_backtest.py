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

# %% [markdown]
# # A first backtest: does the model beat recency?
#
# A simple rule needs no statistics: whoever has been silent longest is most likely gone. A model
# must beat that on data that it has not seen. Here on CDNOW, for the question "no purchase in the
# next 56 days".

# %%
import matplotlib.pyplot as plt

from churnlab.backtest import SplitConfig, run_backtest
from churnlab.events import DataConfig, open_log
from churnlab.report import style

style.use()

# %% [markdown]
# ## The experiment
#
# Three times we pretend that today is an earlier day (the *origin*): every candidate sees the
# purchases up to it, forecasts the following 56 days, and is held against what happened. One
# further, earlier origin is only learnt from. Candidates: a model, and what a shop would use
# anyway.

# %%
log = open_log(DataConfig(name="cdnow"))
split = SplitConfig(origins=3, horizon_days=[56], replicates=100, counts=False)
result = run_backtest(log, candidates=["mbg_nbd"], split=split, seed=1)
result.summary["plan"]

# %% [markdown]
# The baselines joined without being asked: `recency` (idle days as a bare ranking),
# `recency_logistic` (a logistic regression on idle days), `hiatus` (one cutoff in days for all),
# `personal_ratio` (idle days over the customer's own mean gap), `rfm`, `majority`, and the model
# with parameters from the `lifetimes` package.
#
# ## The scores
#
# Brier score: mean squared error of the forecast probability, lower is better. AUC: how well the
# order is right, one half is chance. Bias: are too many or too few losses forecast?

# %%
table = result.headline()
plain = table[table["variant"] == "plain"].set_index("candidate")
plain[["brier", "log_score", "auc", "bias"]].sort_values("brier").round(4)

# %% [markdown]
# Differences between candidates are small beside the scores themselves, so they are measured on
# the same customers, resampled together. Left of zero: better than recency.

# %%
differences = result.differences
brier = differences[
    (differences["metric"] == "brier")
    & (differences["origin"] == "all")
    & (differences["variant"] == "plain")
    & (differences["baseline"] == "recency_logistic")
].sort_values("difference")
figure, ax = plt.subplots(figsize=(6.5, 3.2))
left, right = brier["difference"] - brier["q05"], brier["q95"] - brier["difference"]
ax.errorbar(brier["difference"], brier["candidate"], xerr=[left, right], fmt="o")
ax.axvline(0, color="grey", linewidth=1)
ax.set(xlabel="Brier score minus recency's (90% interval)")
ax.set_title("Held against a regression on recency")
ax.invert_yaxis()
plt.show()

# %% [markdown]
# ## The answer
#
# The best of several candidates looks better than it is, so the sentence allows for having picked
# it.

# %%
for answer in result.answers:
    print(answer, end="\n\n")

# %% [markdown]
# Is the probability itself right? On the diagonal 70% forecast means 70% observed; the band is
# what chance alone allows there.

# %%
curves = result.calibration
last = curves["origin"].max()
model = curves[
    (curves["candidate"] == "mbg_nbd") & (curves["variant"] == "plain") & (curves["origin"] == last)
].sort_values("forecast")
figure, ax = plt.subplots(figsize=(4.5, 4.2))
ax.fill_between(model["forecast"], model["low"], model["high"], alpha=0.2)
ax.plot([0, 1], [0, 1], color="grey", linewidth=1)
ax.step(model["forecast"], model["observed"], where="mid")
ax.set(xlabel="forecast", ylabel="observed", xlim=(0, 1), ylim=(0, 1))
ax.set_title(f"No purchase in 56 days, from {last}")
plt.show()

# %% [markdown]
# ## What this does not say
#
# * CDNOW is one cohort of new customers that dies away. A living shop gains customers all the
#   time, and other windows give other answers: change `horizon_days` and see.
# * A better forecast is not yet money. The second answer above asks whether *decisions* get
#   cheaper; with few origins it often cannot tell, and then says that the simple rule is as good.
# * Nothing here says that a message would have kept anybody. That needs a randomised holdout.
