"""Forecasts of a window, against the tuned comparator and against the model: lab book 029.

    python benchmarks/forecasts.py cdnow_full grocery=grocery.parquet:date mbg:11 --days 30 90 180

Logs are named as in `kinds.log_of`. Per log and window: the default (what `forecast.name=auto`
takes at each origin), the stack, and the model that a fit shows (`mbg_nbd`, on months where they
pay), each against gradient boosting: difference of the mean losses over origins in percent, with a
90% interval by resampling customers with all their rows (minus: better); the bias of the number of
buyers at each origin; what the default takes. `--shift` leaves out the last days of the log, for
origins that nobody has looked at. Appends a line of JSON per log and window to `--to`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kinds import log_of

from churnlab.backtest.config import SplitConfig
from churnlab.backtest.splits import plan_origins
from churnlab.candidates import Context, candidate_named
from churnlab.candidates.stacked import Stacked
from churnlab.errors import DataError
from churnlab.forecast.learning import Learnt
from churnlab.forecast.stack import Member
from churnlab.metrics.binary import log_losses
from churnlab.origins.panel import Panel
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.types import Array, Ints

BAR, MODEL = "gradient_boosting", "mbg_nbd@auto"
NAMES = ("default", "stacked", MODEL)
REPLICATES = 400


@dataclass(frozen=True)
class Forecasts:
    """All forecasts of P(no purchase in the window) at one origin, and what came."""

    date: dt.date
    customer: Ints
    outcome: Array
    risk: dict[str, Array]
    learnt: Learnt | None

    @property
    def takes_stack(self) -> bool:
        """Whether the default is the stack."""
        learnt = self.learnt
        return learnt is not None and not learnt.note and learnt.taken

    @property
    def buyers(self) -> int:
        """Customers who bought in the window."""
        return int((1.0 - self.outcome).sum())

    def losses(self, name: str) -> tuple[Array, Array]:
        """Return squared error and log loss, (customer,)."""
        p = self.risk[name]
        return (p - self.outcome) ** 2, log_losses(p, self.outcome)

    def bias(self, name: str) -> float:
        """Relative error of the number of buyers."""
        return float((1.0 - self.risk[name]).sum() / max(self.buyers, 1) - 1.0)


def forecast(panel: Panel, past: Past, target: Target, context: Context) -> Forecasts:
    """Forecast by everybody at one origin."""
    window = target.windows(past)
    known = panel.until(panel.as_of).counts(past, window)
    candidate = candidate_named(MODEL)
    draws, note = candidate.learn(past, context)  # type: ignore[attr-defined]
    rival = Member(draws.thin(context.score_draws), candidate.clock(note))  # type: ignore[attr-defined]
    risk = {
        BAR: np.asarray(candidate_named(BAR).forecast(past, target, context).risk),
        MODEL: 1.0 / (1.0 + np.exp(-rival.logit(past, window))),
    }
    learnt: Learnt | None = None
    risk["stacked"] = risk[MODEL]
    with suppress(DataError):
        learnt = Stacked().learn(past, target, context, model=rival)
        risk["stacked"] = learnt.stack.forecast(past, window)[0]
    found = Forecasts(past.origin, past.customer, (known == 0).astype(float), risk, learnt)
    risk["default"] = risk["stacked" if found.takes_stack else MODEL]
    return found


def difference(found: list[Forecasts], name: str, which: int, weight: Array) -> list[float]:
    """Return the difference to the comparator in percent, and its 90% interval.

    which: 0 squared error, 1 log loss.
    weight (replicate, customer of the panel): How often each was drawn.
    """

    def mean(one: Forecasts, of: str, drawn: Array) -> Array:
        loss = one.losses(of)[which]
        return drawn @ loss / drawn.sum(axis=1)

    def ratio(drawn: Array) -> Array:
        own, bar = (
            np.sum([mean(f, of, drawn[:, f.customer]) for f in found], axis=0) for of in (name, BAR)
        )
        return np.asarray(100.0 * (own / bar - 1.0))

    value = ratio(np.ones((1, weight.shape[1])))[0]
    return [float(v) for v in (value, *np.quantile(ratio(weight), [0.05, 0.95]))]


def cell(name: str, panel: Panel, days: int, origins: int, step: int | None) -> dict[str, object]:
    """Return everything about one log and window."""
    target, context = Target("fixed_days", float(days)), Context(counts=False)
    split = SplitConfig(horizon_days=[days], origins=origins, warmup=0, step_days=step)
    plan = plan_origins(panel, split, [target])
    found = [forecast(panel, panel.until(o.date), target, context) for o in plan.scored]
    rng = np.random.default_rng(1)
    weight = rng.poisson(1.0, (REPLICATES, panel.ids.size)).astype(float)
    return {
        "log": name,
        "days": days,
        "origins": [f.date.isoformat() for f in found],
        "customers": [len(f.outcome) for f in found],
        "buyers": [f.buyers for f in found],
        "earlier": [0 if f.learnt is None else len(f.learnt.origins) for f in found],
        "takes": ["stack" if f.takes_stack else "model" for f in found],
        "brier": {n: difference(found, n, 0, weight) for n in NAMES},
        "log_score": {n: difference(found, n, 1, weight) for n in NAMES},
        "bias": {n: [f.bias(n) for f in found] for n in (*NAMES, BAR)},
        "loss": {n: [float(f.losses(n)[1].mean()) for f in found] for n in (*NAMES, BAR)},
    }


def row(found: dict[str, object]) -> str:
    """Return a cell's line of the table."""

    def interval(values: list[float]) -> str:
        return f"{values[0]:+.1f}% ({values[1]:+.1f}, {values[2]:+.1f})"

    columns = [found["log"], found["days"]]
    columns += [interval(found[s][n]) for n in NAMES for s in ("brier", "log_score")]  # type: ignore[index]
    columns += [" ".join(f"{100 * v:+.0f}" for v in found["bias"][n]) for n in (*NAMES, BAR)]  # type: ignore[index]
    columns += [min(found["buyers"]), " ".join(t[0] for t in found["takes"])]  # type: ignore[call-overload, attr-defined]
    return "| " + " | ".join(str(c) for c in columns) + " |"


def main() -> None:
    about = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    about.add_argument("logs", nargs="+")
    about.add_argument("--days", type=int, nargs="+", default=[90])
    about.add_argument("--origins", type=int, default=4)
    about.add_argument("--step", type=int)
    about.add_argument("--shift", type=int, default=0)
    about.add_argument("--customers", type=int, default=6000)
    about.add_argument("--to", type=Path)
    wanted = about.parse_args()
    for argument in wanted.logs:
        name, log = log_of(argument, wanted.customers)
        panel = Panel.from_log(log.until(log.as_of - dt.timedelta(days=wanted.shift)))
        for days in wanted.days:
            found = cell(name, panel, days, wanted.origins, wanted.step)
            print(row(found), flush=True)
            if wanted.to:
                with wanted.to.open("a") as lines:
                    lines.write(json.dumps(found | {"shift": wanted.shift}) + "\n")


if __name__ == "__main__":
    main()
