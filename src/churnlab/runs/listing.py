"""What ran: the provenance of run folders as one frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from churnlab.errors import UsageError
from churnlab.runs.folder import read_json
from churnlab.runs.reading import Run

_COLUMNS = (
    "run", "command", "model", "data", "as_of", "seed", "started", "finished", "seconds",
    "churnlab", "commit", "config_hash", "inputs",
)  # fmt: skip


def runs(folder: str | Path = "outputs") -> pd.DataFrame:
    """List the finished runs below a folder, the latest first.

    Parameters
    ----------
    folder : path
        Looked through with all folders below it.

    Returns
    -------
    DataFrame
        ``run`` (its folder), ``command``, ``model``, ``data``, ``as_of``, ``seed``, ``started`` and
        ``finished`` (UTC), ``seconds``, ``churnlab`` (version), ``commit``, ``config_hash`` and
        ``inputs`` (hash by input).

    Raises
    ------
    UsageError
        There is no such folder, or a manifest in it was edited.

    Examples
    --------
    >>> import churnlab as cl, tempfile
    >>> place = tempfile.mkdtemp()
    >>> _ = cl.fit(cl.summarise(cl.load_cdnow())).save(place + "/first")
    >>> cl.runs(place)["command"].tolist()
    ['fit.save']
    """
    place = Path(folder)
    if not place.is_dir():
        raise UsageError(f"{str(folder)!r} is no folder; give one that has run folders in it.")
    manifests = [path.parent for path in place.rglob("manifest.json")]
    table = overview({str(path.relative_to(place)): Run(path) for path in manifests})
    return table.sort_values("finished", ascending=False, ignore_index=True)


def overview(opened: Mapping[str, Run]) -> pd.DataFrame:
    """Return the provenance of runs by name (columns: `runs`)."""
    rows = [{"run": name} | _provenance(run) for name, run in opened.items()]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _provenance(run: Run) -> dict[str, Any]:
    manifest = run.manifest
    config = manifest["config"]
    started, finished = (pd.Timestamp(manifest[k]) for k in ("started_at", "finished_at"))
    as_of = config.get("as_of")
    return {
        "command": manifest["command"],
        "model": _model(run),
        "data": (config.get("data") or {}).get("name"),
        "as_of": None if as_of is None else str(as_of),
        "seed": manifest["seed"],
        "started": started,
        "finished": finished,
        "seconds": (finished - started).total_seconds(),
        "churnlab": manifest["versions"].get("churnlab"),
        "commit": manifest["commit"],
        "config_hash": manifest["config_hash"],
        "inputs": dict(manifest["inputs"]),
    }


def _model(run: Run) -> str | None:
    """Return a run's model: a pipeline fits others beside the chosen one, by one configuration."""
    told = read_json(run.path / "fit.json") if run.has("fit.json") else {}
    found = told.get("model") or (run.manifest["config"].get("model") or {}).get("name")
    return None if found is None else str(found)
