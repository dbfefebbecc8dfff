"""The hierarchical Gamma-Gamma model of amounts per purchase."""

from churnlab.spend.fit import SpendFit, fit_spend

__all__ = ["SpendFit", "fit_spend"]
