"""One million customers after the fit: risk, dates with intervals, the grid, shares with intervals.

    .venv/bin/python benchmarks/segments.py [--customers N] [--model mbg_nbd] [--values] [--profile]

Simulates customers with purchases and visits on the day grid (everybody has both: the worst case
for the number of distinct rows), fits both, and then measures each part: wall time, CPU time (of
all threads) and the peak memory of the whole process, which is one of its own. Writes
benchmarks/results/segments.md. Bar: 60 s and 3 GB for 1,000,000. With --values the residual values
by simulated amounts come on top (the bar does not ask for them), and nothing is written.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from logs import TRUTH

from churnlab import models as likelihoods
from churnlab.inference import fit_population
from churnlab.models.draws import PopulationDraws, SpendDraws
from churnlab.posterior import RiskConfig, ValueConfig, customers_table, value_table
from churnlab.segments import Axis, SegmentsConfig, shares_table, take_snapshot
from churnlab.summary import SpendSummary, Summary

AS_OF = "2024-12-31"
#: Visit-days of the simulated shop: bouts with gaps of days to weeks.
VISITS = (2.2, 12.0, 0.87, 14.5)
#: Gamma-Gamma p, q, gamma of the simulated amounts.
AMOUNTS = (3.4, 4.8, 37.4)
BAR_SECONDS, BAR_GB = 60.0, 3.0
RESULTS = Path(__file__).parent / "results" / "segments.md"


class Clock:
    """Wall and CPU seconds of named parts."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.rows.append((name, time.perf_counter() - wall, time.process_time() - cpu))
        print(f"{name:<42}{self.rows[-1][1]:8.1f} s wall {self.rows[-1][2]:8.1f} s CPU", flush=True)


def simulated(model: str, theta: tuple[float, ...], ages: np.ndarray, seed: int) -> Summary:
    """Simulate event-days of customers of known ages, in whole days."""
    rng = np.random.default_rng(seed)
    x, t_x, _ = likelihoods.get(model).simulate(np.asarray(theta)[:, None], ages, rng)
    t_x = np.where(x > 0, np.clip(np.round(t_x), 1, ages), 0.0)
    return Summary.from_arrays(np.minimum(x, t_x), t_x, ages, as_of=AS_OF)


def measure(n: int, model: str, clock: Clock, *, values: bool = False) -> None:
    """Time risk and dates, the grid, and the shares of `n` customers; their values if wanted."""
    ages = np.random.default_rng(1).integers(1, 365, n).astype(float)
    purchases = simulated(model, TRUTH[model], ages, 2)
    visits = simulated("mbg_nbd", VISITS, ages, 3)
    print(f"{n:,} customers: {len(purchases.cells):,} distinct purchase rows and "
          f"{len(visits.cells):,} distinct visit rows")  # fmt: skip
    bought = fit_population(purchases.cells, model=model, seed=1).draws
    seen = fit_population(visits.cells, model="mbg_nbd", seed=1).draws
    members = pd.DataFrame(
        {
            "customer_id": purchases.customers["customer_id"],
            "signed_up_at": purchases.customers["first_purchase_at"],
        }
    )
    config = SegmentsConfig()
    axis = Axis(bought, RiskConfig(), (0.5,))
    visit_axis = Axis(seen, RiskConfig(), (0.5, 0.9))
    with clock.part("risk, cycles and dates (customers.parquet)"):
        customers_table(purchases, bought, RiskConfig())
    with clock.part("grid with visit dates (membership.parquet)"):
        grid = take_snapshot(members, purchases, axis, visits, visit_axis, config=config)
    with clock.part("shares with intervals (shares.parquet)"):
        shares_table(grid, config, np.random.default_rng(1))
    if values:
        measure_values(purchases, bought, clock)


def measure_values(purchases: Summary, bought: PopulationDraws, clock: Clock) -> None:
    """Time residual values where everybody has amounts of their own."""
    rng, (p, q, gamma) = np.random.default_rng(4), AMOUNTS
    people = purchases.customers
    bought_on = (people["x"] + 1).to_numpy().astype(int)
    rate = np.repeat(rng.gamma(q, 1 / gamma, len(people)), bought_on)
    amounts = SpendSummary.from_amounts(
        pd.Series(np.repeat(people["customer_id"].to_numpy(), bought_on)),
        pd.Series(rng.gamma(p, 1 / rate)),
    )
    spend = SpendDraws(np.tile(AMOUNTS, (1000, 1)), np.ones(1000))
    with clock.part("residual values (not in the bar)"):
        value_table(purchases, bought, ValueConfig(), amounts=amounts, spend=spend)


def report(n: int, model: str, clock: Clock) -> str:
    """Return the table of what was measured, with the bar."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    wall, cpu = sum(row[1] for row in clock.rows), sum(row[2] for row in clock.rows)
    lines = [
        f"# Segments of {n:,} customers after the fit ({model}; visits mbg_nbd)",
        "",
        f"`benchmarks/segments.py`, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the "
        f"end, one run. Bar: {BAR_SECONDS:.0f} s and {BAR_GB:.0f} GB for 1,000,000. The peak is of "
        "the whole process, simulation and fits too.",
        "",
        "| part | wall, s | CPU, s |",
        "|---|---:|---:|",
        *(f"| {name} | {w:.1f} | {c:.1f} |" for name, w, c in clock.rows),
        f"| together | {wall:.1f} | {cpu:.1f} |",
        "",
        f"Peak memory {peak:.2f} GB.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--model", choices=sorted(TRUTH), default="mbg_nbd")
    parser.add_argument("--values", dest="worth", action="store_true", help="residual values too")
    parser.add_argument("--profile", action="store_true", help="print the costliest functions")
    wanted = parser.parse_args()
    clock, profile = Clock(), cProfile.Profile()
    if wanted.profile:
        profile.enable()
    measure(wanted.customers, wanted.model, clock, values=wanted.worth)
    if wanted.profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    text = report(wanted.customers, wanted.model, clock)
    print(text)
    if wanted.customers == 1_000_000 and wanted.model == "mbg_nbd" and not wanted.worth:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
