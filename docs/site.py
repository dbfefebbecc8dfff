"""What the site adds to the pages: the README as its start, the reference, the lab book."""

from __future__ import annotations

import base64
import inspect
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
_HEADS = {"class": "Classes", "function": "Functions"}
#: What the command line asks of a result (cli/run.py) is not for whoever holds one.
OF_A_COMMAND = (
    "closing", "failure", "files", "made", "matter", "noting", "numbers", "page", "write",
)  # fmt: skip
_RESULT = f"    options:\n      filters: ['!^_', '!^({'|'.join(OF_A_COMMAND)})$']"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are written elsewhere."""
    files.remove(files.src_uris["README.md"])
    pages = {"index.md": _start(), "reference.md": reference(), "lab.md": _lab()}
    for entry in _entries():
        pages[f"lab/{entry.parent.name}.md"] = _outside(entry.read_text(encoding="utf-8"))
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for picture in (ROOT / "reports").glob("*.png"):
        name = f"reports/{picture.name}"
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to the lab book to its pages on the site, and requirements to their tests."""
    if page.file.src_uri == "requirements.md":
        markdown = with_tests(markdown)
    return re.sub(r"\]\(\.\./experiments/([\w-]+)/README\.md\)", r"](lab/\1.md)", markdown)


def on_post_build(config: Any) -> None:
    """Write the font of the reports with the Hangul that is on the site (site.css names it)."""
    from churnlab.report.font import base64_woff

    site = Path(config["site_dir"])
    texts = (page.read_text(encoding="utf-8") for page in site.rglob("*.html"))
    letters = {letter for text in texts for letter in re.findall("[ㄱ-ㆎ가-힣]", text)}
    font = base64.b64decode(base64_woff("".join(sorted(letters))))
    (site / "hangul.woff").write_bytes(font)


def with_tests(markdown: str) -> str:
    """Add to each requirement the files whose test names begin with its id, and how many do."""
    tests: dict[str, Counter[str]] = defaultdict(Counter)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for found in re.findall(
            r"^\s*def test_([a-z]\d+)_", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        ):
            tests[found.upper()][path.relative_to(ROOT / "tests").as_posix()] += 1
    lines = []
    for line in markdown.splitlines():
        row = re.match(r"\| ([A-Z]\d+) \|", line)
        if row:
            line += ", ".join(f" `{f}` ({n})" for f, n in tests[row[1]].items()) + " |"
        elif line.startswith("| id |"):
            line += " shown by (tests) |"
        elif line.startswith("|---"):
            line += "---|"
        lines.append(line)
    return "\n".join(lines)


def _start() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = (ROOT / "docs" / "README.md").read_text(encoding="utf-8").split("\n", 1)[1]
    return _outside(text.replace("](docs/", "](").replace("](README.md)", "](index.md)")) + pages


def _outside(text: str) -> str:
    """Take away links and pictures that lead to files of the repository that the site has not."""
    text = re.sub(r"!\[([^\]]*)\]\((?!https?:|reports/)[^)]*\)", r"*\1*", text)
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|[\w-]+\.md)[^)]*\)", r"\1", text)


def _entries() -> list[Path]:
    return sorted((ROOT / "experiments").glob("*/README.md"))


def _lab() -> str:
    lines = ["# Lab book", "", "Questions, what was expected, what came, and what was decided.", ""]
    for entry in _entries():
        title = entry.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")
        lines.append(f"- [{title}](lab/{entry.parent.name}.md)")
    return "\n".join(lines)


def reference() -> str:
    """Return the reference: every public name where it is defined, and what functions return."""
    import churnlab

    parts = ["# Reference", "", "`import churnlab as cl`; every name below is `cl.NAME`."]
    found: dict[str, list[str]] = {head: [] for head in _HEADS.values()}
    results: dict[type, None] = {}
    for name in churnlab.__all__:
        value = getattr(churnlab, name)
        if inspect.ismodule(value):  # a package that is called: its function
            value = value._function
        kind = "class" if inspect.isclass(value) else "function"
        alias = "" if value.__qualname__ == name else f"`cl.{name}`:\n\n"
        found[_HEADS[kind]].append(f"{alias}::: {value.__module__}.{value.__qualname__}")
        if (made := result_of(value)) is not None:
            results[made] = None
    for head, names in found.items():
        parts += ["", f"## {head}", "", "\n\n".join(names)]
    parts += ["", "## Results", "", "What functions return, each also a run folder (`save`).", ""]
    parts += [f"::: {kind.__module__}.{kind.__qualname__}\n{_RESULT}\n" for kind in results]
    return "\n".join(parts) + "\n"


def result_of(function: Any) -> type | None:
    """Return the class of results that a function is annotated to return, if it is one."""
    from churnlab.runs import Result

    bare = inspect.unwrap(function)
    named = getattr(bare, "__annotations__", {}).get("return")
    kind = getattr(inspect.getmodule(bare), str(named), None)
    return kind if isinstance(kind, type) and issubclass(kind, Result) else None
