"""What being wrong costs, as a user states it."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.errors import UsageError


@dataclass(kw_only=True)
class Costs:
    """Costs of the two wrong decisions, in one currency.

    Attributes
    ----------
    contact_cost : float
        Cost of contacting one customer (message and incentive).
    save_probability : float
        Probability that the contact keeps someone who would else not buy. An assumption unless an
        experiment measured it: risk is not uplift.
    value_per_customer : float
        Margin kept when a customer is saved.
    cost_contact_wasted : float, optional
        Regret of contacting someone who would have bought; default: `contact_cost`.
    cost_churn_missed : float, optional
        Regret of leaving alone someone who does not buy; default:
        save_probability * value_per_customer - contact_cost.
    """

    contact_cost: float = 1.0
    save_probability: float = 0.05
    value_per_customer: float = 40.0
    cost_contact_wasted: float | None = None
    cost_churn_missed: float | None = None

    def __post_init__(self) -> None:
        """Refuse costs under which no decision makes sense."""
        if not 0 <= self.save_probability <= 1:
            raise UsageError(f"save_probability must lie in [0, 1]; got {self.save_probability}.")
        if self.wasted <= 0:
            raise UsageError(
                f"the cost of a wasted contact must be positive; got {self.wasted:g}. "
                "Set contact_cost or cost_contact_wasted."
            )
        if self.missed <= 0:
            raise UsageError(
                f"a missed churn costs {self.missed:g} (save_probability x value_per_customer - "
                "contact_cost): contacting never pays, so there is nothing to choose. Check the "
                "three values, or set cost_churn_missed."
            )

    @property
    def wasted(self) -> float:
        """Regret of a contact with someone who would have bought."""
        given = self.cost_contact_wasted
        return float(self.contact_cost if given is None else given)

    @property
    def missed(self) -> float:
        """Regret of not contacting someone who does not buy."""
        if self.cost_churn_missed is not None:
            return float(self.cost_churn_missed)
        return float(self.save_probability * self.value_per_customer - self.contact_cost)

    @property
    def ratio(self) -> float:
        """Probability from which a contact pays: wasted / (wasted + missed)."""
        return self.wasted / (self.wasted + self.missed)
