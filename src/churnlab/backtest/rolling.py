"""A splitter in time for scikit-learn: what was known at one origin against what came later."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.backtest.config import SplitConfig
from churnlab.backtest.splits import plan_origins
from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.origins.panel import Panel
from churnlab.origins.targets import targets

#: Column of the day up to which a row is known.
ORIGIN: Final = "origin"


class RollingOrigins:
    """Splits in time: what was known at one origin is held against what came after a later one.

    Parameters
    ----------
    origins : int or list of str
        Number of origins, laid back from the last complete window, or dates (YYYY-MM-DD).
    horizon_days : int
        Length of the window of the labels.
    step_days : int, optional
        Days between origins; default: one window, less where the history is short.

    Examples
    --------
    >>> import churnlab as cl
    >>> log, splits = cl.load_cdnow(), cl.RollingOrigins(origins=3, horizon_days=90)
    >>> X, y = splits.table(log)
    >>> [len(test) for _, test in splits.split(X, y)]
    [2357, 2357]
    """

    def __init__(
        self, origins: int | list[str] = 3, *, horizon_days: int = 90, step_days: int | None = None
    ) -> None:
        self.origins = origins
        self.horizon_days = horizon_days
        self.step_days = step_days

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return (
            f"RollingOrigins({self.origins!r}, horizon_days={self.horizon_days!r}, "
            f"step_days={self.step_days!r})"
        )

    def table(self, log: EventLog) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """Return every customer at every origin, and whether no purchase came in the window.

        Parameters
        ----------
        log : EventLog or frame of purchases
            All history, the windows after the origins included.

        Returns
        -------
        X : DataFrame
            `customer_id`, `origin`, `x`, `t_x`, `T` (times in days), earlier origins first.
        y : array, shape (row,)
            1 where no purchase came in (origin, origin + horizon_days].

        Raises
        ------
        DataError
            No origin with a complete window.

        Examples
        --------
        >>> X, y = splits.table(log)
        >>> list(X), len(X) == len(y)
        (['customer_id', 'origin', 'x', 't_x', 'T'], True)
        """
        split = SplitConfig(
            origins=self.origins,
            horizon_days=[self.horizon_days],
            step_days=self.step_days,
            warmup=0,
        )
        panel = Panel.from_log(log)
        (target,) = targets(split.horizon_days, ())
        parts, labels = [], []
        for origin in plan_origins(panel, split, [target]).scored:
            past = panel.until(origin.date)
            labels.append(panel.counts(past, target.windows(past)) == 0)
            known = {"x": past.x, "t_x": past.t_x, "T": past.T}
            day = pd.Timestamp(origin.date)
            parts.append(
                pd.DataFrame({"customer_id": panel.ids[past.customer], ORIGIN: day} | known)
            )
        return pd.concat(parts, ignore_index=True), np.concatenate(labels).astype(np.int64)

    def split(
        self, X: pd.DataFrame, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield rows to learn from and rows to score, one pair per origin but the first.

        Learnt from are the rows of earlier origins whose window was complete by then.

        Parameters
        ----------
        X : DataFrame
            From `table`; `y` and `groups` are scikit-learn's and not looked at.

        Yields
        ------
        train, test : array of int
            Row numbers of X.

        Raises
        ------
        UsageError
            Rows without an origin, or no origin with a complete window before it.

        Examples
        --------
        >>> [len(test) > 0 for train, test in splits.split(X)]
        [True, True]
        """
        if ORIGIN not in getattr(X, "columns", ()):
            raise UsageError(
                "X has no column origin; take the X that RollingOrigins.table returns."
            )
        day = pd.to_datetime(X[ORIGIN])
        known = day + pd.Timedelta(days=self.horizon_days)
        found = 0
        for origin in sorted(day.unique()):
            train = np.flatnonzero(known <= origin)
            if train.size:
                found += 1
                yield train, np.flatnonzero(day == origin)
        if not found:
            raise UsageError(
                f"no origin of X has a window of {self.horizon_days} days complete before it; "
                "give more origins or a shorter horizon."
            )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many pairs `split` yields.

        Parameters
        ----------
        X : DataFrame
            From `table`; `y` and `groups` are not looked at.

        Returns
        -------
        int
            Origins but the first.

        Examples
        --------
        >>> splits.get_n_splits(X)
        2
        """
        return sum(1 for _ in self.split(X))
