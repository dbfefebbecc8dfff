"""Mend command-line overrides that a shell user types and Hydra's grammar refuses.

``model.priors.rate_mean=Gamma(alpha=2, beta=1)``, ``data.purchases.customer_id=회원번호``,
``data.purchases.path=part*/x.csv`` or ``postgres://host/db?sslmode=require`` are all refused by
the grammar; the value is then taken literally, as text in double quotes.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from churnlab.errors import UsageError

# Mappings with free keys: Hydra asks for a leading + where a key is new, users should not have to.
_FREE_MAPPINGS = (
    "model.priors", "model.events", "data.members.attributes", "segments.polarity",
    "nday.n_by_group", "nday.cohort.campaigns",
)  # fmt: skip
#: What a name of a file in `configs/` chooses; Hydra stumbles over anything else.
_GROUPS = (
    "data", "debug", "experiment", "export", "inference", "model", "rule", "split", "visits",
)  # fmt: skip
_REFERENCE = re.compile(r"\$\{(?![\w.]+:)")  # but ${oc.env:HOME} is meant
_KEY = re.compile(r"^(?P<key>[+~]{0,2}[^=\s]+)=(?P<value>.*)$", re.DOTALL)


def mend(overrides: Sequence[str]) -> list[str]:
    """Return the overrides in a form that Hydra's grammar accepts, meaning what was typed.

    Raises UsageError when an argument is not of the form ``key=value``.
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
    if key.startswith("data.") and _REFERENCE.search(value):
        # A column called ${now}: nothing in the data refers to other keys.
        forms = [_quoted(value).replace("${", "\\${")]
    else:
        forms = [value, *_quoted_list(value), _quoted(value)]
    for form in forms:
        if (parsed := _parsed(parser, f"{key}={form}")) is not None:
            _check_group(parsed, match["value"])
            return f"{key}={form}"
    raise UsageError(f"cannot read the option {text!r}; expected KEY=VALUE with a plain key.")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted_list(value: str) -> list[str]:
    """A list of words beyond the grammar's letters: [환불,취소]."""
    if not (value.startswith("[") and value.endswith("]")):
        return []
    words = next(csv.reader([value[1:-1]], skipinitialspace=True), [])
    return ["[" + ",".join(_quoted(w.strip()) for w in words) + "]"]


def _parsed(parser: OverridesParser, text: str) -> Override | None:
    try:
        return parser.parse_override(text)
    except HydraException:
        return None


def _check_group(parsed: Override, value: str) -> None:
    """Refuse what is neither a name nor a list of names where a file is chosen."""
    group = parsed.key_or_group
    if group not in _GROUPS or parsed.is_delete() or parsed.is_sweep_override():
        return
    given = parsed.value()
    names = given if isinstance(given, list) else [given]
    if not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"{group} is chosen by name; got {value}. Leave it out for its default, or name one "
            "of those that --help lists."
        )
