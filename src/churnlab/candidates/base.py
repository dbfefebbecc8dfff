"""What a candidate is: a name, a kind, and a forecast from a history."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import VerificationError
from churnlab.origins.cache import FitCache
from churnlab.origins.past import Past
from churnlab.origins.targets import Target
from churnlab.rules.costs import Costs
from churnlab.summary.calendar import SPREAD
from churnlab.types import Array, Ints

Kind = Literal["model", "peer", "baseline", "comparator"]


@dataclass(frozen=True)
class Context:
    """What candidates share in one backtest.

    Attributes
    ----------
    seed : int
        Everything random in a candidate follows from it.
    costs : Costs
        Costs that decisions are tuned to, where stated.
    method, draws, priors : str, int, mapping
        How Bayesian candidates are fitted.
    score_draws : int
        Posterior draws that forecasts are averaged over (evenly thinned).
    counts : bool
        Whether forecast distributions of counts are wanted.
    cache : FitCache
        Finished fits by content hash.
    events : mapping
        Days with a rate of their own, for candidates with a calendar (`fitting.ModelConfig`).
    calendar_spread : str
        Prior of the sd of their log multipliers.
    report : callable
        Progress inside a candidate: called with a text.
    """

    seed: int = 1
    costs: Costs = field(default_factory=Costs)
    method: str = "laplace"
    draws: int = 1000
    chains: int = 4
    priors: Mapping[str, str] = field(default_factory=dict)
    score_draws: int = 64
    counts: bool = True
    cache: FitCache = field(default_factory=FitCache)
    events: Mapping[str, Any] = field(default_factory=dict)
    calendar_spread: str = SPREAD
    report: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Forecast:
    """A candidate's forecast for the customers of one origin.

    Attributes
    ----------
    score : array (customer,)
        Higher = riskier; any scale.
    seen_until : date
        Last day of everything that was learnt.
    risk : array (customer,), optional
        P(no purchase in the window); None for a bare score.
    p_alive, expected : array (customer,), optional
        P(alive) and expected purchases in the window.
    pmf : array (row, n), optional
        Probabilities of 0, 1, 2, ... purchases in the window; a row may serve many customers.
    pmf_row : array of int (customer,), optional
        Row of each customer; default: their own.
    flag : array (customer,), optional
        The candidate's own decision, where it makes one.
    details : mapping
        What was learnt, for the tables (a cutoff, parameters).
    notes : tuple of str
        In what way it falls short.
    """

    score: Array
    seen_until: dt.date
    risk: Array | None = None
    p_alive: Array | None = None
    expected: Array | None = None
    pmf: Array | None = None
    pmf_row: Ints | None = None
    flag: NDArray[np.bool_] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def check(self, name: str, n: int) -> None:
        """Refuse a forecast of the wrong length or outside its range."""
        for what in ("score", "risk", "p_alive", "expected", "flag"):
            values = getattr(self, what)
            if values is not None and (np.shape(values) != (n,) or not np.isfinite(values).all()):
                raise VerificationError(
                    f"candidate {name}: {what} has shape {np.shape(values)} or values that are not "
                    f"finite; expected {n} finite values."
                )
        for what in ("risk", "p_alive"):
            values = getattr(self, what)
            if values is not None and (values.min() < 0 or values.max() > 1):
                raise VerificationError(f"candidate {name}: {what} leaves [0, 1].")


class Candidate(ABC):
    """One way to forecast; subclasses are small and join the registry by one line.

    Attributes
    ----------
    name : str
        Name in configurations and tables.
    kind : str
        model, peer, baseline or comparator.
    needs_visits : bool
        Whether it reads `Past.visits`.
    twin : str, optional
        Name of the same forecast without visits, which it is then held against.
    known_by : tuple, optional
        Name and Erlang shape of which the harness made it: its forecasts may be stored by them.
    """

    name: str
    kind: ClassVar[Kind]
    needs_visits: bool = False
    twin: str | None = None
    known_by: tuple[str, int | None] | None = None

    @abstractmethod
    def forecast(self, past: Past, target: Target, context: Context) -> Forecast:
        """Forecast `target` for every customer of `past`, learning from `past` only."""
