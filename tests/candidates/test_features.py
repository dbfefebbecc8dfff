"""Features of a learner against a slow look at each history; and what its search may see."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.candidates import Context, candidate_named
from churnlab.forecast.boosting import FOLDS, folds_of, search
from churnlab.forecast.features import features
from churnlab.origins.panel import Panel
from churnlab.origins.targets import Target

ORIGIN = dt.date(2024, 12, 31)


@pytest.fixture(scope="module")
def panel() -> Panel:
    rng = np.random.default_rng(5)
    rows = [
        (f"c{i:03d}", int(start + offset), float(amount))
        for i, start in enumerate(rng.integers(0, 700, 120))
        for offset, amount in {
            int(o): a for o, a in zip(np.r_[0, rng.integers(1, 500, rng.integers(0, 9))],
                                      rng.uniform(1, 9, 9), strict=False)
        }.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer_id", "offset", "amount"])
    frame["event_at"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(frame.pop("offset"), unit="D")
    return Panel.from_log(cl.read_events(purchases=frame, as_of="2025-06-30"))


def slow(days: np.ndarray, now: int, window: int) -> dict[str, float]:
    """One customer, from the day numbers up to the origin."""
    gaps, idle = np.diff(days), now - days[-1]
    between = lambda a, b: float(((days > a) & (days <= b)).sum())  # noqa: E731
    found = {f"last_{d}": between(now - d, now) for d in (7, 30, 91, 365)}
    found |= {"x": len(days) - 1, "idle": idle, "age": now - days[0]}
    known = now - days[0] >= 365
    found["same_window_1y"] = between(now - 365, now - 365 + window) if known else np.nan
    found["near_window_1y"] = between(now - 395, now - 335 + window) if known else np.nan
    if not len(gaps):
        return found | dict.fromkeys(("gap_mean", "gap_median", "gap_last", "share_longer"), np.nan)
    found |= {"gap_mean": gaps.mean(), "gap_median": np.median(gaps), "gap_last": gaps[-1]}
    longer, due = (gaps > idle), (gaps > idle) & (gaps <= idle + window)
    found |= {"share_longer": longer.mean(), "share_due": (due.sum() + 0.5) / (longer.sum() + 1)}
    return found | {"idle_per_median": idle / np.median(gaps)}


def test_features_are_those_of_a_slow_look(panel: Panel) -> None:
    past = panel.until(ORIGIN)
    names, values = features(past, np.full(past.n, 60))
    now = (ORIGIN - dt.date(1970, 1, 1)).days
    for row, code in enumerate(past.customer):
        mine = panel.events.day[panel.events.customer == code]
        for name, value in slow(mine[mine <= now], now, 60).items():
            np.testing.assert_allclose(values[row, names.index(name)], value, err_msg=name)


def test_features_know_nothing_after_the_origin(panel: Panel) -> None:
    past = panel.until(ORIGIN)
    cut = Panel(panel.ids, past._events, ORIGIN).until(ORIGIN)
    for mine, theirs in zip(features(past, np.full(past.n, 60)), features(cut, np.full(past.n, 60)),
                            strict=True):  # fmt: skip
        np.testing.assert_array_equal(mine, theirs)


def test_folds_hold_whole_customers_and_are_even() -> None:
    customer = np.repeat(np.arange(3000), 3)
    fold = np.floor(folds_of(customer)).astype(int).reshape(-1, 3)
    assert (fold == fold[:, :1]).all()
    share = np.bincount(fold[:, 0], minlength=FOLDS) / 3000
    np.testing.assert_allclose(share, 1 / FOLDS, atol=0.03)


def test_the_search_prefers_interactions_where_there_are_some() -> None:
    """Noise needs no trees; an interaction of two features needs more than one cut a tree."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(3000, 4))
    customer = np.arange(3000)
    noise = search(rows, (rng.random(3000) < 0.4).astype(float), customer)
    both = search(rows, ((rows[:, 0] > 0) ^ (rows[:, 1] > 0)).astype(float), customer)
    assert noise.loss > 0.66
    assert both.loss < 0.2
    assert both.trees > noise.trees


@pytest.mark.parametrize("outcome", [[0.0] * 399 + [1.0], [0.0, 1.0] * 200])
def test_the_search_bears_empty_folds_and_rare_outcomes(outcome: list[float]) -> None:
    rows = np.random.default_rng(1).normal(size=(400, 3))
    for customer in (np.arange(400), np.zeros(400, dtype=np.int64)):
        found = search(rows, np.array(outcome), customer)
        assert found.trees >= 1


def test_a_history_without_repeats_or_amounts_is_forecast(panel: Panel) -> None:
    """Features that nobody has a value for are left out."""
    rows = pd.DataFrame({"customer_id": [f"c{i}" for i in range(600)]})
    rows["event_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(600) % 200, unit="D")
    again = rows.head(40).assign(event_at=pd.Timestamp("2024-09-01"))
    log = cl.read_events(purchases=pd.concat([rows, again]), as_of="2024-12-31")
    past = Panel.from_log(log).until(dt.date(2024, 10, 31))
    found = candidate_named("gradient_boosting").forecast(
        past, Target("fixed_days", 60.0), Context(counts=False)
    )
    assert np.isfinite(found.score).all()
    assert found.seen_until <= past.origin


def test_the_last_amount_beside_a_mean_of_nothing_is_unknown() -> None:
    frame = pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "amount": [0.0, 0.0, 2.0, 4.0]})
    frame["event_at"] = pd.to_datetime(["2024-01-01", "2024-03-01"] * 2)
    past = Panel.from_log(cl.read_events(purchases=frame, as_of="2024-12-31")).until(ORIGIN)
    names, values = features(past, np.full(past.n, 60))
    ratio = dict(zip(names, values.T, strict=True))["spend_last_per_mean"]
    np.testing.assert_allclose(ratio, [np.nan, 4 / 3])
