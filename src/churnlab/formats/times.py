"""Times as Ibis expressions: naive times are local, offsets are converted, the rest unreadable.

DuckDB's `TRY_CAST(text AS TIMESTAMP)` silently drops an offset; so the offset is looked for first,
and such times go through TIMESTAMP WITH TIME ZONE.
"""

import datetime as dt
from typing import Any, NamedTuple

import ibis
import ibis.expr.datatypes as ibis_types

from churnlab.errors import DataError, UsageError
from churnlab.formats.text import read_text, strip

NAIVE, OFFSET = 1, 2
#: Units of a number of seconds since 1970, per second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
#: Days since 1899-12-30, with the time of day as a fraction: local times.
EXCEL_DAYS = "excel_days"
NUMERIC = (*EPOCHS, EXCEL_DAYS)
#: Outside of this range a time is a placeholder (0001-01-01, 9999-12-31), not an event.
EARLIEST = dt.datetime(1900, 1, 1)
LATEST = dt.datetime(2199, 12, 31, 23, 59, 59, 999999)

#: 1970-01-01 as Excel counts.
_EXCEL_1970 = 25_569
_DAY = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_PLAIN = ["____-__-__", "____-__-__ __:__:__", "____-__-__T__:__:__"]
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"
_ZONE = r"([Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|[+-]\d{2}(:?\d{2})?)"
_READABLE = rf"^{_DAY}([ T]+{_CLOCK}( *{_ZONE})?)?$"
_HAS_ZONE = rf":\d{{2}}([.,]\d+)? *{_ZONE}$"


@ibis.udf.scalar.builtin(
    name="timezone", signature=((ibis_types.string, ibis_types.Timestamp("UTC")), "timestamp")
)
def at_zone(zone, instant):  # type: ignore[no-untyped-def]
    """Return the local time of an instant: a function of DuckDB and of PostgreSQL."""
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
    """What the source says; null where nothing is said, and of typed columns where it is used."""


def read_time(column: Any, zone: str, time_format: str | None, name: str) -> Time:
    """Return the expressions that read a column of times.

    column: Ibis column of text, dates, timestamps (with or without zone) or, with a format,
        numbers.
    zone: IANA name of the local zone.
    time_format: strptime format, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or `excel_days`.
    Raises DataError: A type that holds no time.
    """
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        return _typed(column, zone)
    number = kind.is_numeric() and not kind.is_boolean()
    if number and time_format in NUMERIC:
        return _number(column, zone, str(time_format))._replace(text=column.cast("string"))
    if number and time_format is not None:
        column = read_text(column)
    elif not kind.is_string():
        raise DataError(
            f"{name} holds {kind}, not times; expected text, dates or timestamps. For numbers give "
            f"time_format: a strptime format such as %Y%m%d, or {', '.join(NUMERIC)}."
        )
    text = strip(column)
    if time_format in NUMERIC:
        text = text.replace(",", ".")
        digits = ibis.ifelse(text.contains("."), ibis.null("string"), text)  # a cast would round
        whole = _number(digits.try_cast("int64"), zone, str(time_format))
        broken = _number(text.try_cast("float64"), zone, str(time_format))
        local = ibis.coalesce(whole.local, broken.local)
        kind = ibis.coalesce(whole.kind, broken.kind)
        return Time(local, kind, text)
    return _text(text, zone) if time_format is None else _formatted(text, zone, time_format)


def _typed(column: Any, zone: str) -> Time:
    zoned = column.type().is_timestamp() and column.type().timezone is not None
    local = at_zone(zone, column) if zoned else column.cast("timestamp")
    return typed(local, column, OFFSET if zoned else NAIVE)


def typed(local: Any, column: Any, kind: int) -> Time:
    """Return the expressions of a column of dates or timestamps.

    What the source says is text only where it cannot be used: beside every time it would take
    more memory than all the rest.

    local, column: Timestamps, local to the data's zone, and as they came.
    kind: Of those that are there.
    """
    usable = plausible(local)
    said = ibis.ifelse(usable.isnull(), column.cast("string"), ibis.null("string"))
    return Time(usable, ibis.ifelse(column.notnull(), kind, ibis.null("int8")), said)


def _number(column: Any, zone: str, unit: str) -> Time:
    """Read epochs (instants) and Excel's days (local); whole numbers keep all their digits."""
    if column.type().is_decimal():
        column = column.cast("float64")
    if column.type().is_floating():
        column = ibis.ifelse(column.isnan(), ibis.null("float64"), column)
    excel = unit == EXCEL_DAYS
    # Far numbers would overflow; the year 2262 is as far as nanoseconds reach.
    far = 10**6 if excel else 9_223_372_036 * EPOCHS[unit]
    value = ibis.ifelse(column.between(-far, far), column, ibis.null(column.type()))
    if column.type().is_integer():
        value = value.cast("int64")
    if excel:
        days = ((value - _EXCEL_1970) * 86_400_000_000).round().cast("int64")
        local = _from_micros(days)
    else:
        local = at_zone(zone, _instant("UTC", _from_micros(_micros(value, EPOCHS[unit]))))
    kind = ibis.ifelse(column.notnull(), NAIVE if excel else OFFSET, ibis.null("int8"))
    return Time(plausible(local), kind, column.cast("string"))


def written_as(time: dt.datetime, unit: str) -> float:
    """Return the number that a time is in a unit of `NUMERIC`, zones aside."""
    days = (time - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)
    return days + _EXCEL_1970 if unit == EXCEL_DAYS else days * 86_400 * EPOCHS[unit]


def _micros(value: Any, per_second: int) -> Any:
    scaled = (
        value * (10**6 // per_second) if per_second <= 10**6 else value // (per_second // 10**6)
    )
    return scaled.round().cast("int64")


def _text(text: Any, zone: str) -> Time:
    plain = text.like(_PLAIN)  # most columns; patterns of letters cost a tenth of the rest
    readable = text.re_search(_READABLE)
    zoned = text.re_search(_HAS_ZONE)
    naive = text.replace(",", ".").try_cast("timestamp")
    instant = _tidy(text).try_cast(ibis_types.Timestamp("UTC"))
    local = ibis.cases(
        (plain, text.try_cast("timestamp")),
        (~readable, ibis.null("timestamp")),
        (zoned, at_zone(zone, instant)),
        else_=naive,
    )
    kind = ibis.cases((plain, NAIVE), (readable & zoned, OFFSET), (readable, NAIVE))
    return Time(plausible(local), kind, text)


def _tidy(text: Any) -> Any:
    """Return text with seconds and a signed offset, which DuckDB's cast insists on."""
    plain = text.replace(",", ".").re_replace(r" *([Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt])$", "+00")
    plain = plain.re_replace(r" +([+-])", r"\1")
    return plain.re_replace(r"([ T]\d{1,2}:\d{2})([+-])", r"\1:00\2")


def _formatted(text: Any, zone: str, time_format: str) -> Time:
    if "." not in time_format:  # a whole number that was a float once: 20200131.0
        text = text.re_replace(r"^(\d+)\.0+$", r"\1")
    if "%p" in time_format:
        text = western(text)
    zoned = "%z" in time_format or "%Z" in time_format
    local = at_zone(zone, _parse_zoned(text, time_format)) if zoned else _parse(text, time_format)
    kind = ibis.ifelse(local.notnull(), OFFSET if zoned else NAIVE, ibis.null("int8"))
    return Time(plausible(local), kind, text)


def western(text: Any) -> Any:
    """Return text with the halves of a day as `%p` knows them: 오후 is PM."""
    return text.replace("오전", "AM").replace("오후", "PM")


def plausible(local: Any) -> Any:
    """Return times, null where they are placeholders (0001-01-01, 9999-12-31)."""
    return ibis.ifelse(local.between(EARLIEST, LATEST), local, ibis.null("timestamp"))


def parse_day(value: dt.date | str | None, key: str = "as_of") -> dt.date | None:
    """Return a date from ISO text, a date or a timestamp; None stays None.

    Raises UsageError: Text that is not YYYY-MM-DD.
    """
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(str(value).strip()[:10])
    except ValueError as error:
        raise UsageError(f"{key} must be a day such as 2011-09-30; got {value!r}.") from error
