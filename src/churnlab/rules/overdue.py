"""The state rule: late by the own rhythm. It needs no costs and no outcome of an earlier origin."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from churnlab.errors import UsageError, one_of
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import keys_of
from churnlab.posterior.risk import risk_summary, windows
from churnlab.posterior.settings import LATE, Lateness
from churnlab.posterior.silence.stream import Rows
from churnlab.rules.costs import Costs
from churnlab.rules.threshold import CapacityRule
from churnlab.rules.types import Evidence, Threshold
from churnlab.summary import Summary
from churnlab.summary.calendar import number
from churnlab.summary.gaps import Gaps
from churnlab.types import Array, Ints
from churnlab.vocabulary import OVERDUE

#: Gaps as the model has them (uniform in lateness) that are counted beside the customers' own:
#: few gaps leave the level at the quantile (lab book 020: chosen on two origins, held on others).
PRIOR_GAPS: Final = 200
#: Draws behind the lateness of past gaps: a mean, and the gaps are many.
_DRAWS: Final = 100
#: Gaps x draws that are cheap: of few gaps more draws, or the level hangs on the seed.
_BUDGET: Final = 20_000_000


@dataclass(kw_only=True)
class OverdueRule(Costs):
    """At risk once `quantile` of those who come back within `window_cycles` rhythms are back.

    The state needs no costs; where they are stated, they choose who is worth a message.

    name: Name in the registry.
    quantile: Share of the customers like this one who have come back, of those who do.
    window_cycles: Window in own rhythms within which they come back.
    first_value: Quantile for first purchasers; default: the same as for repeat buyers.
    learn: `auto`: the level of the model's own share at which `quantile` of the customers'
        completed gaps were over is learnt from them; `never`: the level is `quantile`, as if gaps
        came as the model has them.
    replicates: Bootstrap replicates of the customers behind the level's interval.
    """

    name: str = OVERDUE
    quantile: float = LATE.value
    window_cycles: float = Lateness.window_cycles
    first_value: float | None = None
    learn: str = "auto"
    replicates: int = 200

    def __post_init__(self) -> None:
        """Check quantiles and window."""
        super().__post_init__()
        Lateness(window_cycles=self.window_cycles)
        for name in ("quantile", "first_value"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise UsageError(f"{name} must lie strictly between 0 and 1; got {value}.")
        one_of("learn", self.learn, ("auto", "never"))
        if self.replicates < 0:
            raise UsageError(f"replicates must not be negative; got {self.replicates}.")

    @property
    def first_quantile(self) -> float:
        """Quantile of first purchasers."""
        return self.quantile if self.first_value is None else self.first_value

    def threshold(self) -> Threshold:
        """Return the state as a cut on lateness, gaps as the model has them."""
        return Threshold(
            self.quantile,
            self.first_quantile,
            OVERDUE,
            self.name,
            window_cycles=self.window_cycles,
            quantile=self.quantile,
        )

    def learnt(self, draws: PopulationDraws, summary: Summary, *, seed: int = 1) -> Threshold:
        """Return the state with its level learnt from the customers' own completed gaps.

        Regular buyers come back sooner than exponential gaps say, so the model's four fifths come
        after more than four fifths of their gaps. The level is the `quantile`-quantile of the
        lateness that completed gaps had reached the day before they ended: those whose whole
        window lies before the cutoff and that ended within it, as many as `PRIOR_GAPS` uniform
        ones beside them. Nothing later than the summary's day is looked at.

        draws, summary: Of one fit; the summary knows its log, else the level is the quantile.
        seed: Of the bootstrap over customers.
        """
        plain = self.threshold()
        if self.learn == "never":
            return plain
        if summary.gaps is None:
            return plain
        evidence, n = self._evidence(draws, summary)
        if n == 0:
            return plain
        cut, first = (CapacityRule(share=1 - q) for q in (self.quantile, self.first_quantile))
        value = float(cut.cuts(evidence.ranked, OVERDUE)[0])
        found = replace(
            plain,
            value=value,
            first_value=float(first.cuts(evidence.ranked, OVERDUE)[0]),
            learnt_until=summary.as_of,
        )
        if self.replicates == 0:
            return found
        blocks = evidence.resampled(self.replicates, np.random.default_rng([seed, 17]))
        many = np.concatenate([cut.cuts(block, OVERDUE) for block in blocks])
        low, high = np.quantile(many, (0.05, 0.95))
        return replace(found, low=float(low), high=float(high))

    def _evidence(self, draws: PopulationDraws, summary: Summary) -> tuple[Evidence, int]:
        """Return the lateness of completed gaps beside uniform ones, and how many are completed."""
        assert summary.gaps is not None
        gaps, silences = _timed(summary.gaps(), summary)
        draws = draws.thin(max(_DRAWS, _BUDGET // max(len(gaps.x), 1)))
        group = draws.codes_of(summary.cells.groups)[gaps.group]
        measure = Lateness(window_cycles=self.window_cycles)
        keys = keys_of(Rows(group, gaps.x, gaps.t_x, gaps.t_x))
        window = windows(draws, keys, measure)
        assert window is not None, "lateness has a window"
        own = window[keys.of]
        at = np.flatnonzero((own <= gaps.follow) & (gaps.days <= own))
        table = np.stack([group[at].astype(float), gaps.x[at], gaps.t_x[at], silences[at]])
        alike, row = np.unique(table, axis=1, return_inverse=True)
        rows = Rows(alike[0].astype(np.int64), alike[1], alike[2], alike[2] + alike[3])
        late = risk_summary(draws, rows, measure).mean if at.size else np.empty(0)
        return _with_uniform(late, row.ravel(), gaps.customer[at]), len(at)


def _timed(gaps: Gaps, summary: Summary) -> tuple[Gaps, Array]:
    """Return gaps, and the silence on the day before each ended, in the time of the cells."""
    eve = np.maximum(gaps.days - 1.0, 0.0)
    if (clock := summary.clock) is None:
        return gaps, eve
    end = number(summary.as_of)
    start = (end - gaps.follow).astype(np.int64)
    t_x, days = -clock.ahead(start, -gaps.t_x), clock.ahead(start, gaps.days)
    timed = gaps._replace(t_x=t_x, days=days, follow=clock.ahead(start, end - start))
    return timed, clock.ahead(start, eve)


def _with_uniform(late: Array, row: Ints, customer: Ints) -> Evidence:
    """Put `PRIOR_GAPS` evenly spaced gaps beside those seen, each a customer of its own."""
    even = (np.arange(PRIOR_GAPS) + 0.5) / PRIOR_GAPS
    more = np.arange(PRIOR_GAPS)
    last = customer.max(initial=-1) + 1
    return Evidence(
        np.concatenate([np.clip(late, 0, 1), even]),
        row=np.concatenate([row, len(late) + more]),
        customer=np.concatenate([customer, last + more]),
    )
