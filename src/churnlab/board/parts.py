"""The parts of a run that a board shows: folders of a pipeline's steps, or one command's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from churnlab.errors import UsageError
from churnlab.runs import Run

#: Command -> the parts that its folder holds.
_HELD: Final[dict[str, tuple[str, ...]]] = {
    "fit": ("fit",),
    "segment": ("fit", "segment"),
    "backtest": ("backtest",),
    "nday": ("nday",),
    "journey": ("journey",),
}


@dataclass(frozen=True)
class Parts:
    """A finished run, by part."""

    run: Run

    def __post_init__(self) -> None:
        """Refuse folders that hold nothing for a board."""
        if self.run.command != "pipeline" and self.run.command not in _HELD:
            raise UsageError(
                f"{self.run.path} was made by `churnlab {self.run.command}`, which has no board; "
                f"expected a folder of one of: pipeline, {', '.join(_HELD)} (of `demo` the folder "
                "of one shop, such as demo/syn_shop)."
            )

    def part(self, name: str) -> Run | None:
        """Return the run of a part, or None where there is none."""
        if self.run.command == "pipeline":
            return self.run.part(name)
        return self.run if name in _HELD[self.run.command] else None

    def skipped(self, name: str) -> bool:
        """Say whether the part was tried and the data did not allow it."""
        return self.run.command == "pipeline" and self.part(name) is None

    @property
    def config(self) -> Mapping[str, Any]:
        """The run's resolved configuration."""
        found: Mapping[str, Any] = self.run.manifest["config"]
        return found

    @cached_property
    def data_report(self) -> Mapping[str, Any]:
        """What was read, and on which day it ends."""
        checked = self.part("check") or self.run
        found: Mapping[str, Any] = checked.json("data_report.json")
        return found

    def frame(
        self, part: str, name: str, columns: Iterable[str] | None = None
    ) -> pd.DataFrame | None:
        """Return a table of a part, or some of its columns; None where either is absent."""
        run, file = self.part(part), f"{name}.parquet"
        return run.frame(file, columns) if run and run.has(file) else None
