"""The classifier and the splitter behave as scikit-learn's do, and say what the model says."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import TunedThresholdClassifierCV, cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import churnlab as cl
from churnlab.errors import UsageError

SPLITS = cl.RollingOrigins(["1997-09-30", "1997-12-31", "1998-03-31"], horizon_days=91)
#: The checks that hand over features of any number and value: ours are counts and times.
OWN_FEATURES = "X is x, t_x and T of customers: whole x >= 0 and 0 <= t_x <= T"


@cache
def cdnow():
    return cl.load_cdnow()


@pytest.fixture(scope="module")
def table():
    return SPLITS.table(cdnow())


def test_the_probability_is_the_customers_table_s_risk():
    model = cl.ChurnClassifier(horizon_days=91).fit(cdnow())
    fit = cl.fit(cl.summarise(cdnow()))
    risk = fit.customers(horizon_days=91)["purchase_risk"]
    np.testing.assert_allclose(model.predict_proba(cdnow())[:, 1], risk, rtol=1e-12)
    assert (model.predict(cdnow()) == (risk >= 0.5)).all()


def test_an_event_frame_is_read_as_it_is():
    events = pd.DataFrame({"customer_id": list("aab") * 40, "event_at": "2024-01-01"})
    events["customer_id"] += [str(i // 3) for i in range(120)]
    events.loc[events.index % 3 == 1, "event_at"] = "2024-02-10"
    model = cl.ChurnClassifier(draws=100).fit(events)
    assert model.predict_proba(events).shape == (80, 2)


def test_labels_are_what_came_in_the_window(table):
    X, y = table
    first = X["origin"] == "1997-09-30"
    days = cdnow().days()
    after = days[(days["day"] > "1997-09-30") & (days["day"] <= "1997-12-30")]["customer_id"]
    came = X.loc[first, "customer_id"].isin(set(after))
    assert (y[first] == ~came).all()
    assert X.loc[first, "x"].sum() == cl.summarise(cdnow(), "1997-09-30").customers["x"].sum()


def test_splits_learn_only_from_windows_complete_by_the_origin(table):
    X, y = table
    # 1997-09-30 + 92 days is 1997-12-31, the second origin: complete by then, a day longer is not
    assert cl.RollingOrigins(horizon_days=92).get_n_splits(X) == 2
    assert cl.RollingOrigins(horizon_days=93).get_n_splits(X) == 1
    for train, test in SPLITS.split(X, y):
        assert X["origin"].iloc[train].max() + pd.Timedelta(days=91) <= X["origin"].iloc[test].min()


def test_it_works_in_cross_validation_and_in_threshold_tuning(table):
    X, y = table
    scores = cross_val_score(
        cl.ChurnClassifier(horizon_days=91), X, y, cv=SPLITS, scoring="neg_brier_score"
    )
    constant = brier_score_loss(y, np.full(len(y), y.mean()))
    assert -scores.mean() < constant
    tuned = TunedThresholdClassifierCV(
        cl.ChurnClassifier(horizon_days=91), cv=SPLITS, scoring="balanced_accuracy"
    ).fit(X, y)
    assert tuned.best_score_ > 0.7
    assert 0.5 < tuned.best_threshold_ < 1  # 85% do not come anyway


def test_only_the_latest_origin_is_learnt_from(table):
    X, y = table
    whole = cl.ChurnClassifier().fit(X, y)
    last = X["origin"] == X["origin"].max()
    alone = cl.ChurnClassifier().fit(X[last], y[last])
    np.testing.assert_array_equal(whole.fit_.draws.theta, alone.fit_.draws.theta)


def test_labels_of_any_kind_name_the_classes(table):
    X, y = table
    model = cl.ChurnClassifier(draws=100).fit(X, np.where(y == 1, "silent", "buys"))
    assert list(model.classes_) == ["buys", "silent"]
    assert set(model.predict(X)) <= {"buys", "silent"}


def test_it_is_cloned_with_its_parameters():
    model = cl.ChurnClassifier(model="pareto_nbd", horizon_days=30)
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (np.ones((9, 4)), None, "expecting 3 features"),
        (pd.DataFrame({"x": [1.0], "T": [4.0], "name": ["a"]}), None, "X has no column t_x;"),
        ([[1.0, 5.0, 4.0]], None, "row 0"),
        ([[0.0, 0.0, 4.0]] * 3, [0, 1, 2], "Only binary"),
        ([[0.0, 0.0, 4.0]] * 3, [0, 1], "2 labels and X 3 rows"),
    ],
)
def test_what_no_customer_can_have_is_refused_in_words(X, y, said):
    with pytest.raises(ValueError, match=said):
        cl.ChurnClassifier().fit(X, y)


def test_a_window_of_no_days_and_rows_without_origin_are_refused(table):
    X, y = table
    with pytest.raises(ValueError, match="horizon_days"):
        cl.ChurnClassifier(horizon_days=0).fit(X, y)
    with pytest.raises(UsageError, match=r"RollingOrigins\.table"):
        cross_val_predict(cl.ChurnClassifier(), X[["x", "t_x", "T"]], y, cv=SPLITS)
    with pytest.raises(UsageError, match="shorter horizon"):
        next(cl.RollingOrigins(horizon_days=200).split(X))


def test_scikit_learn_s_own_checks_that_apply():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(cl.ChurnClassifier(draws=100), on_fail=None)
    failed = {c["check_name"]: str(c["exception"]) for c in found if c["status"] == "failed"}
    ours = ("expecting 3 features", "expected whole x >= 0")
    other = {name: text for name, text in failed.items() if not any(o in text for o in ours)}
    assert other == {}, OWN_FEATURES
    passed = {c["check_name"] for c in found if c["status"] == "passed"}
    assert len(passed) >= 20
