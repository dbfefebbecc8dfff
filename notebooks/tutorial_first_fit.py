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
# # A first fit: how late is late?
#
# "No order in 40 days" means different things for different customers. This notebook fits a model
# to real purchases (CDNOW: people who first bought in early 1997, 18 months of data) and reads
# off, for each customer, whether silence is unusual yet.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import churnlab as cl
from churnlab.events import DataConfig, open_log
from churnlab.posterior import risk_curve
from churnlab.report import style

style.use()

# %% [markdown]
# ## Data: three numbers per customer
#
# With your own orders the first line is `cl.read_events(purchases="orders.csv",
# columns={"customer_id": "user_id", "event_at": "ordered_at"})`.
#
# The models see only this of a customer: `x`, how often they came *back*; `t_x`, the days between
# first and last purchase; `T`, the days since the first one. The silence is `T - t_x`.

# %%
log = open_log(DataConfig(name="cdnow"))
summary = cl.summarise(log)
summary.customers[["customer_id", "x", "t_x", "T"]].head()

# %% [markdown]
# ## The fit
#
# MBG/NBD says: while alive, a customer buys at a rate of their own; after each purchase they may
# leave for good, and nobody tells us. The fit learns how these rates and dropout probabilities
# differ in the population.

# %%
fit = cl.fit(summary, model="mbg_nbd", seed=1)
fit.summary()[["mean", "q05", "q95", "k_hat", "ess_bulk"]]

# %% [markdown]
# `k_hat` below 0.7 says that the quick approximation behind these draws is good enough.
# `fit.posterior` holds everything as an ArviZ DataTree.

# %%
if fit.warnings:
    print("\n".join(fit.warnings))
else:
    print("no warnings")

# %% [markdown]
# ## One row per customer

# %%
customers = fit.customers(horizon_days=90)
columns = [
    "customer_id",
    "x",
    "days_since_last",
    "p_alive",
    "cycle_days",
    "at_risk_date",
    "due_date",
]
customers.loc[customers["x"] >= 3, columns].head(8)

# %% [markdown]
# `p_alive` is the probability that the customer will ever buy again. `at_risk_date` is the day by
# which four of five customers like this one who come back have come back: *late by the own
# rhythm*. `p_alive_at_risk` is P(alive) on that day, a personal threshold. How long a silence does
# that allow?

# %%
never = pd.Timestamp("9999-12-31")
known = customers[(customers["x"] > 0) & (customers["at_risk_date"] < never)].copy()
allowed = (known["at_risk_date"] - known["last_purchase_at"]).dt.days
figure, ax = plt.subplots(figsize=(6.5, 3.8))
ax.scatter(known["rhythm_days"], allowed, s=8, alpha=0.4)
ax.set(xscale="log", yscale="log", xlabel="days per purchase", ylabel="silence allowed, days")
ax.set_xticks([5, 10, 30, 100, 300], ["5", "10", "30", "100", "300"])
ax.set_yticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
ax.minorticks_off()
ax.set_title("The quicker the rhythm, the sooner silence is a risk")
plt.show()
low, middle, high = allowed.quantile([0.1, 0.5, 0.9])
print(f"allowed silence: median {middle:.0f} days; 80% of repeat buyers {low:.0f} to {high:.0f}")

# %% [markdown]
# ## Two customers, the same 40 days of silence
#
# Both have bought for 420 days: one every two weeks (30 repeat purchases), one every two months
# (7).

# %%
people = {"every 14 days": 30, "every 60 days": 7}
questions = {
    "will they ever buy again? (p_alive)": cl.RiskConfig(basis="p_alive"),
    "nothing within two own cycles (personal_cycles)": cl.RiskConfig(basis="personal_cycles"),
    "nothing within 30 days (fixed_days)": cl.RiskConfig(basis="fixed_days", horizon_days=30),
}
now = np.array([40.0])
risks = pd.DataFrame(
    {
        who: {
            question: float(risk_curve(fit.draws, x, 420.0, now, config).mean[0])
            for question, config in questions.items()
        }
        for who, x in people.items()
    }
)
risks.round(2)

# %% [markdown]
# Judged by their own rhythm the two-week buyer is the riskier of the two, if not by much. A rule
# with one window for all says the opposite, and loudly: of course somebody who buys every two
# months will probably not buy in the next 30 days. That is no sign of leaving.

# %%
assert risks.iloc[0, 0] > risks.iloc[0, 1]
assert risks.iloc[1, 0] > risks.iloc[1, 1]
assert risks.iloc[2, 0] < risks.iloc[2, 1]

# %%
silence = np.arange(1.0, 181.0)
figure, ax = plt.subplots(figsize=(6.5, 3.8))
for who, x in people.items():
    curve = risk_curve(fit.draws, x, 420.0, silence, cl.RiskConfig(basis="p_alive"))
    (line,) = ax.plot(silence, 1 - curve.mean, label=who)
    ax.fill_between(silence, 1 - curve.q95, 1 - curve.q05, color=line.get_color(), alpha=0.2)
ax.axvline(40, color="grey", linewidth=1)
ax.set(xlabel="days of silence", ylabel="P(alive)", ylim=(0, 1))
ax.set_title("Silence speaks sooner for the frequent buyer")
ax.legend()
plt.show()

# %% [markdown]
# ## What this does not say
#
# * Late is a state, not a decision. Whom to write to follows from what a message costs and what a
#   customer is worth: costs that only the shop can state.
# * The order of the two customers needs several gaps and a dropout that is not negligible; with a
#   single gap, or hardly any dropout, it can turn.
# * Whether the model is any good is a question for held-out data: `tutorial_first_backtest.py`.
