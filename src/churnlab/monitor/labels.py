"""Checks of forecasts against what has come true since, vintage by vintage."""

from churnlab.bundle.document import Limits
from churnlab.monitor.checks import OK, WARN, Check, level
from churnlab.monitor.vintages import Vintage

#: Standard errors beyond which a bias is no chance: a year looks at some thirty of them.
LOUD = 4.0


def of_vintages(found: list[Vintage], limits: Limits) -> list[Check]:
    """Return the checks of all vintages: of complete windows, then of those that are not."""
    whole, begun = ([v for v in found if v.matured is done] for done in (True, False))
    checks = [c for v in whole for c in (_bias(v, limits), _miscalibration(v, limits))]
    return checks + [_early(v, limits) for v in begun if v.bias is not None]


def _bias(v: Vintage, limits: Limits) -> Check:
    """A bias counts where it is large and no chance."""
    warn, fail = limits.bias_warn, limits.bias_fail
    name = f"bias, vintage {v.as_of}"
    if v.bias is None:
        return Check(name, WARN, None, warn, fail, f"no outcome in {v.n:,} customers")
    status = level(abs(v.bias), warn, fail) if abs(v.z) > LOUD else OK
    return Check(name, status, abs(v.bias), warn, fail, _counted(v, status))


def _miscalibration(v: Vintage, limits: Limits) -> Check:
    warn, fail = limits.mcb_warn, limits.mcb_fail
    name = f"mcb, vintage {v.as_of}"
    if v.mcb is None or v.mcb_noise is None:
        return Check(name, WARN, None, warn, fail, f"no outcome in {v.n:,} customers")
    excess = max(v.mcb - v.mcb_noise, 0.0)
    status = level(excess, warn, fail)
    return Check(name, status, excess, warn, fail, _counted(v, status))


def _early(v: Vintage, limits: Limits) -> Check:
    """The model forecasts any window, so the elapsed part of one is held against its forecast.

    Not a failure before the window is complete.
    """
    bias = _bias(v, limits)
    status = OK if bias.status == OK else WARN
    detail = f"{v.days} of {v.horizon_days} days seen: {bias.detail}"
    return bias._replace(name=f"early {bias.name}", status=status, detail=detail)


def _counted(v: Vintage, status: str) -> str:
    detail = (
        f"{v.n - v.observed:,.0f} of {v.n:,} customers bought in {v.days} days, "
        f"{v.n - v.expected:,.0f} expected, z = {v.z:.1f}"
    )
    return detail if status == OK else f"{detail}. `moved` says what it may be; backtest anew"
