"""Pictures in one line: each takes `ax`, returns it, and shows the result's own numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

import churnlab as cl
from churnlab.errors import UsageError
from churnlab.fitting.report.data import alive_matrix
from churnlab.fitting.report.plots import silence


@cache
def the_shop():
    return cl.load_shop(900)


@pytest.fixture(scope="module")
def fit():
    return cl.fit(cl.summarise(the_shop()))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    split = {"origins": 1, "horizon_days": [28], "replicates": 20, "counts": False,
             "limits": {"least_purchasers": 100, "least_events": 20}}  # fmt: skip
    costs = {"margin": 20, "coupon": 5, "revenue": 60}
    study = {"costs": costs, "draws": 100, "backtest": False, "holdout_share": 0.2}
    return {
        "segment": cl.segment(the_shop(), segments={"periods": 2}),
        "backtest": cl.backtest(the_shop(), candidates=["mbg_nbd"], split=split),
        "nday": cl.nday(the_shop(), nday=study),
    }


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def hangul(ax):
    """Return how many texts are in Korean; each is in a font that has it, whenever it was made."""
    texts = [t for t in ax.figure.findobj(Text) if re.search("[가-힣]", t.get_text())]
    assert all(t.get_fontfamily()[0] == "NanumGothic" for t in texts)
    return len(texts)


FIT_PLOTS = ("tracking", "alive_matrix", "calibration", "threshold")
RESULT_PLOTS = (
    ("segment", "grid"), ("segment", "flow"), ("segment", "shares"), ("backtest", "scores"),
    ("backtest", "reliability"), ("nday", "curve"), ("nday", "value"),
)  # fmt: skip


@pytest.mark.parametrize("name", FIT_PLOTS)
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_fit_draws_itself(fit, name, lang):
    ax = plt.subplots()[1]
    assert getattr(fit, f"plot_{name}")(ax, lang=lang) is ax
    assert ax.get_xlabel()
    assert lang == "en" or hangul(ax)
    assert getattr(fit, f"plot_{name}")() is not ax


@pytest.mark.parametrize(("result", "name"), RESULT_PLOTS)
def test_results_draw_themselves(results, result, name):
    ax = plt.subplots()[1]
    draw = getattr(results[result], f"plot_{name}")
    assert draw(ax=ax, lang="ko") is ax
    assert len(ax.get_children()) > 10
    assert hangul(ax)
    assert draw() is not ax


def test_tracking_is_the_log_s_own_count(fit):
    ax = fit.plot_tracking()
    drawn = next(line for line in ax.lines if line.get_label() == "what came")
    repeats = fit.data.customers["x"].sum()
    last = drawn.get_ydata()[-1]
    days_left = (fit.data.customers["T"].max()) % 7  # of the week that is not over
    assert last <= repeats
    assert last >= 0.95 * repeats or days_left > 0
    model = next(line for line in ax.lines if line.get_label() == "model")
    assert abs(model.get_ydata()[-1] / last - 1) < 0.15


def test_a_history_begins_at_its_customer_s_last_purchase(fit):
    row = fit.data.customers.iloc[0]
    ax = fit.plot_history(row["customer_id"])
    (dot,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert dot.get_xdata()[0] == row["T"] - row["t_x"]
    p_alive = fit.p_alive().set_index("customer_id").loc[row["customer_id"], "p_alive"]
    assert dot.get_ydata()[0] == pytest.approx(p_alive, abs=0.01)
    with pytest.raises(UsageError, match="no customer 'nobody'"):
        fit.plot_history("nobody")


@pytest.mark.parametrize("model", [{"group": "gender"}, {"calendar": "month"}], ids=str)
def test_curves_are_of_the_customer_s_group_and_clock(model):
    """The dot of today lies where the customers table says."""
    fit = cl.fit(the_shop(), model=model, draws=100)
    about = {"group_columns": ["gender"]}
    if fit.seasons is None:  # groups that are far apart
        theta = fit.draws.theta.copy()
        theta[:, 0, 1] *= 6
        fit = replace(
            fit, population=replace(fit.population, draws=replace(fit.draws, theta=theta))
        )
    else:  # and a clock far from even
        clock = replace(fit.seasons.clock, multipliers=(0.2, 1.8) * 6)
        fit = replace(fit, data=fit.data.on_clock(clock))
        table = fit.seasons.table.assign(multiplier=clock.multipliers)
        about = {"group_columns": [], "calendar": replace(fit.seasons, table=table).to_dict()}
    alive = fit.p_alive().set_index("customer_id")["p_alive"]
    table = fit.customers(horizon_days=90).query("x > 0").iloc[::11][:3]
    for customer in table["customer_id"]:
        assert dots(fit.plot_history(customer)) == pytest.approx([alive[customer]], abs=0.004)
    assert len(fit.plot_threshold().lines) >= 3
    left, right = plt.subplots(1, 2)[1]
    silence((left, right), fit.draws, table, horizon_days=90, fit=about)
    assert dots(left) == pytest.approx(alive[table["customer_id"]].tolist(), abs=0.004)
    assert dots(right) == pytest.approx(table["purchase_risk"].tolist(), abs=0.004)


def dots(ax):
    """Where the dots lie; the legend's own has no place."""
    found = [line.get_ydata() for line in ax.lines if line.get_marker() == "o"]
    return [y[0] for y in found if len(y)]


def test_the_alive_matrix_is_of_all_groups():
    fit = cl.fit(the_shop(), group="gender", draws=100)
    theta = fit.draws.theta.copy()
    theta[:, 0, 1] *= 6
    draws = replace(fit.draws, theta=theta)
    x, silent, p = alive_matrix(draws, fit.data, 10)
    once = float(x[1]), silent.max() - silent, silent.max()
    each = [draws.likelihood.p_alive(draws.theta_rows(np.array([g])), *once).mean(axis=0)
            for g in range(len(draws.groups))]  # fmt: skip
    share = fit.data.customers["gender"].value_counts(normalize=True)[[*draws.groups]]
    assert p[1] == pytest.approx(share.to_numpy() @ np.array(each), abs=0.03)


def test_each_parameter_has_its_panel(fit):
    axes = fit.plot_parameters(lang="ko")
    assert [ax.get_xlabel() for ax in axes] == list(fit.population.target.map.names)
    assert hangul(axes[0]) == 2  # posterior and prior
    own = plt.subplots(1, 4)[1]
    assert fit.plot_parameters(own) is own


def test_forecasts_add_up_to_the_customers_own(fit):
    weeks = fit.forecast(13)
    assert weeks["week"].tolist() == list(range(1, 14))
    own = fit.customers(horizon_days=91)["expected_purchases"].sum()
    assert weeks["cumulative"].iloc[-1] == pytest.approx(own, rel=0.02)
    assert weeks["expected"].cumsum().iloc[-1] == pytest.approx(weeks["cumulative"].iloc[-1])
    assert (weeks["q05"] <= weeks["expected"]).all()
    assert (weeks["expected"] <= weeks["q95"]).all()
    assert len(fit.forecast(1)) == 1
    with pytest.raises(UsageError, match="weeks must be 1 or greater, a whole number; got 0"):
        fit.forecast(0)


def test_states_are_those_of_the_customers_table(fit):
    states = fit.states()
    table = fit.customers(state=fit.overdue(cl_rule("overdue")).state(cl.RiskConfig()))
    late = table["at_risk_date"].dt.date <= fit.data.as_of
    assert (states["state"].str.endswith("_risk") == late).all()
    assert (states["state"].str.startswith("first_") == (table["x"] < 1)).all()
    fixed = fit.states(cl_rule("fixed", value=0.9))
    risky = fit.customers()["risk_p_alive"] > 0.9
    assert (fixed["state"].str.endswith("_risk") == risky).mean() > 0.98  # dates are whole days
    with pytest.raises(UsageError, match="learns from earlier days"):
        fit.states("calibrated")


def cl_rule(name, **values):
    from churnlab.rules import rule_named

    return rule_named(name, **values)


def test_next_purchases_are_counted_from_the_last_one_and_from_today(fit):
    found, table = fit.next_purchase(), fit.customers()
    for counted in ("due_date", "next_purchase_q50"):
        assert (found[counted] == table[counted]).all()
    assert (found["due_date"] < found["next_purchase_q10"]).any()


def test_an_update_is_the_same_fit_on_newer_events(fit):
    earlier = cl.fit(cl.summarise(the_shop(), "2025-03-31"), model="pareto_nbd", draws=200, seed=5)
    newer = earlier.update(the_shop())
    assert (newer.model, newer.seed, newer.draws.n_draws) == ("pareto_nbd", 5, 200)
    assert newer.data.as_of == the_shop().as_of
    direct = cl.fit(cl.summarise(the_shop()), model="pareto_nbd", draws=200, seed=5)
    np.testing.assert_array_equal(newer.draws.theta, direct.draws.theta)


def test_what_has_no_picture_says_why(fit):
    segments = cl.segment(cl.load_shop(200), segments={"periods": 0}, inference={"draws": 200})
    with pytest.raises(UsageError, match=r"segments\.periods"):
        segments.plot_shares()
    arrays = cl.Summary.from_arrays([2, 0, 1], [30, 0, 9], [60, 40, 50], as_of="2025-01-01")
    unknown = replace(fit, data=arrays)
    with pytest.raises(UsageError, match="day of every purchase"):
        unknown.plot_tracking()
