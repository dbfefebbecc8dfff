"""How pages for people are to look: their title, language, money, and who may see ids."""

import re
from dataclasses import dataclass

from churnlab.errors import UsageError, one_of
from churnlab.report.labels import LANGUAGES


@dataclass(kw_only=True)
class ReportConfig:
    """Of reports and boards.

    title: The shop's name; default: the name of the data.
    lang: `en` or `ko`; default: the command's `lang`.
    currency: ISO 4217 code of the amounts and costs (`KRW`, `EUR`); without one, numbers stand
        alone.
    ids: Whether customers' ids are in the pages; without them nobody can be looked up.
    deliver: A zip file to bundle board, report and audiences in; default: none is made.
    """

    title: str | None = None
    lang: str | None = None
    currency: str | None = None
    ids: bool = True
    deliver: str | None = None

    def __post_init__(self) -> None:
        """Refuse languages without words, money without a code, and bundles of another kind."""
        one_of("report.lang", self.lang, LANGUAGES)
        if self.currency is not None and not re.fullmatch("[A-Z]{3}", self.currency):
            raise UsageError(
                "report.currency must be an ISO 4217 code of three capitals such as KRW, USD or "
                f"EUR; got {self.currency!r}."
            )
        if self.deliver is not None and not self.deliver.endswith(".zip"):
            raise UsageError(f"report.deliver must name a file.zip; got {self.deliver!r}.")
