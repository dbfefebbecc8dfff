"""Open the event log that a configuration names, simulated shop included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from churnlab.events import DataConfig, EventLog, log_from_frames, open_log
from churnlab.runs import Result, RunFolder
from churnlab.simulate import ShopConfig, simulate_shop

SIMULATED = "syn_shop"


@dataclass(frozen=True)
class Checked(Result):
    """A log that holds to the contract."""

    log: EventLog
    files: ClassVar[str] = "report: {folder}/data_report.json"

    @property
    def lines(self) -> list[str]:
        """Rows read, kept and dropped by reason."""
        return self.log.report.lines()

    @property
    def warnings(self) -> list[str]:
        """What was dropped or mended."""
        return self.log.report.losses()

    def write(self, folder: RunFolder) -> None:
        """Write `data_report.json` and remember the tables' hashes."""
        folder.inputs.update(self.log.hashes)
        folder.write_json("data_report.json", self.log.report.to_dict())


def open_data(
    data: DataConfig, *, as_of: str | None = None, shop: ShopConfig | None = None, seed: int = 1
) -> EventLog:
    """Return the checked event log.

    data: Where the tables are; `syn_shop` names the simulated shop.
    as_of: Last known day, inclusive; the last day in the logs by default.
    shop, seed: Of the simulated shop.
    """
    if data.name != SIMULATED:
        return open_log(data, as_of=as_of)
    simulated = simulate_shop(shop or ShopConfig(), np.random.default_rng(seed))
    return log_from_frames(
        simulated.frames(), time_zone=data.time_zone, as_of=as_of or simulated.as_of
    )


def load_cdnow(*, as_of: str | None = None, full: bool = False) -> EventLog:
    """Return the purchases of a CD shop's customers, 1997-01-01 to 1998-06-30 (with amounts).

    Parameters
    ----------
    as_of : str, optional
        Last known day, inclusive: purchases after it are not seen.
    full : bool
        All 23,570 customers instead of the published tenth of them.

    Returns
    -------
    EventLog
        `purchases` with amounts (US dollars).

    Raises
    ------
    DataError
        No purchase up to `as_of`.

    References
    ----------
    Fader and Hardie (2001), Interfaces 31(3), S94-S107; data/ has the card.

    Examples
    --------
    >>> import churnlab as cl
    >>> log = cl.load_cdnow(as_of="1997-09-30")
    >>> len(log.members())
    2357
    """
    return open_data(DataConfig(name="cdnow_full" if full else "cdnow"), as_of=as_of)


def load_shop(
    n_members: int = ShopConfig.n_members, *, seed: int = 1, as_of: str | None = None
) -> EventLog:
    """Return a simulated shop's log: members, visits, purchases, treatments, items.

    Parameters
    ----------
    n_members : int
        Members who sign up over the simulated time.
    seed : int
        The same shop for the same seed.
    as_of : str, optional
        Last known day, inclusive; the last simulated day by default.

    Returns
    -------
    EventLog
        `members`, `visits`, `purchases`, `treatments` (a random fifth is held out).

    Raises
    ------
    UsageError
        Fewer members than 1, or no event up to `as_of`.

    Examples
    --------
    >>> import churnlab as cl
    >>> sorted(cl.load_shop(200).tables)[:2]
    ['members', 'purchases']
    """
    shop = ShopConfig(n_members=n_members)
    return open_data(DataConfig(name=SIMULATED), as_of=as_of, shop=shop, seed=seed)
