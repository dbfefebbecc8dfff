"""Late by the own rhythm, tried on logs and on simulated truth: the tables of lab book 017.

    python benchmarks/late.py cdnow grocery=grocery_elog.parquet:date ... shop populations

Arguments run in order; `model=mbg_cnbd_k` sets the model of those after it. Each other one is
`cdnow` (embedded), `shop`, `populations`, or NAME=FILE:TIME: a Parquet file with `customer_id` and
a time column; rows without a customer, and without a positive amount, are left out.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

import churnlab as cl
from churnlab.backtest import calibrate_threshold
from churnlab.events import EventLog, log_from_frames, open_log
from churnlab.events.config import DataConfig
from churnlab.posterior import (
    Lateness,
    RiskConfig,
    Rows,
    StateCut,
    at_risk_days,
    customers_table,
    keys_of,
    rhythm_days,
)
from churnlab.report.words import table
from churnlab.rules import CostRatioRule
from churnlab.simulate import ShopConfig, simulate_btyd, simulate_shop

QUANTILES, WINDOWS = (0.8, 0.85, 0.9), (4.0, 6.0, 12.0)
HORIZON = 90
MODEL = ["mbg_nbd"]
#: (r, alpha, a, b) of MBG/NBD, days; Pareto/NBD: (r, alpha, s, beta).
POPULATIONS = {
    "many stop (CDNOW)": ("mbg_nbd", (0.52, 43.0, 0.89, 1.61)),
    "few stop": ("mbg_nbd", (1.5, 30.0, 0.6, 6.0)),
    "lifetimes (Pareto/NBD)": ("pareto_nbd", (1.5, 40.0, 1.2, 300.0)),
}


def log_named(argument: str) -> tuple[str, EventLog]:
    """Open the log that an argument names."""
    if argument == "cdnow":
        return argument, open_log(DataConfig(name="cdnow"))
    name, _, place = argument.partition("=")
    path, _, time = place.rpartition(":")
    frame = pd.read_parquet(path).dropna(subset=["customer_id"])
    amounts = [c for c in ("sales_value", "quantity") if c in frame]
    for column in amounts:
        frame = frame[frame[column] > 0]
    days = pd.DataFrame(
        {
            "customer_id": frame["customer_id"].astype(str),
            "event_at": pd.to_datetime(frame[time]).dt.normalize(),
        }
    ).drop_duplicates()
    return name, log_from_frames({"purchases": days}, time_zone="UTC")


def span(log: EventLog) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last day of the purchases."""
    return log.days("purchases")["day"].min(), pd.Timestamp(log.as_of)


def gaps(log: EventLog) -> pd.DataFrame:
    """Return every purchase with what was known at it (x, t_x) and the days to the next."""
    days = log.days("purchases").sort_values(["customer_id", "day"])
    own = days.groupby("customer_id")["day"]
    return days.assign(
        x=own.cumcount().astype(float),
        t_x=(days["day"] - own.transform("first")).dt.days.astype(float),
        gap=(own.shift(-1) - days["day"]).dt.days,
    )


def dates(log: EventLog, share: float) -> pd.DataFrame:
    """Return, per quantile and window, the share of completed gaps that outlasted the date.

    Fitted on the log up to an origin; judged on purchases after it (on all with share 1) whose
    window is over and that were followed by another within the window.
    """
    first, last = span(log)
    origin = (first + share * (last - first)).floor("D")
    draws = cl.fit(cl.summarise(log, origin.date()), model=MODEL[-1]).draws
    bought = gaps(log)
    bought = bought if share == 1 else bought[bought["day"] > origin]
    x, t_x = (bought[c].to_numpy() for c in ("x", "t_x"))
    keys = keys_of(Rows(np.zeros(len(x), np.int64), x, t_x, t_x))
    rhythm = rhythm_days(draws, Rows(np.zeros(len(x), np.int64), x, t_x, t_x))
    follow = (last - bought["day"]).dt.days.to_numpy()
    rows = []
    for quantile in QUANTILES:
        for cycles in WINDOWS:
            late = at_risk_days(draws, keys, Lateness(window_cycles=cycles), quantile)[keys.of]
            late = np.where(late < 0, np.inf, late)
            back = (follow >= cycles * rhythm) & (bought["gap"].to_numpy() <= cycles * rhythm)
            after = bought["gap"].to_numpy()[back] > late[back]
            rows.append((origin.date(), quantile, cycles, back.sum(), after.mean()))
    return pd.DataFrame(rows, columns=["origin", "quantile", "window", "gaps", "after_date"])


def state_today(log: EventLog) -> dict[str, float]:
    """Return who is at risk today, and how soon anybody can be."""
    table = cl.fit(cl.summarise(log), model=MODEL[-1]).customers()
    days = (table["at_risk_date"] - table["last_purchase_at"]).dt.days
    late = table["at_risk_date"] <= pd.Timestamp(log.as_of)
    return {
        "purchasers": len(table),
        "at_risk": late.mean(),
        "first": late[table["x"] == 0].mean(),
        "repeat": late[table["x"] > 0].mean(),
        "day_after": (days == 1).mean(),
        "before_own_rhythm": (days < table["rhythm_days"]).mean(),
        "cycles_q10": (days / table["rhythm_days"]).quantile(0.1),
        "cycles_q90": (days / table["rhythm_days"]).quantile(0.9),
    }


def flags(log: EventLog, origin: dt.date) -> Iterator[tuple[str, pd.Series]]:
    """Yield whom each rule calls lost on a day, by customer; nothing later is looked at."""
    past = log.until(origin)
    summary = cl.summarise(past)
    draws = cl.fit(summary, model=MODEL[-1]).draws
    day = pd.Timestamp(origin)
    late, alive = (
        customers_table(summary, draws, state=state).set_index("customer_id")
        for state in (StateCut(Lateness(), 0.8, 0.8), StateCut(RiskConfig(), 0.5, 0.5))
    )
    yield "late by the own rhythm", late["at_risk_date"] <= day
    yield "P(alive) < .5", alive["at_risk_date"] <= day
    yield "two own rhythms", late["days_since_last"] > 2 * late["rhythm_days"]
    yield f"idle >= {HORIZON} days", late["days_since_last"] >= HORIZON
    yield "hiatus, fewest wrong flags", late["days_since_last"] >= _hiatus(past, origin)
    rule = CostRatioRule(contact_cost=1.0, save_probability=0.05, value_per_customer=40.0)
    cut = calibrate_threshold(past, rule=rule, risk=RiskConfig(horizon_days=HORIZON)).inside()
    old = customers_table(summary, draws, state=StateCut(RiskConfig(), *cut))
    yield "old default", old.set_index("customer_id")["at_risk_date"] <= day


def _hiatus(past: EventLog, origin: dt.date) -> float:
    """Return the idle days that were wrong least often one horizon earlier."""
    then = origin - dt.timedelta(HORIZON)
    people = cl.summarise(past, then).customers
    silent = ~people["customer_id"].isin(_buyers(past, then))
    idle = (people["T"] - people["t_x"]).to_numpy()
    cuts = np.arange(1, int(idle.max()) + 2)
    wrong = [((idle >= c) != silent.to_numpy()).mean() for c in cuts]
    return float(cuts[int(np.argmin(wrong))])


def _buyers(log: EventLog, origin: dt.date) -> pd.Series:
    days = log.days("purchases")
    since = days["day"] - pd.Timestamp(origin)
    return days.loc[
        (since > pd.Timedelta(0)) & (since <= pd.Timedelta(HORIZON, "D")), "customer_id"
    ]


def held_out(log: EventLog) -> pd.DataFrame:
    """Return precision and recall of "no purchase in the horizon", means over two origins."""
    _, last = span(log)
    rng, rows = np.random.default_rng(1), []
    for back in (1, 2):
        origin = (last - pd.Timedelta(back * HORIZON, "D")).date()
        for rule, flag in flags(log, origin):
            silent = ~flag.index.isin(_buyers(log, origin))
            pick = rng.integers(0, len(flag), (200, len(flag)))
            hit = (flag.to_numpy() & silent)[pick].sum(axis=1)
            drawn = hit / flag.to_numpy()[pick].sum(axis=1), hit / silent[pick].sum(axis=1)
            values = ((flag & silent).sum() / flag.sum(), (flag & silent).sum() / silent.sum())
            said = [
                f"{v:.3f} ({low:.3f}-{high:.3f})"
                for v, (low, high) in zip(
                    values, (np.quantile(d, (0.05, 0.95)) for d in drawn), strict=True
                )
            ]
            rows.append((origin, rule, f"{flag.mean():.2f}", *said))
    return pd.DataFrame(rows, columns=["origin", "rule", "flagged", "precision", "recall"])


def truth(log: EventLog, alive: pd.Series) -> pd.DataFrame:
    """Return how many of the truly alive are flagged and of the truly stopped missed."""
    summary = cl.summarise(log)
    draws = cl.fit(summary, model=MODEL[-1]).draws
    people = summary.customers
    living = people["customer_id"].map(alive).to_numpy(bool)
    silence = (people["T"] - people["t_x"]).to_numpy()
    rows = Rows(np.zeros(len(people), np.int64), *(people[c].to_numpy() for c in ("x", "t_x", "T")))
    keys = keys_of(rows)
    found = []
    for quantile in QUANTILES:
        for cycles in WINDOWS:
            days = at_risk_days(draws, keys, Lateness(window_cycles=cycles), quantile)[keys.of]
            late = (days >= 0) & (silence >= days)
            once = people["x"].to_numpy() == 0
            found.append((quantile, cycles, late[living].mean(), (~late[~living]).mean(),
                          int((once & ~late).sum()), int((once & late).sum())))  # fmt: skip
    names = ["quantile", "window", "alive_flagged", "stopped_missed", "first_active", "first_risk"]
    return pd.DataFrame(found, columns=names)


def show(title: str, rows: pd.DataFrame) -> None:
    """Print a table as Markdown."""
    formats = {c: ".3f" for c in rows.columns if rows[c].dtype == float}
    print(f"\n### {title}\n\n{table(rows, formats)}", flush=True)


def main(arguments: list[str]) -> None:
    """Run what the arguments name."""
    states = []
    for argument in arguments:
        if argument.startswith("model="):
            MODEL.append(argument.removeprefix("model="))
        elif argument == "shop":
            shop = simulate_shop(ShopConfig(), np.random.default_rng(1))
            log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of)
            show(
                "simulated shop", truth(log, shop.truth.set_index("customer_id")["purchases_alive"])
            )
        elif argument == "populations":
            rng = np.random.default_rng(3)
            for name, (model, theta) in POPULATIONS.items():
                made = simulate_btyd(model, theta, 4000, 800, rng)
                log = log_from_frames(
                    {"purchases": made.purchases}, time_zone="UTC", as_of=made.as_of
                )
                show(name, truth(log, made.truth.set_index("customer_id")["alive"]))
        else:
            name, log = log_named(argument)
            states.append({"log": name, **state_today(log)})
            show(f"{name}: dates", pd.concat(dates(log, share) for share in (0.4, 0.6, 1.0)))
            show(f"{name}: held out, {HORIZON} days", held_out(log))
    if states:
        show("who is at risk today", pd.DataFrame(states))


if __name__ == "__main__":
    main(sys.argv[1:])
