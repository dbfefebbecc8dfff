"""Finished runs side by side: their figures in one table, best first where one can be better."""

from churnlab.comparison.figures import figures, side_by_side

__all__ = ["figures", "side_by_side"]
