"""P(alive) against the truth, customer by customer and in bins of 100: lab book 029.

    python benchmarks/alive.py --customers 6000 --seeds 11 12 13 [KIND ...]

Simulated kinds (`kinds.KINDS`), each fitted by the default model and, where another model tells its
story, by that. Customers are sorted by the fitted P(alive) and cut into bins of 100. Two questions:

- Is it what the true parameters say? Worst bin's |mean fitted - mean P(alive) by the truth|, where
  the story has a formula (with its true clock, where rates move). Nothing of chance is in it but
  the fit's own error.
- Does it agree with who is alive? A bin's share of 100 is off by chance by up to .05 (one standard
  deviation), so bins are counted that lie further off than .05 *and* 1.645 standard deviations of
  that chance more; beside it, how many bins of the true P(alive) are beyond .05 plain.

A log is *wrong* where more than one bin in twenty, and at least two, lie beyond; then a check must
be flagged that names the cause. A flagged check on a log that the model describes is a false alarm.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from kinds import DESCRIBED, KINDS, Simulated, simulated

import churnlab as cl
from churnlab.forecast.closed_forms import Rows, risk_and_alive
from churnlab.models.draws import PopulationDraws
from churnlab.origins.panel import Panel
from churnlab.origins.past import Past
from churnlab.report.words import table
from churnlab.summary.daysums import day_number
from churnlab.types import Array, Ints

BIN, OFF, SURE = 100, 0.05, 1.645
#: Share of a log's bins that may lie beyond by chance, and how many it takes at least.
BEYOND, LEAST = 0.05, 2


class TrueClock:
    """Time at which the rate is the population's: the sum of the true multipliers."""

    def __init__(self, made: Simulated) -> None:
        assert made.daily_rate is not None
        self.start = day_number(made.log.as_of) - len(made.daily_rate) + 1
        self.sum = np.concatenate([[0.0], np.cumsum(made.daily_rate)])

    def time(self, days: Any) -> Array:
        """Return the time in the middle of a day."""
        at = np.asarray(days, dtype=np.float64) - self.start + 0.5
        return np.asarray(np.interp(at, np.arange(len(self.sum)), self.sum))

    def ahead(self, _origin: object, windows: Ints) -> Array:
        """Return the windows: nothing is asked of them."""
        return windows.astype(np.float64)


def by_truth(kind: str, made: Simulated, past: Past) -> Array | None:
    """Return P(alive) by the true parameters, (customer,); None where the story has no formula."""
    model, _, how = KINDS[kind]
    if model == "weibull" or {"gap_shape", "yearly_share"} & set(how):
        return None
    draws = PopulationDraws(model, int(str(how.get("k", 1))), made.theta[None, None, :])
    clock: Any = None if made.daily_rate is None else TrueClock(made)
    rows = Rows(past, np.full(past.n, 30), clock, draws)
    return risk_and_alive(rows, draws)[1]


def off_by(p: Array, other: Array, bins: list[Ints]) -> Array:
    """Return the differences of the means, bin by bin."""
    return np.array([p[b].mean() - other[b].mean() for b in bins])


def judged(kind: str, seed: int, customers: int, model: str) -> dict[str, object]:
    """Fit one log and hold its P(alive) against the truth."""
    made = simulated(kind, seed, customers)
    fit = cl.fit(cl.summarise(made.log), model=model)
    own = fit.p_alive().set_index("customer_id")["p_alive"]
    panel = Panel.from_log(made.log)
    past = panel.until(made.log.as_of)
    ids = panel.ids[past.customer]
    p = own.loc[ids].to_numpy()
    alive = made.truth.set_index("customer_id").loc[ids, "alive"].to_numpy(dtype=float)
    order = np.argsort(p, kind="stable")
    bins = [order[i : i + BIN] for i in range(0, past.n - BIN + 1, BIN)]
    chance = np.array([np.sqrt((p[b] * (1 - p[b])).sum()) / BIN for b in bins])
    beyond = int((np.abs(off_by(p, alive, bins)) > OFF + SURE * chance).sum())
    truth = by_truth(kind, made, past)
    if truth is not None:
        ranked = np.argsort(truth, kind="stable")
        own_bins = [ranked[i : i + BIN] for i in range(0, past.n - BIN + 1, BIN)]
    flagged = [one.check for one in fit.misfit if one.flagged]
    wrong = beyond >= max(LEAST, BEYOND * len(bins))
    described = DESCRIBED.get(kind) == model
    return {
        "kind": kind,
        "seed": seed,
        "fitted by": model + (" on months" if fit.seasons is not None else ""),
        "described": "yes" if described else "no",
        "worst bin, fit - truth": np.nan if truth is None else _worst(off_by(p, truth, bins)),
        "worst bin, fit - alive": _worst(off_by(p, alive, bins)),
        "bins": len(bins),
        "beyond .05": int((np.abs(off_by(p, alive, bins)) > OFF).sum()),
        "of the truth's": (
            None if truth is None else int((np.abs(off_by(truth, alive, own_bins)) > OFF).sum())
        ),
        "beyond chance": beyond,
        "flagged first": flagged[0] if flagged else "",
        "verdict": "silent" if wrong and not flagged
        else "false alarm" if flagged and described
        else "named" if wrong else "",
    }  # fmt: skip


def _worst(values: Array) -> float:
    return float(values[np.abs(values).argmax()])


def main() -> None:
    about = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    about.add_argument("kinds", nargs="*", default=list(KINDS))
    about.add_argument("--seeds", type=int, nargs="+", default=[11])
    about.add_argument("--customers", type=int, default=6000)
    wanted = about.parse_args()
    rows = []
    for kind in wanted.kinds:
        for seed in wanted.seeds:
            for model in dict.fromkeys(["mbg_nbd", DESCRIBED.get(kind, "mbg_nbd")]):
                rows.append(judged(kind, seed, wanted.customers, model))
                print(rows[-1], flush=True)
    found = pd.DataFrame(rows)
    worst = [name for name in map(str, found) if name.startswith("worst")]
    print(table(found, dict.fromkeys(worst, ".3f"), names=1))


if __name__ == "__main__":
    main()
