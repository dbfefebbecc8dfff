"""Win-back cost against what a returning customer is worth (P16)."""

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
    redemption rho and message cost k (docs/segments.md, without the reach). At u = 0 it is
    negative whenever the message costs anything or an organic buyer redeems, else zero.
    """
    gain = np.asarray(uplift) * (np.asarray(margin) - incentive_cost)
    wasted = np.asarray(return_probability) * redemption_share * np.asarray(incentive_cost)
    return np.asarray(gain - wasted - message_cost)


def break_even_table(
    return_probability: Sequence[float],
    config: WinbackConfig,
    residual_value: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Return break-even uplift and value per message over costs, margins and return chances.

    return_probability: Chances of returning without a message (1 - windowed risk), one block of
        rows each; for example the mean in every churn-rate band.
    residual_value: What a customer of each block is worth once back (`worth_once_back`); adds rows
        in which it takes the place of the configured margins.
    Returns: ``return_probability, incentive_cost, margin, worth`` (`margin`, a configured one, or
        `residual_value`), ``break_even_uplift`` (inf where the incentive eats the margin; may
        exceed what is left to win, see ``possible``), ``possible`` (break-even uplift <= 1 - return
        probability), and ``value_at_U`` per message for each uplift U.
    """
    chances = np.asarray(return_probability, dtype=float)
    if chances.size == 0 or chances.min() < 0 or chances.max() > 1:
        raise UsageError(
            f"return_probability must be probabilities; got {list(return_probability)}."
        )
    found = _rows(chances, config, np.tile(config.margin, (chances.size, 1)), "margin")
    if residual_value is None:
        return found
    worth = np.asarray(residual_value, dtype=float)
    if worth.shape != chances.shape or not (worth >= 0).all():
        raise UsageError(
            f"residual_value must be one non-negative amount per return_probability; got "
            f"{list(residual_value)}."
        )
    more = _rows(chances, config, worth[:, None], "residual_value")
    return pd.concat([found, more], ignore_index=True)


def _rows(
    chances: np.ndarray, config: WinbackConfig, margins: np.ndarray, worth: str
) -> pd.DataFrame:
    """Cross chances with costs and with each chance's own margins, (chance, margin)."""
    costs = np.asarray(config.incentive_cost, dtype=float)
    shape = (chances.size, costs.size, margins.shape[1])
    o, c, m = (
        np.broadcast_to(v, shape).ravel()
        for v in (chances[:, None, None], costs[None, :, None], margins[:, None, :])
    )
    fixed = o * config.redemption_share * c + config.message_cost
    with np.errstate(divide="ignore", invalid="ignore"):
        break_even = np.where(m > c, fixed / (m - c), np.where(fixed > 0, np.inf, 0.0))
    frame = pd.DataFrame(
        {
            "return_probability": o,
            "incentive_cost": c,
            "margin": m,
            "worth": worth,
            "break_even_uplift": break_even,
            "possible": break_even <= 1 - o,
        }
    )
    for uplift in config.uplift:
        frame[f"value_at_{uplift:g}"] = message_value(
            uplift, o, m, c, config.message_cost, config.redemption_share
        )
    return frame


def worth_once_back(customers: pd.DataFrame, group: pd.Series) -> pd.Series:
    """Return the mean residual value of those who come back, per group.

    A message pays by the customers it brings back, so their value counts, not the mean over all:
    most of a band at risk never buys again. E[value] / P(any purchase within the value's horizon),
    both averaged over the group. It takes those whom a message brings back to be like those who
    come by themselves, which flatters the message if anything.

    customers: `residual_value` and `residual_value_if_returns`, as in the customers table.
    group: Group of each row, on the same index.
    """
    value = customers["residual_value"]
    returns = (value / customers["residual_value_if_returns"]).fillna(0.0)
    sums = pd.DataFrame({"value": value, "returns": returns}).groupby(group, observed=True).sum()
    return (sums["value"] / sums["returns"]).fillna(0.0)
