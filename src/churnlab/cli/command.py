"""What a command of the console script is."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of the console script."""

    name: str
    does: str
    writes: tuple[str, ...]
    examples: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = field(default=())

    needs: tuple[str, ...] = ("log",)
    #: Folder of `churnlab.workflows` that the use case lies in.
    folder: str = ""
    staged: bool = True
    #: Whether the board is put into the run's folder; a pipeline writes its own.
    boarded: bool = False
    #: Whether it works on logs that stay in Spark or PostgreSQL (`data.engine`).
    anywhere: bool = False

    def use_case(self) -> Callable[..., Any]:
        """Return the function that does the work: `NAME` in `churnlab.workflows[.FOLDER].NAME`.

        It takes `settings` and `progress`, a `log` and a `folder` where it `needs` them, and
        returns a `churnlab.runs.Result`.
        """
        path = filter(None, ("churnlab.workflows", self.folder, self.name))
        module = importlib.import_module(".".join(path))
        found: Callable[..., Any] = getattr(module, self.name)
        return found
