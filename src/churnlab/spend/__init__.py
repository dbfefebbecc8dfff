"""The hierarchical Gamma-Gamma model of amounts per purchase."""

from churnlab.spend.checks import Correlation, independence
from churnlab.spend.fit import SpendFit, fit_spend
from churnlab.spend.target import SpendTarget

__all__ = ["Correlation", "SpendFit", "SpendTarget", "fit_spend", "independence"]
