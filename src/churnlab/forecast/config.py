"""What can be asked of the forecast of a window."""

from dataclasses import dataclass
from typing import Final

from churnlab.errors import UsageError, nearest

AUTO: Final = "auto"
STACKED: Final = "stacked"
MODEL: Final = "model"
NONE: Final = "none"
NAMES: Final = (AUTO, STACKED, MODEL, NONE)


@dataclass(kw_only=True)
class ForecastConfig:
    """P(no purchase in a window) of every customer, by what forecasts it best.

    Parameters
    ----------
    name : str
        `stacked`: the family's models and a learner, from earlier origins; `model`: the fitted
        model alone; `none`; `auto`: stacked where the history has the origins for it and the latest
        of them, held out, does not speak against it, else the model.
    horizon_days : int, optional
        The window; default: `risk.horizon_days`.

    Raises
    ------
    UsageError
        A name that is not known, or a window that is no whole number of days from 1 on.

    Examples
    --------
    >>> from churnlab.forecast import ForecastConfig
    >>> ForecastConfig(horizon_days=30).name
    'auto'
    """

    name: str = AUTO
    horizon_days: int | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names and impossible windows."""
        if self.name not in NAMES:
            raise UsageError(
                f"forecast.name {self.name!r} is not known; expected one of {', '.join(NAMES)}."
                + nearest(self.name, NAMES)
            )
        days = self.horizon_days
        if days is not None and (days != int(days) or days < 1):
            raise UsageError(
                f"forecast.horizon_days must be a whole number of days >= 1; got {days!r}."
            )
