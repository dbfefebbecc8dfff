"""`churnlab sbc`: simulation-based calibration of a model."""

from __future__ import annotations

from matplotlib import pyplot as plt

from churnlab.cli.console import Console
from churnlab.config.schema import SbcSettings
from churnlab.errors import FitRefusedError
from churnlab.inference.studies.plots import draw_ranks
from churnlab.inference.studies.sbc import sbc_ecdf, sbc_summary, sbc_table
from churnlab.report.style import styled
from churnlab.runs.folder import RunFolder

#: Family-wise level of the uniformity tests, over all quantities (Bonferroni).
LEVEL = 0.01


def run(settings: SbcSettings, folder: RunFolder, console: Console) -> None:
    """Simulate, fit, rank; write `sbc.parquet`, `sbc.png`; refuse a model that is off."""
    model = settings.model
    with console.stage(f"simulation-based calibration of {model.name}"):
        table = sbc_table(
            model.name,
            k=model.k or (2 if model.name.endswith("_k") else 1),
            simulations=settings.simulations,
            customers=settings.customers,
            groups=settings.groups,
            effects=model.group_effects,
            seed=settings.seed,
            progress=console.progress,
        )
    summary = sbc_summary(table)
    with console.stage("drawing rank plots"), styled():
        figure = draw_ranks(sbc_ecdf(table))
        folder.write("sbc.png", figure.savefig)
        plt.close(figure)
    folder.write_parquet("sbc.parquet", table)
    console.say(
        f"{model.name}: {settings.simulations} simulations of {settings.customers} customers"
        + (f" in {settings.groups} groups" if settings.groups else "")
    )
    console.say(*summary.to_string(float_format="%.3f").splitlines())
    console.say(f"files: {folder.path}/sbc.parquet, sbc.png")
    worst = summary[["chi2_p", "ecdf_p"]].min(axis=1)
    if worst.min() < LEVEL / (2 * len(summary)):
        raise FitRefusedError(
            f"{worst.idxmin()} is not calibrated: p = {worst.min():.2g}, expected at least "
            f"{LEVEL / (2 * len(summary)):.2g}. The posterior of this model cannot be trusted."
        )
