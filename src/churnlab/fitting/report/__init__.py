"""Numbers, pictures and words of a fit."""

from typing import Final

from churnlab.report.catalogue import Catalogue

say: Final = Catalogue(__file__)
