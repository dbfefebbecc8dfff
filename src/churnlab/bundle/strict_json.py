"""Reading JSON that somebody else may have written: strict, and never a traceback."""

import json
from pathlib import Path
from typing import Any, NoReturn

from churnlab.errors import VerificationError
from churnlab.runs.hashing import content_hash

#: A bundle with a thousand groups stays well below (bytes).
MAX_BYTES = 256 << 20


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} occurs twice")
        result[key] = value
    return result


def load(path: Path) -> Any:
    """Read strict JSON: UTF-8, no NaN, no repeated key, not nested without end.

    Raises VerificationError: Whatever is wrong with the file.
    """
    try:
        if path.exists() and not path.is_file():
            raise VerificationError(f"{path} is no file; expected a bundle written by an export.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise VerificationError(
                f"{path} has {size:,} bytes; expected a bundle of at most {MAX_BYTES:,}."
            )
        return json.loads(
            path.read_bytes().decode("utf-8"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_repeated,
        )
    except OSError as error:
        raise VerificationError(
            f"{path} cannot be read ({error.strerror}); expected a bundle.json written by "
            "`churnlab export`."
        ) from error
    except (ValueError, RecursionError) as error:
        raise VerificationError(
            f"{path} is not a readable bundle ({error}); take it from `churnlab export` again."
        ) from error


def hash_without(content: dict[str, Any], key: str = "content_hash") -> str:
    """Return the content hash of a bundle: the canonical JSON of everything but the hash."""
    return content_hash({k: v for k, v in content.items() if k != key})
