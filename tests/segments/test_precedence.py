"""P17, "visits fall before purchases do": tested on shops in which they do and do not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from churnlab.draws import PopulationDraws
from churnlab.errors import DataError, UsageError
from churnlab.inference import maximum_likelihood
from churnlab.segments import (
    Precedence,
    forecast_silence,
    origins_before,
    precedence_rows,
    visit_calibration,
    visits_lead,
)
from churnlab.segments.precedence import logistic_weights
from churnlab.segments.visits import any_event
from churnlab.simulate import Shop, ShopConfig, simulate_shop
from churnlab.summary import Cells

from .conftest import SlowSummary, slow_summary


def fitted(summary: SlowSummary) -> PopulationDraws:
    cells, _ = Cells.collapse(summary.cells.x, summary.cells.t_x, summary.cells.T)
    theta = maximum_likelihood(cells, "mbg_nbd").theta
    return PopulationDraws("mbg_nbd", 1, theta[None, None, :])


def days_of(events: pd.DataFrame) -> pd.DataFrame:
    days = events.assign(day=events["event_at"].dt.normalize())[["customer_id", "day"]]
    return days.drop_duplicates()


def compare(
    purchases: pd.DataFrame, visits: pd.DataFrame, origins: list[dt.date], horizon: int
) -> Precedence:
    """Fit on the first origin, score on all."""
    days, parts, draws = days_of(purchases), [], None
    for origin in origins:
        bought, seen = slow_summary(purchases, str(origin)), slow_summary(visits, str(origin))
        draws = draws or (fitted(bought), fitted(seen))
        parts.append(precedence_rows(bought, draws[0], seen, draws[1], days, horizon))
    return visits_lead(pd.concat(parts), horizon, np.random.default_rng(1))


def compare_shop(lead: bool, seed: int, n_members: int = 4000) -> Precedence:
    config = ShopConfig(n_members=n_members, days=500, visits_lead=lead, response=0.0)
    shop = simulate_shop(config, np.random.default_rng(seed))
    origins = origins_before(shop.as_of, 28, 4, 56)
    return compare(shop.purchases, shop.visits, origins, 28)


def test_p17_says_yes_where_purchases_are_thinned_visits() -> None:
    found = compare_shop(lead=True, seed=4)
    assert found.visits_help
    assert found.difference.high < 0
    assert found.brier_with < found.brier_without
    assert found.sentence.startswith("Yes: the visit log betters the purchase forecast")
    assert len(found.by_origin) == 3  # the first origin only teaches


def test_p17_does_not_say_yes_where_visits_are_apart() -> None:
    found = compare_shop(lead=False, seed=4)
    assert not found.visits_help
    assert abs(found.difference.value) < 0.001
    assert found.sentence.startswith(("Not shown", "No:"))


@pytest.mark.slow
def test_p17_errs_rarely_in_either_shop() -> None:
    # with 4,000 members (about 1,300 purchasers) the answer is yes in 14 of 20 shops only
    yes = [compare_shop(lead=True, seed=s, n_members=10_000).visits_help for s in range(12)]
    no = [compare_shop(lead=False, seed=s).visits_help for s in range(40)]
    assert np.mean(yes) >= 0.8
    # a 90% interval lies below 0 by chance in 5% of cases
    assert np.mean(no) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 40)


@pytest.mark.slow
@pytest.mark.shared_data
def test_p17_on_real_visits_and_submissions(shared_data: Path) -> None:
    """A course: visits (minutes > 0) and submissions; any of the three answers may come."""
    events = pd.read_parquet(shared_data / "udacity_events.parquet")
    events = events.rename(columns={"date": "event_at"})
    events["event_at"] = pd.to_datetime(events["event_at"])
    submissions, visits = (events[events["event"] == name] for name in ("submission", "visit"))
    last = submissions["event_at"].max().date()
    found = compare(submissions, visits, origins_before(last, 14, 4, 28), 14)
    print(found.sentence)
    assert np.isfinite(found.difference.value)
    assert len(found.by_origin) >= 2


def test_an_origin_learns_from_closed_windows_only() -> None:
    """Outcomes of the newest origin are shuffled: earlier scores must not move."""
    config = ShopConfig(n_members=1500, days=400)
    shop = simulate_shop(config, np.random.default_rng(4))
    days, parts, draws = days_of(shop.purchases), [], None
    for origin in origins_before(shop.as_of, 28, 4, 20):
        bought = slow_summary(shop.purchases, str(origin))
        seen = slow_summary(shop.visits, str(origin))
        draws = draws or (fitted(bought), fitted(seen))
        parts.append(precedence_rows(bought, draws[0], seen, draws[1], days, 28))
    rows = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng(1)
    honest = visits_lead(rows, 28, rng, replicates=20).by_origin
    assert len(honest) == 2  # origins 20 days apart: the second has no closed window behind it
    wrong = rows.copy()
    newest = wrong["origin"] == wrong["origin"].max()
    wrong.loc[newest, "no_purchase"] = ~wrong.loc[newest, "no_purchase"]
    other = visits_lead(wrong, 28, rng, replicates=20).by_origin
    assert other["brier_with"].iloc[0] == honest["brier_with"].iloc[0]
    assert other["brier_with"].iloc[1] != honest["brier_with"].iloc[1]
    with pytest.raises(DataError, match=r"No origin has an earlier one at least 28 days before"):
        visits_lead(rows[newest], 28, rng)


def test_logistic_weights_equal_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 3))
    y = (rng.random(400) < 1 / (1 + np.exp(-(x @ [1.0, -0.5, 0.0] + 0.3)))).astype(float)
    mine = logistic_weights(np.column_stack([np.ones(400), x]), y, ridge=2.0)
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(x, y)
    assert mine == pytest.approx(np.concatenate([peer.intercept_, peer.coef_[0]]), abs=1e-5)


def test_windows_start_the_day_after_the_origin_and_include_their_end() -> None:
    days = pd.DataFrame(
        {"customer_id": ["a", "b", "c", "d"],
         "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05"])}
    )  # fmt: skip
    found = any_event(np.array(["a", "b", "c", "d"], dtype=object), days, dt.date(2024, 1, 1), 3)
    assert found.tolist() == [False, True, True, False]
    assert origins_before(dt.date(2024, 1, 31), 10, 2, 5) == [
        dt.date(2024, 1, 16), dt.date(2024, 1, 21)
    ]  # fmt: skip


def test_visit_calibration_at_1_3_and_7_days(shop: Shop) -> None:
    origin = "2024-11-30"
    summary = slow_summary(shop.visits, origin)
    draws, days = fitted(summary), days_of(shop.visits)
    table = visit_calibration(summary, draws, days, dt.date(2024, 12, 31))
    assert list(table["horizon_days"]) == [1, 3, 7]
    assert (np.diff(table["observed"]) < 0).all()
    assert (table["brier"] < table["brier_constant"]).all()
    assert (table["forecast"] - table["observed"]).abs().max() < 0.05
    silent = ~any_event(summary.customers["customer_id"], days, dt.date(2024, 11, 30), 3)
    assert table["observed"].iloc[1] == silent.mean()
    assert table["forecast"].iloc[1] == forecast_silence(summary, draws, 3).mean()
    with pytest.raises(UsageError, match=r"Windows of \[7\] days after 2024-11-30 end after"):
        visit_calibration(summary, draws, days, dt.date(2024, 12, 5))
