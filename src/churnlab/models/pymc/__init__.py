"""The models in PyMC: real variables and coordinates around the fused kernels.

`pymc_model` is a whole model that a user can sample, extend and check with PyMC's own tools;
`purchases` is its likelihood alone, for a hierarchy of one's own.
"""

from churnlab.models.pymc.model import purchases, pymc_model, to_pymc

__all__ = ["purchases", "pymc_model", "to_pymc"]
