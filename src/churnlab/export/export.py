"""`export_bundle`: from in-memory results to a verified bundle in a folder."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from churnlab.bundle import PurchaseRule, ScoringBundle, VisitRule, strict_json
from churnlab.bundle.consistency import check_content
from churnlab.bundle.document import SCHEMA_VERSION
from churnlab.bundle.people import summary_of
from churnlab.bundle.reading import bundle_path, load_bundle, validate
from churnlab.bundle.schema import schema_text
from churnlab.errors import UsageError
from churnlab.export import arrow, content, frames, tables
from churnlab.export.config import ExportConfig
from churnlab.export.inputs import ExportInputs
from churnlab.export.publish import Staging, locate, previous_id
from churnlab.export.sql import EventSource, SummarySource, score_sql
from churnlab.export.thinning import Thinned, thin
from churnlab.rules.types import OVERDUE
from churnlab.runs.folder import commit, content_hash, frame_hash

Progress = Callable[[str, float], None]


class _Models(NamedTuple):
    purchases: Thinned
    visits: Thinned | None
    rules: ScoringBundle
    n_cells: int


def export_bundle(
    folder: str | Path,
    inputs: ExportInputs,
    config: ExportConfig | None = None,
    *,
    created_at: dt.datetime | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a bundle: draws, thresholds, evidence, tables and SQL.

    Parameters
    ----------
    folder : path
        Where `bundle.json` and its files go; an older bundle there is superseded, not destroyed.
    inputs : ExportInputs
        What it is made of.
    config : ExportConfig, optional
        Choices.
    created_at : datetime, optional
        UTC instant of the export; default: now.
    progress : callable, optional
        Called with the stage and the share done.

    Returns
    -------
    Path
        The bundle.json.

    Raises
    ------
    DataError
        When the backtest does not suffice and `allow_uncalibrated` is off.
    FitRefusedError
        When the posterior does not fit into so few draws.
    VerificationError
        When the parts contradict each other.
    UsageError
        When the folder cannot be written.
    """
    config, report = config or ExportConfig(), progress or (lambda stage, share: None)
    now = (created_at or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    backtest = content.backtest_section(inputs.backtest)
    calibration = content.calibration_section(backtest, override=config.allow_uncalibrated)
    report("thinning the posterior", 0.05)
    models = _models(inputs, config)
    report("scoring customers", 0.3)
    bundle = _content(Path(folder), inputs, config, models, now)
    bundle |= {"backtest": backtest, "calibration": calibration}
    table = frames.thresholds_frame(inputs, models.rules)
    bundle["monitoring"] = content.monitoring_section(
        config, table, models.rules.purchases.risk, backtest
    )
    bundle["provenance"] = content.provenance_section(inputs, len(table), models.n_cells)
    everything = _frames(table, inputs, models.rules, bundle)
    bundle["bundle_id"] = _bundle_id(bundle, everything)
    everything["customer_thresholds"] = table.assign(
        bundle_id=bundle["bundle_id"], scored_at=pd.Timestamp(now), updated_at=pd.Timestamp(now)
    )
    report("writing files", 0.7)
    return _write(Path(folder), bundle, everything, models.rules, config)


def _models(inputs: ExportInputs, config: ExportConfig) -> _Models:
    grouped = len(inputs.draws.groups) > 1
    columns = (inputs.group_columns or ("group",)) if grouped else ()
    cells = summary_of(inputs.summary, inputs.as_of, columns).cells
    purchases = thin(inputs.draws, inputs.risk, cells, config.draws)
    cut = content.threshold_section(inputs.threshold, inputs.risk.basis)
    rule = PurchaseRule(
        purchases.draws, inputs.risk, cut["value"], cut["first_value"], cut["window_cycles"]
    )
    visits, visit_rule = None, None
    if inputs.visits is not None:
        v = inputs.visits
        seen = summary_of(v.summary, inputs.as_of, what="visits").cells
        visits = thin(v.draws, v.risk, seen, config.draws)
        visit_rule = VisitRule(
            visits.draws, v.risk, v.risk_value, v.inactive_value, v.window_cycles
        )
    rules = ScoringBundle(
        "cb-", inputs.as_of, inputs.time_zone, rule, visit_rule, inputs.group_columns
    )
    return _Models(purchases, visits, rules, len(cells.x))


def _content(
    folder: Path, inputs: ExportInputs, config: ExportConfig, models: _Models, now: dt.datetime
) -> dict[str, Any]:
    """Everything that does not depend on the scored table."""
    draws, visits = inputs.draws, inputs.visits
    model = content.model_section(models.purchases, draws.n_draws, inputs.group_columns)
    bundle: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "created_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "valid_until": (
            max(inputs.as_of, now.date()) + dt.timedelta(config.valid_days)
        ).isoformat(),
        "as_of": inputs.as_of.isoformat(),
        "time_zone": inputs.time_zone,
        "supersedes": previous_id(folder),
        "software": {"churnlab": metadata.version("churnlab"), "commit": commit()},
        "models": {"purchases": model, "visits": None},
        "risk": {"purchases": content.risk_section(inputs.risk), "visits": None},
        "thresholds": {
            "purchases": content.threshold_section(inputs.threshold, inputs.risk.basis),
            "visits": None,
        },
        "segments": content.segment_section(inputs.playbook, inputs.polarity),
        "nday_rules": [content.nday_section(r, inputs.time_zone) for r in inputs.nday_rules],
        "journeys": [content.journey_section(j) for j in inputs.journeys],
        "actions": [content.action_section(a) for a in inputs.actions],
        "sql": content.sql_section(config, models.purchases.draws, inputs.risk),
    }
    if visits is not None and models.visits is not None:
        bundle["models"]["visits"] = content.model_section(models.visits, visits.draws.n_draws, ())
        bundle["risk"]["visits"] = content.risk_section(visits.risk)
        bundle["thresholds"]["visits"] = {
            "rule": "fixed" if visits.window_cycles is None else OVERDUE,
            "risk": visits.risk_value,
            "inactive": visits.inactive_value,
            "window_cycles": visits.window_cycles,
        }
    return bundle


def _frames(
    table: pd.DataFrame, inputs: ExportInputs, rules: ScoringBundle, bundle: dict[str, Any]
) -> dict[str, pd.DataFrame]:
    playbook = frames.segment_actions_frame(bundle["segments"])
    everything = {
        "customer_summary": frames.summary_frame(inputs, rules),
        "segment_membership": frames.membership_frame(table, inputs, bundle["segments"]),
        "segment_share": frames.share_frame(table, inputs),
        "actions": pd.DataFrame(bundle["actions"]),
        "segment_actions": playbook,
        "segment_audience": frames.audience_frame(table, playbook),
    }
    for name in ("nday_audience", "journey_audience"):
        given: pd.DataFrame | None = getattr(inputs, name)
        if given is not None:
            everything[name] = frames.without_empty_text(given)
    return {"customer_thresholds": table, **everything}


def _bundle_id(bundle: dict[str, Any], everything: dict[str, pd.DataFrame]) -> str:
    """Name the bundle by what is in it; rows carry the name, so it is made before them."""
    bare = everything["customer_thresholds"].drop(columns=["bundle_id", "scored_at", "updated_at"])
    hashes = [frame_hash(f) for n, f in everything.items() if n != "customer_thresholds"]
    return "cb-" + content_hash([bundle, frame_hash(bare), hashes])[:24]


def _write(
    folder: Path,
    bundle: dict[str, Any],
    everything: dict[str, pd.DataFrame],
    rules: ScoringBundle,
    config: ExportConfig,
) -> Path:
    data = {name: arrow.to_arrow(f, tables.TABLES[name]) for name, f in everything.items()}
    if config.changed_since is not None:
        data |= _changed(data, Path(config.changed_since), config.changed_columns)
    staging = Staging(folder)
    try:
        for name, table in data.items():
            _write_table(staging, name, table, csv=config.csv)
        document = tables.columns_document()
        staging.add("columns.md", partial(_write_text, document))
        staging.add("bundle.schema.json", partial(_write_text, schema_text()))
        for name, text in sql_files(
            replace(rules, bundle_id=bundle["bundle_id"]), bundle["sql"]
        ).items():
            staging.add(name, partial(_write_text, text))
        bundle["files"] = list(staging.files)
        bundle["content_hash"] = strict_json.hash_without(bundle)
        check_content(validate(json.loads(json.dumps(bundle))))
        text = json.dumps(bundle, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        return staging.publish(bundle["bundle_id"], bundle, text)
    finally:
        staging.discard()


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _write_table(staging: Staging, name: str, table: pa.Table, *, csv: bool) -> None:
    staging.add(f"{name}.parquet", lambda path: arrow.write_parquet(table, path), table.num_rows)
    if csv:
        staging.add(f"{name}.csv", lambda path: arrow.write_csv(table, path), table.num_rows)


def sql_files(rules: ScoringBundle, sql: Mapping[str, Any]) -> dict[str, str]:
    """Return the scoring SQL of a bundle by file name: from events, and from x, t_x, T."""
    events = EventSource(
        name=sql["table"],
        schema=sql["schema"],
        customer_id=sql["customer_id"],
        event_at=sql["event_at"],
    )
    files = {}
    for dialect in sql["dialects"]:
        files[f"score.{dialect}.sql"] = score_sql(rules, dialect, events)
        files[f"score_summary.{dialect}.sql"] = score_sql(rules, dialect, SummarySource())
    return files


_STAMPS = ("bundle_id", "scored_at", "updated_at")


def _changed(data: dict[str, pa.Table], earlier: Path, what: str) -> dict[str, pa.Table]:
    """Return `<table>_changed`: rows that are new or differ from an earlier export.

    `what` is ``dates`` (text and day columns) or ``all``.

    An unchanged row keeps its `updated_at` in the full table, too.

    Raises
    ------
    UsageError
        When the earlier export cannot be read.
    """
    old = _earlier_table(earlier, tables.CUSTOMER_THRESHOLDS)
    new = data["customer_thresholds"].to_pandas(ignore_metadata=True)
    kinds = (tables.TEXT, tables.DAY) if what == "dates" else tuple(tables.KINDS)
    columns = tables.CUSTOMER_THRESHOLDS.columns
    compared = [c.name for c in columns if c.name not in _STAMPS and c.kind in kinds]
    before = old.set_index("customer_id").reindex(new["customer_id"]).reset_index()
    same = pd.Series(True, index=new.index)
    for column in compared:
        a, b = new[column].astype("object"), before[column].astype("object")
        same &= (a == b) | (a.isna() & b.isna())
    kept = before["updated_at"].where(same & before["updated_at"].notna(), new["updated_at"])
    full = arrow.to_arrow(new.assign(updated_at=kept), tables.CUSTOMER_THRESHOLDS)
    return {
        "customer_thresholds": full,
        "customer_thresholds_changed": full.filter(pa.array(~same.to_numpy())),
    }


def _earlier_table(earlier: Path, table: tables.Table) -> pd.DataFrame:
    folder, old = bundle_path(earlier).parent, load_bundle(earlier)
    found = arrow.read_table(locate(folder, old.bundle_id, f"{table.name}.parquet"), table)
    if found.empty:
        raise UsageError(f"the earlier export {earlier} has no rows in {table.name}.")
    raw: pd.DataFrame = arrow.to_arrow(found, table).to_pandas(ignore_metadata=True)
    return raw
