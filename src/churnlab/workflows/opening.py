"""Open the event log that a configuration names, simulated shop included."""

from __future__ import annotations

import numpy as np

from churnlab.events import DataConfig, EventLog, log_from_frames, open_log
from churnlab.simulate import ShopConfig, simulate_shop

SIMULATED = "syn_shop"


def open_data(
    data: DataConfig, *, as_of: str | None = None, shop: ShopConfig | None = None, seed: int = 1
) -> EventLog:
    """Return the checked event log.

    Parameters
    ----------
    data : DataConfig
        Where the tables are; `syn_shop` names the simulated shop.
    as_of : str, optional
        Last known day, inclusive; the last day in the logs by default.
    shop, seed
        Of the simulated shop.
    """
    if data.name != SIMULATED:
        return open_log(data, as_of=as_of)
    simulated = simulate_shop(shop or ShopConfig(), np.random.default_rng(seed))
    return log_from_frames(
        simulated.frames(), time_zone=data.time_zone, as_of=as_of or simulated.as_of
    )
