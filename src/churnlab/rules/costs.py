"""What being wrong costs, as a user states it."""

from dataclasses import dataclass

from churnlab.errors import UsageError

#: What states the two costs: the three keys, or the two regrets themselves.
_KEYS = ("contact_cost", "save_probability", "value_per_customer")


@dataclass(kw_only=True)
class Costs:
    """Costs of the two wrong decisions, in one currency. None has a default: they are the user's.

    contact_cost: Cost of contacting one customer (message and incentive).
    save_probability: Probability that the contact keeps someone who would else not buy. An
        assumption unless an experiment measured it: risk is not uplift.
    value_per_customer: Margin kept when a customer is saved.
    cost_contact_wasted: Regret of contacting someone who would have bought; default:
        `contact_cost`.
    cost_churn_missed: Regret of leaving alone someone who does not buy; default: save_probability *
        value_per_customer - contact_cost.
    """

    contact_cost: float | None = None
    save_probability: float | None = None
    value_per_customer: float | None = None
    cost_contact_wasted: float | None = None
    cost_churn_missed: float | None = None

    def __post_init__(self) -> None:
        """Refuse costs under which no decision makes sense."""
        if self.save_probability is not None and not 0 <= self.save_probability <= 1:
            raise UsageError(f"save_probability must lie in [0, 1]; got {self.save_probability}.")
        wasted, missed = self._regrets()
        if wasted is not None and wasted <= 0:
            raise UsageError(
                f"the cost of a wasted contact must be positive; got {wasted:g}. "
                "Set contact_cost or cost_contact_wasted."
            )
        if missed is not None and missed <= 0:
            raise UsageError(
                f"a missed churn costs {missed:g} (save_probability x value_per_customer - "
                "contact_cost): contacting never pays, so there is nothing to choose. Check the "
                "three values, or set cost_churn_missed."
            )

    def _regrets(self) -> tuple[float | None, float | None]:
        """Return the two regrets as far as they are stated."""
        wasted, missed = self.cost_contact_wasted, self.cost_churn_missed
        if wasted is None:
            wasted = self.contact_cost
        if missed is None and None not in (given := [getattr(self, key) for key in _KEYS]):
            missed = given[1] * given[2] - given[0]
        return wasted, missed

    @property
    def stated(self) -> bool:
        """Whether both regrets follow from what was given."""
        return None not in self._regrets()

    def require(self, who: str) -> None:
        """Refuse to go on without costs.

        Raises UsageError: Naming the keys that are missing; `who` needs them.
        """
        if not self.stated:
            missing = [f"rule.{key}" for key in _KEYS if getattr(self, key) is None]
            raise UsageError(
                f"{who} needs your costs, which have no default; missing: {', '.join(missing)}. "
                "State them, for example rule.contact_cost=1 rule.save_probability=.05 "
                "rule.value_per_customer=40 (cost of a message, chance that it keeps somebody, "
                "margin kept then), or the regrets rule.cost_contact_wasted and "
                "rule.cost_churn_missed."
            )

    @property
    def wasted(self) -> float:
        """Regret of a contact with someone who would have bought."""
        return self._regret(0)

    @property
    def missed(self) -> float:
        """Regret of not contacting someone who does not buy."""
        return self._regret(1)

    def _regret(self, which: int) -> float:
        self.require("the price of a decision")
        value = self._regrets()[which]
        assert value is not None
        return float(value)

    @property
    def ratio(self) -> float:
        """Probability from which a contact pays: wasted / (wasted + missed)."""
        return self.wasted / (self.wasted + self.missed)
