"""Verify a bundle: is it whole, consistent and true to its posterior?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from churnlab.export import verify as verify_bundle
from churnlab.progress import SILENT, Progress
from churnlab.runs import Result, RunFolder
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import VerifySettings


@dataclass(frozen=True)
class Verified(Result):
    """A bundle that holds, check by check.

    Attributes
    ----------
    found : dict
        `bundle_id`, `status`, `calibration` and `checks` (name, status, detail).

    Notes
    -----
    Made by `churnlab.verify`, whose example those of the methods go on from.
    """

    found: dict[str, Any]
    files: ClassVar[str] = ""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The checks: name, status, detail."""
        return {"checks": pd.DataFrame(self.found["checks"])}

    @property
    def lines(self) -> list[str]:
        """The checks, then the bundle's state."""
        return [*self.checks, self.state]

    @property
    def checks(self) -> list[str]:
        """A line a check."""
        return [f"  {c['status']:<5}{c['name']}: {c['detail']}" for c in self.found["checks"]]

    @property
    def state(self) -> str:
        """The bundle's state in a line."""
        found = self.found
        return f"bundle {found['bundle_id']}: {found['status']}, {found['calibration']}"

    def write(self, folder: RunFolder) -> None:
        """Write `verify.json`."""
        folder.write_json("verify.json", self.found)


@use_case(VerifySettings, "bundle")
def verify(settings: VerifySettings, progress: Progress = SILENT) -> Verified:
    """Check that a bundle is whole, consistent and true to its posterior.

    Parameters
    ----------
    settings : VerifySettings, optional
        Or the folder of an export: ``verify("outputs/export")``.
    progress : Progress
        Hears of it.

    Returns
    -------
    Verified
        ``.lines`` in words; ``.found`` has every check with its status.

    Raises
    ------
    VerificationError
        At the first fault, naming the place.

    Examples
    --------
    >>> import churnlab as cl
    >>> cl.verify("outputs/export").found["status"]
    'ok'
    """
    with progress.stage("verifying the bundle"):
        return Verified(verify_bundle(settings.bundle, max_table_gb=settings.max_table_gb))
