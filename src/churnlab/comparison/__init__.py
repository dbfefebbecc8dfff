"""Finished runs side by side: their figures in one table, best first where one can be better."""

from churnlab.comparison.figures import LOWER_IS_BETTER, figures, side_by_side

__all__ = ["LOWER_IS_BETTER", "figures", "side_by_side"]
