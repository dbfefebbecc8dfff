"""Checks of who the customers are: their number, repeated rows, risk and segments."""

import numpy as np
import pandas as pd

from churnlab.bundle.document import Limits, Reference
from churnlab.events import EventLog
from churnlab.metrics import population_stability_index, shares_of_bins
from churnlab.monitor.checks import FAIL, WARN, Check, level


def counts(now: pd.DataFrame, expected: int, limits: Limits) -> Check:
    """Purchasers against those of the export."""
    found = int(now["purchase_state"].ne("none").sum())
    warn, fail = limits.count_warn, limits.count_fail
    detail = f"{found:,} purchasers; {expected:,} at the export"
    if not found:
        return Check("purchasers", FAIL, None, warn, fail, detail)
    value = abs(float(np.log(found / expected)))
    # a history that is complete can only grow: fewer purchasers than before is a broken feed
    status = FAIL if found < expected else level(value, warn, fail)
    return Check("purchasers", status, value, warn, fail, detail)


def duplicates(log: EventLog, limits: Limits) -> Check:
    """The log has dropped repeated rows already; its report remembers how many there were."""
    rows = log.report.tables["purchases"]
    share = rows.dropped.get("duplicate", 0) / max(rows.rows, 1)
    warn, fail = limits.duplicate_warn, limits.duplicate_fail
    detail = f"{share:.1%} of the rows repeat another"
    return Check("duplicate rows", level(share, warn, fail), share, warn, fail, detail)


def risk_drift(now: pd.DataFrame, reference: Reference, limits: Limits) -> Check:
    """PSI of the purchasers' risk."""
    risk = now["purchase_risk"].dropna().to_numpy(float)
    warn, fail = limits.psi_warn, limits.psi_fail
    if not risk.size:
        return Check("psi of risk", FAIL, None, warn, fail, "no purchaser was scored")
    shares = shares_of_bins(risk, reference.risk_edges)
    value = population_stability_index(reference.risk_shares, shares)
    detail = f"mean risk {risk.mean():.3f}"
    return Check("psi of risk", level(value, warn, fail), value, warn, fail, detail)


def segment_drift(
    now: pd.DataFrame, reference: Reference, limits: Limits, *, members_known: bool
) -> Check:
    """PSI of the segment shares; without the members, among purchasers only."""
    then = pd.Series(reference.segment_shares, dtype=float)
    found = now["segment_code"].value_counts(normalize=True)
    detail = "all members"
    if not members_known:
        then = then[~then.index.str.startswith("none.")]
        found = found[~found.index.str.startswith("none.")]
        detail = "purchasers only (no members given)"
    if now["visit_state"].eq("visit_unknown").all():
        then, found = (s.groupby(s.index.str.split(".").str[0]).sum() for s in (then, found))
        detail += ", purchase states only (no visits given)"
    warn, fail = limits.psi_warn, limits.psi_fail
    codes = then.index.union(found.index)
    if not then.sum() or not found.sum():
        return Check("psi of segments", WARN, None, warn, fail, f"nothing to compare: {detail}")
    value = population_stability_index(
        then.reindex(codes).fillna(0.0).to_numpy(), found.reindex(codes).fillna(0.0).to_numpy()
    )
    return Check("psi of segments", level(value, warn, fail), value, warn, fail, detail)
