"""Ids, texts, numbers, flags and attributes as Ibis expressions."""

from __future__ import annotations

from typing import Any

import ibis

from churnlab.errors import DataError
from churnlab.events.times import EARLIEST, LATEST

#: Above this, a float no longer holds every whole number: digits of an id would be lost.
_EXACT = 2**53
_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")


def is_mendable(kind: Any) -> bool:
    """Whether ids of this type carry a fraction that has to go ("1.0")."""
    return bool(kind.is_floating() or (kind.is_decimal() and (kind.scale or 0) > 0))


def broken_ids(column: Any) -> Any:
    """Count the float ids that are not whole numbers, or too large for a float to hold."""
    value = column.cast("float64")
    finite = value.notnull() & ~value.isnan()
    return (finite & ((value != value.floor()) | (value.abs() >= _EXACT))).sum()


def read_id(column: Any, name: str) -> Any:
    """Return an id as text, to the letter; blank means missing.

    Raises
    ------
    DataError
        Types that are no ids.
    """
    kind = column.type()
    if kind.is_string():
        return ibis.ifelse(column.strip() == "", ibis.null("string"), column)
    if is_mendable(kind):
        return _whole(column)
    if kind.is_integer() or kind.is_decimal() or kind.is_uuid() or kind.is_boolean():
        return column.cast("string")
    raise DataError(f"{name} holds {kind}; expected text or whole numbers as ids.")


def read_text(column: Any) -> Any:
    """Return text; whole floats lose their `.0`, blank becomes null."""
    kind = column.type()
    if kind.is_string():
        return ibis.ifelse(column.strip() == "", ibis.null("string"), column)
    if not is_mendable(kind):
        return column.cast("string")
    value = column.cast("float64")
    whole = (value == value.floor()) & (value.abs() < _EXACT)
    kept = ibis.ifelse(value.isnan(), ibis.null("string"), column.cast("string"))
    return ibis.ifelse(whole, _whole(ibis.ifelse(whole, value, ibis.null("float64"))), kept)


def _whole(column: Any) -> Any:
    value = column.cast("float64")
    usable = ~value.isnan() & ~value.isinf()
    return ibis.ifelse(usable, value, ibis.null("float64")).cast("int64").cast("string")


def read_number(column: Any) -> tuple[Any, Any]:
    """Return a number and the text of it where it cannot be read (else null)."""
    kind = column.type()
    if not (kind.is_string() or kind.is_numeric() or kind.is_boolean()):
        return ibis.null("float64"), column.cast("string")
    text = column.cast("string").strip().nullif("")
    value = text.try_cast("float64") if kind.is_string() else column.cast("float64")
    value = ibis.ifelse(value.isnan() | value.isinf(), ibis.null("float64"), value)
    missing = text.isnull() | (text.lower() == "nan")
    return value, ibis.ifelse(value.isnull() & ~missing, text, ibis.null("string"))


def read_flag(column: Any) -> tuple[Any, Any]:
    """Return a boolean (missing counts as false) and its text where it cannot be read."""
    kind = column.type()
    if kind.is_boolean():
        return column.fill_null(False), ibis.null("string")
    text = column.cast("string").strip().nullif("")
    word = text.lower()
    value = word.isin(_TRUE).fill_null(False)
    known = text.isnull() | word.isin((*_TRUE, *_FALSE, "nan"))
    return value, ibis.ifelse(known, ibis.null("string"), text)


def read_attribute(column: Any) -> Any:
    """Return an attribute in a sensible type: time, number, boolean or text."""
    kind = column.type()
    if kind.is_date() or kind.is_timestamp():
        stamp = column.cast("timestamp")
        return ibis.ifelse(stamp.between(EARLIEST, LATEST), stamp, ibis.null("timestamp"))
    if kind.is_numeric() or kind.is_boolean():
        return column
    return read_text(column)
