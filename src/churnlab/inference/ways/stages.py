"""Wall time of a fit by stage, with progress."""

from __future__ import annotations

import time

from churnlab.progress import Update


class Stages:
    """Wall time by stage, with progress."""

    def __init__(self, progress: Update | None) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, share: float) -> Stages:
        """Name the stage that begins."""
        self._name = name
        if self.progress:
            self.progress(name, share)
        return self

    def __enter__(self) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        """Stop the clock."""
        self.seconds[self._name] = time.perf_counter() - self._start

    def done(self) -> None:
        """Report the end."""
        if self.progress:
            self.progress("done", 1.0)
