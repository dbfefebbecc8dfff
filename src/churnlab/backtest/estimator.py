"""scikit-learn's side of a backtest: a classifier of silent customers and a splitter in time."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from churnlab.backtest.rolling import ORIGIN
from churnlab.errors import UsageError
from churnlab.fitting import fit
from churnlab.posterior import RiskConfig
from churnlab.summary import Summary, summarise
from churnlab.types import Array

#: What the classifier knows of a customer, in days but for x.
FEATURES: Final = ("x", "t_x", "T")
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
