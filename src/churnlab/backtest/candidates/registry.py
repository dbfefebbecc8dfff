"""Candidates by name. A new one is a class and a line here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from churnlab.backtest.candidates.base import Candidate
from churnlab.backtest.candidates.baselines import (
    Hiatus,
    Majority,
    PersonalRatio,
    Recency,
    RecencyLogistic,
    Rfm,
)
from churnlab.backtest.candidates.boosting import GradientBoosting
from churnlab.backtest.candidates.calendar import EVENTS_ONLY, CalendarCandidate
from churnlab.backtest.candidates.models import (
    BayesianCandidate,
    LifetimesCandidate,
    MaximumLikelihoodCandidate,
)
from churnlab.errors import UsageError, nearest
from churnlab.summary.calendar import KINDS
from churnlab.vocabulary import MODELS

_SIMPLE: Final[dict[str, Callable[[], Candidate]]] = {
    "recency": Recency,
    "recency_logistic": RecencyLogistic,
    "hiatus": Hiatus,
    "personal_ratio": PersonalRatio,
    "rfm": Rfm,
    "majority": Majority,
    "gradient_boosting": GradientBoosting,
}
_PEERS: Final = ("bg_nbd", "mbg_nbd", "pareto_nbd")

#: Baselines that every backtest carries (DOMAIN section 4).
COMPULSORY: Final = (
    "recency",
    "recency_logistic",
    "hiatus",
    "personal_ratio",
    "rfm",
    "majority",
    "lifetimes_bg_nbd",
)
DEFAULT_CANDIDATES: Final = ("bg_nbd", "mbg_nbd", "pareto_nbd", *COMPULSORY, "gradient_boosting")


def known_candidates() -> list[str]:
    """Return every name; models of family ``*_cnbd_k`` also take a number for k."""
    models = [*MODELS, *(f"{m}_ml" for m in MODELS)]
    models += [f"{m}@{kind}" for m in _PEERS for kind in (*KINDS, EVENTS_ONLY)]
    return [*models, *(f"lifetimes_{m}" for m in _PEERS), *_SIMPLE]


def candidate_named(name: str, k: int | None = None) -> Candidate:
    """Return a fresh candidate.

    Parameters
    ----------
    name : str
        As in `known_candidates`; ``bg_cnbd_2`` and ``mbg_cnbd_3_ml`` fix the Erlang shape,
        ``mbg_nbd@month`` (``@week``, ``@events``) is the model on a clock of the calendar.
    k : int, optional
        Erlang shape of candidates whose name leaves it open.
    """
    if name in _SIMPLE:
        return _SIMPLE[name]()
    if name.removeprefix("lifetimes_") in _PEERS and name.startswith("lifetimes_"):
        return LifetimesCandidate(name, name.removeprefix("lifetimes_"))
    base, _, calendar = name.partition("@")
    if base in _PEERS and calendar in (*KINDS, EVENTS_ONLY):
        return CalendarCandidate(name, base, calendar)
    kind = MaximumLikelihoodCandidate if name.endswith("_ml") else BayesianCandidate
    model = name.removesuffix("_ml")
    shape = re.fullmatch(r"(m?bg_cnbd)_(\d+)", model)
    if shape:
        return kind(name, f"{shape[1]}_k", int(shape[2]))
    if model in MODELS:
        return kind(name, model, k if model.endswith("_k") else None)
    raise UsageError(
        f"candidate {name!r} is unknown; expected some of {known_candidates()}."
        + nearest(name, known_candidates())
    )


def with_compulsory(names: Sequence[str]) -> list[str]:
    """Return the wanted names (the defaults when empty) and the compulsory baselines."""
    wanted = list(names) or list(DEFAULT_CANDIDATES)
    return list(dict.fromkeys([*wanted, *COMPULSORY]))
