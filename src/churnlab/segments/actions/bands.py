"""The churn rate on the purchase cycle (구매주기 이탈률, P12): bands, and their calibration."""

import datetime as dt
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from churnlab.errors import UsageError
from churnlab.events.ids import looked_up
from churnlab.metrics.binary import calibration_verdicts, jeffreys_interval
from churnlab.posterior.risk import personal_window
from churnlab.posterior.settings import RiskConfig

EDGES = (0.25, 0.5, 0.75)
#: Columns of the customers table that `calibrate_out_of_time` reads, beside the risk.
NEEDED = ("customer_id", "x", "rhythm_days")
#: Risk of not buying within a window can be checked; 1 - P(alive) cannot.
_WINDOWED = ("personal_cycles", "fixed_days")


def churn_bands(
    customers: pd.DataFrame, *, basis: str = "personal_cycles", edges: Sequence[float] = EDGES
) -> pd.DataFrame:
    """Put repeat customers (two purchases or more) into bands of churn rate.

    customers: The per-customer table: ``customer_id, x`` and ``risk_<basis>``.
    basis: ``personal_cycles`` (no purchase within c own rhythms) or ``fixed_days``.
    edges: Inner edges of the bands, increasing, in (0, 1).
    Returns: ``customer_id, churn_rate, churn_band``, sorted by customer.
    """
    _check_edges(edges)
    if basis not in _WINDOWED:
        raise UsageError(
            f"Churn-rate bands need a windowed basis, one of {', '.join(_WINDOWED)}; got "
            f"{basis!r}. P(alive) is never observed, so its bands cannot be checked."
        )
    repeat = customers.loc[customers["x"] >= 1, ["customer_id", f"risk_{basis}"]]
    rate = repeat[f"risk_{basis}"].to_numpy(dtype=float)
    frame = pd.DataFrame(
        {
            "customer_id": repeat["customer_id"].to_numpy(),
            "churn_rate": rate,
            "churn_band": np.array(band_labels(edges), dtype=object)[_band(rate, edges)],
        }
    )
    return frame.sort_values("customer_id", ignore_index=True)


def band_calibration(
    churn_rate: ArrayLike, returned: ArrayLike, *, edges: Sequence[float] = EDGES
) -> pd.DataFrame:
    """Compare forecast and observed churn per band, on an origin whose windows are over.

    churn_rate (customer,): Forecast at the earlier origin.
    returned (customer,): Whether the customer bought within the own window after the origin.
    Returns: ``churn_band, n, forecast, observed, observed_q05, observed_q95, verdict`` (Jeffreys
        intervals; a band nobody is in has nan and no verdict). Verdicts are for all bands together.
    """
    _check_edges(edges)
    rate = np.asarray(churn_rate, dtype=float)
    churned = ~np.asarray(returned, dtype=bool)
    band = _band(rate, edges)
    n = np.bincount(band, minlength=len(edges) + 1)
    k = np.bincount(band, weights=churned, minlength=len(edges) + 1)
    with np.errstate(invalid="ignore"):
        forecast = np.bincount(band, weights=rate, minlength=len(edges) + 1) / n
        observed = k / n
    low, high = jeffreys_interval(k, n)
    return pd.DataFrame(
        {
            "churn_band": band_labels(edges),
            "n": n,
            "forecast": forecast,
            "observed": observed,
            "observed_q05": low,
            "observed_q95": high,
            "verdict": pd.array(calibration_verdicts(forecast, k, n), dtype="str"),
        }
    )


def calibrate_out_of_time(
    customers: pd.DataFrame,
    days: pd.DataFrame,
    origin: dt.date,
    known_until: dt.date,
    risk: RiskConfig,
    *,
    edges: Sequence[float] = EDGES,
) -> pd.DataFrame:
    """Compare an earlier day's churn rates with what came, each customer in the own window.

    Customers whose window is not over by `known_until` are left out and counted: windows are fixed
    at the last purchase, so that leaving long ones out looks at no outcome.

    customers: The per-customer table of the origin, by a fit on data up to it.
    days: ``customer_id, day`` of purchases, the later ones included.
    risk: Basis (``personal_cycles`` for ``p_alive``, which no outcome can check) and windows.
    Returns: ``origin, known_until, left_out`` and the columns of `band_calibration`.
    """
    basis = risk.windowed_basis
    repeat = customers[customers["x"] >= 1]
    window = (
        personal_window(repeat["rhythm_days"], risk.cycles)
        if basis == "personal_cycles"
        else np.full(len(repeat), float(risk.horizon_days))
    )
    over = window <= (known_until - origin).days
    later = days[days["day"] > pd.Timestamp(origin)]
    following = later.groupby("customer_id")["day"].min()
    [first] = looked_up(repeat["customer_id"], following.index, following)
    wait = (pd.Series(first) - pd.Timestamp(origin)).dt.days.to_numpy()  # nan: none came
    rate = repeat[f"risk_{basis}"].to_numpy(dtype=float)
    found = band_calibration(rate[over], (wait <= window)[over], edges=edges)
    found.insert(0, "origin", pd.Timestamp(origin))
    found.insert(1, "known_until", pd.Timestamp(known_until))
    found.insert(2, "left_out", int((~over).sum()))
    return found


def band_labels(edges: Sequence[float]) -> list[str]:
    """Return labels such as ``0-25%``; an edge belongs to the band above it."""
    ends = [0.0, *edges, 1.0]
    return [f"{100 * a:g}-{100 * b:g}%" for a, b in itertools.pairwise(ends)]


def _band(rate: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    return np.searchsorted(np.asarray(edges), rate, side="right")


def _check_edges(edges: Sequence[float]) -> None:
    inner = list(edges)
    if not inner or any(a >= b for a, b in zip([0.0, *inner], [*inner, 1.0], strict=True)):
        raise UsageError(f"Band edges must increase inside (0, 1); got {inner}.")
