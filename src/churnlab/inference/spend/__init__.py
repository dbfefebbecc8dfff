"""The hierarchical Gamma-Gamma model of amounts per purchase."""

from churnlab.inference.spend.checks import Correlation, independence
from churnlab.inference.spend.fit import SpendFit, fit_spend
from churnlab.inference.spend.target import SpendTarget

__all__ = ["Correlation", "SpendFit", "SpendTarget", "fit_spend", "independence"]
