"""Finished fits and forecasts by content hash: a run goes on where an earlier one stopped."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import FitRefusedError
from churnlab.runs.folder import write_atomic
from churnlab.runs.hashing import canonical_json, content_hash

#: Raise when what is stored changes its meaning: old entries are then simply not found.
FORMAT = 4


class FitCache:
    """Small named arrays and a JSON note per key, in memory and, with a folder, on disk.

    folder: Where fits are kept between runs; without one they last as long as the object.

    The key is the SHA-256 of everything that the fit depends on, data included, so a changed data
    file or setting is refitted and nothing has to be invalidated. Entries are NumPy ``.npz``
    archives read without pickle; a broken one is fitted anew, and where the folder cannot be
    written nothing is kept: `notes` says either. A refused fit is refused again
    without fitting, as long as the object lasts: every target of an origin asks for the same one.
    `made`, `kept` and `hits` count by what was asked for: made now, found of an earlier run, and
    found at all.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self.memory: dict[str, tuple[dict[str, NDArray[Any]], dict[str, Any]]] = {}
        self.refused: dict[str, FitRefusedError] = {}
        self.notes: list[str] = []
        self.made: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()

    def get(
        self,
        key: Mapping[str, Any],
        make: Callable[[], tuple[dict[str, NDArray[Any]], dict[str, Any]]],
        what: str = "fits",
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return what was made for `key`, making it when it is not there.

        what: As what it is counted.
        Raises FitRefusedError: `make` refused, now or earlier.
        """
        name = content_hash({"format": FORMAT, **key})
        if name in self.refused:
            raise self.refused[name]
        found = self.memory.get(name)
        if found is None:
            found = self._read(name)
            self.kept[what] += found is not None
        if found is not None:
            self.hits[what] += 1
        else:
            found = self._make(name, make)
            self.made[what] += 1
        self.memory[name] = found
        return found

    def _make(
        self, name: str, make: Callable[[], tuple[dict[str, NDArray[Any]], dict[str, Any]]]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        try:
            found = make()
        except FitRefusedError as error:
            self.refused[name] = error
            raise
        self._write(name, *found)
        return found

    def _path(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{name[:32]}.npz"

    def _read(self, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        path = self._path(name)
        if path is None or not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {k: stored[k] for k in stored.files if k != "note"}
                about: dict[str, Any] = json.loads(str(stored["note"]))
            if (about["key"], about["hash"]) != (name, arrays_hash(arrays)):
                raise ValueError("it is not what was stored")
        except Exception as error:  # zip, zlib, NumPy and JSON each have their own
            self.notes.append(f"the stored fit {path} is broken ({error}) and was made again")
            return None
        return arrays, about["note"]

    def _write(
        self, name: str, arrays: Mapping[str, NDArray[Any]], note: Mapping[str, Any]
    ) -> None:
        path = self._path(name)
        if path is None:
            return
        text = np.array(canonical_json({"key": name, "hash": arrays_hash(arrays), "note": note}))

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(file, note=text, **arrays)  # type: ignore[arg-type]

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, write)
        except OSError as error:
            self.folder = None
            self.notes.append(
                f"fits cannot be stored in {path.parent} ({error.strerror}): an interrupted run "
                "starts anew; name another place with cache_dir=FOLDER"
            )


def arrays_hash(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays: their names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
