"""Errors a user can act on, each with the exit status the commands end with.

A message states what was received, what was expected and what to do.
"""

import difflib
from collections.abc import Iterable


class ChurnlabError(Exception):
    """Base of every error that churnlab raises on purpose."""

    exit_status = 1


class UsageError(ChurnlabError, ValueError):
    """Wrong before any data are opened: a command, a key, a value, a folder."""

    exit_status = 2


class DataError(ChurnlabError, ValueError):
    """Found by opening data: a missing file or column, no rows, unreadable times."""

    exit_status = 3


class FitRefusedError(ChurnlabError, RuntimeError):
    """A fit that its diagnostics do not support."""

    exit_status = 4


class VerificationError(ChurnlabError, RuntimeError):
    """A bundle that does not verify, or monitoring that found a failure."""

    exit_status = 5


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known name nearest to `name`, or an empty string."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def one_of(key: str, value: str | None, known: Iterable[str]) -> None:
    """Refuse a word that is none of those known; None is left to the default."""
    if value is not None and value not in known:
        raise UsageError(
            f"{key} must be one of {', '.join(known)}; got {value!r}.{nearest(value, known)}"
        )
