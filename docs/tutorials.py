"""The tutorials as pages of the site: each percent script run, with its pictures.

`DOCS_EXECUTE=false` shows the code without running it.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def on_files(files: Files, config: Any) -> Files:
    """Add a page and its pictures for each tutorial."""
    paths = sorted(NOTEBOOKS.glob("tutorial_*.py"))
    read = run if config["extra"]["execute"] else jupytext.read
    with ThreadPoolExecutor(2) as pool:
        books = list(pool.map(read, paths))
    for path, book in zip(paths, books, strict=True):
        text, pictures = page(book, path.stem)
        files.append(File.generated(config, f"{path.stem}.md", content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, name, content=content))
    return files


def page(book: Any, stem: str) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by file name."""
    names = {"output_files_dir": f"{stem}_files", "unique_key": stem}
    text, resources = MarkdownExporter().from_notebook_node(book, resources=names)
    source = f"\n\n*This page is `notebooks/{stem}.py`, run. `make lab` opens it to play with.*\n"
    return text + source, resources["outputs"]


def run(path: Path) -> Any:
    """Run a tutorial in a process of its own, whose sockets end with it."""
    done = subprocess.run(
        [sys.executable, __file__, str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{path.name} failed:\n{done.stderr[-2000:]}")
    return nbformat.reads(done.stdout, as_version=4)


if __name__ == "__main__":
    from churnlab.report.render import execute

    notebook = jupytext.read(sys.argv[1])
    execute(notebook)
    sys.stdout.write(nbformat.writes(notebook))
