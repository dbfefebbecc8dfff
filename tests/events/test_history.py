"""Logs that begin in the middle: said, and left out by a day."""

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.errors import DataError, UsageError
from churnlab.events import DataConfig, open_log, read_events

START = pd.Timestamp("2022-01-01")


def buyers(n=1500, days=1500, seed=16):
    """Customers who begin at any day up to the middle and buy at their own rhythm."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        t, gap = float(rng.integers(0, days // 2)), rng.gamma(2, 30)
        while t <= days:
            rows.append((f"c{i:04d}", START + pd.Timedelta(days=int(t))))
            if rng.random() < 0.14:
                break
            t += max(1, rng.exponential(gap))
    return pd.DataFrame(rows, columns=["customer_id", "event_at"]).drop_duplicates()


WHOLE = buyers()
FIRST = WHOLE.groupby("customer_id")["event_at"].min()
CUT = START + pd.Timedelta(days=500)
LATER = WHOLE[WHOLE["event_at"] >= CUT]
MEMBERS = FIRST.rename("signed_up_at").reset_index()


def notes(log):
    return " ".join(log.report.notes)


def test_a_steep_first_month_is_said_and_a_whole_log_is_not():
    assert "bought before it begins" in notes(read_events(LATER))
    assert "history_from" not in notes(read_events(WHOLE))
    assert "history_from" not in notes(open_log(DataConfig(name="cdnow")))


def test_d9_members_of_before_the_log_are_said_and_left_out():
    log = read_events(LATER, members=MEMBERS)
    start = LATER["event_at"].min()
    buying = FIRST[FIRST.index.isin(LATER["customer_id"])]
    early = int((buying < start).sum())
    assert f"{early} of {len(buying)} purchasers signed up before" in notes(log).replace(",", "")
    cut = read_events(LATER, members=MEMBERS, history_from=str(start.date()))
    wanted = LATER[LATER["customer_id"].map(FIRST) >= start]
    assert sorted(cut.frame("purchases")["customer_id"]) == sorted(wanted["customer_id"])
    report = cut.report.tables["purchases"]
    assert report.dropped["unknown_beginning"] == len(LATER) - len(wanted)
    assert report.rows == report.kept + sum(report.dropped.values())
    assert cut.members()["signed_up_at"].min() >= start
    assert "history_from" not in notes(cut)


def test_without_members_whoever_bought_before_the_day_is_left_out():
    day = CUT + pd.Timedelta(days=90)
    log = read_events(LATER, history_from=day.date())
    begun = LATER.groupby("customer_id")["event_at"].min()
    assert set(log.frame("purchases")["customer_id"]) == set(begun[begun >= day].index)


@pytest.mark.parametrize(
    ("early", "day", "said"),
    [(19, "2022-01-02", False), (20, "2022-01-02", True), (20, "2022-01-03", False)],
)
def test_few_early_members_are_no_sign_nor_are_those_of_the_month_before(early, day, said):
    n = 400
    bought = pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "event_at": "2022-02-01"})
    signup = [day] * early + ["2022-02-01"] * (n - early)
    members = bought[["customer_id"]].assign(signed_up_at=signup)
    assert ("history_from" in notes(read_events(bought, members=members))) == said
    if said:  # one more purchaser: the same number is under the share
        bought.loc[n], members.loc[n] = ["z", "2022-02-01"], ["z", "2022-02-01"]
        assert "history_from" not in notes(read_events(bought, members=members))


def left_truncated(seed=16, n=3000):
    """Dropout Beta(1.5, 8), rates of mean 1/40 a day; the log is what comes after 900 days."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        t, gap, quits = float(rng.integers(0, 1300)), 40 / rng.gamma(1), rng.beta(1.5, 8)
        while t <= 1440:
            rows.append((f"c{i:05d}", START + pd.Timedelta(days=int(t))))
            if rng.random() < quits:
                break
            t += max(1, rng.exponential(gap))
    bought = pd.DataFrame(rows, columns=["customer_id", "event_at"]).drop_duplicates()
    first = bought.groupby("customer_id", as_index=False)["event_at"].min()
    cut = START + pd.Timedelta(days=900)
    return (
        bought[bought["event_at"] >= cut],
        first.rename(columns={"event_at": "signed_up_at"}),
        cut,
    )


def dropout(fit):
    """Return the mean dropout of each group, and its standard deviation."""
    shape = fit.posterior["derived"]
    share = (shape["a"] / (shape["a"] + shape["b"])).to_series().groupby("group")
    return share.mean(), share.std()


def test_d9_customers_of_before_in_a_population_of_their_own_leave_dropout_unbiased():
    """Newcomers' dropout is that of leaving the others out; together it is far too low."""
    bought, members, cut = left_truncated()
    since = {"members": members, "history_from": str(cut.date())}
    log = read_events(bought, unknown_beginning="model", **since)
    early = bought["customer_id"].isin(members["customer_id"][members["signed_up_at"] < cut])
    n = bought["customer_id"][early].nunique()
    assert f"{n:,} of {bought['customer_id'].nunique():,} purchasers began before" in notes(log)
    assert len(log.frame("purchases")) == len(bought)
    said = log.attributes().set_index("customer_id")["beginning"]
    assert said.reindex(bought["customer_id"][early].unique()).eq("before").all()
    assert said.reindex(bought["customer_id"][~early].unique()).eq("within").all()
    whole, narrow = dropout(cl.fit(read_events(bought, members=members), seed=1, draws=400))
    apart, _ = dropout(cl.fit(log, group="beginning", seed=1, draws=400))
    alone, width = dropout(cl.fit(read_events(bought, **since), seed=1, draws=400))
    truth = 1.5 / 9.5
    assert abs(alone["all"] - truth) < 2.5 * width["all"]
    assert abs(apart["within"] - alone["all"]) < 1.5 * width["all"]
    assert whole["all"] < truth - 3 * narrow["all"]
    assert abs(apart["within"] - truth) < 0.5 * (truth - whole["all"])


def test_a_fit_names_the_beginning_among_its_misfits_until_it_is_cured():
    """A row of `misfit`, a sentence with the day, in front of what may follow from it."""
    log = read_events(LATER, members=MEMBERS)
    fit = cl.fit(log, draws=100)
    row = next(one for one in fit.misfit if one.check == "beginning")
    assert row.cell == "signups"
    assert row.flagged
    assert row.observed == log.report.beginning.seen / log.report.beginning.of
    assert f"data.history_from={log.report.beginning.since}" in fit.say_misfit()[0]
    assert "기록이 시작되기 전에 가입" in fit.say_misfit("ko")[0]
    steep = cl.fit(read_events(LATER), draws=100)
    assert "a month afterwards: some bought before it begins" in steep.say_misfit()[0]
    cured = cl.fit(read_events(LATER, members=MEMBERS, history_from=str(CUT.date())), draws=100)
    assert "beginning" not in {one.check for one in cured.misfit}


def test_modelling_needs_the_day():
    with pytest.raises(UsageError, match=r"model needs data\.history_from"):
        DataConfig(unknown_beginning="model")
    with pytest.raises(UsageError, match="unknown_beginning must be one of drop, model"):
        DataConfig(unknown_beginning="keep", history_from="2022-01-01")


def test_a_day_that_cannot_be():
    with pytest.raises(UsageError, match="history_from must be a day"):
        read_events(LATER, history_from="spring")
    with pytest.raises(DataError, match="lies after the last known day"):
        read_events(LATER, history_from="2099-01-01")


def test_summarise_and_fit_take_frames():
    summary = cl.summarise(WHOLE)
    wanted = cl.summarise(read_events(WHOLE))
    pd.testing.assert_frame_equal(summary.customers, wanted.customers)
    assert len(cl.fit(WHOLE, seed=1).data.customers) == len(wanted.customers)
    with pytest.raises(UsageError, match=r"Summary\.from_arrays"):
        cl.fit(wanted.customers[["customer_id", "x", "t_x", "T"]])
    with pytest.raises(DataError, match=r'columns={"customer_id": NAME}'):
        cl.summarise(WHOLE.rename(columns={"customer_id": "user"}))
    with pytest.raises(UsageError, match="got a summary"):
        cl.summarise(summary)


@pytest.mark.parametrize(
    ("first", "later", "said"),
    [(600, 400, False), (601, 400, True), (84, 40, False), (85, 40, True)],
)
def test_a_first_month_is_steep_by_its_factor_and_beyond_chance(first, later, said):
    """Half as many again as in the next three months, and four standard deviations."""
    new = np.repeat(np.arange(5), [first, later, later, later, 1])
    days = START + pd.to_timedelta(new * 30, "D")
    bought = pd.DataFrame({"customer_id": [f"c{i}" for i in range(len(new))], "event_at": days})
    assert ("bought before it begins" in notes(read_events(bought))) == said
