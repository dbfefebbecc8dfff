"""How values are written: ids, times, amounts, flags, and SQL expressions over columns."""
