"""Late by the own rhythm, on logs and on simulated truth: the tables of lab books 017 and 020.

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
from churnlab.models.draws import PopulationDraws
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
from churnlab.posterior.risk import risk_summary
from churnlab.report.words import table
from churnlab.rules import CostRatioRule, OverdueRule
from churnlab.simulate import ShopConfig, simulate_btyd, simulate_shop

QUANTILES, WINDOWS = (0.8, 0.9), (6.0, 12.0)
#: Shares of the log's span: the level's shrinkage was chosen on .4 and .6, confirmed on the others.
ORIGINS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
HORIZON = 90
ORACLE = ["population", "cut on", "missed_at_30_flagged", "flagged_at_25_missed", "auc"]
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

    Fitted on the log up to an origin, the level learnt up to it too; judged on purchases after it
    (on all with share 1) whose window is over and that were followed by another within the window.
    """
    first, last = span(log)
    origin = (first + share * (last - first)).floor("D")
    fit = cl.fit(cl.summarise(log, origin.date()), model=MODEL[-1])
    draws = fit.draws
    bought = gaps(log)
    bought = bought if share == 1 else bought[bought["day"] > origin]
    x, t_x = (bought[c].to_numpy() for c in ("x", "t_x"))
    keys = keys_of(Rows(np.zeros(len(x), np.int64), x, t_x, t_x))
    rhythm = rhythm_days(draws, Rows(np.zeros(len(x), np.int64), x, t_x, t_x))
    follow = (last - bought["day"]).dt.days.to_numpy()
    rows = []
    for quantile in QUANTILES:
        for cycles in WINDOWS:
            learnt = fit.overdue(OverdueRule(quantile=quantile, window_cycles=cycles))
            back = (follow >= cycles * rhythm) & (bought["gap"].to_numpy() <= cycles * rhythm)
            after = []
            for cut in (quantile, learnt.value):
                late = at_risk_days(draws, keys, Lateness(window_cycles=cycles), cut)[keys.of]
                late = np.where(late < 0, np.inf, late)
                after.append((bought["gap"].to_numpy()[back] > late[back]).mean())
            level = f"{learnt.value:.3f} ({learnt.low or 0:.3f}-{learnt.high or 1:.3f})"
            rows.append((origin.date(), quantile, cycles, back.sum(), after[0], level, after[1]))
    columns = ["origin", "quantile", "window", "gaps", "after_plain", "level", "after_learnt"]
    return pd.DataFrame(rows, columns=columns)


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
        "cycles_q10": float((days / table["rhythm_days"]).quantile(0.1)),
        "cycles_q90": float((days / table["rhythm_days"]).quantile(0.9)),
    }


def flags(log: EventLog, origin: dt.date) -> Iterator[tuple[str, pd.Series]]:
    """Yield whom each rule calls lost on a day, by customer; nothing later is looked at."""
    past = log.until(origin)
    summary = cl.summarise(past)
    fit = cl.fit(summary, model=MODEL[-1])
    draws, day = fit.draws, pd.Timestamp(origin)
    late, alive = (fit.customers(threshold=cut).set_index("customer_id") for cut in (None, 0.5))
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
    fit = cl.fit(summary, model=MODEL[-1])
    draws, people = fit.draws, summary.customers
    living = people["customer_id"].map(alive).to_numpy(bool)
    silence = (people["T"] - people["t_x"]).to_numpy()
    rows = Rows(np.zeros(len(people), np.int64), *(people[c].to_numpy() for c in ("x", "t_x", "T")))
    keys = keys_of(rows)
    found = []
    for quantile in QUANTILES:
        for cycles in WINDOWS:
            learnt = fit.overdue(OverdueRule(quantile=quantile, window_cycles=cycles)).value
            for level in (quantile, learnt):
                days = at_risk_days(draws, keys, Lateness(window_cycles=cycles), level)[keys.of]
                late = (days >= 0) & (silence >= days)
                once = people["x"].to_numpy() == 0
                found.append((quantile, cycles, level, late[living].mean(),
                              (~late[~living]).mean(), int((once & ~late).sum()),
                              int((once & late).sum())))  # fmt: skip
    names = ["quantile", "window", "level", "alive_flagged", "stopped_missed", "first_active",
             "first_risk"]  # fmt: skip
    return pd.DataFrame(found, columns=names)


def oracle(risk: np.ndarray, alive: np.ndarray) -> tuple[float, float, float]:
    """Return the least share of the stopped missed while at most 30% of the alive are flagged.

    With it the least of the alive flagged while at most 25% of the stopped are missed, and the
    area under the curve, cutting a risk in the one place that knows the truth.
    """
    order = np.argsort(-risk, kind="stable")
    flagged = np.concatenate([[0.0], np.cumsum(alive[order]) / alive.sum()])
    missed = 1.0 - np.concatenate([[0.0], np.cumsum(~alive[order]) / (~alive).sum()])
    area = float(np.trapezoid(1 - missed, flagged))
    return float(missed[flagged <= 0.30].min()), float(flagged[missed <= 0.25].min()), area


def oracles(name: str, log: EventLog, truth: pd.DataFrame, theta: np.ndarray | None,
            model: str) -> list[tuple[object, ...]]:  # fmt: skip
    """Return the oracles: the true population's P(alive), the fitted one's, and plain silence."""
    summary = cl.summarise(log)
    people = summary.customers
    alive = people["customer_id"].map(truth.set_index("customer_id")["alive"]).to_numpy(bool)
    fit = cl.fit(summary, model=MODEL[-1])
    cell = people["cell"].to_numpy()
    silence = (people["T"] - people["t_x"]).to_numpy()
    rows = {f"P(alive), fitted {MODEL[-1]}": risk_summary(fit.draws, summary.cells).mean[cell]}
    if theta is not None:
        true = PopulationDraws(model, 1, theta[None, None, :])
        rows = {"P(alive), true parameters": risk_summary(true, summary.cells).mean[cell]} | rows
    own = truth.set_index("customer_id").loc[people["customer_id"]]
    quiet = np.exp(-own["rate_per_day"].to_numpy() * silence)
    if model != "pareto_nbd":  # dropout tossed after each purchase
        p = own["dropout"].to_numpy()
        rows["P(alive), own rate and dropout known"] = p / (p + (1 - p) * quiet)
    rows["silence in own rhythms"] = silence / rhythm_days(fit.draws, summary.cells)[cell]
    return [(name, what, *oracle(risk, alive)) for what, risk in rows.items()]


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
            names = {"purchases_alive": "alive", "purchase_rate": "rate_per_day",
                     "purchase_dropout": "dropout"}  # fmt: skip
            known = shop.truth.rename(columns=names)
            show("simulated shop", truth(log, known.set_index("customer_id")["alive"]))
            found = oracles("simulated shop", log, known, None, "")
            show("simulated shop: best cuts", pd.DataFrame(found, columns=ORACLE))
        elif argument == "populations":
            rng = np.random.default_rng(3)
            for name, (model, theta) in POPULATIONS.items():
                made = simulate_btyd(model, theta, 4000, 800, rng)
                log = log_from_frames(
                    {"purchases": made.purchases}, time_zone="UTC", as_of=made.as_of
                )
                show(name, truth(log, made.truth.set_index("customer_id")["alive"]))
                found = oracles(name, log, made.truth, np.array(theta), model)
                show(f"{name}: best cuts", pd.DataFrame(found, columns=ORACLE))
        else:
            name, log = log_named(argument)
            states.append({"log": name, **state_today(log)})
            show(f"{name}: dates", pd.concat(dates(log, share) for share in ORIGINS))
            show(f"{name}: held out, {HORIZON} days", held_out(log))
    if states:
        show("who is at risk today", pd.DataFrame(states))


if __name__ == "__main__":
    main(sys.argv[1:])
