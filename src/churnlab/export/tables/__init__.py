"""The exported tables: their columns, their rows, and the files that hold them."""

from churnlab.export.tables.columns import TABLES

__all__ = ["TABLES"]
