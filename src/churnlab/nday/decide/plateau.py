"""When the curve goes flat: named definitions, each with a posterior over the day.

They differ: one exponential curve reaches .9 of its end on day 10 and a hazard under .1% on day 18.
Days are ages (0 = the signup day) here; callers add the configured day index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from churnlab.nday.decide.value import converted_before, hazard
from churnlab.types import Array

#: "No such day inside the follow-up".
NONE = np.inf
#: With at most this share of the signups left the curve is over: the hazard of so few is noise, and
#: where everybody has bought it is nothing but the prior's.
NEXT_TO_NONE = 0.005


@dataclass(frozen=True)
class PlateauDay:
    """Posterior of a plateau day.

    definition: Its name with its setting, e.g. ``hazard_below(0.001)``.
    draws (draw,): Equal-weight draws of the age from which the curve is flat; inf for none.
    """

    definition: str
    draws: Array

    @property
    def p_none(self) -> float:
        """Probability that no day of the follow-up qualifies."""
        return float(np.isinf(self.draws).mean())

    @property
    def missing(self) -> bool:
        """Whether it is likelier that there is no such day than that there is one."""
        return self.p_none > 0.5

    def quantile(self, q: float) -> float:
        """Quantile of the day; inf when it falls on "none"."""
        return float(np.sort(self.draws)[max(int(np.ceil(q * len(self.draws))) - 1, 0)])


def forward_hazard(G: Array, days: int = 7, apart: Sequence[int] = ()) -> Array:
    """Mean hazard over the next `days` days from each age, (draw, age).

    A week, so that neither a quiet Sunday nor one day's chance makes or breaks a plateau; the
    last ages share the last whole week (shorter spans let one bin's noise undo a plateau: seen in
    1 of 20 simulations). Ages `apart`, on which the signup coupon expires, are left out of the
    means: the rush of a last day is no week's pace.
    """
    h = hazard(G)
    n = h.shape[1]
    counted = np.ones(n)
    counted[list(apart)] = 0.0
    days = min(days, n)
    starts = np.minimum(np.arange(n), n - days)
    total = np.cumsum(np.pad(h * counted, ((0, 0), (1, 0))), axis=1)
    size = np.cumsum(np.pad(counted, (1, 0)))
    spans = np.maximum(size[starts + days] - size[starts], 1.0)
    return np.asarray((total[:, starts + days] - total[:, starts]) / spans)


def to_come(G: Array) -> Array:
    """Share of the window's buyers who come on each age or later, (draw, age)."""
    before = converted_before(G, np.arange(G.shape[1]))
    return 1.0 - before / np.maximum(G[:, -1:], 1e-12)


def _over(G: Array) -> NDArray[np.bool_]:
    """Whether next to nobody is left before each age, (draw, age)."""
    return np.asarray(1.0 - converted_before(G, np.arange(G.shape[1])) <= NEXT_TO_NONE)


def _stays(G: Array, low: NDArray[np.bool_], least: int, apart: Sequence[int]) -> Array:
    """First age from which `low` (draw, age) holds to the end, with `least` days left; inf: none.

    Low or not, a curve that is over is flat. A day `apart` is not where a flat curve begins: its
    rush is still to come.
    """
    low = low | _over(G)
    forever = np.flip(np.logical_and.accumulate(np.flip(low, axis=1), axis=1), axis=1)
    forever[:, list(apart)] = False
    found = forever[:, : max(low.shape[1] - least + 1, 1)]
    return np.where(found.any(axis=1), found.argmax(axis=1), NONE).astype(float)


def hazard_below(
    G: Array, h: float = 0.001, *, days: int = 7, least: int = 7, apart: Sequence[int] = ()
) -> PlateauDay:
    """First age from which the weekly mean hazard stays below `h` to the end of the follow-up.

    G (draw, age): Curve draws.
    h: Share of the unconverted per day.
    days: Days the hazard is averaged over, looking forward.
    least: Days of flat curve that must be left inside the follow-up: a plateau of two days is none.
    apart: Ages with a hazard of their own (`forward_hazard`).
    """
    low = forward_hazard(G, days, apart) < h
    return PlateauDay(f"hazard_below({h:g})", _stays(G, low, least, apart))


def fraction_of_final(G: Array, q: float = 0.9) -> PlateauDay:
    """First age by whose end the share `q` of the window's conversions has come.

    "Final" is the stated window's end, never infinity: it exists on every curve, flat or not.
    """
    reached = q * G[:, -1:] <= G
    return PlateauDay(f"fraction_of_final({q:g})", reached.argmax(axis=1).astype(float))


def below_early(
    G: Array, share: float = 0.1, *, days: int = 7, least: int = 7, later: float = 0.25,
    apart: Sequence[int] = (),
) -> PlateauDay:  # fmt: skip
    """Headline: first age from which the week ahead brings less than `share` of the best week.

    Relative to the curve's own busiest week, so that it means the same at 20% and at 2% conversion.

    G (draw, age): Curve draws.
    share: Of the highest weekly mean hazard (the signup day counts).
    days, least, apart: As in `hazard_below`.
    later: More than this share of the window's buyers still to come on that day: no plateau,
        however low the hazard.
    """
    weekly = forward_hazard(G, days, apart)
    low = weekly < share * weekly.max(axis=1, keepdims=True)
    first = _stays(G, low, least, apart)
    at = np.where(np.isinf(first), 0, first).astype(int)
    few = to_come(G)[np.arange(len(G)), at] <= later
    return PlateauDay(f"below_early({share:g})", np.where(few, first, NONE))


def changepoint(
    conversions: NDArray[Any],
    at_risk: NDArray[Any],
    rng: np.random.Generator,
    *,
    draws: int = 1000,
    least: int = 3,
    apart: Sequence[int] = (),
) -> PlateauDay:
    """Age at which a hazard that is level from age 1 on drops to a lower level.

    Exact Beta-binomial posterior over the age of one drop, half of the prior on "no drop". The
    signup day stands apart. Counts are divided by the dispersion around the best two levels
    (Pearson chi-square per degree of freedom, at least 1): where two levels describe the curve
    badly, the posterior widens instead of feigning precision.

    conversions, at_risk (age,): Pooled over cohorts.
    least: Fewest days on either side of the drop (one day before suffices).
    apart: Ages that belong to neither level.
    """
    levels = np.setdiff1d(np.arange(1, len(conversions)), list(apart))
    y, r = conversions[levels].astype(float), at_risk[levels].astype(float)
    splits = np.arange(1, max(len(y) - least + 1, 2))
    before = np.array([_rate(y[:k], r[:k]) for k in splits])
    after = np.array([_rate(y[k:], r[k:]) for k in splits])
    scores = np.array([_marginal(y[:k], r[:k]) + _marginal(y[k:], r[k:]) for k in splits])
    scores = np.where(after < before, scores, -np.inf)
    if not np.isfinite(scores).any():
        return PlateauDay("changepoint", np.full(draws, NONE))
    best = int(splits[scores.argmax()])
    phi = _dispersion(y, r, best)
    scores = np.array([_marginal(y[:k], r[:k], phi) + _marginal(y[k:], r[k:], phi) for k in splits])
    scores = np.where(after < before, scores, -np.inf)
    logs = np.append(scores - np.log(len(splits)), _marginal(y, r, phi))
    weights = np.exp(logs - logs.max())
    ages = np.append(levels[splits].astype(float), NONE)
    return PlateauDay("changepoint", rng.choice(ages, size=draws, p=weights / weights.sum()))


def _rate(y: Array, r: Array) -> float:
    return float(y.sum() / max(r.sum(), 1.0))


def _marginal(y: Array, r: Array, phi: float = 1.0) -> float:
    """Log marginal likelihood of a common hazard with prior Beta(1, 19), counts over phi."""
    hits, misses = y.sum() / phi, (r.sum() - y.sum()) / phi
    return float(betaln(1.0 + hits, 19.0 + misses) - betaln(1.0, 19.0))


def _dispersion(y: Array, r: Array, k: int) -> float:
    p = np.concatenate([np.full(k, _rate(y[:k], r[:k])), np.full(len(y) - k, _rate(y[k:], r[k:]))])
    variance = np.maximum(r * p * (1 - p), 1e-9)
    chi_square = float(np.sum((y - r * p) ** 2 / variance))
    return max(1.0, chi_square / max(len(y) - 3, 1))


@dataclass(frozen=True)
class LateBump:
    """A second wave after a trough.

    probability: That the hazard falls to a quarter of its first peak or less and later doubles
        again.
    trough, peak: Median ages of the trough and of the second peak, among draws with a bump.
    ratio, ratio_q05, ratio_q95: Second peak over trough.
    share_after: Share of the window's conversions that come after the trough.
    """

    probability: float
    trough: float
    peak: float
    ratio: float
    ratio_q05: float
    ratio_q95: float
    share_after: float


def late_bump(
    G: Array, *, days: int = 7, fall: float = 4.0, rise: float = 2.0, apart: Sequence[int] = ()
) -> LateBump:
    """Look for a second wave in the weekly mean hazard (a penalty, a reminder).

    The first peak is the highest weekly hazard before the trough; the signup day's atom counts.
    """
    weekly = forward_hazard(G, days, apart)[:, : max(G.shape[1] - days + 1, 1)]
    high_so_far = np.maximum.accumulate(weekly, axis=1)
    later = np.flip(np.maximum.accumulate(np.flip(weekly, axis=1), axis=1), axis=1)
    floor = np.maximum(weekly, 1e-12)
    qualifies = weekly * fall <= high_so_far
    qualifies &= ~_over(G)[:, : weekly.shape[1]]
    ratio = np.where(qualifies, later / floor, 0.0)
    # Waves of a handful of conversions are noise in the tail, not a wave.
    gain = later * days >= 0.005
    ratio = np.where(gain, ratio, 0.0)
    rows = np.arange(len(G))
    trough = ratio.argmax(axis=1)
    top = ratio[rows, trough]
    has = top >= rise
    if not has.any():
        return LateBump(0.0, *([float("nan")] * 6))
    masked = np.where(np.arange(weekly.shape[1]) >= trough[:, None], weekly, -1.0)
    peak = masked.argmax(axis=1)
    after = 1.0 - G[rows, trough] / np.maximum(G[:, -1], 1e-12)
    low, high = np.quantile(top[has], [0.05, 0.95])
    return LateBump(
        probability=float(has.mean()),
        trough=float(np.median(trough[has])),
        peak=float(np.median(peak[has])),
        ratio=float(np.median(top[has])),
        ratio_q05=float(low),
        ratio_q95=float(high),
        share_after=float(np.mean(after[has])),
    )
