"""What every use case returns: tables, closing lines, and how both become files of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd

from churnlab.errors import ChurnlabError
from churnlab.runs.folder import RunFolder


class Result:
    """What a use case found; each is a frozen dataclass."""

    #: The last closing line: where the files are.
    files: ClassVar[str] = "folder: {folder}"

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by name."""
        return {}

    @property
    def lines(self) -> Sequence[str]:
        """What was found, in words: key results first."""
        return ()

    @property
    def warnings(self) -> Sequence[str]:
        """What the data cannot support, in words."""
        return ()

    @property
    def failure(self) -> ChurnlabError | None:
        """Why a command ends with another status than 0 although it came to its end."""
        return None

    def closing(self, folder: Path) -> list[str]:
        """Return the lines that end a run: what was found, then where its files are."""
        place = [self.files.format(folder=folder)] if self.files else []
        return [*self.lines, *place]

    def write(self, folder: RunFolder) -> None:
        """Write each table as `NAME.parquet`."""
        for name, table in self.tables.items():
            folder.write_parquet(f"{name}.parquet", table)
