"""A configuration as it is recorded: secrets from the environment stay references."""

import os
import re
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from churnlab.secrets import SECRET_NAME, hide, in_url, remember

_VARIABLE = re.compile(r"\$\{oc\.env:\s*['\"]?(?P<name>\w+)")
_CONNECTION = "connection"


def recorded(config: DictConfig) -> dict[str, Any]:
    """Return a configuration as plain mappings and lists, for manifests and logs.

    Interpolations are resolved, but for those that bring a secret: `${oc.env:PW}` stays as typed.
    A password typed into a connection string is masked. From now on messages hide both.
    """
    raw = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    found = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    _walk(raw, found, "", _learn)
    kept = _walk(raw, found, "", _kept)
    return {str(k): v for k, v in kept.items()} if isinstance(kept, dict) else {}


def _walk(raw: Any, found: Any, key: str, leaf: Callable[[str, Any, str], Any]) -> Any:
    if isinstance(found, dict):
        named = raw if isinstance(raw, dict) else {}
        return {k: _walk(named.get(k), v, str(k), leaf) for k, v in found.items()}
    if isinstance(found, list):
        listed = raw if isinstance(raw, list) else [None] * len(found)
        return [_walk(r, v, key, leaf) for r, v in zip(listed, found, strict=True)]
    return leaf(key, raw, found) if isinstance(found, str) else found


def _learn(key: str, raw: Any, found: str) -> None:
    text = raw if isinstance(raw, str) else ""
    whole = key == _CONNECTION and text.startswith("${") and text.endswith("}")
    for match in _VARIABLE.finditer(text):
        if whole or SECRET_NAME.search(match["name"]):
            remember(os.environ.get(match["name"], ""))
    remember(*in_url(found))


def _kept(key: str, raw: Any, found: str) -> str:
    if hide(found) == found:
        return found
    return hide(raw) if isinstance(raw, str) and _VARIABLE.search(raw) else hide(found)
