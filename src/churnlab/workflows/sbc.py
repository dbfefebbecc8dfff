"""Simulation-based calibration of a model: are its posteriors right on average?"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import pandas as pd

from churnlab import models
from churnlab.errors import FitRefusedError
from churnlab.progress import SILENT, Progress
from churnlab.runs import Result, RunFolder
from churnlab.studies.sbc import sbc_ecdf, sbc_summary, sbc_table
from churnlab.workflows.steps.settings import SbcSettings

#: Family-wise level of the uniformity tests, over all quantities (Bonferroni).
LEVEL = 0.01


@dataclass(frozen=True)
class Calibration(Result):
    """Ranks of the truth among posterior draws, over simulated populations."""

    ranks: pd.DataFrame
    settings: SbcSettings
    files: ClassVar[str] = "files: {folder}/sbc.parquet, sbc.png"

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Tests of uniformity, a row per quantity."""
        return sbc_summary(self.ranks)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The ranks."""
        return {"sbc": self.ranks}

    @property
    def lines(self) -> list[str]:
        """What was simulated, and the tests."""
        chosen = self.settings
        groups = f" in {chosen.groups} groups" if chosen.groups else ""
        return [
            f"{chosen.model.name}: {chosen.simulations} simulations of {chosen.customers} "
            f"customers{groups}",
            *self.summary.to_string(float_format="%.3f").splitlines(),
        ]

    @property
    def failure(self) -> FitRefusedError | None:
        """A quantity whose ranks are not uniform: the model's posterior cannot be trusted."""
        worst = self.summary[["chi2_p", "ecdf_p"]].min(axis=1)
        least = LEVEL / (2 * len(self.summary))
        if worst.min() >= least:
            return None
        return FitRefusedError(
            f"{worst.idxmin()} is not calibrated: p = {worst.min():.2g}, expected at least "
            f"{least:.2g}. The posterior of this model cannot be trusted."
        )

    def write(self, folder: RunFolder) -> None:
        """Write the ranks and draw them."""
        from matplotlib import pyplot as plt

        from churnlab.report.style import styled
        from churnlab.studies.plots import draw_ranks

        super().write(folder)
        with styled():
            figure = draw_ranks(sbc_ecdf(self.ranks))
            folder.write("sbc.png", figure.savefig)
            plt.close(figure)


def sbc(settings: SbcSettings, progress: Progress = SILENT) -> Calibration:
    """Simulate populations from the prior, fit each, and rank the truth among the draws."""
    model = settings.model
    with progress.stage(f"simulation-based calibration of {model.name}"):
        ranks = sbc_table(
            model.name,
            k=model.k or models.named(model.name).default_k,
            simulations=settings.simulations,
            customers=settings.customers,
            groups=settings.groups,
            effects=model.group_effects,
            seed=settings.seed,
            progress=progress.update,
        )
    return Calibration(ranks, settings)
