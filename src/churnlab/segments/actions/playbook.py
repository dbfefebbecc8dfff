"""The playbook: an action for each cell (P11), read from one data file in both languages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from churnlab.errors import UsageError, nearest, one_of
from churnlab.vocabulary import ALL_CODES, SEGMENT_CODES

#: How an action's audience is found; `segment` is everybody in its cells.
AUDIENCE_KINDS = (
    "segment", "due_reminder", "coupon_expiry", "cart", "viewed_goods", "bought_goods",
    "churn_band", "journey",
)  # fmt: skip
MESSAGE_CLASSES = ("promotional", "informational")
_TEXT_KEYS = ("action_id", "audience", "channel", "incentive", "message_class", "evidence")


@dataclass(frozen=True)
class Action:
    """One line of the playbook."""

    action_id: str
    cells: tuple[str, ...]
    audience: str
    channel: str
    incentive: str
    cooldown_days: int
    message_class: str
    evidence: str
    text_ko: str
    text_en: str
    source_ko: str = ""

    def text(self, lang: str = "en") -> str:
        """Return the line in Korean or English."""
        one_of("lang", lang, ("en", "ko"))
        return self.text_ko if lang == "ko" else self.text_en


@dataclass(frozen=True)
class Playbook:
    """All actions, checked: ids are unique and every cell of the grid has at least one."""

    actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        """Refuse unknown cells and kinds, double ids and cells without an action."""
        ids = [a.action_id for a in self.actions]
        double = sorted({i for i in ids if ids.count(i) > 1})
        if double:
            raise UsageError(f"Action ids must be unique; {', '.join(double)} occur twice.")
        for action in self.actions:
            _check_action(action)
        covered = {cell for action in self.actions for cell in action.cells}
        missing = [code for code in SEGMENT_CODES if code not in covered]
        if missing:
            raise UsageError(
                f"The playbook has no action for {', '.join(missing)}; every cell needs one."
            )

    def for_cell(self, code: str) -> tuple[Action, ...]:
        """Return the actions of a cell, in the file's order.

        Raises UsageError for a cell that does not exist.
        """
        if code not in ALL_CODES:
            raise UsageError(f"{code!r} is not a segment." + nearest(code, ALL_CODES))
        return tuple(a for a in self.actions if code in a.cells)

    def action(self, action_id: str) -> Action:
        """Return an action by its id. Raises UsageError for an id that does not exist."""
        by_id = {a.action_id: a for a in self.actions}
        if action_id not in by_id:
            raise UsageError(
                f"The playbook has no action {action_id!r}." + nearest(action_id, by_id)
            )
        return by_id[action_id]

    def with_evidence(self, measured: Mapping[str, str]) -> Playbook:
        """Return the playbook with the evidence of some actions replaced, by their id."""
        return Playbook(
            tuple(replace(a, evidence=measured.get(a.action_id, a.evidence)) for a in self.actions)
        )

    def frame(self) -> pd.DataFrame:
        """Return the exported ``actions`` table, with both texts and the cells beside it."""
        rows = [
            {
                "action_id": a.action_id, "channel": a.channel, "incentive": a.incentive,
                "cooldown_days": a.cooldown_days, "message_class": a.message_class,
                "evidence": a.evidence, "audience": a.audience, "cells": ",".join(a.cells),
                "text_en": a.text_en, "text_ko": a.text_ko,
            }
            for a in self.actions
        ]  # fmt: skip
        return pd.DataFrame(rows)


@cache
def default_playbook() -> Playbook:
    """Return the playbook that comes with churnlab."""
    file = resources.files("churnlab.segments.actions").joinpath("playbook.json")
    return _parse(json.loads(file.read_text(encoding="utf-8")), "playbook.json")


def load_playbook(path: Path | str | None = None) -> Playbook:
    """Read a playbook from a JSON file of the same form as the one that comes with churnlab.

    Raises UsageError when the file is missing, no JSON, lacks a key, or leaves a cell without an
        action.
    """
    if path is None:
        return default_playbook()
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The playbook {path} cannot be read: {error.strerror}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The playbook {path} is not JSON: {error}.") from error
    return _parse(content, str(path))


def _parse(content: Any, where: str) -> Playbook:
    if not isinstance(content, dict) or not isinstance(content.get("actions"), list):
        raise UsageError(f"{where} must be an object with a list `actions`.")
    return Playbook(tuple(_action(entry, i, where) for i, entry in enumerate(content["actions"])))


def _action(entry: Any, position: int, where: str) -> Action:
    try:
        return Action(
            cells=tuple(str(c) for c in entry["cells"]),
            cooldown_days=int(entry["cooldown_days"]),
            text_ko=str(entry["text"]["ko"]),
            text_en=str(entry["text"]["en"]),
            source_ko=str(entry.get("source_ko", "")),
            **{key: str(entry[key]) for key in _TEXT_KEYS},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"Action {position + 1} of {where} is not complete ({error!r}); expected "
            f"{', '.join(_TEXT_KEYS)}, cells, cooldown_days, text.ko and text.en."
        ) from error


def _check_action(action: Action) -> None:
    for cell in action.cells:
        if cell not in ALL_CODES:
            raise UsageError(
                f"Action {action.action_id} names the cell {cell!r}, which does not exist."
                + nearest(cell, ALL_CODES)
            )
    one_of(f"The audience of {action.action_id}", action.audience, AUDIENCE_KINDS)
    one_of(f"The message class of {action.action_id}", action.message_class, MESSAGE_CLASSES)
    if action.cooldown_days < 0 or not action.channel or not action.incentive:
        raise UsageError(
            f"Action {action.action_id} needs a channel, an incentive (`none` is one) and a "
            f"cooldown of at least 0 days; got {action.channel!r}, {action.incentive!r} and "
            f"{action.cooldown_days}."
        )
