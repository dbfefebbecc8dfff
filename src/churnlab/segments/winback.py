"""Win-back cost against what a returning customer is worth (P16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from churnlab.errors import UsageError


@dataclass(kw_only=True)
class WinbackConfig:
    """Money of a win-back message; all amounts in one currency."""

    message_cost: float = 20.0
    """Cost of one message, whether or not anybody returns."""
    incentive_cost: list[float] = field(default_factory=lambda: [3000.0, 5000.0, 10000.0])
    """Costs of the coupon or credit when it is redeemed; each is one row of the table."""
    margin: list[float] = field(default_factory=lambda: [10000.0, 20000.0, 40000.0])
    """Worth of a customer won back: margin of a purchase, or residual customer value."""
    redemption_share: float = 1.0
    """Share of those who would have returned anyway and redeem the incentive."""
    uplift: list[float] = field(default_factory=lambda: [0.0, 0.01, 0.02, 0.05, 0.1])
    """Returns caused by the message, per message. An assumption until an experiment measures it."""

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("incentive_cost", "margin", "uplift"):
            values = getattr(self, name)
            if not values or min(values) < 0:
                raise UsageError(f"winback.{name} must be non-negative numbers; got {values}.")
        if self.message_cost < 0:
            raise UsageError(f"winback.message_cost must not be negative; got {self.message_cost}.")
        if not 0 <= self.redemption_share <= 1 or max(self.uplift) > 1:
            raise UsageError(
                "winback.redemption_share and winback.uplift must lie in [0, 1]; got "
                f"{self.redemption_share} and {self.uplift}."
            )


def message_value(
    uplift: float | np.ndarray,
    return_probability: float | np.ndarray,
    margin: float | np.ndarray,
    incentive_cost: float | np.ndarray,
    message_cost: float,
    redemption_share: float,
) -> np.ndarray:
    """Return the expected gain of one message.

    ``u (m - c) - o rho c - k`` with uplift u, organic return probability o, worth m, incentive c,
    redemption rho and message cost k (DOMAIN section 6, without the reach). At u = 0 it is
    negative whenever the message costs anything or an organic buyer redeems, else zero.
    """
    gain = np.asarray(uplift) * (np.asarray(margin) - incentive_cost)
    wasted = np.asarray(return_probability) * redemption_share * np.asarray(incentive_cost)
    return np.asarray(gain - wasted - message_cost)


def break_even_table(return_probability: Sequence[float], config: WinbackConfig) -> pd.DataFrame:
    """Return break-even uplift and value per message over costs, margins and return chances.

    Parameters
    ----------
    return_probability : sequence of float
        Chances of returning without a message (1 - windowed risk), one block of rows each; for
        example the mean in every churn-rate band.

    Returns
    -------
    DataFrame
        ``return_probability, incentive_cost, margin, break_even_uplift`` (inf where the incentive
        eats the margin; may exceed what is left to win, see ``possible``), ``possible`` (break-even
        uplift <= 1 - return probability), and ``value_at_U`` per message for each uplift U.
    """
    chances = np.asarray(return_probability, dtype=float)
    if chances.size == 0 or chances.min() < 0 or chances.max() > 1:
        raise UsageError(
            f"return_probability must be probabilities; got {list(return_probability)}."
        )
    o, c, m = (
        a.ravel() for a in np.meshgrid(chances, config.incentive_cost, config.margin, indexing="ij")
    )
    fixed = o * config.redemption_share * c + config.message_cost
    with np.errstate(divide="ignore", invalid="ignore"):
        break_even = np.where(m > c, fixed / (m - c), np.where(fixed > 0, np.inf, 0.0))
    frame = pd.DataFrame(
        {
            "return_probability": o,
            "incentive_cost": c,
            "margin": m,
            "break_even_uplift": break_even,
            "possible": break_even <= 1 - o,
        }
    )
    for uplift in config.uplift:
        frame[f"value_at_{uplift:g}"] = message_value(
            uplift, o, m, c, config.message_cost, config.redemption_share
        )
    return frame
