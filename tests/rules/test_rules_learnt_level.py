"""Late by the own rhythm: the level at which four of five of the customers' own gaps have ended."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.events import log_from_frames
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import Lateness, Rows, at_risk_days, keys_of, rhythm_days
from churnlab.rules import OverdueRule
from churnlab.rules.overdue import PRIOR_GAPS
from churnlab.summary import Calendar, Clock, Summary, summarise

THETA = (2.0, 30.0, 0.6, 12.0)
START = pd.Timestamp("2022-01-01")


def draws() -> PopulationDraws:
    return PopulationDraws("mbg_nbd", 1, np.array(THETA)[None, None, :])


def shop(n: int, k: int, seed: int = 1, days: int = 700):
    """Customers whose gaps are Erlang-k (regular for k > 1); dropout as MBG/NBD has it."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = THETA
    rows = []
    for i in range(n):
        rate, drop, day = rng.gamma(r, 1 / alpha), rng.beta(a, b), rng.integers(0, 200)
        while day < days:
            rows.append((f"c{i:04d}", START + pd.Timedelta(int(day), "D")))
            if rng.random() < drop:
                break
            day += max(1, round(rng.gamma(k, 1 / (k * rate))))
    frame = pd.DataFrame(rows, columns=["customer_id", "event_at"])
    day = (START + pd.Timedelta(days, "D")).date()
    return log_from_frames({"purchases": frame}, time_zone="UTC", as_of=day)


def gaps_of(log) -> pd.DataFrame:
    days = log.days().sort_values(["customer_id", "day"])
    own = days.groupby("customer_id")["day"]
    return days.assign(
        x=own.cumcount().astype(float),
        t_x=(days["day"] - own.transform("first")).dt.days.astype(float),
        gap=(own.shift(-1) - days["day"]).dt.days,
        follow=(pd.Timestamp(log.as_of) - days["day"]).dt.days,
    )


def after(log, level: float, since: dt.date | None = None) -> tuple[float, int]:
    """Share of the gaps that ended within the window, and came after the date of a level."""
    gaps = gaps_of(log)
    if since is not None:
        gaps = gaps[gaps["day"] > pd.Timestamp(since)]
    x, t_x = gaps["x"].to_numpy(), gaps["t_x"].to_numpy()
    rows = Rows(np.zeros(len(x), np.int64), x, t_x, t_x)
    keys = keys_of(rows)
    window = 6 * rhythm_days(draws(), rows)
    late = at_risk_days(draws(), keys, Lateness(), level)[keys.of]
    over = (gaps["follow"].to_numpy() >= window) & (gaps["gap"].to_numpy() <= window)
    return float((gaps["gap"].to_numpy() > late)[over].mean()), int(over.sum())


def test_gaps_are_those_of_the_log_by_customer():
    log = shop(40, 1)
    found = summarise(log).gaps()
    expected = gaps_of(log).dropna(subset="gap")
    numbers = pd.factorize(expected["customer_id"], sort=True)[0]
    assert (found.customer == numbers).all()
    for name, column in (("x", "x"), ("t_x", "t_x"), ("days", "gap"), ("follow", "follow")):
        assert (getattr(found, name) == expected[column].to_numpy()).all(), name
    assert set(found.group) == {0}


def test_on_a_clock_gaps_are_measured_in_its_time():
    """Days that count two, rates that are half as high: the level is that of plain days."""
    log, double = shop(300, 4), Clock(Calendar("month"), (2.0,) * 12, START.date())
    half = PopulationDraws("mbg_nbd", 1, draws().theta * np.array([1.0, 2.0, 1.0, 1.0]))
    rule = OverdueRule(replicates=0)
    plain = rule.learnt(draws(), summarise(log))
    timed = rule.learnt(half, summarise(log).on_clock(double))
    assert timed.value == pytest.approx(plain.value, abs=1e-9)
    assert timed.value != rule.quantile
    season = Clock(Calendar("month"), (0.5,) * 6 + (1.5,) * 6, START.date())
    assert abs(rule.learnt(draws(), summarise(log).on_clock(season)).value - plain.value) > 0.001


def test_with_regular_gaps_one_in_five_of_later_gaps_comes_after_the_date():
    """Learnt at an origin, judged on purchases after it: exponential gaps would call late late."""
    log = shop(500, 3)
    origin = dt.date(2023, 3, 1)
    chosen = OverdueRule().learnt(draws(), summarise(log, origin))
    assert chosen.learnt_until == origin
    assert chosen.low < chosen.value < chosen.high < 0.8
    plain, n = after(log, 0.8, origin)
    learnt, _ = after(log, chosen.value, origin)
    assert n > 500
    assert plain < 0.12
    assert abs(learnt - 0.2) < 0.05


def test_where_gaps_come_as_the_model_has_them_the_level_stays():
    chosen = OverdueRule().learnt(draws(), summarise(shop(500, 1)))
    assert chosen.quantile == 0.8
    assert abs(chosen.value - 0.8) < 0.03  # whole days: a gap of 9.4 days ends on day 9


def test_the_level_is_the_quantile_of_gaps_seen_beside_uniform_ones():
    """The slow twin: move the level until the shares of both kinds are one fifth together."""
    log = shop(60, 3)
    chosen = OverdueRule(replicates=0).learnt(draws(), summarise(log))
    assert chosen.low is None
    for level, more in ((chosen.value - 0.006, True), (chosen.value + 0.006, False)):
        share, n = after(log, level)
        both = (share * n + (1 - level) * PRIOR_GAPS) / (n + PRIOR_GAPS)
        assert (both > 0.2) == more


def test_the_first_purchasers_own_quantile_is_moved_alike():
    chosen = OverdueRule(first_value=0.9).learnt(draws(), summarise(shop(300, 3)))
    assert chosen.value < chosen.first_value < 0.9


def test_nothing_later_than_the_day_is_looked_at():
    log = shop(200, 3)
    day = dt.date(2023, 3, 1)
    frame = log.frame("purchases")
    cut = frame.loc[frame["event_date"] <= pd.Timestamp(day), ["customer_id", "event_at"]]
    known = log_from_frames({"purchases": cut}, time_zone="UTC", as_of=day)
    one, two = (OverdueRule().learnt(draws(), s) for s in (summarise(log, day), summarise(known)))
    assert one == two
    assert one != OverdueRule().learnt(draws(), summarise(log))


def test_without_gaps_or_a_log_the_level_is_the_quantile():
    rule = OverdueRule()
    short = shop(50, 1, days=20).until("2022-01-05")
    from_arrays = Summary.from_arrays([0, 3], [0, 50], [10, 60], as_of="2022-03-01")
    for summary in (summarise(short), from_arrays):
        assert rule.learnt(draws(), summary) == rule.threshold()
    assert OverdueRule(learn="never").learnt(draws(), summarise(shop(200, 3))).value == 0.8
    with pytest.raises(UsageError, match="learn must be one of auto, never"):
        OverdueRule(learn="always")
    with pytest.raises(UsageError, match="replicates must not be negative"):
        OverdueRule(replicates=-1)


def test_of_many_customers_every_other_one_is_looked_at(monkeypatch):
    from churnlab.summary import gaps as module

    log = shop(60, 1)
    every = summarise(log).gaps()
    monkeypatch.setattr(module, "MOST_CUSTOMERS", every.customer.max() // 2 + 1)
    some = summarise(log).gaps()
    assert some.customer.max() == every.customer.max() // 2
    kept = every.customer % 2 == 0
    assert (some.x == every.x[kept]).all()
    assert (some.days == every.days[kept]).all()
