"""The published JSON Schema of the bundle, and validation that names the place."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from churnlab.bundle.rules import check_version
from churnlab.errors import VerificationError

SCHEMA_VERSION = "1.1.0"
_SCHEMA_FILE = "bundle.v1.schema.json"
_MAX_SHOWN = 120


@cache
def bundle_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that bundles of this major version follow."""
    text = resources.files("churnlab.export").joinpath("schemas", _SCHEMA_FILE).read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator() -> Any:
    return _jsonschema().Draft202012Validator(bundle_schema())


def _jsonschema() -> Any:
    """Import jsonschema without the IRI grammar that JupyterLab brings along.

    jsonschema tries to import it for a format that the schema does not use; building that grammar
    takes four seconds.
    """
    grammar = "rfc3987_syntax"
    hidden = grammar not in sys.modules and "jsonschema" not in sys.modules
    if hidden:
        sys.modules[grammar] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("jsonschema")
    finally:
        if hidden:
            del sys.modules[grammar]


def place(path: Iterable[str | int]) -> str:
    """Return where in the bundle: ``models.purchases.draws[3][0][1]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "bundle"


def validate(content: Any) -> None:
    """Refuse what does not follow the schema.

    Raises
    ------
    VerificationError
        Naming the deepest place at fault, what was found and what was expected.
    """
    check_version(content)
    found = next(iter(_validator().iter_errors(content)), None)
    if found is None:
        return
    cause = _deepest(found)
    raise VerificationError(
        f"{place(cause.absolute_path)}: {_shorten(cause.message)} (schema "
        f"{content['schema_version']}). Take the bundle as exported, or export again."
    )


def _deepest(error: Any) -> Any:
    """Follow the alternatives of `anyOf` to the error that lies deepest in the bundle."""
    while error.context:
        error = max(error.context, key=lambda e: (len(e.absolute_path), e.validator != "type"))
    return error


def _shorten(message: str) -> str:
    if len(message) <= 2 * _MAX_SHOWN:
        return message
    return f"{message[:_MAX_SHOWN]} ... {message[-_MAX_SHOWN:]}"
