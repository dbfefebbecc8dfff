"""Times as Ibis expressions: naive times are local, offsets are converted, the rest unreadable.

DuckDB's `TRY_CAST(text AS TIMESTAMP)` silently drops an offset; so the offset is looked for first,
and such times go through TIMESTAMP WITH TIME ZONE.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import ibis
import ibis.expr.datatypes as ibis_types

from churnlab.errors import DataError, UsageError

NAIVE, OFFSET = 1, 2
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
#: Outside of this range a time is a placeholder (0001-01-01, 9999-12-31), not an event.
EARLIEST = dt.datetime(1900, 1, 1)
LATEST = dt.datetime(2199, 12, 31, 23, 59, 59, 999999)
#: Tried, in this order, only to suggest `time_format` in a message.
COMMON_FORMATS = (
    "%Y%m%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%Y%m%d%H%M%S",
    "%Y.%m.%d %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y년 %m월 %d일",
    "%Y. %m. %d.",
    "%d %b %Y",
    "%b %d, %Y",
)

_DAY = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"
_ZONE = r"([Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|[+-]\d{2}(:?\d{2})?)"
_READABLE = rf"^{_DAY}([ T]+{_CLOCK}( *{_ZONE})?)?$"
_HAS_ZONE = rf":\d{{2}}([.,]\d+)? *{_ZONE}$"


@ibis.udf.scalar.builtin(
    name="timezone", signature=((ibis_types.string, ibis_types.Timestamp("UTC")), "timestamp")
)
def _local(zone, instant):  # type: ignore[no-untyped-def]
    ...


@ibis.udf.scalar.builtin(
    name="timezone", signature=(("string", "timestamp"), ibis_types.Timestamp("UTC"))
)
def _instant(zone, local):  # type: ignore[no-untyped-def]
    ...


@ibis.udf.scalar.builtin(name="try_strptime", signature=(("string", "string"), "timestamp"))
def _parse(text, pattern):  # type: ignore[no-untyped-def]
    ...


@ibis.udf.scalar.builtin(
    name="try_strptime", signature=(("string", "string"), ibis_types.Timestamp("UTC"))
)
def _parse_zoned(text, pattern):  # type: ignore[no-untyped-def]
    ...


@ibis.udf.scalar.builtin(name="make_timestamp", signature=(("int64",), "timestamp"))
def _from_micros(micros):  # type: ignore[no-untyped-def]
    ...


class Time(NamedTuple):
    """Expressions of one time column."""

    local: Any
    """Timestamp, local to the data's zone; null where missing or unreadable."""
    kind: Any
    """1 naive, 2 with offset, null where neither."""
    text: Any
    """What the source says; null where nothing is said."""


def read_time(column: Any, zone: str, time_format: str | None, name: str) -> Time:
    """Return the expressions that read a column of times.

    Parameters
    ----------
    column
        Ibis column of text, dates, timestamps (with or without zone) or, with a format, integers.
    zone : str
        IANA name of the local zone.
    time_format : str, optional
        strptime format, or `epoch_s`, `epoch_ms`, `epoch_us`.
    name : str
        How to call the column in messages.

    Raises
    ------
    DataError
        A type that holds no time.
    """
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        return _typed(column, zone)
    if kind.is_integer() and time_format in EPOCHS:
        return _epoch(column, zone, EPOCHS[str(time_format)])
    if kind.is_integer() and time_format is not None:
        column = column.cast("string")
    elif not kind.is_string():
        raise DataError(
            f"{name} holds {kind}, not times; expected text, dates or timestamps. For numbers give "
            "time_format: a strptime format such as %Y%m%d, or epoch_s, epoch_ms, epoch_us."
        )
    text = column.strip().nullif("")
    if time_format in EPOCHS:
        return _epoch(text.try_cast("int64"), zone, EPOCHS[str(time_format)])._replace(text=text)
    return _text(text, zone) if time_format is None else _formatted(text, zone, time_format)


def _typed(column: Any, zone: str) -> Time:
    zoned = column.type().is_timestamp() and column.type().timezone is not None
    local = _local(zone, column) if zoned else column.cast("timestamp")
    kind = ibis.ifelse(column.notnull(), OFFSET if zoned else NAIVE, ibis.null("int64"))
    return Time(_plausible(local), kind, column.cast("string"))


def _epoch(column: Any, zone: str, micros: int) -> Time:
    inside = column.abs() < 10**17 // micros
    stamp = _from_micros(ibis.ifelse(inside, column, ibis.null("int64")).cast("int64") * micros)
    local = _plausible(_local(zone, _instant("UTC", stamp)))
    kind = ibis.ifelse(column.notnull(), OFFSET, ibis.null("int64"))
    return Time(local, kind, column.cast("string"))


def _text(text: Any, zone: str) -> Time:
    readable = text.re_search(_READABLE)
    zoned = text.re_search(_HAS_ZONE)
    naive = text.replace(",", ".").try_cast("timestamp")
    instant = _tidy(text).try_cast(ibis_types.Timestamp("UTC"))
    local = ibis.cases(
        (~readable, ibis.null("timestamp")), (zoned, _local(zone, instant)), else_=naive
    )
    kind = ibis.cases((~readable, ibis.null("int64")), (zoned, OFFSET), else_=NAIVE)
    return Time(_plausible(local), kind, text)


def _tidy(text: Any) -> Any:
    """Return text with seconds and a signed offset, which DuckDB's cast insists on."""
    plain = text.replace(",", ".").re_replace(r" *([Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt])$", "+00")
    plain = plain.re_replace(r" +([+-])", r"\1")
    return plain.re_replace(r"([ T]\d{1,2}:\d{2})([+-])", r"\1:00\2")


def _formatted(text: Any, zone: str, time_format: str) -> Time:
    zoned = "%z" in time_format or "%Z" in time_format
    local = _local(zone, _parse_zoned(text, time_format)) if zoned else _parse(text, time_format)
    kind = ibis.ifelse(local.notnull(), OFFSET if zoned else NAIVE, ibis.null("int64"))
    return Time(_plausible(local), kind, text)


def _plausible(local: Any) -> Any:
    return ibis.ifelse(local.between(EARLIEST, LATEST), local, ibis.null("timestamp"))


def suggest_format(samples: list[str]) -> str | None:
    """Return the first common strptime format that reads every sample, or None."""
    for pattern in COMMON_FORMATS:
        try:
            for sample in samples:
                dt.datetime.strptime(sample.strip(), pattern)
        except ValueError:
            continue
        return pattern
    return None


def parse_day(value: dt.date | str | None, key: str = "as_of") -> dt.date | None:
    """Return a date from ISO text, a date or a timestamp; None stays None.

    Raises
    ------
    UsageError
        Text that is not YYYY-MM-DD.
    """
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value).strip()[:10])
    except ValueError as error:
        raise UsageError(f"{key} must be a day such as 2011-09-30; got {value!r}.") from error
