"""Death at a rate of one's own, at any time: Pareto/NBD."""

from churnlab.models.pareto.formula import ParetoNbd

__all__ = ["ParetoNbd"]
