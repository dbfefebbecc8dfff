"""A part of the settings (a dataclass) from its fields, or from its name alone."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from numbers import Integral
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from churnlab.errors import UsageError, nearest


def part(name: str, wanted: Any, value: Any, inner: Callable[..., Any] | None = None) -> Any:
    """Return a part as it is, or made of its fields or of its first field alone.

    name: What the caller calls it, for the error.
    wanted: The dataclass; else the value is returned, one alone as a list where a list is wanted.
    value: An instance, a mapping of fields, or the value of the first field (its name).
    inner: `(name, wanted, value)` -> a field's value; default: this function.
    Raises UsageError: A field that the part does not have, or a value of another kind.
    """
    if not isinstance(wanted, type) or not is_dataclass(wanted) or isinstance(value, wanted):
        return _leaf(name, wanted, value)
    if not isinstance(value, str | Mapping):
        raise UsageError(
            f"{name} must be a name, a mapping of fields or a {wanted.__name__}; got {value!r}."
        )
    chosen = {fields(wanted)[0].name: value} if isinstance(value, str) else value
    known = [f.name for f in fields(wanted)]
    for key in chosen:
        if key not in known:
            raise UsageError(
                f"{name} has no {key!r}.{nearest(key, known)} Known: {', '.join(known)}."
            )
    hints = get_type_hints(wanted)
    make = inner or part
    return wanted(**{key: make(key, hints[key], v) for key, v in chosen.items()})


def _leaf(name: str, wanted: Any, value: Any) -> Any:
    if get_origin(wanted) is list and isinstance(value, str | int | float):
        return [value]
    if isinstance(value, str) and set(get_args(wanted) or (wanted,)) <= {int, float, NoneType}:
        raise UsageError(f"{name} must be a number; got {value!r}.")
    return value


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number, refusing others and those below `least`."""
    if not isinstance(value, Integral) or value < least:
        raise UsageError(f"{name} must be {least} or greater, a whole number; got {value!r}.")
    return int(value)
