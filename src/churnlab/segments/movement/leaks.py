"""Core leaks (P10): who left the two core cells, and whether it is more than usual."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import hypergeom
from scipy.stats import t as student

from churnlab.errors import UsageError
from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.segments.movement.resampling import Pairing, interval, resample
from churnlab.types import Array, Ints
from churnlab.vocabulary import ALL_CODES, CORE_CODES

_CORE = [ALL_CODES.index(code) for code in CORE_CODES]
#: Earlier periods needed before a period can be called unusual.
LEAST_PERIODS = 3


@dataclass(frozen=True)
class LeakAlert:
    """Verdict on the latest period."""

    alert: bool
    p_value: float
    level: float
    share: float
    """Share of the core that left in the latest period."""
    usual_share: float
    """The same over the earlier periods together."""
    n_core: int
    n_periods: int
    """Earlier periods compared with."""
    dispersion: float
    """Spread of the earlier periods' shares against chance alone; 1 is chance."""
    sentence: str


def leak_table(
    before: Snapshot, after: Snapshot, config: SegmentsConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Return where the core's customers went, with customer-paired 90% intervals.

    Returns: ``destination, n_core, n, share, share_q05, share_q95``: one row per cell outside the
        core (and ``left``) that anybody went to, and ``total`` for all of them.
    """
    pairing = Pairing.of(before, after)
    tables = resample(pairing.joint_by_draw(), config.replicates, rng)
    low, high = interval(tables, _leak_shares)
    joint = pairing.joint()
    counts = _leak_counts(joint[None])[0]
    n_core = int(joint[_CORE].sum())
    frame = pd.DataFrame(
        {
            "destination": ["total", *ALL_CODES, "left"],
            "n_core": n_core,
            "n": counts,
            "share": counts / max(n_core, 1),
            "share_q05": low,
            "share_q95": high,
        }
    )
    keep = (frame["n"] > 0) | (frame["destination"] == "total")
    return frame[keep & ~frame["destination"].isin(CORE_CODES)].reset_index(drop=True)


def leak_history(snapshots: Sequence[Snapshot]) -> pd.DataFrame:
    """Return the core's size and leaks between successive days.

    All snapshots should be scored by *one* fit: otherwise a new fit's cut points look like leaks.

    Returns: ``as_of`` (end of the period), ``n_core``, ``n_leaked``, ``share``.
    """
    rows = []
    for before, after in itertools.pairwise(snapshots):
        joint = Pairing(before, after).joint()
        n_core = int(joint[_CORE].sum())
        leaked = n_core - int(joint[np.ix_(_CORE, _CORE)].sum())
        rows.append((pd.Timestamp(after.as_of), n_core, leaked, leaked / max(n_core, 1)))
    return pd.DataFrame(rows, columns=["as_of", "n_core", "n_leaked", "share"])


def leak_alert(history: pd.DataFrame, level: float = 0.05) -> LeakAlert:
    """Say whether the latest period leaked more than the earlier ones.

    One-sided: Fisher's exact test of the latest against the earlier periods together and, when
    these vary more than chance, a t test with their dispersion; the larger p-value counts. The
    false-alarm rate is at most `level` where nothing changes: a shop with constant inflow after
    burn-in. A closed cohort always leaks, and is not such a shop.

    history: From `leak_history`, the latest period last; periods of equal length.
    Raises UsageError with fewer than 3 earlier periods, or an empty core in the latest or all
        earlier ones.
    """
    n, k = (history[c].to_numpy(dtype=np.int64) for c in ("n_core", "n_leaked"))
    if len(n) < LEAST_PERIODS + 1:
        raise UsageError(
            f"A core-leak alert needs at least {LEAST_PERIODS} earlier periods; got "
            f"{max(len(n) - 1, 0)}. Give more dates."
        )
    if not (n[-1] and n[:-1].any()):
        raise UsageError(
            f"A core-leak alert compares core customers who left; there were {n[-1]} in the latest "
            f"period and {n[:-1].sum()} in the earlier ones. Give dates on which the core is there."
        )
    # P(at least so many leaks in the latest period | total leaks), one-sided and conservative.
    exact = float(hypergeom.sf(k[-1] - 1, n.sum(), k.sum(), n[-1]))
    dispersion = _dispersion(k[:-1], n[:-1])
    p_value = max(exact, _t_test(k, n, dispersion)) if dispersion > 1 else exact
    share, usual = _share(k[-1:], n[-1:]), _share(k[:-1], n[:-1])
    alert = bool(p_value <= level)
    sentence = (
        f"{k[-1]} of {n[-1]} core customers ({share:.1%}) left the core; usual is {usual:.1%} "
        f"over {len(n) - 1} periods (one-sided p = {p_value:.3f}, alert at {level:g})."
    )
    return LeakAlert(
        alert, p_value, level, share, usual, int(n[-1]), len(n) - 1,
        dispersion, sentence,
    )  # fmt: skip


def _share(k: Ints, n: Ints) -> float:
    return int(k.sum()) / max(int(n.sum()), 1)


def _dispersion(k: Ints, n: Ints) -> float:
    """Pearson's chi-square of the earlier periods per degree of freedom, at least 1."""
    share = _share(k, n)
    variance = np.maximum(n * share * (1 - share), 1e-12)
    return float(max(1.0, ((k - n * share) ** 2 / variance).sum() / (len(n) - 1)))


def _t_test(k: Ints, n: Ints, dispersion: float) -> float:
    usual = _share(k[:-1], n[:-1])
    spread = 1 / max(int(n[-1]), 1) + 1 / max(int(n[:-1].sum()), 1)
    variance = dispersion * usual * (1 - usual) * spread
    if variance <= 0:
        return 1.0
    return float(student.sf((_share(k[-1:], n[-1:]) - usual) / np.sqrt(variance), len(n) - 2))


def _leak_counts(tables: Ints) -> Ints:
    """Return total and per-destination leaks of joint tables, (replicate, 22)."""
    rows = tables[:, _CORE, :].sum(axis=1)
    outside = rows.copy()
    outside[:, _CORE] = 0
    return np.concatenate([outside.sum(axis=1, keepdims=True), outside], axis=1)


def _leak_shares(tables: Ints) -> Array:
    core = tables[:, _CORE, :].sum(axis=(1, 2))
    return _leak_counts(tables) / np.maximum(core, 1)[:, None]
