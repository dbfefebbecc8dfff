"""Use cases by keywords: settings built from what a notebook types.

`segment(log, settings=SegmentSettings(...))` and `segment(log, risk="fixed_days", seed=2)` are the
same function: the keywords are the fields of the settings, with the same defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

from churnlab.errors import UsageError, nearest
from churnlab.events import EventLog
from churnlab.parts import part
from churnlab.progress import SILENT
from churnlab.rules import rule_named
from churnlab.runs.result import Made, Result
from churnlab.summary.taking import as_log
from churnlab.workflows.steps.opening import Checked
from churnlab.workflows.steps.settings import Settings


def use_case[R](
    kind: type[Settings], *by_position: str
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let a function of (..., settings, progress) also take the settings' fields as keywords.

    kind: Class of the settings.
    by_position: Fields that may be given by position, after the function's own arguments.
    """

    def decorate(work: Callable[..., R]) -> Callable[..., R]:
        signature = inspect.signature(work)
        own = [p for p in signature.parameters.values() if p.name not in ("settings", "progress")]
        leading = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
        names = [*leading, *by_position]

        @wraps(work)
        def called(
            *values: Any, settings: Settings | None = None, progress: Any = SILENT, **options: Any
        ) -> R:
            if len(values) > len(leading) and isinstance(values[len(leading)], Settings):
                settings, values = values[len(leading)], values[: len(leading)]
            if len(values) > len(names):
                raise UsageError(
                    f"{work.__name__} takes {', '.join(names)} by position; name the rest."
                )
            options = dict(zip(names, values, strict=False)) | options
            given = {p.name: options.pop(p.name) for p in own if p.name in options}
            if "log" in given:
                given["log"] = as_log(given["log"])
            if settings is None:
                settings = settings_from(kind, options)
            elif options:
                raise UsageError(f"give settings or {', '.join(options)}, not both.")
            found = work(**given, settings=settings, progress=progress)
            if isinstance(found, Result):
                found.noting(_made(work.__name__, settings, given.get("log")))
            return found

        called.__signature__ = _shown(signature, own, kind, by_position)  # type: ignore[attr-defined]
        return called

    return decorate


def _made(command: str, settings: Settings, log: EventLog | None) -> Made:
    config = asdict(settings)
    if log is None:
        return Made(command, config, settings.seed)
    data = {"name": log.report.name, "time_zone": log.time_zone}
    config |= {"data": data, "as_of": log.as_of}
    return Made(command, config, settings.seed, Checked(log))


def settings_from(kind: type[Settings], options: Mapping[str, Any]) -> Any:
    """Return settings with some fields given; a part may be given as a mapping or by its name.

    Raises UsageError: An unknown field, or a value that the settings refuse.
    """
    hints = get_type_hints(kind)
    for name in options:
        if name not in hints:
            raise UsageError(
                f"unknown option {name!r}.{nearest(name, hints)} Known: {', '.join(hints)}."
            )
    found = kind(**{name: _part(name, hints[name], value) for name, value in options.items()})
    _require_all(found)
    return found


def _part(name: str, wanted: Any, value: Any) -> Any:
    """Return a part of the settings: as it is, from its fields, or from its name alone."""
    if name == "rule":
        return _rule(value)
    if name == "rules":
        named = value if isinstance(value, Mapping) else {str(one): one for one in value}
        return {key: _rule(one) for key, one in named.items()}
    return part(name, wanted, value, _part)


def _rule(value: Any) -> Any:
    if isinstance(value, str):
        return rule_named(value)
    return rule_named(**value) if isinstance(value, Mapping) else value


def _require_all(found: Settings) -> None:
    missing = [f.name for f in fields(found) if getattr(found, f.name) == "???"]
    if missing:
        raise UsageError(f"{', '.join(missing)} must be given.")


def _shown(
    signature: inspect.Signature,
    own: list[inspect.Parameter],
    kind: type[Settings],
    by_position: tuple[str, ...],
) -> inspect.Signature:
    """Return what help() shows: the function's own arguments, then the fields as keywords."""
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    leading = [p for p in own if p.kind is positional]
    chosen = {f.name: f for f in fields(kind)}
    leading += [inspect.Parameter(name, positional) for name in by_position]
    rest = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_default(f))
        for name, f in chosen.items()
        if name not in by_position
    ]
    others = [p for p in own if p.kind is not positional]
    progress = inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=SILENT)
    return signature.replace(parameters=[*leading, *rest, *others, progress])


def _default(field: Field[Any]) -> Any:
    if field.default_factory is MISSING:
        return field.default
    value = field.default_factory()
    return _Part(value) if is_dataclass(value) else value


class _Part:
    """A part's default, shown by its class alone: its fields are in that class' own help."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self.value).__name__}()"
