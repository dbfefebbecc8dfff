"""The use cases by keywords: what a notebook calls."""

from __future__ import annotations

import datetime as dt
import inspect
import subprocess
import sys
from dataclasses import fields
from importlib import metadata

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.config import to_settings
from churnlab.config.compose import compose
from churnlab.errors import DataError, UsageError
from churnlab.posterior import RiskConfig
from churnlab.runs import open_run
from churnlab.workflows.backtest import BacktestSettings
from churnlab.workflows.segment import SegmentSettings
from churnlab.workflows.steps.keywords import settings_from

PIPELINE = {"candidates", "cache_dir", "segments"}
LIGHT = {"segments": {"periods": 0, "replicates": 50}, "inference": {"draws": 200}}


@pytest.fixture(scope="module")
def shop():
    return cl.load_shop(600)


@pytest.fixture(scope="module")
def segments(shop):
    return cl.segment(shop, **LIGHT)


def test_segments_are_tables_lines_and_a_run_folder(segments, shop, tmp_path):
    assert len(segments.tables["membership"]) == len(shop.members())
    assert any(" members on " in line for line in segments.lines)
    first = segments.audiences[0]
    assert repr(first) == f"Audience({first.action_id}, {len(first.frame):,} customers)"
    place = segments.save(tmp_path / "segments")
    run = open_run(place)
    assert run.command == "segment"
    assert run.manifest["inputs"] == shop.hashes
    read, table = run.frame("membership.parquet"), segments.tables["membership"]
    pd.testing.assert_series_equal(read["segment_code"], table["segment_code"], check_dtype=False)


def test_a_result_is_exported_verified_scored_and_monitored(segments, shop, tmp_path):
    segments.save(tmp_path / "segments")
    bundle = cl.export(
        tmp_path / "export",
        [str(tmp_path / "segments")],
        export={"allow_uncalibrated": True, "draws": 50},
    )
    assert bundle.lines[0].startswith("bundle cb-")
    assert cl.verify(tmp_path / "export").found["status"] == "ok"
    scored = cl.score(tmp_path / "export", shop)
    assert len(scored) == len(shop.members())
    today = {"today": str(shop.as_of + dt.timedelta(1))}
    assert cl.monitor(shop, tmp_path / "export", monitor=today).failure is None
    dead = cl.monitor(shop, tmp_path / "export").failure  # by the clock the shop is long silent
    assert "feed" in str(dead)


def test_one_customer_is_explained(shop, segments):
    someone = segments.tables["membership"]["customer_id"].iloc[1]
    told = cl.explain(shop, someone, lang="ko", **LIGHT)
    assert told.lines == [told.told["paragraph"]["ko"]]
    with pytest.raises(DataError, match="there is no customer 'nobody'"):
        cl.explain(shop, "nobody")


def test_signups_are_studied(shop):
    light = {"draws": 100, "backtest": False}
    found = cl.nday(shop, nday={"holdout_share": 0.2, **light})
    assert {"curve", "audience", "fitted"} <= set(found.tables)


def test_parts_are_given_whole_by_fields_or_by_name():
    whole = settings_from(SegmentSettings, {"risk": RiskConfig(basis="fixed_days")})
    fields = settings_from(SegmentSettings, {"risk": {"basis": "fixed_days"}})
    name = settings_from(SegmentSettings, {"risk": "fixed_days"})
    assert whole == fields == name
    rule = settings_from(SegmentSettings, {"rule": {"name": "fixed", "value": 0.3}}).rule
    assert (rule.name, rule.value) == ("fixed", 0.3)


@pytest.mark.parametrize("command", ["fit", "segment", "explain", "backtest", "pipeline"])
def test_defaults_are_those_of_the_command_line(command):
    """What a YAML file sets beyond them is the command line's own: listed here."""
    own = {"backtest": {"candidates", "cache_dir"}, "pipeline": PIPELINE}.get(command, set())
    composed = to_settings(compose(command, ["customer=x"] if command == "explain" else []))
    kind = type(composed).__mro__[1:]
    settings = next(k for k in kind if k.__module__.startswith("churnlab.workflows"))
    default = settings(**({"customer": "x"} if command == "explain" else {}))
    differ = {
        f.name for f in fields(default) if getattr(default, f.name) != getattr(composed, f.name)
    }
    assert differ == own


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compare_two": "2024-01-01"}, "Did you mean 'compare_to'"),
        ({"risk": {"horizon": 30}}, "risk has no 'horizon'.*Did you mean 'horizon_days'"),
        ({"rule": "cheapest"}, "rule must be one of .*; got 'cheapest'"),
        ({"model": "bg_nbd"}, "cannot decide the first-purchase states"),
        ({"seed": -1}, "seed must be 0 or greater"),
        ({"segments": {"periods": "six"}}, "periods must be a number; got 'six'"),
    ],
)
def test_a_wrong_keyword_says_what_there_is(options, said):
    with pytest.raises(UsageError, match=said):
        settings_from(SegmentSettings, options)


def test_a_value_alone_is_a_list_of_one():
    split = settings_from(BacktestSettings, {"candidates": "mbg_nbd", "split": {"horizon_days": 7}})
    assert (split.candidates, split.split.horizon_days) == (["mbg_nbd"], [7])


def test_what_takes_a_summary_takes_a_log_and_refuses_the_rest_in_words(shop):
    summary = cl.summarise(shop)
    fit = cl.fit(summary, draws=200)
    assert len(fit.on(shop).data.customers) == len(summary.customers)
    assert cl.fit_spend(shop, draws=200).data.as_of == shop.as_of
    free = {v.name for v in cl.pymc_model(shop).free_RVs}
    assert free == {v.name for v in cl.pymc_model(summary).free_RVs}
    with pytest.raises(UsageError, match="got a summary of one already"):
        cl.segment(summary)
    with pytest.raises(UsageError, match=r"Summary\.from_arrays"):
        fit.on(summary.customers)
    with pytest.raises(UsageError, match="'b' is no fit"):
        cl.compare({"a": fit, "b": 3})
    with pytest.raises(UsageError, match="draws must be 1 or greater, a whole number; got 'many'"):
        cl.fit(summary, draws="many")
    with pytest.raises(UsageError, match="seed must be 0 or greater, a whole number; got -1"):
        cl.fit(summary, seed=-1)
    with pytest.raises(UsageError, match="Ids are text"):
        fit.plot_history(1)
    with pytest.raises(DataError, match="no customer 2 among"):
        cl.explain(shop, 2)
    with pytest.raises(UsageError, match=r"Axes of one panel.*got ndarray"):
        fit.plot_alive_matrix(np.array([None, None]))
    assert "up to 2025-03-31, of what was read up to" in repr(shop.until("2025-03-31"))
    assert "what was read" not in repr(shop.until(shop.as_of))


def test_a_log_shows_what_must_be_known_of_it():
    days = pd.DataFrame({"customer_id": ["a", "b"], "event_at": ["2024-01-01", "2099-01-01"]})
    log = cl.read_events(days)
    said = "the last day in the logs, 2099-01-01, lies in the future: give as_of"
    assert repr(log) == f"EventLog(files up to 2099-01-01: purchases 2 rows)\n{said}"
    assert said in log._repr_html_()


def test_a_frame_without_its_columns_says_which_and_what_is_near():
    frame = pd.DataFrame({"user": ["a"], "day": ["2024-01-01"]})
    said = (
        r"for customer_id \(.*'\) and event_at \(.*'\)\. Did you mean 'user'\? It has: user, day\."
    )
    with pytest.raises(DataError, match=said):
        cl.read_events(frame)


def test_the_version_is_the_one_installed():
    assert cl.__version__ == metadata.version("churnlab")


def test_help_shows_the_settings_as_keywords():
    shown = inspect.signature(cl.segment).parameters
    assert next(iter(shown)) == "log"
    assert shown["compare_to"].kind is inspect.Parameter.KEYWORD_ONLY
    assert list(inspect.signature(cl.explain).parameters)[:2] == ["log", "customer"]
    assert "candidates" in inspect.signature(cl.backtest).parameters


def test_logs_and_summaries_show_themselves_in_a_line_and_in_a_notebook(shop):
    kept = shop.report.tables["purchases"].kept
    assert repr(shop).startswith("EventLog(")
    assert f"purchases {kept:,} rows" in repr(shop)
    assert f"<td>{kept}</td>" in shop._repr_html_()
    summary = cl.summarise(shop, group="gender")
    assert repr(summary).startswith(f"Summary({summary.cells.n_customers:,} customers up to ")
    assert repr(summary).endswith("cells, by gender)")
    assert "<th>t_x</th>" in summary._repr_html_()


def test_amounts_show_themselves_in_a_line(shop):
    amounts = cl.summarise_spend(shop)
    n = int((amounts.customers["n_amounts"] > 0).sum())
    assert repr(amounts) == (
        f"SpendSummary({amounts.count('n_amounts'):,} amounts of {n:,} customers up to "
        f"{shop.as_of})"
    )
    spend = cl.fit_spend(amounts, draws=200)
    assert repr(spend).endswith(f"up to {shop.as_of}, 200 draws)")
    assert "amount_mean" in spend._repr_html_()


def test_a_misspelt_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'segmnt'\. Did you mean 'segment'"):
        cl.segmnt  # noqa: B018


def test_what_must_be_given_is_asked_for(shop):
    with pytest.raises(UsageError, match="customer must be given"):
        cl.explain(shop)
    with pytest.raises(UsageError, match="not both"):
        cl.segment(shop, settings=SegmentSettings(), seed=2)
    with pytest.raises(UsageError, match="by position"):
        cl.explain(shop, "a", "b")


def test_a_part_of_a_larger_result_is_not_saved_alone(segments, tmp_path):
    with pytest.raises(UsageError, match="a part of a larger result"):
        segments.now.fitted.save(tmp_path)


def test_importing_is_light_and_wings_can_be_called_and_imported_from():
    code = (
        "import sys, time\n"
        "begun = time.process_time()\n"
        "import churnlab as cl\n"
        "assert time.process_time() - begun < 0.1\n"
        "assert not {'numpy', 'pandas', 'hydra'} & set(sys.modules)\n"
        "from churnlab.backtest import SplitConfig\n"
        "import churnlab.backtest.run as run\n"
        "assert callable(cl.backtest) and cl.backtest.SplitConfig is SplitConfig\n"
        "assert run.run_backtest is cl.backtest.run_backtest\n"
        "assert all(getattr(cl, name) for name in cl.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
