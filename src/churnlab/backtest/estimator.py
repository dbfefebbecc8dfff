"""scikit-learn's side of a backtest: a classifier of silent customers and a splitter in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from churnlab.backtest.config import SplitConfig
from churnlab.backtest.splits import plan_origins
from churnlab.errors import UsageError
from churnlab.fitting import fit
from churnlab.origins.panel import Log, Panel
from churnlab.origins.targets import targets
from churnlab.posterior import RiskConfig
from churnlab.summary import Summary, summarise
from churnlab.types import Array

#: What the classifier knows of a customer, in days but for x.
FEATURES: Final = ("x", "t_x", "T")
ORIGIN: Final = "origin"
_UNKNOWN_DAY: Final = dt.date(2000, 1, 1)


class ChurnClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Forecasts "no purchase in the next `horizon_days`" from each customer's own rhythm.

    The model is generative: it learns from purchases alone. The labels that `fit` is given name
    the classes and are otherwise not looked at, so a threshold may be tuned on the same rows.

    Parameters
    ----------
    model : str
        As in `churnlab.fit`.
    horizon_days : int
        Length of the window without a purchase, from the day of the data on.
    inference : str
        `laplace` or `nuts`.
    draws : int
        Posterior draws that the probability is averaged over.
    random_state : int
        Seed of the fit.

    Attributes
    ----------
    classes_ : array, shape (2,)
        The labels; the second is the silent customer's.
    fit_ : Fit
        The fitted model.

    Notes
    -----
    `X` is a frame with x, t_x and T (`RollingOrigins.table` makes one; with a column `origin` the
    latest origin is learnt from, since earlier ones are of the same customers), an array of these
    three columns, or, without labels, an event log or a frame of purchases, whose customers then
    are the rows, in the order of `churnlab.summarise`.

    Examples
    --------
    >>> import churnlab as cl
    >>> log = cl.load_cdnow(as_of="1997-09-30")
    >>> silent = cl.ChurnClassifier(horizon_days=90).fit(log).predict_proba(log)
    >>> silent.shape
    (2357, 2)
    >>> model = cl.ChurnClassifier(horizon_days=90).fit(log)
    """

    def __init__(
        self,
        *,
        model: str = "mbg_nbd",
        horizon_days: int = 90,
        inference: str = "laplace",
        draws: int = 1000,
        random_state: int = 1,
    ) -> None:
        self.model = model
        self.horizon_days = horizon_days
        self.inference = inference
        self.draws = draws
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Fit the model to the customers of `X`.

        Parameters
        ----------
        X : DataFrame, array (customer, 3), or EventLog
            See the notes of the class.
        y : array, shape (customer,), optional
            Two labels, the second one the silent customer's; they name the classes.

        Returns
        -------
        ChurnClassifier
            Itself, fitted.

        Raises
        ------
        ValueError
            Not two classes; values that no customer can have.
        DataError, FitRefusedError
            As `churnlab.fit`.

        Examples
        --------
        >>> frame = log.frame("purchases")  # customer_id, event_at: a frame does as well
        >>> cl.ChurnClassifier(horizon_days=30).fit(frame).classes_
        array([0, 1])
        """
        if not self.horizon_days > 0:
            raise ValueError(f"horizon_days must be positive; got {self.horizon_days!r}.")
        self.classes_ = np.array([0, 1]) if y is None else _classes(y)
        rows = self._rows(X, reset=True)
        if y is not None and len(np.asarray(y)) != len(rows):
            raise ValueError(f"y has {len(np.asarray(y))} labels and X {len(rows)} rows.")
        if ORIGIN in rows:
            rows = rows[rows[ORIGIN] == rows[ORIGIN].max()]
        self.fit_ = fit(
            _summary(rows),
            model=self.model,
            inference=self.inference,
            draws=self.draws,
            seed=self.random_state,
        )
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return P(purchase) and P(no purchase) within the window for X, (customer, 2).

        Parameters
        ----------
        X : DataFrame, array (customer, 3), or EventLog
            As in `fit`.

        Returns
        -------
        array, shape (customer, 2)
            Probabilities in the order of `classes_`: of a purchase in the window, and of none.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> bool((model.predict_proba(log).sum(axis=1).round(9) == 1).all())
        True
        """
        check_is_fitted(self)
        risk = RiskConfig(basis="fixed_days", horizon_days=self.horizon_days)
        table = self.fit_.on(_summary(self._rows(X, reset=False))).customers(risk=risk)
        silent = table["purchase_risk"].to_numpy(np.float64)
        return np.column_stack([1.0 - silent, silent])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class that is more probable for each row of X, (customer,).

        Parameters
        ----------
        X : DataFrame, array (customer, 3), or EventLog
            As in `fit`.

        Returns
        -------
        array, shape (customer,)
            Labels; another cut than 0.5: scikit-learn's `TunedThresholdClassifierCV`.

        Examples
        --------
        >>> model.predict(log).shape
        (2357,)
        """
        silent = self.predict_proba(X)[:, 1] >= 0.5
        found: NDArray[Any] = self.classes_[silent.astype(int)]
        return found

    def _rows(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """Return one row per customer with x, t_x and T."""
        columns = set(getattr(X, "columns", ()))
        if not columns and hasattr(X, "days"):
            return summarise(X).customers[list(FEATURES)]
        if "event_at" in columns:
            return summarise(X).customers[list(FEATURES)]
        if set(FEATURES) <= columns:
            values = validate_data(self, X[list(FEATURES)], reset=reset, dtype=np.float64)
            found = pd.DataFrame(values, columns=list(FEATURES))
            return found.assign(origin=np.asarray(X[ORIGIN])) if ORIGIN in columns else found
        if columns & set(FEATURES):
            missing = ", ".join(name for name in FEATURES if name not in columns)
            raise ValueError(f"X has no column {missing}; expected x, t_x and T, times in days.")
        values = validate_data(self, X, reset=reset, dtype=np.float64)
        if values.shape[1] != len(FEATURES):
            raise ValueError(
                f"X has {values.shape[1]} features, but ChurnClassifier is expecting 3 features as "
                "input: x, t_x and T, times in days; or an event log, or a frame of purchases with "
                "customer_id and event_at."
            )
        return pd.DataFrame(values, columns=list(FEATURES))

    def __sklearn_tags__(self) -> Any:
        """Two classes, and features that are counts and times."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.positive_only = True
        tags.target_tags.required = False
        return tags


def _classes(y: ArrayLike) -> NDArray[Any]:
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    classes: NDArray[Any] = np.unique(labels)
    if len(classes) != 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(labels)}: y has {len(classes)} class(es); expected two: a purchase "
            "in the window, and none."
        )
    return classes


def _summary(rows: pd.DataFrame) -> Summary:
    try:
        return Summary.from_arrays(rows["x"], rows["t_x"], rows["T"], as_of=_UNKNOWN_DAY)
    except UsageError as error:
        raise ValueError(str(error)) from error


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

    def table(self, log: Log) -> tuple[pd.DataFrame, NDArray[np.int64]]:
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
