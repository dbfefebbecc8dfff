"""Compiling with numba: without the GIL, cached on disk wherever a folder is writable."""

import tempfile
from collections.abc import Callable
from typing import Any

import numba


def njit(function: Callable[..., Any], **options: Any) -> Any:
    """Compile `function` on first call, free of the GIL, with the result cached on disk.

    numba raises while decorating where neither the package's folder nor the home is writable (a
    read-only install in a container); a temporary folder is the cache then, for this process and
    those that share its TMPDIR.
    """
    try:
        return _decorate(function, options)
    except RuntimeError:
        config: Any = numba.config
        config.CACHE_DIR = tempfile.mkdtemp(prefix="churnlab-numba-")
        return _decorate(function, options)


def fused(function: Callable[..., Any]) -> Any:
    """Compile like `njit`; a product and the sum it goes into may be rounded once."""
    return njit(function, fastmath={"contract"})


def unordered(function: Callable[..., Any]) -> Any:
    """Compile like `njit`; comparisons may be taken in any order: no NaN, no sign of zero."""
    return njit(function, fastmath={"nnan", "nsz"})


def _decorate(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    return numba.njit(nogil=True, cache=True, error_model="numpy", **options)(function)
