"""A saved fit comes back as it was; what cannot come back is refused in words."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

import churnlab as cl
from churnlab.errors import UsageError
from churnlab.fitting import ModelConfig
from churnlab.studies.compare import compare_models

GROUPED = ModelConfig(group="gender")


@cache
def the_shop():
    return cl.load_shop(600)


def summary():
    return cl.summarise(the_shop())


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(),
        ModelConfig(name="bg_nbd"),  # one-time buyers are judged by its kin
        ModelConfig(name="mbg_cnbd_k", k=2),
        GROUPED,
        ModelConfig(covariates=["gender"], priors={"rate_shape": "Gamma(alpha=2, beta=1)"}),
        ModelConfig(calendar="month"),
    ],
    ids=lambda m: m.candidate + ("+covariates" if m.covariates else ""),
)
def test_a_fit_comes_back_as_it_was(model, tmp_path):
    fit = cl.fit(summary(), model=model, draws=200, seed=3)
    again = cl.load(fit.save(tmp_path / "fit"))
    pd.testing.assert_frame_equal(fit.summary(), again.summary(), check_exact=True)
    pd.testing.assert_frame_equal(fit.customers(), again.customers(), check_exact=True)
    assert (fit.warnings, fit.seed, repr(fit)) == (again.warnings, again.seed, repr(again))
    assert again.draws.theta.tobytes() == fit.draws.theta.tobytes()


def test_a_clock_learnt_from_some_customers_comes_back(tmp_path, monkeypatch):
    """Those customers' histories are kept beside the sample's, which is another."""
    monkeypatch.setattr("churnlab.summary.customers.MOST_DATED", 150)
    monkeypatch.setattr("churnlab.fitting.sample.MOST_CUSTOMERS", 100)
    fit = cl.fit(summary(), model=ModelConfig(calendar="month"), draws=200)
    again = cl.load(fit.save(tmp_path))
    assert again.seasons.clock == fit.seasons.clock
    assert fit.data.dated().weight.sum() <= 150 < len(fit.data.customers)
    pd.testing.assert_frame_equal(fit.customers(), again.customers(), check_exact=True)


@pytest.mark.parametrize(("more", "every"), [(0, 1), (1, 2)])
def test_a_clock_is_learnt_from_all_up_to_the_most(more, every, monkeypatch):
    known = summary()
    monkeypatch.setattr("churnlab.summary.customers.MOST_DATED", len(known.customers) - more)
    people = known.customers.iloc[::every]
    assert known.dated().weight.sum() == len(people)
    assert known.dated().repeats.sum() == people["x"].sum()


def test_what_was_sampled_is_taken_from_the_file_and_not_sampled_again(tmp_path, monkeypatch):
    fit = cl.fit(summary(), draws=200)
    fit.save(tmp_path)
    monkeypatch.setattr("churnlab.inference.fit.sample", None)
    assert cl.load(tmp_path).population.method == "laplace"


def test_a_nuts_fit_keeps_its_chains_and_statistics(tmp_path):
    fit = cl.fit(summary(), inference="nuts", draws=100, check=False)
    again = cl.load(fit.save(tmp_path))
    assert again.population.chains == fit.population.chains > 1
    assert set(again.population.sample_stats) == set(fit.population.sample_stats) != set()
    assert again.posterior["posterior"].equals(fit.posterior["posterior"])


def test_no_pickle_is_written(tmp_path):
    cl.fit(summary(), draws=200).save(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".nc", ".json", ".parquet"}


def test_a_newer_format_is_refused_in_words(tmp_path, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr("churnlab.fitting.saving.FORMAT", 2)
        cl.fit(summary(), draws=200).save(tmp_path)
    with pytest.raises(UsageError, match=r"newer churnlab .*format 2.*up to 1\. Update"):
        cl.load(tmp_path)


def test_other_folders_are_refused_in_words(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        cl.load(tmp_path / "nowhere")
    cl.backtest(
        cl.load_cdnow(), candidates=["mbg_nbd"], split={"origins": 1, "replicates": 20}
    ).save(tmp_path)
    with pytest.raises(UsageError, match=r"churnlab backtest.*Fit\.save"):
        cl.load(tmp_path)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    with pytest.raises(UsageError, match="is a bundle"):
        cl.load(tmp_path / "bundle")


def test_fits_that_cannot_come_back_are_refused(tmp_path):
    fit = cl.fit(summary(), draws=200)
    earlier = cl.summarise(the_shop(), "2025-01-31")
    with pytest.raises(UsageError, match="save the fit itself"):
        fit.on(earlier).save(tmp_path)
    alone = cl.fit(summary(), model=ModelConfig(group="gender", pooling="none"), draws=200)
    with pytest.raises(UsageError, match="pooling=none"):
        alone.save(tmp_path)


def test_a_fit_shows_itself_in_a_line_and_in_a_notebook():
    fit = cl.fit(summary(), draws=200)
    assert repr(fit).startswith("Fit(mbg_nbd, ")
    assert "rate_mean" in fit._repr_html_()


def test_compare_is_the_comparison_by_customer_whatever_the_cells():
    fits = {m: cl.fit(summary(), model=m, draws=200) for m in ("bg_nbd", "mbg_nbd")}
    table = cl.compare(fits)
    plain = compare_models({n: f.population for n, f in fits.items()})
    pd.testing.assert_frame_equal(table, plain, rtol=1e-9)
    both = cl.compare(fits | {"by gender": cl.fit(summary(), model=GROUPED, draws=200)})
    assert both.loc["mbg_nbd", "elpd"] == pytest.approx(table.loc["mbg_nbd", "elpd"])
    assert both["diff_se"].min() == 0 <= both["diff_se"].max() < 20


def test_fits_that_do_not_compare_are_refused():
    fit = cl.fit(summary(), draws=200)
    with pytest.raises(UsageError, match=r"fits by name.*got a list"):
        cl.compare([fit, fit])
    with pytest.raises(UsageError, match="at least two"):
        cl.compare({"alone": fit})
    earlier = cl.fit(cl.summarise(the_shop(), "2025-01-31"), draws=200)
    with pytest.raises(UsageError, match="'then' is of other customers"):
        cl.compare({"now": fit, "then": earlier})


def test_a_clock_whose_customers_are_not_all_kept_is_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("churnlab.summary.customers.MOST_DATED", 150)
    monkeypatch.setattr("churnlab.fitting.sample.MOST_CUSTOMERS", 100)
    fit = cl.fit(summary(), model=ModelConfig(calendar="month"), draws=200)
    again = cl.load(fit.save(tmp_path))
    with pytest.raises(UsageError, match=r"'read' is on a clock.*'calendar': None"):
        cl.compare({"made": fit, "read": again})
    assert "log_likelihood" not in again.posterior.children


@pytest.mark.parametrize("columns", [{"group": "gender"}, {"covariates": "gender"}])
def test_an_update_keeps_groups_covariates_and_what_is_counted(columns, tmp_path, monkeypatch):
    at = cl.summarise(the_shop(), "2025-03-31", events="visits")
    fit = cl.fit(at, **columns, draws=200)
    again = cl.load(fit.save(tmp_path / "fit"))
    monkeypatch.setattr(cl.Fit, "of", staticmethod(lambda summary, *_: summary))
    whole = cl.summarise(the_shop(), events="visits", **columns)
    for newer in (fit.update(the_shop()), again.update(the_shop())):
        pd.testing.assert_frame_equal(newer.customers, whole.customers)
        assert (newer.group_columns, newer.covariates) == (whole.group_columns, whole.covariates)
        assert newer.counting == whole.counting
