"""The console script: `churnlab COMMAND [KEY=VALUE ...]`.

Kept light: help and spelling mistakes are answered before Hydra or a model is imported.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

from churnlab.cli import helptext, process
from churnlab.cli.registry import COMMANDS, INIT
from churnlab.cli.wrapping import fitted
from churnlab.errors import ChurnlabError, UsageError, nearest
from churnlab.secrets import hide


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (see `churnlab --help`).

    argv: Arguments after the program's name; those of the process by default.
    """
    if argv is not None:
        return _ending(list(argv))
    with process.own_process():
        status = _ending(sys.argv[1:])
        unsaid = process.flush(1)
        if unsaid is not None and not isinstance(unsaid, BrokenPipeError):
            status = status or _complain(unsaid)
    if status in (process.FAULT, process.INTERRUPTED, process.TERMINATED):
        process.leave(status)
    return status


def _ending(arguments: list[str]) -> int:
    try:
        process.reserve()
        return _dispatch(arguments)
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except BrokenPipeError:
        # The reader of a pipe (head, less) went away; that is no error of ours.
        process.flush(1)
        return 0
    except Exception as error:
        signal = process.received()
        return _complain(error) if signal is None else _interrupted(signal)


def _interrupted(error: KeyboardInterrupt) -> int:
    terminated = isinstance(error, process.Terminated)
    _say(
        f"{'terminated' if terminated else 'interrupted'}; every file in the run folder is "
        "whole, the rest was not written."
    )
    return process.TERMINATED if terminated else process.INTERRUPTED


def _complain(error: Exception) -> int:
    """Say what went wrong in one message; return the status."""
    if isinstance(error, ChurnlabError):
        _say(str(error))
        return error.exit_status
    if (impossible := process.no_path(error)) is not None:
        _say(f"{impossible} Give the path of a file or folder that is there, or can be made.")
        return UsageError.exit_status
    refused = process.refusal(error)
    if refused is not None:
        _say(
            f"{refused}. Nothing that was finished before has changed; give it what it needs, or "
            "another place with run_dir=FOLDER, and run the command again."
        )
    else:
        _say(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a fault in churnlab. Set CHURNLAB_DEBUG=1 for the traceback and report it."
        )
    return ChurnlabError.exit_status


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(fitted(helptext.overview()))
        return 0
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"churnlab {version('churnlab')}")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name == INIT.name:
        return _init(rest)
    if name not in COMMANDS:
        raise UsageError(
            f"unknown command {name!r}.{nearest(name, [INIT.name, *COMMANDS])} "
            f"Commands: init, {', '.join(COMMANDS)}. See `churnlab --help`."
        )
    if any(a in ("-h", "--help") for a in rest):
        print(fitted(helptext.command(COMMANDS[name])))
        return 0
    files = [a for a in rest if "=" not in a and not a.startswith(("-", "~"))]
    if name == "pipeline" and files:  # to be looked at first
        from churnlab.cli import init

        yes = [a for a in rest if a in ("--yes", "-y")]
        rest = [a for a in rest if a not in files and a not in yes]
        rest = [f"data={init.run([*files, *yes])}", *rest]
    from churnlab.cli.run import run_command

    rest = ["serve=true" if a == "--serve" and name == "board" else a for a in rest]
    return run_command(COMMANDS[name], rest)


def _init(arguments: list[str]) -> int:
    if any(a in ("-h", "--help") for a in arguments):
        print(fitted(helptext.command(INIT)))
        return 0
    from churnlab.cli import init

    init.run(arguments)
    return 0


def _say(message: str) -> None:
    if os.environ.get("CHURNLAB_DEBUG") == "1":
        print(hide(traceback.format_exc()), file=sys.stderr)
    with contextlib.suppress(OSError):  # nobody can be told that nobody can be told
        print(fitted(hide(f"churnlab: {message}"), sys.stderr), file=sys.stderr)
