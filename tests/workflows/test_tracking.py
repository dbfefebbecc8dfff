"""A finished run is noted in MLflow where that is wanted: a local store, nothing else."""

from __future__ import annotations

import pytest

from churnlab.cli import main
from churnlab.cli.run import _track
from churnlab.comparison import figures
from churnlab.config.schema import Run
from churnlab.errors import UsageError
from churnlab.runs import open_run
from churnlab.workflows.steps import tracking

LIGHT = ["fit", "data=syn_shop", "shop.n_members=200", "inference.draws=200"]


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """Return a run's folder, its note, and the client of the store that a run makes itself."""
    from mlflow import MlflowClient  # seconds, which only this fixture needs

    place = tmp_path_factory.mktemp("tracking")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
            patch.delenv(name, raising=False)
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        assert main([*LIGHT, "tracking=mlflow", "run_dir=mine"]) == 0
        client = MlflowClient(tracking_uri=(place / tracking.STORE).as_uri())
        experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
        (run,) = client.search_runs([experiment.experiment_id])
        yield place / "mine", run, client


def test_metrics_are_the_figures_that_compare_shows(noted):
    folder, run, _ = noted
    rows = figures(open_run(folder)).dropna(subset="value")
    wanted = dict(zip(rows["figure"], rows["value"], strict=True))
    assert "at_risk_share" in wanted
    assert run.data.metrics == pytest.approx(wanted)


def test_parameters_are_the_settings_as_typed_and_tags_the_provenance(noted):
    folder, run, _ = noted
    manifest = open_run(folder).manifest
    assert run.data.params["inference.draws"] == "200"
    assert set(run.data.params) == {key for key, _ in tracking.flat(manifest["config"])}
    assert run.data.tags["churnlab.config_hash"] == manifest["config_hash"]
    assert run.data.tags["churnlab.input.purchases"] == manifest["inputs"]["purchases"]
    assert run.info.status == "FINISHED"


def test_small_files_go_along_and_customers_stay(noted):
    _, run, client = noted
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == set(tracking._FILES)


def test_nothing_is_noted_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _track(Run(), tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_where_a_run_is_noted_does_not_change_what_it_is(noted):
    assert "tracking" not in open_run(noted[0]).manifest["config"]


def test_a_store_that_refuses_is_a_warning(noted, monkeypatch):
    said = []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///dev/null/store")
    console = type("C", (), {"warn": said.extend, "say": None})
    _track(Run(tracking="mlflow"), noted[0], console)
    assert "the run is finished, but MLflow did not take it" in said[0]


def test_unknown_trackers_and_a_missing_mlflow_are_refused_before_anything_runs(monkeypatch):
    with pytest.raises(UsageError, match="one of none, mlflow; got 'wandb'"):
        Run(tracking="wandb")
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'churnlab\[mlflow\]'"):
        Run(tracking="mlflow")


def test_keys_are_those_that_mlflow_takes():
    assert tracking._key("56d/mbg_nbd@month (isotonic)/brier") == (
        "56d/mbg_nbd_month _isotonic_/brier"
    )
