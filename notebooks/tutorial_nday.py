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
# # When is a curve flat, and when should the message go out?
#
# One idea: a plateau is not a decision. The same conversion curve gives opposite advice under two
# readings of why it went flat, and only visits or an experiment can choose between them.

# %%
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from churnlab.nday.decide import value as nday
from churnlab.nday.decide.decision import best_table
from churnlab.nday.decide.flat import chance_flat
from churnlab.nday.decide.plateau import fraction_of_final, hazard_below
from churnlab.nday.decide.power import signups_needed
from churnlab.report import style

style.use()

# %% [markdown]
# ## A curve that never stops has a plateau by one definition and none by another
#
# One exponential curve, twenty per cent converting in the end: nine tenths have come by day 10,
# while the hazard falls below .1% of the unconverted eight days later. No day is *the* plateau.

# %%
days = np.arange(0, 61)
exponential = 0.2 * (1 - np.exp(-np.log(10) / 10 * days))
G = exponential[None, :]
pd.Series(
    {d.definition: d.draws[0] for d in (fraction_of_final(G), hazard_below(G, days=1))}, name="day"
)

# %% [markdown]
# ## Small cohorts are flat by chance
#
# With one per cent still to come over ten days:

# %%
pd.Series({n: chance_flat(0.01, n) for n in (50, 200, 1000)}, name="P(perfectly flat)")

# %% [markdown]
# ## One curve, two readings, opposite advice
#
# "Never converts": attention stays. "Lost interest": half of it is gone every four days. The
# conversion data are the same.

# %%
costs = nday.NdayCosts(margin=20, coupon=5, message=0.05, organic_redemption=0.8, revenue=60)
readings = {"never_converts": np.ones((1, len(days))), **nday.attention_band([4.0], len(days))}
ages = list(range(1, 41))
figure, ax = plt.subplots()
for name, attention in readings.items():
    u = nday.uplift(G, ages, 0.08, attention)
    ax.plot(ages, nday.value(G, ages, u, costs)[0], label=name)
ax.axhline(0, color="#999999", lw=0.8)
ax.set_xlabel("N")
ax.set_ylabel("value per signup")
ax.legend()
plt.show()
best_table(G, ages, readings, [0.08], costs, n=10)[["reading", "best_n", "value_best", "regret_n"]]

# %% [markdown]
# ## What would settle it
#
# A holdout. How many signups until the break-even uplift on day 10 can be told from none?

# %%
u_star = float(nday.break_even(G, [10], costs)[0, 0])
signups_needed(
    u_star,
    organic=float(nday.organic_after(G, [10])[0, 0]),
    reach=float(nday.reach(G, [10])[0, 0]),
    holdout_share=0.2,
)
