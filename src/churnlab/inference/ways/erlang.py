"""How regular gaps are: the evidence for Erlang's shape k."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churnlab.errors import FitRefusedError
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.laplace import sample_laplace
from churnlab.inference.ways.mode import find_mode

if TYPE_CHECKING:
    from churnlab.summary import Cells

#: Largest Erlang shape that is tried; a bundle holds no larger one.
MOST_K = 12


@dataclass(frozen=True)
class KChoice:
    """Evidence for the Erlang shape of the gaps."""

    best: int
    table: pd.DataFrame
    """Per k: log_evidence (time in days), se, probability (equal prior on the k tried)."""


def choose_k(
    cells: Cells,
    model: str = "bg_cnbd_k",
    *,
    max_k: int = MOST_K,
    priors: dict[str, str] | None = None,
    time_scale: float | None = None,
    draws: int = 400,
    seed: int = 1,
) -> KChoice:
    """Choose the Erlang shape with the greatest marginal likelihood.

    cells: Distinct (group, x, t_x, T) with weights and `sum_log_gap`, in days.
    model: ``bg_cnbd_k`` or ``mbg_cnbd_k``.
    max_k: k = 1, 2, ... are tried until the evidence falls, at most up to this.
    Raises FitRefusedError: Importance sampling fails for every k.
    """
    rows: list[dict[str, float]] = []
    for k in range(1, max_k + 1):
        target = Target(cells, model, k, priors, time_scale=time_scale)
        rng = np.random.default_rng([seed, k])
        sample = sample_laplace(target, find_mode(target), draws, rng, min_ess=draws / 4)
        evidence = np.nan if sample.reason else sample.log_evidence
        rows.append({"k": k, "log_evidence": evidence, "se": sample.log_evidence_se})
        if k > 1 and evidence < rows[-2]["log_evidence"]:
            break
    table = pd.DataFrame(rows).astype({"k": int}).set_index("k")
    if table["log_evidence"].isna().all():
        raise FitRefusedError(f"No k of {model} could be fitted reliably; set model.k yourself.")
    relative = np.exp(table["log_evidence"] - table["log_evidence"].max())
    table["probability"] = (relative / relative.sum()).fillna(0.0)
    best = int(table.index[int(np.nanargmax(table["log_evidence"]))])
    return KChoice(best, table)
