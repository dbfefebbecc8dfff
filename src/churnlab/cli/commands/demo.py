"""`churnlab demo`: the main job on real customers (CDNOW), then the grid on a simulated shop."""

from __future__ import annotations

from pathlib import Path

from matplotlib import pyplot as plt

from churnlab.cli.commands import backtest, fit, nday, pipeline
from churnlab.cli.console import Console
from churnlab.config import compose, plain, to_settings
from churnlab.config.schema import DemoSettings
from churnlab.inference import load_draws
from churnlab.report.style import styled
from churnlab.runs import open_run
from churnlab.runs.folder import RunFolder
from churnlab.workflows.overview import draw_overview

OTHER_MODELS = ("bg_nbd", "pareto_nbd")
#: The split of the literature: 39 weeks to learn from, 39 weeks held out.
CDNOW = (
    "data=cdnow",
    "split.origins=[1997-09-30]",
    "split.horizon_days=[273]",
    "candidates=[bg_nbd,bg_nbd_ml,mbg_nbd,mbg_nbd_ml,pareto_nbd,pareto_nbd_ml]",
)
SHOP = (
    "data=syn_shop",
    # Members who stay a little longer than the default: a grid with something in every row.
    "shop.visit_dropout_mean=.05",
    "shop.purchase_dropout_mean=.05",
    "split.origins=3",
    "split.horizon_days=[60]",
    "nday.models=[piecewise_hazard]",
)


def run(settings: DemoSettings, folder: RunFolder, console: Console) -> None:
    """Run both parts and print what they found: numbers first, then the files."""
    said = cdnow(settings, folder, console) + shop(settings, folder, console)
    with console.stage("drawing the overview"):
        picture = _picture(folder, settings.lang)
    console.say("", *said, f"in one picture: {picture}")


def _picture(folder: RunFolder, lang: str) -> Path:
    """Draw the overview from the run folders, as a report would."""
    real, simulated = open_run(folder.path / "cdnow"), open_run(folder.path / "syn_shop")
    fit_run, backtest_run = real.part("fit"), real.part("backtest")
    grid_run = simulated.part("segment")
    assert fit_run is not None
    assert backtest_run is not None
    assert grid_run is not None
    with styled():
        figure = draw_overview(
            backtest_run.frame("tracking.parquet"),
            fit_run.frame("customers.parquet"),
            load_draws(fit_run.path / "posterior.nc"),
            grid_run.frame("shares.parquet"),
            grid_run.frame("changes.parquet"),
            horizon_days=real.manifest["config"]["risk"]["horizon_days"],
            lang=lang,
        )
        path = folder.write("demo.png", lambda p: figure.savefig(p, dpi=90))
        plt.close(figure)
    return path


def cdnow(settings: DemoSettings, folder: RunFolder, console: Console) -> list[str]:
    """Check, fit all three models, segment, backtest and report CDNOW."""
    ran, part = _pipeline("cdnow", CDNOW, settings, folder, console, also=OTHER_MODELS)
    said = ["CDNOW: real customers of a CD shop, 1997-98", *ran.log.report.lines()[:2]]
    said += [fit.lines(fitted, part)[0] for fitted in ran.fits.values()]
    said += fit.lines(ran.fits["mbg_nbd"], part)[1:3]
    said += [] if ran.backtest is None else backtest.lines(ran.backtest)
    return [*said, f"report: {ran.page}", ""]


def shop(settings: DemoSettings, folder: RunFolder, console: Console) -> list[str]:
    """Place the members of a simulated shop in the visit x purchase grid."""
    ran, _ = _pipeline("syn_shop", SHOP, settings, folder, console)
    said = ["Simulated shop: members, visits and purchases with known truth"]
    said += ran.log.report.lines()[:2]
    if ran.placed is not None:
        codes = ran.placed.snapshot.membership["segment_code"].value_counts(normalize=True)
        top = ", ".join(f"{code} {share:.0%}" for code, share in codes.head(4).items())
        n, day = ran.placed.snapshot.n_members, ran.placed.snapshot.as_of
        said.append(f"{n:,} members on {day}, largest cells: {top}")
    if ran.nday is not None:
        said += nday.lines(ran.nday)[:3]
    return [*said, f"report: {ran.page}"]


def _pipeline(
    name: str,
    overrides: tuple[str, ...],
    settings: DemoSettings,
    folder: RunFolder,
    console: Console,
    also: tuple[str, ...] = (),
) -> tuple[pipeline.Ran, RunFolder]:
    config = compose("pipeline", [*overrides, f"seed={settings.seed}", f"lang={settings.lang}"])
    part = RunFolder(folder.path / name, "pipeline", config=plain(config), seed=settings.seed)
    (part.path / "manifest.json").unlink(missing_ok=True)
    with console.part(name), console.quietly():
        ran = pipeline.run_steps(to_settings(config), part, console, also=also)
    folder.inputs.update({f"{name}.{k}": v for k, v in part.inputs.items()})
    return ran, part
