"""The board as one document: what every part of a run says, and why a part is absent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churnlab.board.front import Front, read_front
from churnlab.board.grid import Grid, read_grid
from churnlab.board.journeys import Journeys, read_journeys
from churnlab.board.nday import Nday, read_nday
from churnlab.board.parts import Parts
from churnlab.board.people import People, read_people
from churnlab.board.plan import Plan, read_plan
from churnlab.board.trust import Trust, read_trust
from churnlab.report.config import ReportConfig
from churnlab.report.front import chosen, data_name
from churnlab.runs import open_run


@dataclass(frozen=True)
class Document:
    """What a board shows; a part is null where the run does not have it.

    about: `title`, `lang`, `currency`, `ids`, `as_of`, `made` (when), `run`.
    misfit: Where the model does not fit these customers, in words; empty where it does.
    absent: Part -> key of the words that say why it is absent.
    """

    about: Mapping[str, Any]
    front: Front | None
    grid: Grid | None
    people: People | None
    nday: Nday | None
    journeys: Journeys | None
    plan: Plan | None
    trust: Trust | None
    misfit: Sequence[str]
    absent: Mapping[str, str]


def read_document(run: str | Path, config: ReportConfig, lang: str = "en") -> Document:
    """Read a finished run folder.

    run: Folder of a pipeline, fit, segment, backtest, nday or journey.
    config: Title, money, and whether ids are in the page.
    lang: Language where the configuration has none.
    Raises UsageError: No finished run, one that has no board, or one that was changed since.
    """
    parts = Parts(open_run(run))
    lang = config.lang or lang
    grid = read_grid(parts, lang)
    found: dict[str, Any] = {
        "front": read_front(parts, lang),
        "grid": grid,
        "people": read_people(parts, lang, ids=config.ids),
        "nday": read_nday(parts, lang),
        "journeys": read_journeys(parts),
        "plan": read_plan(parts, ids=config.ids),
        "trust": read_trust(parts),
    }
    absent = {name: _why(parts, name) for name, part in found.items() if part is None}
    if grid is not None and not grid.columns:
        absent["visits"] = "absent_visits"
    if grid is not None and grid.compared_to is None:
        absent["moves"] = "absent_moves"
    about = _about(parts, config, lang)
    return Document(about=about, absent=absent, misfit=_misfit(parts, lang), **found)


def _misfit(parts: Parts, lang: str) -> list[str]:
    run = parts.part("fit")
    words = run.json("fit.json").get("misfit_words", {}) if run is not None else {}
    return list(words.get(lang, ()))


#: Part of the page -> part of the run, and the table without which it is not possible.
_NEEDS: Mapping[str, tuple[str, str]] = {
    "front": ("fit", "purchases"),
    "grid": ("segment", "purchases"),
    "people": ("fit", "purchases"),
    "nday": ("nday", "members"),
    "journeys": ("journey", "items"),
    "plan": ("segment", "purchases"),
    "trust": ("backtest", "purchases"),
}


def _why(parts: Parts, name: str) -> str:
    """Return the key of the words: not asked for, the data lack a table, or they do not suffice."""
    step, table = _NEEDS[name]
    if not parts.skipped(step):
        return f"absent_{name}_not_run"
    lacking = table == "members" and parts.data_report["members"]["derived"]
    if table == "items":
        mapped = parts.config["data"].get("purchases") or {}
        lacking = not (mapped.get("item") or mapped.get("category"))
    return f"absent_{name}_data" if lacking else f"absent_{name}_few"


def _about(parts: Parts, config: ReportConfig, lang: str) -> dict[str, Any]:
    report, manifest = parts.data_report, parts.run.manifest
    return {
        "title": config.title or chosen(parts.run, "title") or data_name(parts.run),
        "lang": lang,
        "currency": config.currency or chosen(parts.run, "currency"),
        "ids": config.ids,
        "as_of": report["as_of"],
        "made": str(manifest["started_at"])[:19],
        "run": parts.run.place.name,
        "command": parts.run.command,
        "version": manifest["versions"].get("churnlab"),
    }
