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
# # Small groups borrow strength
#
# A shop wins customers through seven channels. Search brings thousands, the fair brought eight.
# How often do the fair's customers buy? Eight people say little. What the other channels say of
# what is usual says more, and a fit with **partial pooling** weighs the two. This notebook
# simulates the shop, so that the truth is known.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import churnlab as cl
from churnlab.fitting.report import groups_data as numbers
from churnlab.fitting.report import groups_plots as pictures
from churnlab.posterior import risk_curve
from churnlab.report import style
from churnlab.simulate import simulate_btyd

style.use()

# %% [markdown]
# ## A shop whose channels differ
#
# In each channel customers buy at their own rates around the channel's mean. The means differ from
# channel to channel by about 35% (and so do the odds of dropping out).

# %%
SIZES = {
    "search": 1500,
    "social": 400,
    "email": 150,
    "partner": 60,
    "flyer": 25,
    "podcast": 12,
    "fair": 8,
}
rng = np.random.default_rng(2)
parts, truth = [], {}
for channel, size in SIZES.items():
    faster, leakier = np.exp(0.35 * rng.standard_normal(2))
    theta = (1.5, 60.0 / faster, 0.9 * leakier, 2.7)  # r, alpha, a, b; time in days
    shop = simulate_btyd("mbg_nbd", theta, size, 365, rng, inflow_days=300, prefix=f"{channel}_")
    parts.append(shop.purchases.assign(channel=channel))
    truth[channel] = 30 * theta[0] / theta[1]
purchases = pd.concat(parts)
members = purchases.groupby("customer_id", as_index=False).agg(
    signed_up_at=("event_at", "min"), channel=("channel", "first")
)
log = cl.read_events(
    purchases=purchases[["customer_id", "event_at"]], members=members, as_of=shop.as_of
)
summary = cl.summarise(log, group="channel")

# %% [markdown]
# With your own data: give the members table (`customer_id`, `signed_up_at` and attributes) to
# `read_events`, and name an attribute in `group`. Several columns, `signup_month`, or
# `first_category` (of the first purchase) work too.
#
# ## Three ways to pool
#
# * **none**: every channel is fitted on its own;
# * **complete**: channels are ignored;
# * **partial**: each channel has its own rate and dropout, drawn from a population of channels,
#   whose spread is learnt from all of them.
#
# It is one switch.

# %%
fits = {
    how: cl.fit(summary, model=cl.ModelConfig(group="channel", pooling=how), seed=1)
    for how in ("none", "complete", "partial")
}
tables = {how: fit.summary() for how, fit in fits.items()}
by_channel = numbers.groups(tables["none"], tables["partial"], SIZES, scale=30)
by_channel.round(2)

# %%
figure, ax = plt.subplots(figsize=(7.5, 4.6))
pictures.groups(
    ax, by_channel, truth=truth, quantity="purchases per 30 days while a customer (log scale)"
)
ax.set_xticks([0.3, 0.5, 1, 2], ["0.3", "0.5", "1", "2"])
ax.minorticks_off()
ax.set_title("The smaller the channel, the more it leans on the others")
plt.show()

# %% [markdown]
# Search and social stay where their own data put them: they need no help. The small channels move
# towards the population, and their intervals shrink. What that was worth, measured by the distance
# to the truth:

# %%
right = pd.Series(truth)[by_channel["group"]].to_numpy()
estimates = {
    "none": by_channel["apart"],
    "partial": by_channel["partial"],
    "complete": 30 * tables["complete"].loc["rate_mean", "mean"],
}
error = pd.DataFrame({how: abs(np.log(v / right)) for how, v in estimates.items()})
error = error.set_axis(by_channel["group"])
small = error.iloc[3:]
pd.DataFrame(
    {
        "three large channels": error.iloc[:3].mean(),
        "four small channels": small.mean(),
        "all": error.mean(),
    }
).round(3)

# %% [markdown]
# Typical errors of the rate (.1 is 10%). In one shop a small channel can be lucky on its own, so
# this table is an illustration and no proof. The proof is held-out data over many shops:
# `tests/candidates/test_pooling.py`, and for your log
# `churnlab backtest data=orders experiment=pooling split.group=channel`.
#
# ## The same happens to each customer
#
# A customer with one gap of three days is not a customer who buys every three days. The posterior
# cycle knows how customers of the channel usually are, and leans on it the more, the fewer gaps
# there are. (Most cycles lie above the mean gap: the silence since the last purchase counts too,
# and long gaps are cut off by the end of the data.)

# %%
customers = fits["partial"].customers(horizon_days=60)
pairs = numbers.individuals(customers, most=80)
figure, ax = plt.subplots(figsize=(7.5, 4.6))
pictures.individuals(ax, pairs)
for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_formatter("{x:g}")
ax.set_title("Short histories are pulled to the middle")
plt.show()

# %% [markdown]
# ## A channel that the fit has not seen
#
# Next month an influencer brings customers. No data speak of that channel, but the population of
# channels does: it is like the others, within their spread. `draws.unseen` holds such a channel's
# parameters, and its name gets the code of the unseen group.

# %%
draws = fits["partial"].draws
shown = ["search", "fair", "influencer"]
codes = dict(zip(shown, draws.codes_of(shown), strict=True))
silence = np.array([30.0, 60.0, 120.0])
config = cl.RiskConfig(basis="p_alive")
rows = {}
for name, code in codes.items():
    found = risk_curve(draws, 2, 60.0, silence, config, group=int(code))
    rows[name] = [
        f"{1 - m:.2f} ({1 - high:.2f} to {1 - low:.2f})"
        for m, low, high in zip(found.mean, found.q05, found.q95, strict=True)
    ]
pd.DataFrame(rows, index=[f"{d:.0f} days of silence" for d in silence])

# %% [markdown]
# P(alive) of a customer who came back twice within 60 days. The interval is widest for the unseen
# channel: it holds what may differ between channels. Without partial pooling there is no such
# answer, and `churnlab` says so instead of guessing:

# %%
try:
    fits["none"].draws.codes_of(["influencer"])
except cl.errors.UsageError as refusal:
    print(refusal)

# %% [markdown]
# ## What this does not say
#
# * Partial pooling pays where groups are small and differ moderately. Where all groups are large it
#   equals no pooling, where they do not differ it equals complete pooling: it is never far from the
#   better of the two, and seldom far better.
# * A group's column is no cause: moving a customer to another channel does not change the customer.
# * Does it pay in *your* log? Ask held-out data (docs/backtesting.md, "Groups").
