"""What a fit says of what is to come: purchases by week, next purchases, states with dates."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from churnlab.errors import UsageError
from churnlab.fitting.fitted import FittedModel
from churnlab.parts import whole

#: Draws behind forecasts of totals: their interval needs no more.
DRAWS: Final = 200


class Foresight(FittedModel):
    """A fitted model asked about the days ahead (see `Fit`)."""

    def forecast(self, weeks: int = 13, *, seed: int = 1) -> pd.DataFrame:
        """Return the purchases to come of the customers that the fit knows, week by week.

        Parameters
        ----------
        weeks : int
            How many weeks from the fit's last day on.
        seed : int
            Of the simulated futures behind the intervals.

        Returns
        -------
        DataFrame
            ``week`` (1, 2, ...), ``until`` (its last day), ``expected`` purchases in it with the
            90% predictive interval ``q05``, ``q95``, and the same summed up to it (``cumulative``,
            ``cumulative_q05``, ``cumulative_q95``).

        Raises
        ------
        UsageError
            Fewer weeks than one.

        Examples
        --------
        >>> weeks = fit.forecast(weeks=4)
        >>> weeks["week"].tolist(), bool((weeks["q05"] <= weeks["q95"]).all())
        ([1, 2, 3, 4], True)
        """
        from churnlab.posterior.forecast import DAYS_PER_WEEK, weekly_forecast

        weeks = whole("weeks", weeks, 1)
        rng = np.random.default_rng(seed)
        found = weekly_forecast(self.draws, self.data.cells, weeks, rng, ahead=self.data.ahead)
        number = np.arange(1, weeks + 1)
        until = pd.Timestamp(self.data.as_of) + pd.to_timedelta(DAYS_PER_WEEK * number, unit="D")
        table = pd.DataFrame({"week": number, "until": until})
        for name, low, high, mean, futures in (
            ("expected", "q05", "q95", *found),
            ("cumulative", "cumulative_q05", "cumulative_q95",
             found.expected.cumsum(axis=1), found.predicted.cumsum(axis=1)),
        ):  # fmt: skip
            table[name] = mean.mean(axis=0)
            table[low], table[high] = np.quantile(futures, [0.05, 0.95], axis=0)
        return table

    def next_purchase(self) -> pd.DataFrame:
        """Return when each customer's next purchase is due, from the last one and from today.

        Returns
        -------
        DataFrame
            ``customer_id``, ``last_purchase_at``; counted from that ``due_date`` (median) with its
            80% interval ``due_q10``, ``due_q90``; counted from today, after the silence so far,
            ``next_purchase_q50`` with ``next_purchase_q10``, ``next_purchase_q90``; definitions:
            docs/files.md.

        Examples
        --------
        >>> due = fit.next_purchase()
        >>> bool((due["due_q10"] <= due["due_q90"]).all())
        True
        """
        columns = ["customer_id", "last_purchase_at", "due_date", "due_q10", "due_q90"]
        columns += ["next_purchase_q50", "next_purchase_q10", "next_purchase_q90"]
        return self.customers()[columns]

    def states(self, rule: Any = "overdue") -> pd.DataFrame:
        """Return each customer's purchase state under a rule that needs no earlier day.

        Parameters
        ----------
        rule : str or rule
            `overdue` (late by the own rhythm), or an `OverdueRule` or `FixedRule` of your own.

        Returns
        -------
        DataFrame
            ``customer_id``, ``state`` (first_active, repeat_active, first_risk, repeat_risk),
            ``at_risk_date``, ``p_alive``.

        Raises
        ------
        UsageError
            A rule that does not exist, or one that learns from earlier days.

        Examples
        --------
        >>> sorted(fit.states()["state"].unique())
        ['first_active', 'first_risk', 'repeat_active', 'repeat_risk']
        >>> from churnlab.rules import FixedRule
        >>> few = fit.states(FixedRule(value=0.9))  # at risk where P(alive) is below 0.1
        """
        from churnlab.posterior import RiskConfig, StateCut
        from churnlab.rules import FixedRule, OverdueRule, rule_named

        chosen = rule_named(rule) if isinstance(rule, str) else rule
        if not isinstance(chosen, FixedRule | OverdueRule):
            raise UsageError(
                f"rule {getattr(chosen, 'name', rule)!r} learns from earlier days, which a fit "
                "does not know; expected overdue or fixed here, or churnlab.segment(log, rule=...)."
            )
        risk = RiskConfig(basis="p_alive")
        if isinstance(chosen, OverdueRule):
            cut = self.overdue(chosen).state(risk)
        else:
            first = chosen.value if chosen.first_value is None else chosen.first_value
            cut = StateCut(risk, chosen.value, first)
        table = self.customers(state=cut)
        late = table["at_risk_date"] <= pd.Timestamp(self.data.as_of)
        bought = np.where(table["x"] < 1, "first", "repeat")
        state = pd.Series(bought, index=table.index) + np.where(late, "_risk", "_active")
        return table[["customer_id"]].assign(
            state=state, at_risk_date=table["at_risk_date"], p_alive=table["p_alive"]
        )
