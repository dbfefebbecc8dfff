"""Passwords stay out of what is written and said.

They come in connection strings, as they are or out of the environment (`${oc.env:NAME}`). A
password in a URL is known by its form; what the environment gave is remembered by its value.
"""

import re
from urllib.parse import quote, unquote

MASK = "***"
#: Names of environment variables and of URL parameters that hold secrets.
SECRET_NAME = re.compile(r"pass|pwd|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_USER = re.compile(
    r"(?P<before>[A-Za-z][\w+.-]*://(?:\$\{[^}]*\}|[^\s:/?#@])*:)(?P<secret>[^\s\"'<>]*)(?=@)"
)
_PARAMETER = re.compile(r"(?P<before>[?&;](?P<name>[\w.-]+)=)(?P<secret>[^\s&;\"'<>]+)")
#: Shorter values are words of the language as well.
_SHORTEST = 4

_known: set[str] = set()


def remember(*values: str) -> None:
    """Hide these values from now on, also as a URL writes them."""
    for value in values:
        _known.update(v for v in (value, quote(value, ""), unquote(value)) if len(v) >= _SHORTEST)


def in_url(url: str) -> list[str]:
    """Return the passwords that a connection string holds."""
    found = [m["secret"] for m in _USER.finditer(url)]
    return found + [m["secret"] for m in _PARAMETER.finditer(url) if SECRET_NAME.search(m["name"])]


def hide(text: str) -> str:
    """Return a text in which every password is masked."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _PARAMETER.sub(_masked, _USER.sub(_masked, text))


def _masked(found: re.Match[str]) -> str:
    parts = found.groupdict()
    known = SECRET_NAME.search(parts.get("name", "password"))
    reference = parts["secret"].startswith("${") or not parts["secret"]
    return found[0] if reference or not known else parts["before"] + MASK
