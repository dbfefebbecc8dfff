"""From the command line to a run folder: compose with Hydra, run, write the manifest."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from churnlab.cli import sweep
from churnlab.cli.command import Command
from churnlab.cli.console import Console
from churnlab.cli.registry import COMMANDS
from churnlab.config import (
    absent_plugin,
    configs_folder,
    explain,
    mend,
    recorded,
    register,
    to_settings,
)
from churnlab.errors import ChurnlabError, UsageError
from churnlab.runs import Result, RunFolder, open_run, timestamped_folder
from churnlab.secrets import hide
from churnlab.workflows.check import check
from churnlab.workflows.steps.opening import open_data

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
#: Settings of the user's own, found from the folder that a command is run in.
OWN_CONFIGS = Path("conf")
_FLAGS_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--info", "-i")


def run_command(command: Command, arguments: Sequence[str]) -> int:
    """Compose the configuration of `command` from `arguments`, run it, return the exit status."""
    register(command.name)
    flags, overrides = _split(arguments)
    if OWN_CONFIGS.is_dir() and not {"--config-dir", "-cd"} & set(flags):
        flags += ["--config-dir", str(OWN_CONFIGS.resolve())]
    failures: list[BaseException] = []
    job = _job(command, failures)
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
        except (HydraException, OmegaConfBaseException, ValueError, TypeError, OSError) as error:
            # The command itself cannot end here: what it raises is kept in `failures`.
            raise explain(error, command.name) from error
        except RuntimeError as error:
            raise (absent_plugin(error) or error) from error
    if failures:
        raise failures[0]
    if not sweeping:
        return 0
    place = next(a.split("=", 1)[1] for a in argv if a.startswith("run_dir="))
    return sweep.close(Path(place.strip('"')), command.name, sweep.expected_jobs(mend(overrides)))


def _with_defaults(overrides: list[str], command: Command, sweeping: bool) -> list[str]:
    keys = {o.split("=", 1)[0].lstrip("+~") for o in overrides}
    defaults = {**_HYDRA_DEFAULTS, **(_SWEEP_DEFAULTS if sweeping else {})}
    if sweeping:
        defaults["run_dir"] = str(timestamped_folder(command.name, Path("multirun")))
    if "hydra/launcher" in keys:
        defaults.pop("hydra.launcher.n_jobs", None)
    return [*(f"{k}={v}" for k, v in defaults.items() if k not in keys), *overrides]


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


def _job(command: Command, failures: list[BaseException]) -> Any:
    def job(config: DictConfig) -> None:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            _sweep_job(command, config)
            return
        # Kept for the caller: what leaves here is reported by Hydra in its own words.
        try:
            settings, content = _settled(command, config)
            place = _folder(command, settings)
            done = run_in_folder(command, settings, place, content, Console())
            if getattr(settings, "serve", False):
                _serve(done.place, settings.port)
        except (Exception, KeyboardInterrupt) as error:
            failures.append(error)

    return job


def _settled(command: Command, config: DictConfig) -> tuple[Any, dict[str, Any]]:
    """Return the settings, and the configuration as it is recorded: without secrets."""
    try:
        return to_settings(config), recorded(config)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        # OmegaConf's errors (a reference to nothing), and what a wrong shape meets in a check.
        raise explain(error, command.name) from error


def _folder(command: Command, settings: Any) -> Path:
    """A report or a board goes below its run; every other run gets a fresh folder."""
    given = None if settings.run_dir is None else Path(settings.run_dir)
    if command.name in ("report", "board") and given in (None, Path(settings.run)):
        open_run(settings.run)  # a folder of its own inside one that is no run would be litter
        return Path(settings.run) / command.name
    return given or timestamped_folder(command.name)


def _sweep_job(command: Command, config: DictConfig) -> None:
    """Run one job of a sweep unless it was finished before; keep its status in a file."""
    hydra_config = HydraConfig.get()
    folder, varied = Path(hydra_config.runtime.output_dir), list(hydra_config.overrides.task)
    try:
        settings, content = _settled(command, config)
        if sweep.finished(folder, content):
            print(f"{folder}: finished before with the same configuration, kept", flush=True)
            return
        settings.run_dir = str(folder)
        run_in_folder(command, settings, folder, content, Console())
        sweep.record(folder, 0, varied)
    except ChurnlabError as error:
        sweep.record(folder, error.exit_status, varied, str(error))
        print(hide(f"churnlab: {folder}: {error}"), file=sys.stderr, flush=True)
    except Exception as error:
        sweep.record(folder, 1, varied, f"{type(error).__name__}: {error}")
        print(hide(f"churnlab: {folder}: internal error: {error}"), file=sys.stderr, flush=True)


def run_in_folder(
    command: Command, settings: Any, folder: Path, content: dict[str, Any], console: Console
) -> RunFolder:
    """Run a command into a folder: log, resolved configuration, results, manifest last.

    Raises ChurnlabError: What the use case raises; or, after all is written, that its result is a
        failure.
    """
    run = RunFolder(
        folder,
        command.name,
        config=sweep.without_place(content),
        seed=settings.seed,
        staged=command.staged,
    )
    with ExitStack() as held:
        held.callback(lambda: run.release())
        held.enter_context(_log_file(run.path / "run.log"))
        held.enter_context(console)
        run.write_text("config.resolved.yaml", OmegaConf.to_yaml(OmegaConf.create(content)))
        result = _perform(command, settings, run, console)
        with console.stage("writing the files"):
            result.write(run)
        console.warn(result.warnings)
        if command.boarded:
            from churnlab.workflows.pages.board import add_board

            add_board(run, settings, console)
        run.finish()
        console.say(*result.closing(run.place), *_delivered(settings, run.place))
        _track(settings, run.place, console)
    console.end(result.numbers, result.matter(run.place))
    if result.failure is not None:
        raise result.failure
    return run


def _track(settings: Any, folder: Path, console: Console) -> None:
    """Note the finished run; a store that refuses is a warning, since the run itself is there."""
    if settings.tracking == "none":
        return
    from churnlab.workflows.steps.tracking import note_in_mlflow

    try:
        console.say(note_in_mlflow(folder))
    except Exception as error:  # MLflow, its stores and the network each have their own
        console.warn([f"the run is finished, but MLflow did not take it: {error}"])


def _delivered(settings: Any, folder: Path) -> list[str]:
    """Bundle what is for people where that is wanted, and say where it is."""
    chosen = getattr(settings, "report", None)
    if chosen is None or chosen.deliver is None:
        return []
    from churnlab.workflows.pages.board import deliver

    return [f"to deliver: {deliver(Path(getattr(settings, 'run', folder)), chosen)}"]


def _serve(folder: Path, port: int) -> None:
    from churnlab.board.serve import serve
    from churnlab.workflows.pages.board import PAGE

    serve(folder / PAGE, port, Console().say)


def _perform(command: Command, settings: Any, run: RunFolder, console: Console) -> Result:
    """Call the use case with what it needs: a log, which is opened here, or the run folder."""
    given: dict[str, Any] = {}
    if "log" in command.needs:
        if settings.data.engine != "duckdb" and not command.anywhere:
            able = ", ".join(c.name for c in COMMANDS.values() if c.anywhere)
            raise UsageError(
                f"data.engine={settings.data.engine} is for {able}; {command.name} wants the "
                "events here: take data.engine=duckdb (data.connection fetches tables), or score "
                "customers there in SQL (churnlab export)."
            )
        with console.stage("reading and checking event logs"):
            given["log"] = open_data(
                settings.data, as_of=settings.as_of, shop=settings.shop, seed=settings.seed
            )
    if "folder" in command.needs:
        given["folder"] = run
    elif "log" in given:
        checked = check(given["log"])
        checked.write(run)
        console.warn(checked.warnings)
    result: Result = command.use_case()(settings=settings, progress=console, **given)
    return result


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return hide(super().format(record))


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(_Masked("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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
