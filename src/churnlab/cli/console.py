"""What a command says while it works: a progress line on a terminal, plain log lines elsewhere."""

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from churnlab.cli.wrapping import fitted
from churnlab.secrets import hide

_log = logging.getLogger("churnlab.cli")


class Console:
    """Progress goes to standard error, results to standard output."""

    def __init__(self) -> None:
        self._rich = RichConsole(stderr=True)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._prefix = ""
        self._quiet = False
        self._inside = False
        self._last_logged = 0.0
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        """Start the progress line when standard error is a terminal."""
        if self._rich.is_terminal and not os.environ.get("CHURNLAB_PLAIN"):
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TimeRemainingColumn(compact=True),
                console=self._rich,
                transient=True,
            )
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the progress line away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    @contextmanager
    def stage(self, text: str) -> Iterator[None]:
        """Name what is being done; its seconds are logged when it ends.

        Stages within a stage are not named.
        """
        if self._inside:
            yield
            return
        self._inside = True
        started = time.perf_counter()
        full = f"{self._prefix}{text}"
        self._last_logged = started
        if self._progress is not None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(full, total=None)
        else:
            self._plain(f"{full} ...")
        try:
            yield
        finally:
            self._inside = False
            seconds = time.perf_counter() - started
            _log.info("%s: %.1f s", full, seconds)
            if self._progress is not None and self._task is not None:
                self._progress.remove_task(self._task)
                self._task = None
            if self._progress is not None:
                self._rich.print(Text(f"  {full}  {seconds:.1f} s", style="dim"))

    @contextmanager
    def part(self, name: str, *, quiet: bool = False) -> Iterator[None]:
        """Prefix the stages of a part (one step of a pipeline) with its name.

        A quiet part keeps results and warnings to the log: whoever runs the parts sums them up.
        """
        before = self._prefix, self._quiet
        self._prefix, self._quiet = f"{self._prefix}{name}: ", self._quiet or quiet
        try:
            yield
        finally:
            self._prefix, self._quiet = before

    def update(self, text: str, fraction: float) -> None:
        """Take part results of long work: what, and the fraction done (0 to 1)."""
        if self._progress is not None and self._task is not None:
            self._progress.update(
                self._task, description=f"{self._prefix}{text}", completed=fraction, total=1.0
            )
        elif time.perf_counter() - self._last_logged > 5.0:
            self._last_logged = time.perf_counter()
            self._plain(f"{self._prefix}{text} ({fraction:.0%})")

    def say(self, *lines: str) -> None:
        """Print result lines to standard output and to the run's log."""
        for line in lines:
            _log.info("%s", line)
        if not self._quiet:
            self.show(*lines)

    def show(self, *lines: str) -> None:
        """Print lines to standard output, above a progress line when there is one."""
        if self._progress is not None:
            self._progress.stop()  # it would take them to its own place, standard error
        try:
            for line in lines:
                print(fitted(hide(line)))
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader (head, less) went away; the run's files are wanted all the same.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if self._progress is not None:
            self._progress.start()

    def end(self, numbers: Mapping[str, int], files: Mapping[str, Path]) -> None:
        """Print the numbers and files that matter, in colour on a terminal."""
        width = max((len(name) for name in (*numbers, *files)), default=0) + 2
        plain = [f"{name:<{width}}{n:,}" for name, n in numbers.items()]
        plain += [f"{name:<{width}}{path}" for name, path in files.items()]
        for line in plain:
            _log.info("%s", hide(line))
        if self._quiet or not plain:
            return
        if not sys.stdout.isatty():
            self.show("", *plain)
            return
        table = Table.grid(padding=(0, 2))
        for name, n in numbers.items():
            table.add_row(Text(name), Text(f"{n:,}", style="bold yellow"))
        for name, path in files.items():
            table.add_row(Text(name), Text(hide(str(path)), style="bold cyan", overflow="fold"))
        RichConsole(file=sys.stdout).print("", table, sep="\n")

    def warn(self, lines: Sequence[str]) -> None:
        """Print warnings, each on its own line and once a run, to standard error and to the log."""
        for line in dict.fromkeys(lines):
            if line in self._warned:
                continue
            self._warned.add(line)
            _log.warning("%s", line)
            if self._quiet:
                continue
            text = fitted(hide(f"warning: {line}"), sys.stderr)
            self._rich.print(Text(text, style="yellow"), soft_wrap=True)

    def _plain(self, text: str) -> None:
        if not self._rich.is_terminal:
            print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)
