"""Death at any time, at a rate that grows with age: GGom/NBD."""

from churnlab.models.gompertz.formula import GGomNbd

__all__ = ["GGomNbd"]
