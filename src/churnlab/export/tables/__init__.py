"""The exported tables: their columns, their rows, and the files that hold them."""

from churnlab.export.tables.columns import TABLES, Column, Table

__all__ = ["TABLES", "Column", "Table"]
