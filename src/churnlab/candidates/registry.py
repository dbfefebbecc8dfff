"""Candidates by name. A new one is a class and a line here."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from churnlab.candidates.base import Candidate
from churnlab.candidates.baselines import (
    Hiatus,
    Majority,
    PersonalRatio,
    Recency,
    RecencyLogistic,
    Rfm,
)
from churnlab.candidates.boosting import GradientBoosting
from churnlab.candidates.calendar import EVENTS_ONLY, CalendarCandidate
from churnlab.candidates.models import (
    BayesianCandidate,
    LifetimesCandidate,
    MaximumLikelihoodCandidate,
)
from churnlab.candidates.pooling import POOLED_SUFFIXES, PoolingCandidate
from churnlab.candidates.stacked import Stacked
from churnlab.candidates.visits import RELEARNT, RelearntCandidate, ThinnedCandidate
from churnlab.errors import UsageError, nearest
from churnlab.models import MODELS, REGISTRY, named
from churnlab.summary.calendar import AUTO, KINDS

_Wrapper = Callable[[str, Candidate], Candidate | None]

_SIMPLE: Final[dict[str, Callable[[], Candidate]]] = {
    "recency": Recency, "recency_logistic": RecencyLogistic, "hiatus": Hiatus,
    "personal_ratio": PersonalRatio, "rfm": Rfm, "majority": Majority,
    "gradient_boosting": GradientBoosting, "stacked": Stacked,
}  # fmt: skip
#: Models that `lifetimes` fits too.
_PEERS: Final = tuple(m.name for m in REGISTRY.values() if m.lifetimes_fitter)
#: Begins the names of models that `lifetimes` fits.
_PEER: Final = "lifetimes_"
#: Purchases as thinned visits; the model of the visit-days may follow (default: MBG/NBD).
THINNED: Final = "visits_thinned"


def _of_model(make: Callable[[str, BayesianCandidate], Candidate | None]) -> _Wrapper:
    """Return a wrapper of candidates that are a model and nothing else."""
    return lambda name, base: make(name, base) if type(base) is BayesianCandidate else None


def _on_clock(kind: str, name: str, base: BayesianCandidate) -> Candidate | None:
    return None if named(base.model).regular else CalendarCandidate(name, base.model, kind)


def _pooled(how: str, effects: str, name: str, base: BayesianCandidate) -> Candidate:
    if how == "complete":  # groups ignored: the plain model under another name, and its fits
        return BayesianCandidate(name, base.model, base.k)
    return PoolingCandidate(name, base.model, base.k, how, effects)


def _relearnt(name: str, base: Candidate) -> Candidate | None:
    if isinstance(base, ThinnedCandidate):
        return RelearntCandidate(name, BayesianCandidate(base.model, base.model), base)
    return RelearntCandidate(name, base) if isinstance(base, BayesianCandidate) else None


def _with_visits(name: str, base: Candidate) -> Candidate | None:
    if not isinstance(base, BayesianCandidate):
        return None
    return RelearntCandidate(name, base, "features")


#: What an ending makes of the candidate that the rest of the name names; None: of that one nothing.
_WRAPPERS: Final[dict[str, _Wrapper]] = {
    RELEARNT: _relearnt,
    "_visits": _with_visits,
    **{f"@{kind}": _of_model(partial(_on_clock, kind)) for kind in (*KINDS, AUTO, EVENTS_ONLY)},
    **{end: _of_model(partial(_pooled, *how)) for end, how in POOLED_SUFFIXES.items()},
    "_ml": _of_model(lambda name, base: MaximumLikelihoodCandidate(name, base.model, base.k)),
}

#: Baselines that every backtest carries (docs/backtesting.md).
COMPULSORY: Final = (
    "recency", "recency_logistic", "hiatus", "personal_ratio", "rfm", "majority",
    "lifetimes_bg_nbd",
)  # fmt: skip
DEFAULT_CANDIDATES: Final = (
    "bg_nbd",
    "mbg_nbd",
    "pareto_nbd",
    "stacked",
    *COMPULSORY,
    "gradient_boosting",
)


def known_candidates() -> list[str]:
    """Return every name; models of family ``*_cnbd_k`` also take a number for k."""
    bases = [*MODELS, *(_PEER + m for m in _PEERS), *_SIMPLE, THINNED]
    bases += [f"{THINNED}_{m}" for m in _PEERS]
    wrapped = [base + ending for base in bases for ending in _WRAPPERS]
    return [*bases, *(name for name in wrapped if _found(name, None) is not None)]


def candidate_named(name: str, k: int | None = None) -> Candidate:
    """Return a fresh candidate.

    name: As in `known_candidates`; ``bg_cnbd_2`` and ``mbg_cnbd_3_ml`` fix the Erlang shape,
        ``mbg_nbd@month`` (``@week``, ``@auto``, ``@events``) is the model on a calendar's clock,
        ``mbg_nbd+partial`` (``+partial_all``, ``+none``, ``+complete``) the model with groups.
        Endings add up: ``mbg_nbd+partial_relearnt``.
    k: Erlang shape of candidates whose name leaves it open.
    """
    found = _found(name, k)
    if found is None:
        known = known_candidates()
        raise UsageError(
            f"candidate {name!r} is unknown; expected some of {known}." + nearest(name, known)
        )
    return found


def _found(name: str, k: int | None) -> Candidate | None:
    """Return the candidate of a name, built from the inside out; None where there is none."""
    if name in _SIMPLE:
        return _SIMPLE[name]()
    for ending, wrap in _WRAPPERS.items():
        if name.endswith(ending) and (base := _found(name.removesuffix(ending), k)) is not None:
            return wrap(name, base)
    if name.startswith(_PEER):
        model = name.removeprefix(_PEER)
        return LifetimesCandidate(name, model) if model in _PEERS else None
    if name.startswith(THINNED):
        model = name.removeprefix(THINNED).removeprefix("_") or "mbg_nbd"
        return ThinnedCandidate(name, BayesianCandidate(model, model)) if model in _PEERS else None
    family, _, shape = name.rpartition("_")
    if shape.isdigit() and f"{family}_k" in MODELS:
        return BayesianCandidate(name, f"{family}_k", int(shape))
    if name in MODELS:
        return BayesianCandidate(name, name, k if named(name).regular else None)
    return None


def with_compulsory(names: Sequence[str]) -> list[str]:
    """Return the wanted names (default: all usual ones), twins and the compulsory baselines."""
    wanted = list(names) or list(DEFAULT_CANDIDATES)
    twins = [twin for n in wanted if (twin := candidate_named(n).twin) is not None]
    return list(dict.fromkeys([*wanted, *twins, *COMPULSORY]))
