"""A finished run noted in MLflow: settings, figures and provenance beside those of other work.

Off by default. What stands there is a copy: the run folder stays the record.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from churnlab.comparison import figures
from churnlab.errors import UsageError, one_of
from churnlab.runs import Run, open_run

TRACKERS: Final = ("none", "mlflow")
#: The experiment that runs are noted under, unless MLFLOW_EXPERIMENT_NAME says another.
EXPERIMENT: Final = "churnlab"
#: Where, unless MLFLOW_TRACKING_URI says otherwise: a folder beside `outputs`.
STORE: Final = "mlruns"
#: MLflow's own limits: letters of a value, and of parameters and metrics in one call.
_LONGEST, _PARAMS, _METRICS = 6000, 100, 1000
_FILES: Final = ("manifest.json", "config.resolved.yaml", "run.log")


def check_tracker(name: str) -> None:
    """Refuse an unknown tracker, and MLflow where it is not installed, before anything runs.

    Raises UsageError.
    """
    one_of("tracking", name, TRACKERS)
    if name == "mlflow" and find_spec("mlflow") is None:
        raise UsageError(
            "tracking=mlflow needs MLflow; install the extra: pip install 'churnlab[mlflow]'."
        )


def note_in_mlflow(folder: Path) -> str:
    """Note a finished run in MLflow's store; return a line that says where.

    folder: The run's folder. Its resolved settings become parameters, what `compare` shows of it
        metrics (`target/name/figure`), its provenance tags; `_FILES` go along.
    Raises MlflowException, OSError: The store refuses.
    """
    # a run tells nobody but the store that the user named
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    run, now = open_run(folder), int(time.time() * 1000)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or Path(STORE).resolve().as_uri()
    client = MlflowClient(tracking_uri=uri)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    noted = client.create_run(
        experiment, run_name=f"{run.command} {run.path.name}", tags=_tags(run)
    ).info.run_id
    params = [Param(_key(k), str(v)[:_LONGEST]) for k, v in flat(run.manifest["config"])]
    metrics = [Metric(k, value, now, 0) for k, value in _metrics(run)]
    for i in range(0, len(params), _PARAMS):
        client.log_batch(noted, params=params[i : i + _PARAMS])
    for i in range(0, len(metrics), _METRICS):
        client.log_batch(noted, metrics=metrics[i : i + _METRICS])
    for file in _FILES:
        if (folder / file).is_file():
            client.log_artifact(noted, str(folder / file))
    client.set_terminated(noted)
    return f"noted in MLflow: {uri}, experiment {name}, run {noted}"


def _tags(run: Run) -> dict[str, str]:
    manifest = run.manifest
    own = {k: manifest[k] for k in ("command", "config_hash", "commit", "seed")}
    own |= {"folder": run.path.resolve(), "version": manifest["versions"]["churnlab"]}
    own |= {f"input.{name}": digest for name, digest in manifest["inputs"].items()}
    return {f"churnlab.{key}": str(value) for key, value in own.items() if value is not None}


def _metrics(run: Run) -> Iterator[tuple[str, float]]:
    for row in figures(run).dropna(subset="value").to_dict("records"):
        parts = (row["target"], row["name"], row["figure"])
        yield _key("/".join(part for part in parts if part)), float(row["value"])


def _key(name: str) -> str:
    """Return a name as MLflow takes it: letters, digits and `_-. :/`."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def flat(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings with dotted keys, as the command line takes them."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
