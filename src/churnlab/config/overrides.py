"""Mend command-line overrides that a shell user types and Hydra's grammar refuses.

``model.priors.rate_mean=Gamma(alpha=2, beta=1)``, ``data.purchases.customer_id=회원번호``,
``data.purchases.path=part*/x.csv`` or ``postgres://host/db?sslmode=require`` are all refused by
the grammar; the value is then taken literally, as text in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from churnlab.errors import UsageError

# Mappings with free keys: Hydra asks for a leading + where a key is new, users should not have to.
_FREE_MAPPINGS = (
    "model.priors",
    "model.events",
    "data.members.attributes",
    "segments.polarity",
    "nday.n_by_group",
    "nday.cohort.campaigns",
)
_KEY = re.compile(r"^(?P<key>[+~]{0,2}[^=\s]+)=(?P<value>.*)$", re.DOTALL)


def mend(overrides: Sequence[str]) -> list[str]:
    """Return the overrides in a form that Hydra's grammar accepts, meaning what was typed.

    Raises
    ------
    UsageError
        When an argument is not of the form ``key=value``.
    """
    parser = OverridesParser.create()
    return [_mend_one(parser, text) for text in overrides]


def _mend_one(parser: OverridesParser, text: str) -> str:
    match = _KEY.match(text)
    if match is None:
        if text.startswith("~"):
            return text
        hint = f" For a file: churnlab init {text}." if Path(text).exists() else ""
        raise UsageError(
            f"{text!r} is not an option; expected KEY=VALUE, e.g. model=mbg_nbd. "
            f"See `churnlab COMMAND --help`.{hint}"
        )
    key, value = match["key"], match["value"]
    if any(key == name or key.startswith(f"{name}.") for name in _FREE_MAPPINGS):
        key = f"++{key}"
    candidate = f"{key}={value}"
    if _parses(parser, candidate):
        return candidate
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    candidate = f'{key}="{quoted}"'
    if _parses(parser, candidate):
        return candidate
    raise UsageError(f"cannot read the option {text!r}; expected KEY=VALUE with a plain key.")


def _parses(parser: OverridesParser, text: str) -> bool:
    try:
        parser.parse_override(text)
    except HydraException:
        return False
    return True
