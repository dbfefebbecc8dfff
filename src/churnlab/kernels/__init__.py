"""Compiled loops over customers and draws, and the special functions that they take.

numba is imported (and its compiled code loaded from disk) on first use; see `models.engine`.
"""
