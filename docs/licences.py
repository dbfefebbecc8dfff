"""The licences of everything in requirements.lock, from the installed packages' own metadata.

`python docs/licences.py` prints the page that the site shows.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
INTRO = """# Licences

What `requirements.lock` holds (the library, every extra, the tools that develop it), with the
licence that each installed package states of itself; `python docs/licences.py` prints this page.
churnlab itself is Apache-2.0. *Default*: comes with `pip install .`; the others come with
extras only. The board carries Plotly's script (MIT) and, in Korean, glyphs of NanumGothic (OFL);
so does this site. Known vulnerabilities were not looked up for 0.2.0: no data base of them could be
reached (pip-audit, OSV). Checked was that each package is pinned by hash and states its licence.

| package | version | licence | comes |
|---|---|---|---|
"""
#: Spellings of one licence in metadata older than SPDX expressions.
SPELLINGS = {
    r"(the )?mit( license)?": "MIT",
    r"apache( software)?( license)?(,? ?(version )?2(\.0)?)?": "Apache-2.0",
    r"(bsd 3-clause|3-clause bsd)( license)?": "BSD-3-Clause",
    r"bsd 2-clause( license)?": "BSD-2-Clause",
    r"bsd( license)?": "BSD",
    r"iscl?( license)?( \(iscl\))?": "ISC",
    r"(psfl|python software foundation license)": "PSF-2.0",
    r"mozilla public license 2\.0( \(mpl 2\.0\))?": "MPL-2.0",
}


def on_files(files: Files, config: Any) -> Files:
    """Add the page."""
    files.append(File.generated(config, "licences.md", content=page()))
    return files


def page() -> str:
    """Return the table of packages."""
    locked = re.findall(
        r"^([\w.-]+)==",
        (ROOT / "requirements.lock").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    default, rows, absent = _default(), [], []
    for name in locked:
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            absent.append(name)
            continue
        comes = "default" if canonicalize_name(name) in default else "extra"
        rows.append(f"| {name} | {about['Version']} | {licence(about)} | {comes} |")
    elsewhere = f"\n\nFor other systems, not installed here: {', '.join(absent)}." if absent else ""
    return INTRO + "\n".join(rows) + elsewhere + "\n"


def licence(about: Any) -> str:
    """Return a licence: the SPDX expression, else the classifiers, else the first words."""
    if "License-Expression" in about:
        return str(about["License-Expression"])
    classified = [c.split(" :: ")[-1] for c in about.get_all("Classifier", []) if "License ::" in c]
    words = classified or [about.get("License", "").strip().split("\n")[0][:60]]
    return " AND ".join(dict.fromkeys(_spelt(w) for w in words)) or "not stated"


def _spelt(words: str) -> str:
    found = (name for pattern, name in SPELLINGS.items() if re.fullmatch(pattern, words.lower()))
    return next(found, words)


def _default() -> set[str]:
    """Return the packages of the default installation: what it asks for, and what these ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    todo = [Requirement(text) for text in project["dependencies"]]
    seen: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in {(name, e) for e in ("", *wanted.extras)} - seen:
            seen.add(extra)
            asked = map(Requirement, metadata.requires(name) or [])
            todo += [r for r in asked if not r.marker or r.marker.evaluate({"extra": extra[1]})]
    return {name for name, _ in seen}


if __name__ == "__main__":
    print(page())
