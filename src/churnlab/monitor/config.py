"""What a user may choose about monitoring; the limits are the bundle's."""

import datetime as dt
from dataclasses import dataclass

from churnlab.errors import UsageError


@dataclass(kw_only=True)
class MonitorConfig:
    """How a bundle is held against newer data.

    today: The day of the run, ISO 8601; default: the machine's clock. A feed that ends long before
        it is dead, whatever its last rows say.
    """

    today: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no day."""
        self.day()

    def day(self) -> dt.date:
        """Return the day of the run."""
        try:
            return dt.date.today() if self.today is None else dt.date.fromisoformat(str(self.today))
        except ValueError as error:
            raise UsageError(
                f"monitor.today must be a day such as 2024-10-31; got {self.today!r}."
            ) from error
