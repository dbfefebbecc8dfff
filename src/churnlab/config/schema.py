"""What the command line adds to a use case's settings: where its data are, where its files go."""

from dataclasses import dataclass, field

from churnlab.events import DataConfig
from churnlab.simulate import ShopConfig
from churnlab.workflows.steps.settings import Settings
from churnlab.workflows.steps.tracking import check_tracker


@dataclass(kw_only=True)
class Run(Settings):
    """What every command has.

    run_dir: Where the files go.
    tracking: `none`, or `mlflow`: the finished run is noted there, too.
    """

    run_dir: str | None = None
    tracking: str = "none"

    def __post_init__(self) -> None:
        """Refuse trackers that are not there."""
        super().__post_init__()
        check_tracker(self.tracking)


@dataclass(kw_only=True)
class DataRun(Run):
    """What every command that opens event logs has."""

    data: DataConfig = field(default_factory=DataConfig)
    shop: ShopConfig = field(default_factory=ShopConfig)
    as_of: str | None = None
