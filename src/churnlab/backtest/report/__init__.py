"""Numbers, pictures and words of a backtest."""

from typing import Final

from churnlab.report.catalogue import Catalogue

say: Final = Catalogue(__file__)
