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
# # Segments: who stands where, and what moved
#
# Visits and purchases say different things. Somebody who bought long ago but looks in every week
# is not lost; somebody who bought last month and has vanished from the site may be. churnlab puts
# each member into a grid: purchase state x visit state. Here on a simulated shop, where the truth
# is known.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import churnlab as cl
from churnlab.events import EventLog, log_from_frames
from churnlab.posterior import Lateness
from churnlab.report import style
from churnlab.segments import (
    Axis,
    SegmentsConfig,
    Snapshot,
    change_table,
    default_playbook,
    shares_table,
    take_snapshot,
)
from churnlab.segments.report import data
from churnlab.segments.report import plots as draw
from churnlab.simulate import ShopConfig, simulate_shop

style.use()

# %% [markdown]
# ## A shop

# %%
shop = simulate_shop(ShopConfig(n_members=2000), np.random.default_rng(7))
log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of)
print(*log.report.lines(), sep="\n")

# %% [markdown]
# ## Two fits, one idea of late
#
# Visit-days are fitted like purchase-days, by a model of their own. A purchaser is at risk when
# *late by the own rhythm*: four of five like them who come back have come back. On the visit side a
# member is *visit-risk* from the same point on, and *visit-inactive* from nineteen of twenty.


# %%
def grid_on(log: EventLog) -> Snapshot:
    """Place everybody on the log's last day, by fits on data up to that day."""
    purchases, visits = cl.summarise(log), cl.summarise(log, events="visits")
    late = Lateness()
    return take_snapshot(
        log.members(),
        purchases,
        Axis(cl.fit(purchases, seed=1).draws, late, (0.8,)),
        visits,
        Axis(cl.fit(visits, seed=1).draws, late, (0.8, 0.95)),
    )


now = grid_on(log)
before = grid_on(log.until(log.as_of - pd.Timedelta(days=30)))

# %% [markdown]
# ## The grid

# %%
config = SegmentsConfig()
shares = shares_table(now, config, np.random.default_rng(1))
change = change_table(before, now, config, np.random.default_rng(2))
figure, ax = plt.subplots(figsize=(9, 5.5))
draw.draw_grid(ax, data.grid(shares, change))
plt.show()

# %% [markdown]
# A green frame marks the cells that one wants, an orange one those that one does not. Dark arrows
# are changes whose interval leaves out zero. Each share's interval has two parts: which members
# there happen to be, and how well the model's parameters are known.
#
# ## What moved
#
# A share can fall though nobody left, because the shop grew. The parts add up exactly.

# %%
columns = [
    "name_en",
    "n_before",
    "n",
    "entries",
    "moves_in",
    "moves_out",
    "change",
    "change_q05",
    "change_q95",
]
change.loc[change["level"] == "polarity", columns].round(3)

# %% [markdown]
# An interval that holds zero means: no change shown.
#
# ## Is it true?
#
# In a simulation we know who has really stopped buying.

# %%
truth = shop.truth.set_index("customer_id")["purchases_alive"]
people = now.membership[now.membership["purchase_state"] != "none"]
alive = people["customer_id"].map(truth)
print(alive.groupby(people["purchase_state"]).agg(["size", "mean"]).round(2).to_string())

# %% [markdown]
# `mean` is the share that is truly still a customer. The states at risk should have far less of
# them than the active ones; they are not empty of live customers, and need not be: one in five of
# those who come back does so after this day. Late is not gone.

# %%
risk = people["purchase_state"].isin(["repeat_risk", "first_risk"])
assert alive[~risk].mean() > alive[risk].mean()

# %% [markdown]
# ## What to do
#
# Each cell has actions, in order. None of their effects has been measured: keep a random holdout.

# %%
playbook = default_playbook()
for code in ("repeat_risk.visit_active", "repeat_risk.visit_inactive"):
    print(code)
    for action in playbook.for_cell(code):
        print("  -", action.text("en"))
