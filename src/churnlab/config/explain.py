"""Hydra's and OmegaConf's complaints, said in the user's words."""

import re

from omegaconf import OmegaConf

from churnlab.errors import ChurnlabError, UsageError, nearest

_UNKNOWN_KEY = re.compile(
    r"Could not override '(?P<key>[^']+)'|Key '(?P<bare>[^']+)' (?:is )?not in"
)
_UNKNOWN_OPTION = re.compile(
    r"Could not find '(?P<group>[^'/]+(?:/[^'/]+)*)/(?P<option>[^'/]+)'(?P<rest>.*)", re.DOTALL
)
_WRONG_KIND = re.compile(
    r"Value '(?P<value>.*?)' of type '\w+' could not be converted to (?P<kind>\w+)"
    r".*?full_key: (?P<key>\S+)",
    re.DOTALL,
)
_UNSET = re.compile(
    r"Environment variable '(?P<name>[^']*)' not found.*?full_key: (?P<key>\S+)", re.DOTALL
)
_PLUGIN = re.compile(r"Unknown plugin class : 'hydra_plugins\.(?P<module>\w+)\.")
_MERGING = re.compile(r"Error merging override \+*(?P<key>[\w.]+)=(?P<value>.*)")
_KINDS = {"Integer": "a whole number", "Float": "a number", "Bool": "true or false"}
_OPTIONS = re.compile(
    r"Available options in '[^']*':\s*(?P<options>.*?)(?:\n\s*\n|\nConfig search|$)", re.DOTALL
)
_SWEEP = "sweep overrides without --multirun"


def explain(error: BaseException, command: str) -> ChurnlabError:
    """Return the error that says in one message what was typed, what exists and what to do."""
    cause = next((e for e in _chain(error) if isinstance(e, ChurnlabError)), None)
    if cause is not None:
        return cause
    text = "\n".join(str(e) for e in _chain(error))
    return (
        _unset(text)
        or _wrong_kind(text)
        or _wrong_shape(text, command)
        or _unknown_option(text)
        or _unknown_key(text, command)
        or _other(text, command)
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def absent_plugin(error: BaseException) -> UsageError | None:
    """Return what to install where a launcher's or sweeper's package is absent."""
    match = _PLUGIN.search(str(error))
    if match is None:
        return None
    package = match["module"].replace("_", "-")
    return UsageError(f"{package} is not installed, which runs these jobs; pip install {package}.")


def _unset(text: str) -> UsageError | None:
    match = _UNSET.search(text)
    if match is None:
        return None
    name, key = match["name"], match["key"]
    return UsageError(
        f"{key} refers to the environment variable {name}, which is not set; set it, or write "
        f"{key} without it."
    )


def _wrong_kind(text: str) -> UsageError | None:
    match = _WRONG_KIND.search(text)
    if match is None:
        return None
    kind = _KINDS.get(match["kind"], match["kind"])
    return UsageError(f"{match['key']} must be {kind}; got {match['value']!r}.")


def _wrong_shape(text: str, command: str) -> UsageError | None:
    """Return what is said of null where a value is due, and of one value where several are."""
    match = _MERGING.search(text)
    if match is None:
        return None
    key, value = match["key"], match["value"].strip()
    if "is not Optional" in text:
        return UsageError(f"{key} needs a value; got {value}. Leave it out for its default.")
    if "is not a ListConfig" in text:
        return UsageError(f"{key} must be a list; got {value}. Write {key}=[{value}].")
    if " to Dict[" in text:
        return UsageError(
            f"{key} must give values by name; got {value}. Write {key}={{NAME: VALUE}}."
        )
    if "is not a subclass of" in text:
        own = [k for k in known_keys(command) if k.startswith(f"{key}.")]
        return UsageError(f"{key} is no value but holds keys; got {value}. Set {', '.join(own)}.")
    return None


def _unknown_option(text: str) -> UsageError | None:
    match = _UNKNOWN_OPTION.search(text)
    if match is None:
        return None
    group, option = match["group"], match["option"]
    listed = _OPTIONS.search(text)
    options = [o.strip() for o in listed["options"].splitlines() if o.strip()] if listed else []
    options = [o for o in options if not o.startswith("base_")]
    known = f" Expected one of: {', '.join(options)}." if options else ""
    return UsageError(f"{group}={option} does not exist.{nearest(option, options)}{known}")


def _unknown_key(text: str, command: str) -> UsageError | None:
    match = _UNKNOWN_KEY.search(text)
    if match is None:
        return None
    key = match["key"] or match["bare"]
    known = known_keys(command)
    return UsageError(
        f"unknown option {key!r} for `churnlab {command}`.{nearest(key, known)} "
        f"`churnlab {command} --cfg job` lists them all."
    )


def _other(text: str, command: str) -> UsageError:
    if ("Ambiguous value for argument" in text and "multirun" in text) or _SWEEP in text:
        first = text.splitlines()[0]
        return UsageError(f"{first}; add -m to sweep, or quote a value that contains commas.")
    first = " ".join(line.strip() for line in text.splitlines() if line.strip())[:400]
    return UsageError(f"{first} See `churnlab {command} --cfg job`.")


def known_keys(command: str) -> list[str]:
    """Return every key that a command's configuration has, dotted."""
    from churnlab.config.compose import compose

    return _dotted(OmegaConf.to_container(compose(command), resolve=False), "")


def _dotted(node: object, prefix: str) -> list[str]:
    if not isinstance(node, dict):
        return []
    keys: list[str] = []
    for key, value in node.items():
        full = f"{prefix}{key}"
        keys.append(full)
        keys += _dotted(value, f"{full}.")
    return keys
