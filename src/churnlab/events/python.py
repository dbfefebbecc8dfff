"""The door for Python: paths and frames instead of settings, and errors in Python's words."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import pandas as pd

from churnlab.errors import ChurnlabError, UsageError, nearest
from churnlab.events.config import SETTINGS, DataConfig, SourceTable
from churnlab.events.log import EventLog
from churnlab.events.reading import read
from churnlab.events.sources.frames import Arrowed, is_frame
from churnlab.formats.times import parse_day

type Given = str | PathLike[str] | Sequence[str | PathLike[str]] | Arrowed | None

_TABLES = ("purchases", "visits", "members", "treatments")


def read_events(
    purchases: Given = None,
    visits: Given = None,
    members: Given = None,
    treatments: Given = None,
    *,
    columns: Mapping[str, Any] | None = None,
    time_zone: str = "UTC",
    as_of: dt.date | str | None = None,
    **options: Any,
) -> EventLog:
    """Read and check event logs from files or frames.

    Parameters
    ----------
    purchases, visits, members, treatments : path, list of paths, or frame, optional
        At least purchases or visits. Paths may be globs, and are names of tables where there is a
        `connection`. Frames: pandas, polars (also lazy), Arrow tables and datasets, DuckDB
        relations, Ibis tables.
    columns : mapping, optional
        Canonical name to yours: for purchases, ``{"customer_id": "user_id"}``; or by table,
        ``{"purchases": {...}, "members": {...}}``. A member's further names are attributes.
    time_zone : str
        IANA name; naive times are local to it, offsets are converted.
    as_of : date or ISO text, optional
        Last known day, inclusive and complete; default: the last day in the logs.
    **options
        Of a table, for all of them or by table (``where={"visits": "kind = 'view'"}``): `where`,
        `time_format`, `encoding`, `sheet`, `decimal`; see `SourceTable` and `PurchasesTable`. Of
        the data: `returns`, `on_bad_rows`, `max_bad_share`, `duplicates`, `purchase_unit`,
        `connection`, `engine`; see `DataConfig`.

    Returns
    -------
    EventLog
        Checked events up to its last day; ``.report`` accounts for every row that was dropped.

    Raises
    ------
    UsageError, DataError
        As `open_log`.

    Examples
    --------
    >>> import pandas as pd, churnlab as cl
    >>> orders = pd.DataFrame({"user": ["a", "a"], "day": ["2020-01-01", "2020-02-01"]})
    >>> log = cl.read_events(orders, columns={"customer_id": "user", "event_at": "day"})
    >>> len(log.days())
    2
    """
    given = dict(zip(_TABLES, (purchases, visits, members, treatments), strict=True))
    given = {name: value for name, value in given.items() if value is not None}
    if not {"purchases", "visits"} & set(given):
        raise UsageError(
            "no purchases and no visits given; expected read_events(purchases=FILE or frame); on "
            "the command line data.purchases.path=FILE."
        )
    per_table = {k: options.pop(k) for k in SETTINGS[2:] if k in options}
    config = DataConfig(time_zone=time_zone, **_known(options))
    mappings = _by_table(columns)
    rows: dict[str, Any] = {}
    for name, value in given.items():
        own = {k: v.get(name) if isinstance(v, Mapping) else v for k, v in per_table.items()}
        table = _with_columns(name, config.tables[name], mappings.get(name, {}), own)
        if config.connection is not None and isinstance(value, str):
            table.table = value
        else:
            rows[name] = value if is_frame(value) else _paths(value)
        setattr(config, name, table)
    try:
        return read(config, rows, parse_day(as_of))
    except ChurnlabError as error:
        raise type(error)(in_python(str(error))) from error


def log_from_frames(
    frames: Mapping[str, pd.DataFrame],
    *,
    time_zone: str = "UTC",
    as_of: dt.date | str | None = None,
    **options: Any,
) -> EventLog:
    """Read and check frames that have the canonical columns already (simulated shops, tests)."""
    return read_events(**frames, time_zone=time_zone, as_of=as_of, **options)  # type: ignore[arg-type]


def _paths(value: Any) -> list[str]:
    paths = list(value) if isinstance(value, list | tuple) else [value]
    wrong = [p for p in paths if not isinstance(p, str | PathLike)]
    if wrong or not paths:
        raise UsageError(
            f"expected a path, a list of paths, or a frame; got {wrong[0] if wrong else paths!r}."
        )
    return [str(fspath(p)) for p in paths]


def _known(options: dict[str, Any]) -> dict[str, Any]:
    known = {f.name for f in dataclasses.fields(DataConfig)} - {"name", *_TABLES}
    for name in options:
        if name not in known:
            listed = sorted(known | set(SETTINGS[2:]))
            raise UsageError(
                f"unknown option {name!r}.{nearest(name, listed)} "
                f"Expected one of: {', '.join(listed)}."
            )
    return options


def _by_table(columns: Mapping[str, Any] | None) -> dict[str, Mapping[str, str]]:
    if not columns:
        return {}
    if all(isinstance(v, Mapping) for v in columns.values()):
        return dict(columns)
    return {"purchases": columns}


def _with_columns(
    name: str, default: SourceTable, mapping: Mapping[str, str], settings: dict[str, Any]
) -> SourceTable:
    fields = {f.name for f in dataclasses.fields(default)}
    own = fields - {*SETTINGS, "attributes"}
    values: dict[str, Any] = {k: v for k, v in settings.items() if k in fields}
    others = {k: v for k, v in mapping.items() if k not in own}
    if name == "members":
        values["attributes"] = others.pop("attributes", None) or others
    elif others:
        wrong = next(iter(others))
        raise UsageError(
            f"{name} has no column {wrong!r} to map.{nearest(wrong, own)} "
            f"Expected canonical names on the left: {', '.join(sorted(own))}."
        )
    return dataclasses.replace(default, **values, **{k: mapping[k] for k in mapping if k in own})


_KEY = re.compile(
    r"data\.(?:(purchases|visits|members|treatments)\.)?(\w+)(?:=('[^']*'|[^\s,;.]+))?"
)


def in_python(message: str) -> str:
    """Return a message of the command line in the words of `read_events`."""

    def change(found: re.Match[str]) -> str:
        table, key, value = found.groups()
        if table is None or key in SETTINGS[2:]:
            said = value if value is None or value[0] in "'\"[" else repr(value)
            return key if said is None else f"{key}={said}"
        if key == "path":
            return f"{table}=FILE" if value else table
        inner = f'{{"{key}": {repr(value or "NAME").replace(repr("NAME"), "NAME")}}}'
        return f"columns={inner}" if table == "purchases" else f'columns={{"{table}": {inner}}}'

    return _KEY.sub(change, message)
