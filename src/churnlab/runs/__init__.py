"""Run folders, written and read in one place."""

from churnlab.runs.folder import RunFolder, timestamped_folder
from churnlab.runs.listing import overview
from churnlab.runs.reading import Run, open_run
from churnlab.runs.result import Result

__all__ = ["Result", "Run", "RunFolder", "open_run", "overview", "timestamped_folder"]
