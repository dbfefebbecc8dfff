"""Reading a bundle that somebody else may have written: every fault names its place."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from churnlab.bundle import strict_json
from churnlab.bundle.consistency import check_content
from churnlab.bundle.document import SCHEMA_VERSION, Bundle
from churnlab.errors import VerificationError

MAJOR_VERSION = SCHEMA_VERSION.split(".")[0]
#: Every version of a bundle stays whole in this folder beside bundle.json.
VERSIONS = "bundles"
_MAX_SHOWN = 240


def bundle_path(path: str | Path) -> Path:
    """Return the bundle.json meant by a folder or a file."""
    path = Path(path)
    return path / "bundle.json" if path.is_dir() else path


def locate(folder: Path, bundle_id: str, name: str) -> Path:
    """Return where a bundle's file is: under ``bundles/<bundle_id>``, else beside bundle.json."""
    versioned = folder / VERSIONS / bundle_id / name
    return versioned if versioned.exists() else folder / name


def load_bundle(path: str | Path) -> Bundle:
    """Read bundle.json and check all that it says by itself: schema, rules between fields, hash.

    path: A bundle.json, or the folder of an export.
    Raises VerificationError: At the first fault, naming the place.
    """
    content = strict_json.load(bundle_path(path))
    bundle = validate(content)
    found = strict_json.hash_without(content)
    if found != bundle.content_hash:
        raise VerificationError(
            f"content_hash: the bundle was changed after its export (its content has "
            f"{found[:12]}..., it states {bundle.content_hash[:12]}...). Take the original, or "
            "change the configuration and export again."
        )
    check_content(bundle)
    return bundle


def validate(content: Any) -> Bundle:
    """Return the document that JSON values hold, refusing what does not follow the schema.

    Raises VerificationError: Naming the place at fault, what was found and what was expected.
    """
    _check_version(content)
    try:
        return Bundle.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where, rest = _place(content, first["loc"])
        named = f"{rest!r}: " if rest else ""
        raise VerificationError(
            f"{where}: {named}{_shorten(_message(first))} (schema {content['schema_version']}). "
            "Take the bundle as exported, or export again."
        ) from error


def _check_version(content: Any) -> None:
    """Refuse what is no bundle and what has an unknown major version."""
    version = content.get("schema_version") if isinstance(content, dict) else None
    major = version.split(".")[0] if isinstance(version, str) else None
    if major != MAJOR_VERSION:
        raise VerificationError(
            f"schema_version is {_shorten(repr(version))}; this churnlab reads {MAJOR_VERSION}.x "
            "bundles. Use the churnlab that wrote it, or export again."
        )


def _place(content: Any, path: Iterable[str | int]) -> tuple[str, str]:
    """Return where in the bundle, and a key that is missing or too much there."""
    node, there = content, list[str | int]()
    for part in path:
        inside = part in node if isinstance(node, dict) else isinstance(node, list)
        if not inside or (isinstance(node, list) and not isinstance(part, int)):
            # a missing key, or pydantic's name for one of several types
            return place(there), str(part) if isinstance(node, dict) else ""
        there.append(part)
        node = node[part]
    return place(there), ""


def place(path: Iterable[str | int]) -> str:
    """Return where in the bundle: ``models.purchases.draws[3][0][1]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "bundle"


def _message(error: Any) -> str:
    return f"{error['msg'][0].lower()}{error['msg'][1:]}; got {error['input']!r}"


def _shorten(message: str) -> str:
    if len(message) <= _MAX_SHOWN:
        return message
    return f"{message[: _MAX_SHOWN // 2]} ... {message[-_MAX_SHOWN // 2 :]}"
