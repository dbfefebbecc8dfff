"""Drop what the contract drops, count it by reason, and refuse what it does not allow."""

import datetime as dt
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend
from numpy.typing import NDArray

from churnlab.engine import identifier
from churnlab.errors import DataError
from churnlab.events.cleaning import history
from churnlab.events.cleaning.complaints import (
    describe_bad,
    format_hint,
    in_another_unit,
    reads_more,
)
from churnlab.events.cleaning.orders import RETURNED
from churnlab.events.cleaning.staging import DATE, HASH, TIME_TEXT, Staged, literal_date
from churnlab.events.config import DataConfig
from churnlab.events.report import TableReport
from churnlab.events.schema import BAD_REASONS, COLUMNS, REASONS, time_column
from churnlab.formats.detect import FIRST_YEAR
from churnlab.formats.times import NUMERIC

#: What may be lost of the rows up to `as_of` without a word from the user, by reason: a larger
#: share says that equal rows are no duplicates, or that a flag or a sign means something else.
CEILINGS = {"duplicate": 0.1, "returned": 0.5}
#: More unreadable times than this are another format, not bad rows, whatever `on_bad_rows` says.
MOST_UNREADABLE = 0.5
#: Losses of fewer rows are printed, but no error.
_FEW = 100

REASON = "_reason"
_ROW = "_row"
#: The rows that go, while they are counted.
DROPPED = "dropped"
#: So many hashes are sorted at once.
_PIECE = 20_000_000


def clean(backend: Backend, staged: Staged, config: DataConfig, as_of: dt.date) -> dict[str, int]:
    """Turn the staged table into the clean one, and return how many rows each reason dropped.

    A row is dropped for the first of `schema.REASONS` that fits.

    Raises DataError: More bad rows than allowed; returned or duplicate rows where they are an
        error, or more of them than anybody would expect.
    """
    in_its_unit(backend, staged)
    backend.create_table(DROPPED, _dropped(backend, staged, config, as_of), overwrite=True)
    dropped = counts_of(backend.table(DROPPED), config)
    enforce(backend, staged, config, dropped)
    # In place: writing the rows that are left anew would take a tenth of the whole reading.
    if sum(dropped.values()):
        backend.raw_sql(f"DELETE FROM {staged.name} WHERE rowid IN (SELECT {_ROW} FROM {DROPPED})")
    backend.drop_table(DROPPED)
    for column in backend.table(staged.name).columns:
        if column.startswith("_"):
            backend.raw_sql(f"ALTER TABLE {staged.name} DROP COLUMN {identifier(column)}")
    backend.raw_sql(f"ALTER TABLE {staged.name} RENAME TO {staged.table}")
    return dropped


def in_its_unit(backend: Any, staged: Staged) -> None:
    """Refuse numbers that end up near their zero, as those of another unit do."""
    if staged.days is None:
        return
    first, last = staged.days
    number = staged.time_format in NUMERIC and last.year < FIRST_YEAR
    if number or first.year == last.year == 1970:
        raise in_another_unit(backend, staged)


def _dropped(backend: Backend, staged: Staged, config: DataConfig, as_of: dt.date) -> Any:
    """Return the rows that go, with the reason of each."""
    early = backend.table(history.TABLE) if drops_unknown(config) else None
    raw = backend.table(staged.name)
    table = reasoned(raw.mutate(**{_ROW: raw.rowid()}), staged.table, config, as_of, early)
    bad = table.filter(table[REASON].notnull()).select(_ROW, REASON)
    if config.duplicates == "keep" and staged.table != "members":
        return bad
    again = _repeated(table, staged)
    if again is None:
        return bad
    again = again.anti_join(bad, _ROW).select(_ROW, **{REASON: ibis.literal("duplicate")})
    return ibis.union(bad, again, distinct=False)


def reasoned(
    table: Any, name: str, config: DataConfig, as_of: dt.date, early: Any | None = None
) -> Any:
    """Return staged rows with the first of `schema.REASONS` that fits, duplicates apart.

    table: Ibis table of staged rows.
    name: The table of the contract.
    early: Customers of unknown beginning who are left out.
    """
    if "cancelled" in table.columns:
        table = table.mutate(cancelled=table.cancelled.fill_null(False))
    at = time_column(name)
    tests = {
        "after_as_of": table[DATE] > literal_date(as_of),
        "missing_id": table.customer_id.isnull(),
        "missing_time": table[at].isnull() & table[TIME_TEXT].isnull(),
        "unreadable_time": table[at].isnull(),
    }
    if early is not None:
        tests["unknown_beginning"] = table.customer_id.isin(early.customer_id)
    if name == "purchases" and config.returns != "keep":
        tests["returned"] = _returned(table)
    reason = ibis.cases(*((tests[r].fill_null(False), r) for r in REASONS if r in tests))
    return table.mutate(**{REASON: reason})


def repeats(table: Any, name: str) -> Any:
    """Whether a staged row repeats another one that stays; of a member's the earliest signup does.

    Equal rows are not told apart, so which of them stays does not matter.
    """
    key, first = _same(name)
    rank = ibis.row_number().over(ibis.window(group_by=key, order_by=first or [HASH]))
    return table.customer_id.notnull() & (rank > 0)


def _same(name: str) -> tuple[list[str], list[Any]]:
    """Return what equal rows share, and which of them stays."""
    at = time_column(name)
    if name == "members":
        return ["customer_id"], [ibis.asc(at, nulls_first=False), HASH]
    return ["customer_id", at, HASH], []


def drops_unknown(config: DataConfig) -> bool:
    """Whether customers of unknown beginning are left out."""
    return config.history_from is not None and config.unknown_beginning == "drop"


def _repeated(table: Any, staged: Staged) -> Any | None:
    """Return the rows that repeat an earlier one; None where no two are alike.

    Only rows whose hash occurs twice are numbered: a window over all rows costs several times
    the reading. Id and time are in the key beside the 64-bit hash, so that a collision of hashes
    cannot drop a row.
    """
    key, first = _same(staged.table)
    known = table.filter(table.customer_id.notnull())
    if staged.table == "members":
        each = known.group_by("customer_id").aggregate(n=known.count())
        twice = each.filter(each.n > 1)
    else:
        found = several_times(known[HASH], staged.rows)
        if not len(found):
            return None
        twice = ibis.memtable(pa.table({HASH: found}))
    several = known.semi_join(twice, key[-1])
    rank = ibis.row_number().over(ibis.window(group_by=key, order_by=first or [_ROW]))
    numbered = several.select(_ROW, rank=rank)
    return numbered.filter(numbered["rank"] > 0).select(_ROW)


def several_times(hashes: Any, rows: int) -> NDArray[np.uint64]:
    """Return the values that a column of 64-bit hashes holds more than once, sorted.

    Sorted in pieces of one remainder each: a group of its own for every row would take the engine
    ten times the memory.

    rows: Of the table, at least.
    """
    pieces = 1 + rows // _PIECE
    found = []
    for piece in range(pieces):
        some = hashes.name("h").as_table()
        some = some.filter(some.h % pieces == piece) if pieces > 1 else some
        value = np.sort(some.to_pyarrow()["h"].to_numpy())
        found.append(np.unique(value[1:][value[1:] == value[:-1]]))
    return np.sort(np.concatenate(found))


def _returned(table: Any) -> Any:
    if RETURNED in table.columns:
        return table[RETURNED]
    tests = [ibis.literal(False)]
    if "amount" in table.columns:
        tests.append((table.amount < 0).fill_null(False))
    if "cancelled" in table.columns:
        tests.append(table.cancelled)
    return ibis.or_(*tests)


def counts_of(judged: Any, config: DataConfig) -> dict[str, int]:
    """Return how many rows each reason drops."""
    counted = judged.group_by(REASON).aggregate(n=judged.count()).to_pyarrow().to_pydict()
    found = dict(zip(counted[REASON], counted["n"], strict=True))
    asked = [r for r in REASONS if r != "unknown_beginning" or drops_unknown(config)]
    return {r: int(found.get(r, 0)) for r in asked}


def enforce(backend: Any, staged: Staged, config: DataConfig, dropped: dict[str, int]) -> None:
    """Refuse a table that loses more than the settings allow.

    Raises DataError: As of `clean`.
    """
    seen = staged.rows - dropped["after_as_of"]
    bad = sum(dropped[r] for r in BAD_REASONS)
    limit = {"drop": 1.0, "error": 0.0, None: config.max_bad_share}[config.on_bad_rows]
    other = dropped["unreadable_time"] and reads_more(backend, staged)
    if bad > limit * seen or dropped["unreadable_time"] > MOST_UNREADABLE * seen or other:
        raise _too_bad(backend, staged, config, dropped, seen)
    for column, count in staged.unreadable.items():
        if count > limit * staged.rows or not staged.known[column]:
            raise _unreadable_values(backend, staged, column)
    for reason, policy in (("returned", config.returns), ("duplicate", config.duplicates)):
        if policy == "error" and dropped[reason]:
            raise _forbidden(staged, reason, dropped[reason])
        if policy is None and staged.table != "members":
            _below_ceiling(staged, reason, dropped[reason], seen)


def _below_ceiling(staged: Staged, reason: str, count: int, seen: int) -> None:
    if count <= _FEW or count <= CEILINGS[reason] * seen:
        return
    what = {
        "duplicate": "repeat an earlier row in every column. Rows of one export that carry no "
        "number of their own (two cups of one visit) are no duplicates: keep them with "
        "data.duplicates=keep, or drop them with data.duplicates=drop",
        "returned": "are returns (amount < 0, or cancelled). Is the sign or the flag the other way "
        "round? Drop them with data.returns=drop, or count them with data.returns=keep",
    }
    raise DataError(
        f"{staged.table}: {count:,} of {seen:,} rows ({count / seen:.1%}) {what[reason]}. "
        f"Up to {CEILINGS[reason]:.0%} are dropped without asking."
    )


def _too_bad(
    backend: Any, staged: Staged, config: DataConfig, dropped: dict[str, int], seen: int
) -> DataError:
    counts = {r: dropped[r] for r in BAD_REASONS if dropped[r]}
    said = ", ".join(f"{n:,} {r.replace('_', ' ')}" for r, n in counts.items())
    bad, at = sum(counts.values()), time_column(staged.table)
    hints = [f"{staged.table}: {bad:,} of {seen:,} rows ({bad / seen:.1%}) are bad: {said}."]
    if "unreadable_time" in counts:
        hints.append(f"Times not readable: {describe_bad(backend, staged, at)}.")
        hints.append(format_hint(backend, staged))
    if "missing_id" in counts:
        hints.append(f"The ids stand in {staged.columns['customer_id']!r}.")
    if config.on_bad_rows == "drop":
        hints.append("So many times are no bad rows to drop, but another format.")
    else:
        share = 0.0 if config.on_bad_rows == "error" else config.max_bad_share
        hints.append(
            f"Allowed: {f'at most {share:.1%}' if share else 'none'}. Mend the source, or drop "
            "such rows with data.on_bad_rows=drop."
        )
    return DataError(" ".join(hints))


def _unreadable_values(backend: Any, staged: Staged, column: str) -> DataError:
    kind = next(c.kind for c in COLUMNS[staged.table] if c.name == column)
    wanted = "numbers (12000.50, $1,204.50)" if kind == "number" else "true/false, yes/no or 1/0"
    key = f"data.{staged.table}.decimal"
    if column in staged.ambiguous:
        advice = f"A comma or point before three digits can be either mark: say {key}='.' or ','"
    elif staged.known[column]:
        advice = "Mend the source, or take them as missing with data.on_bad_rows=drop"
    else:
        advice = f"Not one can be read: map another column with data.{staged.table}.{column}"
    return DataError(
        f"{staged.table}: {staged.unreadable[column]:,} of {staged.rows:,} values of {column} are "
        f"not readable: {describe_bad(backend, staged, column)}. Expected {wanted}. {advice}."
    )


def _forbidden(staged: Staged, reason: str, count: int) -> DataError:
    if reason == "returned":
        return DataError(
            f"purchases: {count:,} rows are returns (amount < 0 or cancelled) and "
            "data.returns=error; drop them with data.returns=drop or count them with keep."
        )
    return DataError(
        f"{staged.table}: {count:,} rows repeat an earlier row in every column and "
        "data.duplicates=error; drop them with data.duplicates=drop or count them with keep."
    )


def _nothing_left(staged: Staged, dropped: dict[str, int], as_of: dt.date) -> DataError:
    if dropped["after_as_of"] == staged.rows:
        return DataError(
            f"{staged.table}: all {staged.rows:,} rows lie after as_of {as_of}; "
            "give a later as_of, or data that reach back further."
        )
    said = ", ".join(f"{n:,} {r.replace('_', ' ')}" for r, n in dropped.items() if n)
    return DataError(
        f"{staged.table}: none of {staged.rows:,} rows can be used up to {as_of} ({said})."
    )


def account(
    table: Any, people: Any | None, staged: Staged, dropped: dict[str, int], as_of: dt.date
) -> TableReport:
    """Return the account of a clean table.

    people: `by_customer` of purchases or visits.
    Raises DataError: Nothing is left of purchases or visits.
    """
    customers = table.customer_id.nunique() if people is None else people.count()
    found = table.aggregate(
        kept=table.count(),
        customers=customers.as_scalar(),
        first=table[DATE].min(),
        last=table[DATE].max(),
    )
    values = {k: v[0] for k, v in found.to_pyarrow().to_pydict().items()}
    if not values["kept"] and staged.table in ("purchases", "visits"):
        raise _nothing_left(staged, dropped, as_of)
    return TableReport(
        source=staged.source.label, rows=staged.rows, kept=int(values["kept"]), dropped=dropped,
        customers=int(values["customers"]), first_day=values["first"], last_day=values["last"],
        times=staged.time_kind, columns=staged.columns, unreadable=staged.unreadable,
        notes=staged.notes,
    )  # fmt: skip
