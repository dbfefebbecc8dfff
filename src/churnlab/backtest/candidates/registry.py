"""Candidates by name. A new one is a class and a line here."""

from __future__ import annotations

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
from churnlab.backtest.candidates.pooling import POOLED_SUFFIXES, PoolingCandidate
from churnlab.backtest.candidates.stacked import Stacked
from churnlab.backtest.candidates.visits import RELEARNT, RelearntCandidate, ThinnedCandidate
from churnlab.errors import UsageError, nearest
from churnlab.models import MODELS, REGISTRY, named
from churnlab.summary.calendar import AUTO, KINDS

_SIMPLE: Final[dict[str, Callable[[], Candidate]]] = {
    "recency": Recency,
    "recency_logistic": RecencyLogistic,
    "hiatus": Hiatus,
    "personal_ratio": PersonalRatio,
    "rfm": Rfm,
    "majority": Majority,
    "gradient_boosting": GradientBoosting,
    "stacked": Stacked,
}
#: Models that `lifetimes` fits too.
_PEERS: Final = tuple(m.name for m in REGISTRY.values() if m.lifetimes_fitter)
#: Ends the names of a model's risk relearnt with features of the visits.
_VISITS: Final = "_visits"
#: Purchases as thinned visits; the model of the visit-days may follow (default: MBG/NBD).
THINNED: Final = "visits_thinned"

#: Baselines that every backtest carries (docs/backtesting.md).
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
    models += [f"{m}@{kind}" for m in _PEERS for kind in (*KINDS, AUTO, EVENTS_ONLY)]
    models += [f"{m}{end}" for m in MODELS for end in POOLED_SUFFIXES]
    relearnt = [f"{m}{end}" for end in (RELEARNT, _VISITS) for m in MODELS]
    thinned = [THINNED, *(f"{THINNED}_{m}" for m in _PEERS)]
    thinned += [name + RELEARNT for name in thinned]
    return [*models, *(f"lifetimes_{m}" for m in _PEERS), *_SIMPLE, *relearnt, *thinned]


def candidate_named(name: str, k: int | None = None) -> Candidate:
    """Return a fresh candidate.

    Parameters
    ----------
    name : str
        As in `known_candidates`; ``bg_cnbd_2`` and ``mbg_cnbd_3_ml`` fix the Erlang shape,
        ``mbg_nbd@month`` (``@week``, ``@auto``, ``@events``) is the model on a calendar's clock,
        ``mbg_nbd+partial`` (``+partial_all``, ``+none``, ``+complete``) the model with groups.
    k : int, optional
        Erlang shape of candidates whose name leaves it open.
    """
    if name in _SIMPLE:
        return _SIMPLE[name]()
    if name.removeprefix("lifetimes_") in _PEERS and name.startswith("lifetimes_"):
        return LifetimesCandidate(name, name.removeprefix("lifetimes_"))
    base, _, calendar = name.partition("@")
    if base in _PEERS and calendar in (*KINDS, AUTO, EVENTS_ONLY):
        return CalendarCandidate(name, base, calendar)
    visits = _visit_candidate(name, k)
    if visits is not None:
        return visits
    pooled = _pooling_candidate(name, k)
    if pooled is not None:
        return pooled
    kind = MaximumLikelihoodCandidate if name.endswith("_ml") else BayesianCandidate
    model = name.removesuffix("_ml")
    family, _, shape = model.rpartition("_")
    if shape.isdigit() and f"{family}_k" in MODELS:
        return kind(name, f"{family}_k", int(shape))
    if model in MODELS:
        return kind(name, model, k if named(model).regular else None)
    raise UsageError(
        f"candidate {name!r} is unknown; expected some of {known_candidates()}."
        + nearest(name, known_candidates())
    )


def _pooling_candidate(name: str, k: int | None) -> Candidate | None:
    """Return a model with groups, or None when the name asks for none."""
    base, plus, how = name.partition("+")
    if plus + how not in POOLED_SUFFIXES:
        return None
    plain = candidate_named(base, k)
    if type(plain) is not BayesianCandidate:
        return None
    if how == "complete":  # groups ignored: the plain model under another name, and its fits
        return BayesianCandidate(name, plain.model, plain.k)
    return PoolingCandidate(name, plain.model, plain.k, *POOLED_SUFFIXES[plus + how])


def _visit_candidate(name: str, k: int | None) -> Candidate | None:
    """Return a candidate of `candidates.visits`, or None when the name is none of theirs."""
    if name == THINNED:
        return ThinnedCandidate(name, BayesianCandidate("mbg_nbd", "mbg_nbd"))
    if name.startswith(f"{THINNED}_") and (model := name.removeprefix(f"{THINNED}_")) in _PEERS:
        return ThinnedCandidate(name, BayesianCandidate(model, model))
    if name.endswith(_VISITS):
        base = candidate_named(name.removesuffix(_VISITS), k)
        if isinstance(base, BayesianCandidate):
            return RelearntCandidate(name, base, "features")
    if name.endswith(RELEARNT):
        base = candidate_named(name.removesuffix(RELEARNT), k)
        if isinstance(base, BayesianCandidate):
            return RelearntCandidate(name, base)
        if isinstance(base, ThinnedCandidate):
            return RelearntCandidate(name, BayesianCandidate(base.model, base.model), base)
    return None


def with_compulsory(names: Sequence[str]) -> list[str]:
    """Return the wanted names (default: all usual ones), twins and the compulsory baselines."""
    wanted = list(names) or list(DEFAULT_CANDIDATES)
    twins = [twin for n in wanted if (twin := candidate_named(n).twin) is not None]
    return list(dict.fromkeys([*wanted, *twins, *COMPULSORY]))
