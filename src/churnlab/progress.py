"""What long work tells whoever waits for it; by default nobody listens."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

#: Takes part results of long work: what is being done, and the share done (0 to 1).
Update = Callable[[str, float], None]


class Progress(Protocol):
    """Hears of long work; the command line's console is one."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Hear what is being done now; stages within a stage are its own matter."""
        ...

    def part(self, name: str, *, quiet: bool = False) -> AbstractContextManager[None]:
        """Hear of a part of the work; a quiet one says and warns nothing itself."""
        ...

    def update(self, name: str, share: float) -> None:
        """Hear how far the stage has come, 0 to 1."""
        ...

    def say(self, *lines: str) -> None:
        """Hear what was found before the work's end."""
        ...

    def warn(self, lines: Sequence[str]) -> None:
        """Hear what the data cannot support."""
        ...


class Silent:
    """Nobody."""

    def __repr__(self) -> str:
        """Return the name that help() shows."""
        return "SILENT"

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Name nothing."""
        return nullcontext()

    def part(self, name: str, *, quiet: bool = False) -> AbstractContextManager[None]:
        """Name nothing."""
        return nullcontext()

    def update(self, name: str, share: float) -> None:
        """Count nothing."""

    def say(self, *lines: str) -> None:
        """Say nothing."""

    def warn(self, lines: Sequence[str]) -> None:
        """Warn nobody."""


SILENT = Silent()
