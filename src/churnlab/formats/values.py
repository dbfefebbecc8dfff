"""Flags and attributes as Ibis expressions."""

from typing import Any

import ibis

from churnlab.formats.text import read_text, strip
from churnlab.formats.times import plausible

_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")


def read_flag(column: Any) -> tuple[Any, Any]:
    """Return a boolean, null where missing, and its text where it cannot be read."""
    kind = column.type()
    if kind.is_boolean():
        return column, ibis.null("string")
    text = strip(column.cast("string")).nullif("nan")
    known = text.lower().isin((*_TRUE, *_FALSE))
    value = ibis.ifelse(known, text.lower().isin(_TRUE), ibis.null("boolean"))
    return value, ibis.ifelse(known, ibis.null("string"), text)


def read_attribute(column: Any) -> Any:
    """Return an attribute in a sensible type: time, number, boolean or text."""
    kind = column.type()
    if kind.is_date() or kind.is_timestamp():
        return plausible(column.cast("timestamp"))
    if kind.is_numeric() or kind.is_boolean():
        return column
    return read_text(column)
