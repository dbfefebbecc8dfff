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
# # From backtest to production
#
# A notebook that says "these customers are late" changes nothing. Somebody has to get the dates,
# every morning, without Python, and somebody has to notice when they have stopped being true. One
# idea: **what leaves is a bundle that proves itself**, with the evidence that it rests on.

# %%
import datetime as dt
import json
import os
import tempfile
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt
import pandas as pd

import churnlab as cl
from churnlab.report import style

style.use()
os.chdir(tempfile.mkdtemp())
log = cl.load_cdnow()

# %% [markdown]
# ## 1. Does it deserve to leave?
#
# Three earlier days, each with the following 56 days held out. If the simple rule were as good, we
# would ship the simple rule.

# %%
backtest = cl.backtest(
    log,
    candidates=["mbg_nbd"],
    split={"origins": 3, "horizon_days": [56], "replicates": 100, "counts": False},
    seed=1,
)
for answer in backtest.answers:
    print(answer)
backtest.plot_reliability()
plt.show()

# %% [markdown]
# ## 2. The bundle
#
# States and audiences come from a segment run, the evidence from the backtest. Without a backtest
# of three origins the export is refused, or marked as not calibrated where you insist.

# %%
segments = cl.segment(log, segments={"periods": 0}, seed=1)
segments.save("segment")
backtest.save("backtest")
bundle = cl.export("bundle", ["segment", "backtest"])
print(*sorted(p.name for p in Path("bundle").glob("*.parquet")), sep="\n")

# %% [markdown]
# `customer_thresholds` is the table to sync: a row per customer, with dates instead of scores. The
# date on which silence becomes a risk stays true until the next purchase, so a sync that fails for
# two days does no harm.

# %%
dates = pd.read_parquet("bundle/customer_thresholds.parquet")
dates[["customer_id", "purchase_state", "at_risk_date", "due_date", "p_alive"]].head()

# %% [markdown]
# ## 3. It proves itself
#
# `verify` recomputes risks and dates, holds the SQL against Python, and checks every file against
# its hash. A bundle that somebody edited is refused:

# %%
for check in cl.verify("bundle").found["checks"]:
    print(f"{check['name']:20} {check['status']}  {check['detail']}")

# %%
path = Path("bundle/bundle.json")
honest = path.read_text()
edited = json.loads(honest)
edited["created_at"] = "2031-01-01T00:00:00+00:00"
path.write_text(json.dumps(edited))
try:
    cl.verify("bundle")
except cl.ChurnlabError as error:
    print(error)
finally:
    path.write_text(honest)

# %% [markdown]
# ## 4. The same scores, without Python
#
# One SELECT, in five dialects; here DuckDB, on the orders themselves.

# %%
database = duckdb.connect()
orders = log.frame("purchases")[["customer_id", "event_at"]]
database.register("purchases", orders)
in_sql = database.sql(Path("bundle/score.duckdb.sql").read_text()).df()
in_python = cl.score("bundle", log)
both = in_sql.merge(in_python, on="customer_id", suffixes=("_sql", "_python"))
print(f"{len(both):,} customers, largest difference of P(alive):")
print(f"{(both['p_alive_sql'] - both['p_alive_python']).abs().max():.0e}")

# %%
assert (both["p_alive_sql"] - both["p_alive_python"]).abs().max() < 1e-9

# %% [markdown]
# ## 5. Is it still true?
#
# Every morning `monitor` takes the log as it is now. On the day after the export nothing has
# happened yet; half a year later, without a purchase in between, the feed is dead.

# %%
for today in (log.as_of + dt.timedelta(days=1), log.as_of + dt.timedelta(days=180)):
    found = cl.monitor(log, "bundle", monitor={"today": str(today)})
    print(today, *found.lines, sep="\n  ")

# %% [markdown]
# churnlab never refits a threshold by itself. A failure marks the bundle as stale; a person looks,
# runs the backtest again, and exports anew. The old bundle stays whole, for the way back.
#
# Rules for whoever receives the table, PostgreSQL statements, rollback: `docs/production.md`.
