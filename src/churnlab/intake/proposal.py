"""What is proposed for some files: settings, the reason of each, and what has to be asked."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """A reading that the data leave open.

    text: What is open, with what speaks for either.
    table, key: The setting that the answer decides.
    options (label, value): The first is the safer one; a value of None leaves the column out.
    """

    text: str
    table: str
    key: str
    options: tuple[tuple[str, Any], ...]


@dataclass
class Proposal:
    """Settings of the data, as plain values for a configuration file.

    data: Settings of the data but its tables: zone, policies, connection.
    tables: Table -> its settings.
    reasons: (table, key) -> why.
    questions: Open readings; nothing is set for them until `answer`.
    """

    data: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def set(self, table: str, key: str, value: Any, why: str) -> None:
        """Set one setting (of the data, where `table` is empty) and remember why."""
        (self.tables.setdefault(table, {}) if table else self.data)[key] = value
        self.reasons[table, key] = why

    def answer(self, question: Question, choice: int) -> None:
        """Settle a question by the number of an option."""
        label, value = question.options[choice]
        if value is None:
            self.tables[question.table].pop(question.key, None)
            self.reasons[question.table, question.key] = label
        else:
            self.set(question.table, question.key, value, label)
        self.questions.remove(question)

    def settings(self) -> dict[str, Any]:
        """Return everything as one mapping: the fields of `DataConfig`."""
        return {**self.data, **self.tables}

    def lines(self) -> list[str]:
        """Return the settings with their reasons, a line each."""
        found = []
        for (table, key), why in self.reasons.items():
            place = f"{table}.{key}" if table else key
            held = self.tables.get(table, {}) if table else self.data
            said = f" = {held[key]}" if key in held else ": left out"
            found.append(f"  {place}{said}  ({why})")
        return found + [f"  note: {n}" for n in self.notes]
