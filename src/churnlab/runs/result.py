"""What every use case returns: tables, closing lines, and how both become files of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd

from churnlab.errors import ChurnlabError, UsageError
from churnlab.runs.folder import RunFolder


@dataclass(frozen=True)
class Made:
    """How a result was made: what its run folder's manifest says."""

    command: str
    config: dict[str, Any]
    seed: int | None
    #: What the reading of the log has found, where there was one.
    checked: Result | None = None


class Result:
    """What a use case found; each is a frozen dataclass."""

    #: How it was made, where it was made by keywords.
    made: ClassVar[Made | None] = None
    #: The last closing line: where the files are.
    files: ClassVar[str] = "folder: {folder}"

    def __init_subclass__(cls) -> None:
        """Keep the short line: a dataclass would print every table whole."""
        cls.__repr__ = Result.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        """One line: the tables with their rows, else what was found first."""
        tables = ", ".join(f"{name} {len(table):,}" for name, table in self.tables.items())
        return f"{type(self).__name__}({tables or ''.join(self.lines[:1])})"

    def _repr_html_(self) -> str:
        """Return what was found, in words, and the names of the tables, for a notebook."""
        said = "\n".join([*self.lines, *(f"warning: {one}" for one in self.warnings)])
        tables = ", ".join(self.tables)
        return f"<p><b>{type(self).__name__}</b></p><pre>{escape(said)}</pre>" + (
            f"<p>.tables: {escape(tables)}</p>" if tables else ""
        )

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

    @property
    def numbers(self) -> Mapping[str, int]:
        """The few numbers that matter, by what they count: a command's last words."""
        return {}

    def matter(self, folder: Path) -> Mapping[str, Path]:
        """Return the few files that matter, by what they are for.

        Returns: What for -> file.
        """
        return {}

    def write(self, folder: RunFolder) -> None:
        """Write each table as `NAME.parquet`.

        folder: Open; `save` opens and finishes one.
        """
        for name, table in self.tables.items():
            folder.write_parquet(f"{name}.parquet", table)

    def noting(self, made: Made) -> Self:
        """Return the same result, which now knows how it was made."""
        object.__setattr__(self, "made", made)  # frozen, and no part of what was found
        return self

    def save(self, folder: str | Path) -> Path:
        """Write a run folder as the command line does: for exports and reports.

        A finished run that stands there is replaced at the end.

        Parameters
        ----------
        folder : path
            Made where it does not exist.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        UsageError
            The folder cannot be written, or the result is a part of another one.

        Examples
        --------
        >>> folder = found.save("outputs/saved")
        >>> (folder / "manifest.json").is_file()
        True
        """
        if self.made is None:
            raise UsageError(
                f"this {type(self).__name__} is a part of a larger result; save that, or write "
                "its `tables`."
            )
        made = self.made
        run = RunFolder(Path(folder), made.command, config=made.config, seed=made.seed)
        if made.checked is not None:
            made.checked.write(run)
        self.write(run)
        run.finish()
        return run.place
