"""False alarms of whole `monitor` calls: every check, on shops where nothing changes.

Run with ``python benchmarks/monitor_calls.py [shop-years [first]]``. A shop is simulated from
MBG/NBD, exported four times a year, as often as a bundle is valid, and monitored four and twelve
weeks after each export: volumes, empty days, evidence and vintages look back on every day since.
What a check says of age (`staleness`) is no alarm. Then, on the first morning after: all dates
shifted by a day, and a feed that has ended.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from monitor import CHANGES, HISTORY_DAYS, Shop, simulate

from churnlab.events import EventLog, log_from_frames
from churnlab.export import ExportConfig, ExportInputs, SqlConfig, export_bundle
from churnlab.fitting import fit
from churnlab.monitor import monitor
from churnlab.posterior import RiskConfig
from churnlab.summary import summarise
from churnlab.vocabulary import SEGMENT_CODES

START = pd.Timestamp("2023-01-01")
EXPORTS, APART = 4, 84
LOOKS = (28, 84)
BACKTEST: dict[str, Any] = {
    "origins": ["2023-10-01", "2023-12-01", "2024-02-01"],
    "horizon_days": [28],
    "baselines": ["hiatus"],
    "scores": [],
    "degraded": [],
}
ACTION = {
    "action_id": "keep", "channel": "onsite", "incentive": "none", "cooldown_days": 7,
    "message_class": "informational", "evidence": "playbook",
}  # fmt: skip


def day_of(n: int) -> dt.date:
    """Return the n-th day of the history, counted from 1."""
    return (START + pd.Timedelta(days=n - 1)).date()


def frame_of(shop: Shop) -> pd.DataFrame:
    """Return the purchases as a shop would give them."""
    at = START + pd.to_timedelta(shop.time, unit="D")
    return pd.DataFrame(
        {"customer_id": np.char.mod("c%05d", shop.customer), "event_at": at.floor("s")}
    )


def exported(log: EventLog, folder: Path, seed: int) -> None:
    """Fit a log and export a bundle from it."""
    summary = summarise(log)
    made = fit(summary, seed=seed)
    inputs = ExportInputs(
        as_of=log.as_of, time_zone="UTC", summary=summary.customers, draws=made.draws,
        risk=RiskConfig(), threshold=made.late, backtest=BACKTEST,
        actions=[ACTION], playbook={code: ["keep"] for code in SEGMENT_CODES},
    )  # fmt: skip
    export_bundle(folder, inputs, ExportConfig(draws=16, csv=False, sql=SqlConfig(dialects=[])))


def alarms(folder: Path, log: EventLog, days: int) -> list[str]:
    """Return what is not ok on the morning after the last day of a log, `days` after the export."""
    report = monitor(folder, log, today=log.as_of + dt.timedelta(1))
    loud = [c for c in report["checks"] if c["status"] != "ok" and c["name"] != "staleness"]
    return [f"day {days}: {c['name']} {c['status']} ({c['detail']})" for c in loud]


def year(seed: int) -> list[str]:
    """Return the alarms of one shop-year."""
    shop = simulate(CHANGES["nothing"], EXPORTS * APART, np.random.default_rng(seed))
    whole = log_from_frames(
        {"purchases": frame_of(shop)}, as_of=day_of(HISTORY_DAYS + EXPORTS * APART)
    )
    found = []
    for part in range(EXPORTS):
        last = HISTORY_DAYS + part * APART
        with tempfile.TemporaryDirectory() as folder:
            exported(whole.until(day_of(last)), Path(folder), seed)
            for days in LOOKS:
                found += alarms(Path(folder), whole.until(day_of(last + days)), days)
    return found


def first_day(seed: int) -> dict[str, bool]:
    """Return whether shifted dates and a dead feed are found on the first morning after."""
    shop = simulate(CHANGES["nothing"], 7, np.random.default_rng(seed))
    frame = frame_of(shop)

    def until(rows: pd.DataFrame, day: dt.date) -> EventLog:
        return log_from_frames({"purchases": rows}, as_of=day).until(day)

    export, morning = day_of(HISTORY_DAYS), day_of(HISTORY_DAYS + 1)
    shifted = frame.assign(event_at=frame["event_at"] + pd.Timedelta(days=1))
    with tempfile.TemporaryDirectory() as folder:
        exported(until(frame, export), Path(folder), seed)
        late = monitor(folder, until(shifted, morning), today=morning + dt.timedelta(1))
        dead = monitor(folder, until(frame, export), today=morning + dt.timedelta(1))
    return {"dates shifted": late["status"] != "ok", "dead feed": dead["status"] != "ok"}


def main(years: int, begin: int = 0) -> None:
    """Print alarms of stationary shop-years, and what is found on the first day."""
    loud = 0
    for seed in range(begin, begin + years):
        found = year(seed)
        loud += bool(found)
        print(f"shop {seed}", *found, sep="\n  ", flush=True)
    first = [first_day(1000 + seed) for seed in range(begin, begin + years)]
    for what in ("dates shifted", "dead feed"):
        print(f"{what}: found on the first day in {sum(f[what] for f in first)} of {years}")
    print(f"{loud} of {years} stationary shop-years with an alarm")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["100"]))
