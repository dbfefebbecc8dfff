"""Candidates of a backtest: models, peers, baselines, a comparator; one small class each."""

from churnlab.candidates.base import Candidate, Context, Forecast
from churnlab.candidates.registry import (
    COMPULSORY,
    DEFAULT_CANDIDATES,
    candidate_named,
    known_candidates,
    with_compulsory,
)

__all__ = [
    "COMPULSORY", "DEFAULT_CANDIDATES", "Candidate", "Context", "Forecast", "candidate_named",
    "known_candidates", "with_compulsory",
]  # fmt: skip
