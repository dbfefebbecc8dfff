"""One entry: from an event log to journeys, personas, cycles and audiences."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ibis
import numpy as np
import pandas as pd

from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.journeys.audience import audience_table, chosen_pairs
from churnlab.journeys.baskets import Baskets, read_baskets
from churnlab.journeys.companions import companion_table
from churnlab.journeys.config import JourneyConfig
from churnlab.journeys.cycles import find_cycles
from churnlab.journeys.loyal import Loyal, find_loyal
from churnlab.journeys.mine import mine
from churnlab.journeys.personas import attributes_of, converted, persona_table, telltales
from churnlab.journeys.predict import experiment_table, predict_table
from churnlab.journeys.report import say, text
from churnlab.journeys.result import JourneyResult
from churnlab.journeys.stops import stop_table
from churnlab.progress import SILENT, Update
from churnlab.report.notes import in_each


def run_journeys(
    log: EventLog, config: JourneyConfig, *, seed: int = 1, progress: Update = SILENT.update
) -> JourneyResult:
    """Find the journeys of a log, who becomes loyal, and whom to tell of what.

    What the data cannot support (a loyal group, personas, cycles) is left out with a note; the
    journeys themselves are needed.

    log: Purchases with items or categories; members with attributes where there are any.
    Raises DataError: No item column, one item only, or no window that is over.
    """
    seeds = np.random.SeedSequence(seed).generate_state(4)
    progress("baskets", 0.0)
    baskets = read_baskets(
        log, level=config.level, window_days=config.window_days, most_items=config.most_items
    )
    study = _Study(log, config, baskets, [int(s) for s in seeds])
    for i, (stage, work) in enumerate(study.stages()):
        progress(stage, (i + 1) / 7)
        work()
    return study.result()


@dataclass
class _Study:
    """What is known so far; each stage adds its tables."""

    log: EventLog
    config: JourneyConfig
    baskets: Baskets
    seeds: list[int]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: list[dict[str, str]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)
    loyal: Loyal | None = None
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)

    def stages(self) -> list[tuple[str, Callable[[], None]]]:
        """Return the stages in order."""
        return [
            ("loyal customers", self._find_loyal),
            ("journeys", self._mine),
            ("goods that go together", self._companions),
            ("personas", self._personas),
            ("cycles of goods", self._cycles),
            ("audiences and the held-out check", self._ahead),
        ]

    def note(self, key: str, **values: Any) -> None:
        """Remember what must be said, in both languages."""
        self.notes.append(say.both(key, **values))

    def miss(self, key: str, **values: Any) -> None:
        """Remember what the data do not support."""
        self.missing.append(say.both(key, **values))

    def _find_loyal(self) -> None:
        try:
            self.loyal = find_loyal(self.log, self.config.loyal, seed=self.seeds[0])
        except (DataError, FitRefusedError) as error:
            self.miss("no_loyal", reason=in_each(str(error)))
            return
        self.tables["loyal"] = self.loyal.customers
        if self.config.loyal.rule == "tier":
            self.note("tier_is_today", column=self.config.loyal.tier_column)

    def _mine(self) -> None:
        found = mine(self.baskets, self.config)
        journeys = [found.journeys]
        if self.loyal is not None:
            who = self.loyal.customers.loc[self.loyal.customers["loyal"], ["customer_id"]]
            theirs = self.baskets.of(ibis.memtable(who))
            journeys.insert(0, mine(theirs, self.config, who="loyal").journeys)
        filled = [j for j in journeys if len(j)] or journeys[-1:]
        self.tables["journeys"] = pd.concat(filled, ignore_index=True)
        self.tables["stops"] = stop_table(self.baskets, found)
        self.pairs = chosen_pairs(self.tables["journeys"], self.baskets.items, self.config)
        if self.pairs.empty:
            self.miss("no_pairs", least=self.config.least_customers)
        if self.baskets.n_items > len(self.baskets.items):
            self.note("common_only", n=len(self.baskets.items), of=self.baskets.n_items)

    def _companions(self) -> None:
        self.tables["companions"] = companion_table(
            self.baskets, least_customers=self.config.least_customers
        )

    def _personas(self) -> None:
        members = self.log.attributes().set_index("customer_id")
        chosen, left_out = attributes_of(members, self.config.loyal, self.config.persona)
        if left_out:
            self.note("defines_loyalty", names=", ".join(left_out))
        parts = []
        if self.loyal is not None:
            flags = self.loyal.customers.set_index("customer_id")["loyal"]
            parts.append(self._compare(chosen, flags, "loyal"))
        if self.log.members_derived:
            self.miss("no_signups")
        else:
            flags, early = converted(self.log, self.config.persona.converted_days)
            if early:
                self.note("early", n=early)
            parts.append(self._compare(chosen, flags, "converted"))
        filled = [p for p in parts if len(p)]
        if filled:
            self.tables["personas"] = pd.concat(filled, ignore_index=True)

    def _compare(self, chosen: pd.DataFrame, flags: pd.Series, comparison: str) -> pd.DataFrame:
        least = self.config.persona.least_customers
        if min(int(flags.sum()), int((~flags).sum())) < least:
            self.miss(f"few_{comparison}", n=int(flags.sum()), of=len(flags), least=least)
            return pd.DataFrame()
        # What the goods of the first purchase were is only known of those who bought.
        drop = ["first_category"] if comparison == "converted" else []
        people = chosen.drop(columns=drop, errors="ignore").reindex(flags.index)
        telling = telltales(people, flags)
        if telling:
            self.note("telltale", names=", ".join(telling))
        people = people.drop(columns=telling)
        config = self.config.persona
        return persona_table(people, flags, comparison, config, seed=self.seeds[1])

    def _cycles(self) -> None:
        config = self.config.cycles
        try:
            found = find_cycles(self.baskets, config, self.log.as_of, seed=self.seeds[2])
        except (DataError, FitRefusedError) as error:
            self.miss("no_cycles", reason=in_each(str(error)))
            return
        if found is None:
            self.miss("nothing_again", least=config.least_customers)
            return
        self.tables |= {"cycles": found.items, "due": found.due}

    def _ahead(self) -> None:
        self.tables["audience"] = audience_table(self.baskets, self.pairs)
        uplift = experiment_table(self.log, self.baskets, self.pairs, seed=self.seeds[3])
        if len(uplift):
            self.tables["experiment"] = uplift
        if self.loyal is not None and len(self.pairs):
            self.tables["predicts"] = predict_table(
                self.log, self.baskets, self.pairs, self.loyal.known_until, self.config
            )

    def result(self) -> JourneyResult:
        """Return tables, summary and lines."""
        summary = {
            "as_of": self.log.as_of,
            "level": self.config.level,
            "window_days": self.config.window_days,
            "span": self.config.span,
            "least_customers": self.config.least_customers,
            "items": len(self.baskets.items),
            "loyal": self._loyal_part(),
            "pairs": self.pairs.to_dict("records"),
            "notes": self.notes,
            "missing": self.missing,
        }
        return JourneyResult(self.tables, summary)

    def _loyal_part(self) -> dict[str, Any] | None:
        if self.loyal is None:
            return None
        rule = self.config.loyal
        return {
            "rule": rule.rule,
            "statement": text.loyal_rule(rule, self.loyal),
            "known_until": self.loyal.known_until,
            "customers": self.loyal.n,
            "of": len(self.loyal.customers),
            "least_rate_per_day": self.loyal.least_rate,
            "outcome_days": rule.outcome_days,
            "outcome": self.loyal.outcome.to_dict("records"),
        }
