"""The main job on real customers (CDNOW), then on a simulated shop with visits and signups."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from churnlab.backtest import SplitConfig
from churnlab.events import DataConfig
from churnlab.nday import NdayConfig, NdayCosts
from churnlab.progress import SILENT, Progress
from churnlab.runs import Result, RunFolder, open_run
from churnlab.segments import SegmentsConfig
from churnlab.simulate import ShopConfig
from churnlab.workflows.pages.board import PAGE
from churnlab.workflows.pipeline import Piped, PipelineSettings, pipeline
from churnlab.workflows.steps.opening import open_data
from churnlab.workflows.steps.settings import Worded

OTHER_MODELS = ("bg_nbd", "pareto_nbd")
#: Members who stay a little longer than the default: a grid with something in every row.
SHOP = ShopConfig(visit_dropout_mean=0.05, purchase_dropout_mean=0.05)
#: What its first order earns and its offer costs, in its own money (an order is some 28,000):
#: stated, so that N is an economic one.
SHOP_COSTS = NdayCosts(margin=11_000.0, coupon=3_000.0, message=20.0, revenue=28_000.0)


def cdnow_settings(chosen: Worded) -> PipelineSettings:
    """Return the main job on CDNOW, by the split of the literature: 39 weeks, 39 held out."""
    return PipelineSettings(
        seed=chosen.seed,
        lang=chosen.lang,
        report=chosen.report,
        split=SplitConfig(origins=["1997-09-30"], horizon_days=[273]),
        candidates=["bg_nbd", "bg_nbd_ml", "mbg_nbd", "mbg_nbd_ml", "pareto_nbd", "pareto_nbd_ml"],
        segments=SegmentsConfig(periods=4),
        nday=NdayConfig(holdout_share=0.2),
        cache_dir="outputs/cache/fits",
    )


def shop_settings(chosen: Worded) -> PipelineSettings:
    """Return the main job on the simulated shop."""
    return PipelineSettings(
        seed=chosen.seed,
        lang=chosen.lang,
        report=chosen.report,
        split=SplitConfig(origins=3, horizon_days=[60]),
        candidates=["mbg_nbd", "hiatus", "recency_logistic", "majority"],
        segments=SegmentsConfig(periods=4),
        nday=NdayConfig(holdout_share=0.2, costs=SHOP_COSTS),
        cache_dir="outputs/cache/fits",
    )


@dataclass(frozen=True)
class Demonstration(Result):
    """Both parts, and the folder that they were written into."""

    cdnow: Piped
    shop: Piped
    lang: str
    place: Path

    @property
    def lines(self) -> list[str]:
        """Numbers first, then the reports."""
        return ["", *_about_cdnow(self.cdnow), *_about_shop(self.shop)]

    def closing(self, folder: Path) -> list[str]:
        """Return the numbers, and where the picture is."""
        return [*self.lines, f"in one picture: {folder / 'demo.png'}"]

    @property
    def numbers(self) -> dict[str, int]:
        """The simulated shop's."""
        return self.shop.numbers

    def matter(self, folder: Path) -> dict[str, Path]:
        """Return the pages of both."""
        return {"CDNOW": folder / "cdnow" / PAGE, "the shop": folder / "syn_shop" / PAGE}

    def write(self, folder: RunFolder) -> None:
        """Draw the overview from the run folders, as a report would."""
        from matplotlib import pyplot as plt

        from churnlab.report.style import styled
        from churnlab.workflows.pages.overview import overview

        with styled():
            figure = overview(self.place / "cdnow", self.place / "syn_shop", lang=self.lang)
            folder.write("demo.png", lambda path: figure.savefig(path, dpi=90))
            plt.close(figure)


def demo(settings: Worded, folder: RunFolder, progress: Progress = SILENT) -> Demonstration:
    """Run both parts into folders of their own."""
    real = _run("cdnow", cdnow_settings(settings), SHOP, folder, progress, also=OTHER_MODELS)
    shop = _run("syn_shop", shop_settings(settings), SHOP, folder, progress)
    return Demonstration(real, shop, settings.lang, folder.place)


def _run(
    name: str,
    settings: PipelineSettings,
    shop: ShopConfig,
    folder: RunFolder,
    progress: Progress,
    also: Sequence[str] = (),
) -> Piped:
    data = DataConfig(name=name)
    config = asdict(settings) | {"data": asdict(data), "shop": asdict(shop), "as_of": None}
    part = RunFolder(folder.place / name, "pipeline", config=config, seed=settings.seed)
    with progress.part(name, quiet=True):
        with progress.stage("reading and checking event logs"):
            log = open_data(data, shop=shop, seed=settings.seed)
        found = pipeline(log, settings, part, progress, also=also)
    part.finish()
    folder.inputs.update({f"{name}.{k}": v for k, v in part.inputs.items()})
    return found


def _about_cdnow(ran: Piped) -> list[str]:
    said = ["CDNOW: real customers of a CD shop, 1997-98", *ran.log.report.lines()[:2]]
    said += [lines[0] for step, lines in ran.said.items() if step.split("_")[0] == "fit"]
    said += [*ran.said["fit"][1:4], *ran.said.get("backtest", ())]
    return [*said, f"report: {ran.page}", ""]


def _about_shop(ran: Piped) -> list[str]:
    said = ["Simulated shop: members, visits and purchases with known truth"]
    said += ran.log.report.lines()[:2]
    if (grid := open_run(ran.page.parent).part("segment")) is not None:
        shares = grid.frame("shares.parquet")
        cells = shares[shares["level"] == "segment"].set_index("segment_code")["share"]
        top = ", ".join(f"{code} {share:.0%}" for code, share in cells.nlargest(4).items())
        told = grid.json("segments.json")
        said.append(f"{told['n_members']:,} members on {told['as_of']}, largest cells: {top}")
    said += [*ran.said.get("nday", ())[:3], *ran.said.get("journey", ())[:3]]
    return [*said, f"report: {ran.page}"]
