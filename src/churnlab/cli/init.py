"""`churnlab init FILE...`: from any export to settings of one's own, shown before they are written.

No run folder: what it makes is a configuration, `conf/data/NAME.yaml`, which every command finds
from the same folder as `data=NAME`.
"""

import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from churnlab.cli.wrapping import fitted
from churnlab.errors import DataError, UsageError
from churnlab.events import DATA_NAMES, DataConfig, EventLog, open_log
from churnlab.intake import Proposal, Question, propose
from churnlab.intake.opening import open_sources
from churnlab.secrets import hide, in_url

FOLDER = Path("conf")
_PASSWORD = "CHURNLAB_PASSWORD"
_ROWS = 3


def run(arguments: Sequence[str]) -> str:
    """Look at the sources, show and ask, write the settings; return their name.

    arguments: Files, folders, globs or database URLs; `--yes` to take the safer answer everywhere;
        `name=NAME` for the settings.
    Raises UsageError: No source, or nobody to answer.
    Raises DataError: A source that cannot be read, or in which no purchases are found.
    """
    sources, name, yes = _parsed(arguments)
    with tempfile.TemporaryDirectory(prefix="churnlab-") as scratch:
        proposal = propose(open_sources(sources, Path(scratch)))
    _say(hide(f"{', '.join(sources)}:"), *map(hide, proposal.lines()))
    for question in list(proposal.questions):
        choice = _safer(question) if yes else _ask(question)
        proposal.answer(question, choice)
        _say(f"  {question.text}: {question.options[choice][0]}")
    log = open_log(config_of(proposal))
    _preview(log)
    target = FOLDER / "data" / f"{name}.yaml"
    if not yes and not _agreed(target):
        raise UsageError("nothing was written.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text_of(proposal, name, sources), encoding="utf-8")
    _say("", f"wrote {target}")
    if _PASSWORD in target.read_text(encoding="utf-8"):
        os.environ.setdefault(_PASSWORD, in_url(proposal.data["connection"])[0])
        _say(f"the password is not in it: set the environment variable {_PASSWORD}")
    _say(f"next: churnlab pipeline data={name}")
    return name


def _parsed(arguments: Sequence[str]) -> tuple[list[str], str, bool]:
    named = [a.split("=", 1)[1] for a in arguments if a.startswith("name=")]
    flags = [a for a in arguments if a.startswith("-")]
    sources = [a for a in arguments if not a.startswith(("-", "name="))]
    wrong = [f for f in flags if f not in ("--yes", "-y")]
    if wrong or not sources:
        raise UsageError(
            (f"unknown flag {wrong[0]!r}; " if wrong else "")
            + "expected churnlab init FILE... [--yes] [name=NAME]; see `churnlab init --help`."
        )
    return sources, named[-1] if named else name_for(sources[0]), bool(flags)


def name_for(source: str) -> str:
    """Return a name for settings: that of the file in plain letters."""
    stem = Path(source.split("://", 1)[-1].rstrip("/*")).name.split(".")[0]
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", plain).strip("_").lower() or "shop"
    return f"my_{name}" if name in DATA_NAMES or name[0].isdigit() else name


def _safer(question: Question) -> int:
    """Take the option that leaves something out; a guess at a time is no safe one."""
    if question.options[0][1] is None:
        return 0
    listed = " or ".join(label for label, _ in question.options)
    raise DataError(
        f"{question.text}: {listed}. Nothing in the file tells which: run it without --yes and "
        f"answer, or write data.{question.table}.{question.key} by hand."
    )


def _ask(question: Question) -> int:
    _say(question.text + ":", *(f"  {i + 1}  {o[0]}" for i, o in enumerate(question.options)))
    while True:
        typed = _answer(f"1 to {len(question.options)} [1]: ") or "1"
        if typed.isdigit() and 1 <= int(typed) <= len(question.options):
            return int(typed) - 1


def _agreed(target: Path) -> bool:
    there = "Overwrite" if target.exists() else "Write"
    return _answer(f"{there} {target}? [Y/n]: ").lower() in ("", "y", "yes", "j", "ja", "예", "네")


def _answer(prompt: str) -> str:
    sys.stdout.flush()
    try:
        return input(prompt).strip()
    except (EOFError, OSError) as error:  # closed, or nothing that can be read
        raise UsageError(
            "nobody answers; nothing was written. Add --yes to take the safer readings."
        ) from error


def config_of(proposal: Proposal) -> DataConfig:
    """Return the proposal as the settings that a command would compose."""
    config = DataConfig(**proposal.data)
    for table, values in proposal.tables.items():
        setattr(config, table, type(config.tables[table])(**values))
    return config


def text_of(proposal: Proposal, name: str, sources: Sequence[str]) -> str:
    """Return the configuration file: reasons as comments, then the settings."""
    head = [f"# churnlab init {' '.join(sources)}", *(f"# {s.strip()}" for s in proposal.lines())]
    content = {"defaults": ["base_data"], "name": name, **_literal(proposal.settings())}
    for secret in in_url(str(content.get("connection", "")))[:1]:
        reference = "${oc.env:" + _PASSWORD + "}"
        content["connection"] = content["connection"].replace(secret, reference)
    body = OmegaConf.to_yaml(OmegaConf.create(content))
    # No name of a column ends a comment: YAML knows more ends of lines than one.
    return "\n".join(hide(" ".join(line.splitlines())) for line in head) + "\n" + body


def _literal(value: Any) -> Any:
    """Keep OmegaConf from reading `${...}` in a column's name as a reference."""
    if isinstance(value, dict):
        return {k: _literal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_literal(v) for v in value]
    return value.replace("${", "\\${") if isinstance(value, str) else value


def _preview(log: EventLog) -> None:
    for name in sorted(log.tables):
        table = log.table(name).limit(_ROWS).to_pandas()
        with pd.option_context("display.width", 120, "display.max_columns", 12):
            _say("", f"{name}, the first rows as read:", table.to_string(index=False))
    _say("", *log.report.lines())


def _say(*lines: str) -> None:
    for line in lines:
        print(fitted(line))
