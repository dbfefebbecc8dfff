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
# # A hierarchy of one's own in PyMC
#
# `cl.fit` knows groups, and crossed groups. A retailer's stores lie *in* regions: stores of a
# region are alike, regions differ. That is a model of one's own, and PyMC is the language for it.
# churnlab brings the likelihood: the fused kernel, with exact derivatives, as an ordinary variable.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm

import churnlab as cl
from churnlab.models.pymc import purchases
from churnlab.report import style
from churnlab.simulate import simulate_btyd

style.use()

# %% [markdown]
# ## Nine stores in three regions
#
# Mean purchases per day differ by region (.01, .02, .04) and, within a region, by store. Two of the
# stores are new and have 15 customers.

# %%
rng = np.random.default_rng(3)
regions = ["north", "east", "south"]
region_of = np.repeat(np.arange(3), 3)
stores = [f"{regions[region]}{i % 3 + 1}" for i, region in enumerate(region_of)]
truth = np.array([0.01, 0.02, 0.04])[region_of] * np.exp(0.15 * rng.standard_normal(9))
sizes = np.array([150, 80, 15, 150, 80, 80, 150, 80, 15])
parts = []
for store, rate, size in zip(stores, truth, sizes, strict=True):
    shop = simulate_btyd(
        "mbg_nbd", [1.2, 1.2 / rate, 0.6, 2.4], int(size), 365, rng, prefix=store, inflow_days=180
    )
    parts.append(shop.purchases.assign(store=store))
log = cl.read_events(pd.concat(parts))
people = pd.concat(parts).drop_duplicates("customer_id").set_index("customer_id")["store"]
plain = cl.summarise(log)
of = plain.customers
summary = cl.Summary.from_arrays(
    of["x"], of["t_x"], of["T"], as_of=plain.as_of,
    group=[people[c] for c in of["customer_id"]],
)  # fmt: skip
place = np.array([stores.index(name) for name in summary.cells.groups])
len(summary.cells), summary.cells.groups

# %% [markdown]
# ## The model
#
# `purchases` takes the *natural quantities* of MBG/NBD, one number or one per group: the mean rate
# per day, its shape, the mean dropout probability and its concentration. Everything around them
# is PyMC.

# %%
with pm.Model(coords={"region": regions, "store": stores}) as nested:
    overall = pm.Normal("overall", np.log(0.02), 1.0)
    between_regions = pm.HalfNormal("between_regions", 0.7)
    between_stores = pm.HalfNormal("between_stores", 0.3)
    region = overall + between_regions * pm.Normal("region_offset", dims="region")
    store = region[region_of] + between_stores * pm.Normal("store_offset", dims="store")
    rate = pm.Deterministic("rate", pm.math.exp(store), dims="store")
    purchases(
        "customers",
        summary.cells,
        model="mbg_nbd",
        rate_mean=rate[place],
        rate_shape=pm.LogNormal("rate_shape", 0, 1),
        dropout_mean=pm.Beta("dropout_mean", 1, 1),
        dropout_concentration=pm.LogNormal("dropout_concentration", 1, 1),
    )
    draws = pm.sample(
        300, tune=500, chains=2, nuts_sampler="nutpie", progressbar=False, random_seed=1,
        target_accept=0.9,
    )  # fmt: skip

# %% [markdown]
# ## What the stores learn from their regions
#
# The two stores with 15 customers lie near their region, not near the mean of all; a cross is the
# truth.

# %%
found = draws["posterior"]["rate"].quantile([0.05, 0.5, 0.95], dim=("chain", "draw")).to_numpy()
figure, ax = plt.subplots(figsize=(7, 3.4))
y = np.arange(9)
ax.hlines(y, *found[[0, 2]], color="tab:blue", lw=2, label="posterior, 90%")
ax.plot(found[1], y, "o", color="tab:blue")
ax.plot(truth, y, "x", color="black", label="truth")
ax.set_yticks(y, [f"{s} ({n})" for s, n in zip(stores, sizes, strict=True)])
ax.set_xlabel("mean purchases per day while a customer")
ax.set_title("Small stores lean on their region")
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# ## What PyMC's tools then do
#
# The log-likelihood of each cell is that of all its customers; divided by how many they are it is
# one customer's, as leave-one-out comparisons want it.

# %%
with nested:
    pm.compute_log_likelihood(draws, progressbar=False)
per_cell = draws["log_likelihood"]["customers"]
per_customer = per_cell / draws["constant_data"]["customers_weight"]
per_cell.sizes, float(per_customer.mean())

# %% [markdown]
# The whole model of `cl.fit`, as a graph to start from, is one line: `cl.pymc_model(summary,
# model="mbg_nbd")`, with `group="store"` where the log has that column.
