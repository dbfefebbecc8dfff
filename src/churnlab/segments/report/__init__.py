"""Numbers, pictures and words of the segments."""

from typing import Final

from churnlab.report.catalogue import Catalogue

say: Final = Catalogue(__file__)
