"""Render a report: a percent notebook run against a finished run folder.

A report fits nothing. It needs no network: scripts, styles and pictures are inside the page.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churnlab import errors
from churnlab.errors import ChurnlabError, UsageError
from churnlab.progress import Update
from churnlab.report.page import SMALL, inert


@dataclass(frozen=True)
class Rendered:
    """A report: its page, its summary, and the executed notebook to go on from."""

    html: str
    summary: str
    notebook: str


def notebooks_folder() -> Path:
    """Return the folder of the report notebooks: packaged, or the checkout's `notebooks/`."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "notebooks", package.parents[1] / "notebooks"):
        if folder.is_dir():
            return folder
    raise ChurnlabError(f"the report notebooks are missing beside {package}; reinstall churnlab.")


def render(
    notebook: str,
    parameters: Mapping[str, Any],
    *,
    title: str,
    lang: str = "en",
    progress: Update | None = None,
) -> Rendered:
    """Run a percent notebook with parameters and return its page, summary and notebook.

    notebook: Name inside the notebooks folder, without `.py`.
    parameters: Replaces the values of the cell tagged `parameters`.
    Raises UsageError: There is no such notebook.
    Raises ChurnlabError: A cell failed; the message carries the cell's error.
    """
    with no_grammars():
        import jupytext
        import nbformat

        from churnlab.report.exporter import page

    path = notebooks_folder() / f"{notebook}.py"
    if not path.exists():
        raise UsageError(f"there is no report {notebook!r} in {path.parent}.")
    book = jupytext.read(path)
    _inject(book, parameters)
    execute(book, progress)
    nbformat.validate(book)
    html = page(book, title, lang)
    for output in (output for cell in book.cells for output in cell.get("outputs", [])):
        output.get("metadata", {}).pop(SMALL, None)  # the notebook is not for phones
    return Rendered(html, summary_text(book), str(jupytext.writes(book, "ipynb")))


@contextmanager
def no_grammars() -> Iterator[None]:
    """Import without rfc3987-syntax, with which JupyterLab comes.

    From it jsonschema builds the grammars of 38 kinds of addresses, a second of work whenever it
    is imported, to check what no notebook holds.
    """
    name = "rfc3987_syntax"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails
    try:
        yield
    finally:
        del sys.modules[name]


def _inject(book: Any, parameters: Mapping[str, Any]) -> None:
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += "\n" + "\n".join(f"{k} = {v!r}" for k, v in parameters.items())
            return
    raise ChurnlabError("the notebook has no cell tagged 'parameters'.")


def execute(book: Any, progress: Update | None = None) -> None:
    """Run a notebook in a kernel of its own; a failing cell is an error with the cell's words."""
    from nbclient.exceptions import CellExecutionError

    from churnlab.report.execution import Client

    count = max(len(book.cells), 1)

    def cell_done(*, cell_index: int, **_: Any) -> None:
        if progress is not None:
            progress("report", (cell_index + 1) / count)

    environment = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    with _kernel() as manager:
        client = Client(book, timeout=600, km=manager, on_cell_executed=cell_done)
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            known = getattr(errors, error.ename, None)  # the folder was changed, say
            if isinstance(known, type) and issubclass(known, ChurnlabError):
                raise known(error.evalue) from error
            raise ChurnlabError(
                f"the report's notebook failed: {error.ename}: {error.evalue}"
            ) from error
        finally:
            if client.kc is not None:
                client.kc.stop_channels()


@contextmanager
def _kernel() -> Iterator[Any]:
    """Offer a kernel manager of this interpreter: a user's kernelspec may point anywhere."""
    from jupyter_client.manager import KernelManager

    with tempfile.TemporaryDirectory(prefix="churnlab-") as folder:
        # Pipes in a folder of our own: nothing listens on the network, home may be read-only.
        place = str(Path(folder) / "kernel.json")
        manager = KernelManager(kernel_name="python3", transport="ipc", connection_file=place)
        assert manager.kernel_spec is not None
        command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher"]
        manager.kernel_spec.argv = [*command, "-f", "{connection_file}"]
        try:
            yield manager
        finally:
            if manager.has_kernel:
                manager.shutdown_kernel(now=True)
            manager.cleanup_resources()
            manager.context.destroy()


def summary_text(book: Any) -> str:
    """Return the report's words and tables as Markdown, without its pictures, HTML and links."""
    parts: list[str] = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/markdown")
            if text is not None:
                parts.append("".join(text))
    return inert("\n\n".join(p.strip() for p in parts if p.strip())) + "\n"
