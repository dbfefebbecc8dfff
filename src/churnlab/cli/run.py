"""From the command line to a run folder: compose with Hydra, run, write the manifest."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from churnlab.cli.console import Console
from churnlab.cli.registry import Command
from churnlab.config import configs_folder, explain, mend, plain, register, to_settings
from churnlab.errors import ChurnlabError, UsageError
from churnlab.runs import RunFolder, content_hash, read_json, timestamped_folder

# Hydra's own files and logs stay out of run folders, which have theirs; what a user sets wins.
_HYDRA_DEFAULTS = {
    "hydra/job_logging": "none",
    "hydra/hydra_logging": "none",
    "hydra.output_subdir": "null",
    "hydra.run.dir": ".",
    "hydra.sweep.dir": "${run_dir}",
    "hydra.sweep.subdir": "${hydra.job.num}",
}
_SWEEP_DEFAULTS = {"hydra/launcher": "joblib", "hydra.launcher.n_jobs": "2"}
_FLAGS_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--info", "-i")


def run_command(command: Command, arguments: Sequence[str]) -> int:
    """Compose the configuration of `command` from `arguments`, run it, return the exit status."""
    register()
    flags, overrides = _split(arguments)
    outcomes: list[int | BaseException] = []
    job = _job(command, outcomes)
    sweeping = bool({"-m", "--multirun"} & set(flags))
    argv = [f"churnlab {command.name}", *flags, *_with_defaults(mend(overrides), command, sweeping)]
    # Without this Hydra prints errors itself and exits with 1 whatever happened.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    with _argv(argv):
        try:
            hydra.main(
                version_base="1.3", config_path=str(configs_folder()), config_name=command.name
            )(job)()
        except SystemExit as error:
            return error.code if isinstance(error.code, int) else UsageError.exit_status
        except ChurnlabError:
            raise
        except (HydraException, OmegaConfBaseException, ValueError, OSError) as error:
            # The command itself cannot end here: what it raises is kept in `outcomes`.
            raise explain(error, command.name) from error
    failure = next((o for o in outcomes if isinstance(o, BaseException)), None)
    if failure is not None:
        raise failure
    return _sweep_status(argv) if sweeping else 0


def _with_defaults(overrides: list[str], command: Command, sweeping: bool) -> list[str]:
    keys = {o.split("=", 1)[0].lstrip("+~") for o in overrides}
    defaults = {**_HYDRA_DEFAULTS, **(_SWEEP_DEFAULTS if sweeping else {})}
    if sweeping:
        defaults["run_dir"] = str(timestamped_folder(command.name, Path("multirun")))
    if "hydra/launcher" in keys:
        defaults.pop("hydra.launcher.n_jobs", None)
    return [*(f"{k}={v}" for k, v in defaults.items() if k not in keys), *overrides]


def _sweep_status(argv: Sequence[str]) -> int:
    """Read the jobs' status files: a launcher in other processes loses what they returned."""
    place = next(a.split("=", 1)[1] for a in argv if a.startswith("run_dir="))
    files = Path(place.strip('"')).glob("*/status")
    return max((int(f.read_text()) for f in files), default=0)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part Hydra's own flags from KEY=VALUE overrides, in whatever order they were typed."""
    flags: list[str] = []
    overrides: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in _FLAGS_WITH_VALUE:
            value = next(rest, None)
            if value is None:
                raise UsageError(f"{argument} expects a value; see `churnlab --help`.")
            flags += [argument, value]
        elif argument.startswith("-"):
            flags.append(argument)
        else:
            overrides.append(argument)
    return flags, overrides


@contextmanager
def _argv(argv: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, argv
    try:
        yield
    finally:
        sys.argv = before


def _job(command: Command, outcomes: list[int | BaseException]) -> Any:
    def job(config: DictConfig) -> None:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            _sweep_job(command, config)
            return
        # Kept for the caller: what leaves here is reported by Hydra in its own words.
        try:
            settings = to_settings(config)
            folder = Path(settings.run_dir or _default_folder(command, settings))
            run_in_folder(command.name, settings, folder, plain(config), Console())
        except (Exception, KeyboardInterrupt) as error:
            outcomes.append(error)

    return job


def _default_folder(command: Command, settings: Any) -> Path:
    """A report goes into the run that it reports on; every other run gets a fresh folder."""
    if command.name == "report":
        return Path(settings.run) / "report"
    return timestamped_folder(command.name)


def _sweep_job(command: Command, config: DictConfig) -> int:
    """Run one job of a sweep; its status goes into a file, because launchers lose it."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    settings = to_settings(config)
    settings.run_dir = str(folder)
    content = plain(config)
    if _finished(folder, content):
        print(f"{folder}: finished before with the same configuration, kept", flush=True)
        return 0
    status = 0
    try:
        run_in_folder(command.name, settings, folder, content, Console())
    except ChurnlabError as error:
        status = error.exit_status
        print(f"churnlab: {folder}: {error}", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status").write_text(f"{status}\n")
    return status


def _finished(folder: Path, content: dict[str, Any]) -> bool:
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return False
    recorded = read_json(manifest)
    return recorded.get("config_hash") == content_hash(_without_place(content))


def _without_place(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says where a run is written: it does not change what is computed."""
    return {k: v for k, v in content.items() if k != "run_dir"}


def run_in_folder(
    name: str, settings: Any, folder: Path, content: dict[str, Any], console: Console
) -> RunFolder:
    """Run a command into a folder: log, resolved configuration, results, manifest last."""
    run = RunFolder(
        folder, name, config=_without_place(content), seed=getattr(settings, "seed", None)
    )
    (run.path / "manifest.json").unlink(missing_ok=True)
    with _log_file(run.path / "run.log"), console:
        run.write_text("config.resolved.yaml", OmegaConf.to_yaml(OmegaConf.create(content)))
        module = importlib.import_module(f"churnlab.cli.commands.{name}")
        module.run(settings, run, console)
        run.finish()
    return run


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("churnlab")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = True
        handler.close()
