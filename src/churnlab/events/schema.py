"""What each table holds: canonical columns, their kind, and the reasons a row can be dropped."""

from typing import Final, NamedTuple

from churnlab.events.config import MembersTable, SourceTable
from churnlab.formats.expressions import NotAnExpressionError, columns_of, parse


class Column(NamedTuple):
    """One canonical column."""

    name: str
    kind: str
    """`id`, `time`, `text`, `number`, `flag` or `attribute`."""
    required: bool = False
    named: bool = False
    """Taken only where the user names it."""


_ID = Column("customer_id", "id", required=True)
_AT = Column("event_at", "time", required=True)

COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "purchases": (
        _ID,
        _AT,
        Column("amount", "number"),
        Column("order_id", "text"),
        Column("item", "text"),
        Column("category", "text"),
        Column("cancelled", "flag"),
        Column("refunded_amount", "number"),
        Column("status", "text", named=True),
    ),
    "visits": (_ID, _AT, Column("source", "text"), Column("event", "text"), Column("item", "text")),
    "members": (_ID, Column("signed_up_at", "time", required=True)),
    "treatments": (
        _ID,
        _AT,
        Column("arm", "text", required=True),
        Column("rule_id", "text"),
        Column("cost", "number"),
    ),
}

#: Why a row is dropped; a row has the first reason that fits, in this order. Lateness comes first:
#: nothing about a row after `as_of` is looked at.
REASONS: Final = (
    "after_as_of", "missing_id", "missing_time", "unreadable_time", "unknown_beginning",
    "returned", "duplicate",
)  # fmt: skip
#: The reasons that `on_bad_rows` and `max_bad_share` speak of.
BAD_REASONS: Final = ("missing_id", "missing_time", "unreadable_time")

ARMS: Final = ("treat", "holdout")


def time_column(table: str) -> str:
    """Return the canonical name of a table's time column."""
    return next(c.name for c in COLUMNS[table] if c.kind == "time")


class Mapped(NamedTuple):
    """A canonical column and what stands behind it in the source."""

    column: Column
    source: str
    """The source's column, or an SQL expression over its columns."""
    inputs: tuple[str, ...]
    """The source's columns that are read for it."""

    @property
    def computed(self) -> bool:
        """Whether the source is an expression."""
        return self.inputs != (self.source,)


def mapped_columns(table: str, config: SourceTable, present: list[str]) -> list[Mapped]:
    """Match canonical columns with those the source has.

    A column that was named must exist; an optional one that was not named is taken where the
    source has a column of the canonical name. Missing ones are left in with their wanted name
    when required or named, so that the caller can report all of them at once.
    """
    found = []
    for column in COLUMNS[table]:
        wanted = getattr(config, column.name)
        if wanted is not None or (column.name in present and not column.named):
            source = wanted or column.name
            found.append(Mapped(column, source, _inputs(column, source, present)))
    if isinstance(config, MembersTable):
        found += _attributes(config, present, {m.source for m in found})
    return found


def _attributes(config: MembersTable, present: list[str], used: set[str]) -> list[Mapped]:
    named = config.attributes or {p: p for p in present if p not in used}
    reserved = {c.name for c in COLUMNS["members"]}
    return [Mapped(Column(k, "attribute"), v, (v,)) for k, v in named.items() if k not in reserved]


def _inputs(column: Column, source: str, present: list[str]) -> tuple[str, ...]:
    """A number or a time may be an expression, where no column is called so: `quantity * price`."""
    if source in present or column.kind not in ("number", "time"):
        return (source,)
    try:
        used = columns_of(parse(source), present)
    except NotAnExpressionError:
        return (source,)
    return tuple(used or (source,))
