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
# # Your own data: what is read, what is dropped, and who says so
#
# An export never is what the textbook wants: several lines an order, amounts with a currency sign,
# refunds, a time zone that nobody wrote down. One idea: **no row goes missing without being
# counted**. We write such a file, read it, and read the account.

# %%
import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import churnlab as cl
from churnlab.cli import main
from churnlab.report import style

style.use()
os.chdir(tempfile.mkdtemp())

# %% [markdown]
# ## An export with its faults
#
# 300 customers. An order has one to three lines; its total and its status stand on each of them.
# Some orders are refunded, some rows have lost their customer, and one row was written twice.

# %%
rng = np.random.default_rng(5)
lines = []
for customer in range(300):
    day, gap = rng.uniform(0, 200), rng.gamma(2, 15)
    while day < 500:
        at = pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)
        status = "refunded" if rng.random() < 0.04 else "paid"
        order = [f"#{customer:03}-{at:%y%m%d}", f"{at:%d.%m.%Y %H:%M}", f"u{customer:03}"]
        order += [f"${1000 + rng.gamma(3, 20):,.2f}", status]
        lines += [[*order, f"sku-{item}"] for item in range(rng.integers(1, 4))]
        day += 1000 if rng.random() < 0.12 else 1 + rng.exponential(gap)
orders = pd.DataFrame(lines, columns=["order", "paid at", "buyer", "total", "status", "sku"])
orders.loc[orders.sample(5, random_state=1).index, "buyer"] = ""
orders = pd.concat([orders, orders.tail(1)])
orders.to_csv("orders.csv", index=False)
orders.head()

# %% [markdown]
# ## Let it look
#
# `churnlab init orders.csv` reads the whole file and says what it takes for what, with its reasons.
# Where two readings are possible it asks; `--yes` takes what is beyond doubt. The line below is
# that command.

# %%
status = main(["init", "orders.csv", "--yes"])

# %% [markdown]
# It wrote `conf/data/orders.yaml`, which is yours to change; from now on `churnlab pipeline
# data=orders` is enough.
#
# ## Or say it yourself
#
# In Python the same settings are arguments.

# %%
log = cl.read_events(
    "orders.csv",
    columns={
        "customer_id": "buyer", "event_at": "paid at", "order_id": "order", "amount": "total",
        "item": "sku", "status": "status",
    },
    time_format="%d.%m.%Y %H:%M",
    amount_per="order",
    cancelled_values=["refunded"],
    time_zone="Europe/Berlin",
)  # fmt: skip
print(*log.report.lines(), sep="\n")

# %% [markdown]
# The account adds up, exactly: rows = kept + the sum of what was dropped, reason by reason. A lost
# id could be found in the order's other lines, so fewer rows are missing one than we broke.

# %%
table = log.report.tables["purchases"]
pd.Series({"rows": table.rows, "kept": table.kept, **table.dropped}, name="rows").to_frame()

# %%
assert table.rows == table.kept + sum(table.dropped.values())

# %% [markdown]
# ## What the models see
#
# A customer-day with several lines counts once. From there on it is the
# [first tutorial](tutorial_first_fit.md).

# %%
fit = cl.fit(cl.summarise(log), seed=1)
ax = fit.plot_tracking()
plt.show()
fit.states().head()

# %% [markdown]
# ## When it refuses
#
# A format that reads less than another one, day and month that cannot be told apart, two
# currencies in one column, more than one bad row in a hundred: these are errors, which say what
# came and what to do. Here the times are said to be American.

# %%
try:
    cl.read_events(
        "orders.csv",
        columns={"customer_id": "buyer", "event_at": "paid at"},
        time_format="%m.%d.%Y %H:%M",
    )
except cl.DataError as error:
    print(error)
