"""`export_bundle`: from in-memory results to a verified bundle in a folder."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from churnlab.bundle import PurchaseRule, ScoringBundle, VisitRule, strict_json
from churnlab.bundle.consistency import check_content
from churnlab.bundle.reading import bundle_path, load_bundle, locate, validate
from churnlab.bundle.schema import schema_text
from churnlab.errors import UsageError
from churnlab.export import sections
from churnlab.export.config import ExportConfig
from churnlab.export.draws import Chosen, choose
from churnlab.export.inputs import ExportInputs
from churnlab.export.publish import Staging, Writer, previous_id
from churnlab.export.sql import EventSource, SummarySource, score_sql
from churnlab.export.tables import TABLES, arrow, columns, files, rows
from churnlab.progress import Update
from churnlab.runs.hashing import content_hash, frame_hash


def export_bundle(
    folder: str | Path,
    inputs: ExportInputs,
    config: ExportConfig | None = None,
    *,
    created_at: dt.datetime | None = None,
    progress: Update | None = None,
) -> Path:
    """Write a bundle: draws, thresholds, evidence, tables and SQL.

    folder: Where `bundle.json` and its files go; an older bundle there is superseded, not
        destroyed.
    created_at: UTC instant of the export; default: now.
    Returns: The bundle.json.
    Raises DataError when the backtest does not suffice and `allow_uncalibrated` is off.
    Raises FitRefusedError when the posterior does not fit into so few draws.
    Raises VerificationError when the parts contradict each other.
    Raises UsageError when the folder cannot be written.
    """
    config, report = config or ExportConfig(), progress or (lambda stage, share: None)
    now = (created_at or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    evidence = sections.evidence_sections(inputs, config)  # too little is said before the work
    report("thinning the posterior", 0.05)
    chosen = choose(inputs, config.draws)
    rules = _rules(inputs, chosen)
    report("scoring customers", 0.3)
    table = rows.thresholds_frame(inputs, rules)
    bundle = sections.all_sections(inputs, config, evidence, chosen, table, now)
    bundle["supersedes"] = previous_id(Path(folder))
    frames = rows.tables_of(table, inputs, bundle)
    bundle["bundle_id"] = _bundle_id(bundle, frames)
    frames["customer_thresholds"] = table.assign(
        bundle_id=bundle["bundle_id"], scored_at=pd.Timestamp(now), updated_at=pd.Timestamp(now)
    )
    report("writing files", 0.7)
    rules = replace(rules, bundle_id=bundle["bundle_id"])
    return _write(Path(folder), bundle, frames, rules, config)


def _rules(inputs: ExportInputs, chosen: Chosen) -> ScoringBundle:
    """Return what scores the exported customers: the cuts as the bundle will state them."""
    cut = sections.threshold_section(inputs.threshold)
    cuts = cut["value"], cut["first_value"], cut["window_cycles"]
    purchases = PurchaseRule(chosen.purchases.draws, inputs.risk, *cuts, clock=inputs.clock)
    seen, visits = inputs.visits, None
    if seen is not None and chosen.visits is not None:
        cuts = seen.risk_value, seen.inactive_value, seen.window_cycles
        visits = VisitRule(chosen.visits.draws, seen.risk, *cuts)
    return ScoringBundle(
        "cb-", inputs.as_of, inputs.time_zone, purchases, visits, inputs.group_columns
    )


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
    staging = Staging(folder)
    try:
        changed = None
        for name in list(everything):  # let go of one by one: few tables are there twice
            table = arrow.to_arrow(everything.pop(name), TABLES[name])
            if name == "customer_thresholds" and config.changed_since is not None:
                earlier = Path(config.changed_since)
                table, changed = _changed(table, earlier, config.changed_columns)
            _write_table(staging, name, table, config)
        if changed is not None:
            _write_table(staging, "customer_thresholds_changed", changed, config)
        document = columns.columns_document()
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


def _write_table(staging: Staging, name: str, table: pa.Table, config: ExportConfig) -> None:
    writers: dict[str, Writer] = {f"{name}.parquet": partial(files.write_parquet, table)}
    if config.csv:
        writers[f"{name}.csv"] = partial(files.write_csv, table, guard=config.csv_guard)
    staging.add_table(writers, table.num_rows)


def sql_files(rules: ScoringBundle, sql: Mapping[str, Any]) -> dict[str, str]:
    """Return the scoring SQL of a bundle by file name: from events, and from x, t_x, T."""
    events = EventSource(
        name=sql["table"],
        schema=sql["schema"],
        customer_id=sql["customer_id"],
        event_at=sql["event_at"],
        checks_zone=sql["checks_zone"],
    )
    written = {}
    for dialect in sql["dialects"]:
        written[f"score.{dialect}.sql"] = score_sql(rules, dialect, events)
        written[f"score_summary.{dialect}.sql"] = score_sql(rules, dialect, SummarySource())
    return written


_STAMPS = ("bundle_id", "scored_at", "updated_at")


def _changed(data: pa.Table, earlier: Path, what: str) -> tuple[pa.Table, pa.Table]:
    """Return `customer_thresholds`, and of it the rows that are new or differ from an earlier one.

    `what` is ``dates`` (text and day columns) or ``all``. An unchanged row keeps its `updated_at`.

    Raises UsageError when the earlier export cannot be read.
    """
    old = _earlier_table(earlier, columns.CUSTOMER_THRESHOLDS)
    new = data.to_pandas(ignore_metadata=True)
    kinds = (columns.TEXT, columns.DAY) if what == "dates" else tuple(columns.KINDS)
    every = columns.CUSTOMER_THRESHOLDS.columns
    compared = [c.name for c in every if c.name not in _STAMPS and c.kind in kinds]
    before = old.set_index("customer_id").reindex(new["customer_id"]).reset_index()
    same = pd.Series(True, index=new.index)
    for column in compared:
        a, b = new[column].astype("object"), before[column].astype("object")
        same &= (a == b) | (a.isna() & b.isna())
    kept = before["updated_at"].where(same & before["updated_at"].notna(), new["updated_at"])
    full = arrow.to_arrow(new.assign(updated_at=kept), columns.CUSTOMER_THRESHOLDS)
    return full, full.filter(pa.array(~same.to_numpy()))


def _earlier_table(earlier: Path, table: columns.Table) -> pd.DataFrame:
    folder, old = bundle_path(earlier).parent, load_bundle(earlier)
    found = files.read_table(locate(folder, old.bundle_id, f"{table.name}.parquet"), table)
    if found.empty:
        raise UsageError(f"the earlier export {earlier} has no rows in {table.name}.")
    found = found.reindex(columns=table.names)  # one of before a column was there lacks it
    raw: pd.DataFrame = arrow.to_arrow(found, table).to_pandas(ignore_metadata=True)
    return raw
