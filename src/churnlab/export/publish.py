"""Putting a bundle where others read it: the old one or the new one, never a mixture.

Files are written into a staging folder, which is renamed to ``bundles/<bundle_id>`` in one step.
Then plain copies are put beside, for convenience, and `bundle.json` is renamed into place last.
Whoever reads `bundle.json` finds its files under ``bundles/<bundle_id>``, where nothing is ever
overwritten: concurrent exports, a full disk and a killed process leave a bundle that verifies.
"""

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from churnlab.bundle import strict_json
from churnlab.bundle.reading import VERSIONS
from churnlab.errors import UsageError
from churnlab.runs.folder import write_atomic
from churnlab.runs.hashing import file_hash
from churnlab.runs.locks import lock

Writer = Callable[[Path], object]
_PREFIX = ".staging-"


class Staging:
    """A folder beside the final one, in which a bundle is put together.

    folder: Folder of the export; created when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.files: list[dict[str, Any]] = []
        with _plain_errors(self.folder):
            versions = self.folder / VERSIONS
            versions.mkdir(parents=True, exist_ok=True)
            held = lock(versions, wait=True)
            try:
                _sweep(versions)
                self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=versions))
                self._held = weakref.finalize(self, os.close, lock(self.path))
            finally:
                os.close(held)
            self.path.chmod(0o755)

    def add(self, name: str, write: Writer, rows: int | None = None) -> None:
        """Write one file and remember its hash."""
        self.files.append(self._written(name, write, rows))

    def add_table(self, writers: Mapping[str, Writer], rows: int) -> None:
        """Write the files of one table at once, and remember their hashes in the order given."""
        with ThreadPoolExecutor() as pool:
            made = pool.map(lambda name: self._written(name, writers[name], rows), writers)
            self.files += made

    def _written(self, name: str, write: Writer, rows: int | None) -> dict[str, Any]:
        path = self.path / name
        with _plain_errors(self.folder):
            write(path)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            path.chmod(0o644)
        return {"name": name, "sha256": file_hash(path), "bytes": path.stat().st_size, "rows": rows}

    def publish(self, bundle_id: str, content: Mapping[str, Any], text: str) -> Path:
        """Make the bundle visible; `text` is `content` as written into bundle.json."""
        with _plain_errors(self.folder):
            self.add("bundle.json", lambda path: path.write_text(text, encoding="utf-8"))
            final = self.folder / VERSIONS / bundle_id
            try:
                self.path.rename(final)
            except OSError:
                if not (final / "bundle.json").exists():
                    raise
                text = (final / "bundle.json").read_text(encoding="utf-8")  # the same export, twice
            for entry in content["files"]:
                _copy(final / entry["name"], self.folder / entry["name"])
            return write_atomic(
                self.folder / "bundle.json", lambda path: path.write_text(text, encoding="utf-8")
            )

    def discard(self) -> None:
        """Remove what was not published."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._held()


def _sweep(versions: Path) -> None:
    """Remove what killed exports left: staging that nobody holds any more."""
    for left in versions.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = lock(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(descriptor)


@contextlib.contextmanager
def _plain_errors(folder: Path) -> Any:
    """Turn a full disk or a missing permission into one readable error."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the export into {str(folder)!r} cannot be written ({error.strerror or error}); the "
            "bundle that was there, if any, is untouched. Free space or choose another run_dir."
        ) from error


def _copy(source: Path, target: Path) -> None:
    """Put a plain copy in place in one step; a hard link where the file system has them."""

    def fill(temporary: Path) -> None:
        temporary.unlink()
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)

    write_atomic(target, fill)


def previous_id(folder: Path) -> str | None:
    """Return the id of the bundle that stands in the folder now, if it can be read."""
    try:
        content = strict_json.load(Path(folder) / "bundle.json")
        found = content.get("bundle_id") if isinstance(content, dict) else None
    except Exception:  # an unreadable old bundle is simply not superseded by name
        return None
    return found if isinstance(found, str) and found.startswith("cb-") else None
