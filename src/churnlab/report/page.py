"""What stands in a page is text: values are escaped, and the browser is told to run nothing else.

Names, ids and attributes come from logs that anybody may have written to. Pages are made with the
functions here: each value is escaped where it enters, and the policy is the second wall behind it.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable
from typing import Any

#: Where the metadata of a notebook's output hold its figure for a phone.
SMALL = "narrow"
#: Code spans of one line (they are left as they are), or what begins markup or a link.
_MARKUP = re.compile(r"(?P<code>(?P<ticks>`+)[^`\n|]+(?P=ticks))|<(?=[A-Za-z/!?])|\](?=[(:\[])")


def escaped(value: Any) -> str:
    """Return a value as text that is safe in HTML, between tags and in quoted attributes."""
    return html.escape(str(value), quote=True)


def embedded(value: Any) -> str:
    """Return a value as JSON that is safe inside a ``<script>`` element.

    JSON itself leaves ``</script>`` and ``<!--`` as they are, and both end or bend the element.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def policy(scripts: Iterable[str] = ()) -> str:
    """Return the content security policy of a self-contained page, as a ``<meta>`` element.

    Nothing is fetched; styles, pictures and fonts stand inside the page; only the given scripts
    run, and no handler in an attribute does. The element goes first into ``<head>``.

    scripts: The exact text between ``<script>`` and ``</script>`` of each script that may run.
    """
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{h}'" for h in hashes) or "'none'"
    rules = (
        "default-src 'none'",
        f"script-src {allowed}",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "font-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'


def inert(markdown: str) -> str:
    """Return Markdown in which neither HTML nor a link is left: both stand as text."""
    return _MARKUP.sub(lambda m: m["code"] or f"\\{m[0]}", markdown)
