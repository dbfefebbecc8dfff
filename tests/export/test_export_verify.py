"""A bundle broken in one place is refused with a message that names the place."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import churnlab.bundle
from churnlab.bundle import score, strict_json
from churnlab.bundle.consistency import check_content
from churnlab.bundle.reading import place, validate
from churnlab.bundle.schema import SCHEMA_FILE, bundle_schema, schema_text
from churnlab.bundle.score import FORECAST
from churnlab.errors import ChurnlabError, VerificationError
from churnlab.export import verify
from churnlab.export.tables import TABLES, arrow, files
from churnlab.export.verify import _check_forecast
from churnlab.runs.hashing import file_hash

SLOW_FIXTURE = list(HealthCheck)
SCHEMAS = Path(churnlab.bundle.__file__).parent / "schemas"
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def content(exported):
    return json.loads((exported / "bundle.json").read_text("utf-8"))


@pytest.fixture
def copied(exported, tmp_path):
    """A copy of the export that may be damaged, without the convenience copies' hard links."""
    folder = tmp_path / "copy"
    folder.mkdir()
    bundle = json.loads((exported / "bundle.json").read_text("utf-8"))
    for entry in bundle["files"]:
        shutil.copyfile(exported / entry["name"], folder / entry["name"])
    shutil.copyfile(exported / "bundle.json", folder / "bundle.json")
    return folder


def places(node, path=()):
    """Every place in a JSON value."""
    yield path
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, value in children:
        yield from places(value, (*path, key))


def at(node, path):
    for key in path:
        node = node[key]
    return node


#: Keys that earlier bundles lack.
DEFAULTS = {
    "banners", "checks_zone", "csv_guarded", "edition", "misfit", "quantile", "unseen",
    "window_cycles",
}  # fmt: skip
#: Mappings whose keys are not fixed.
OPEN = {"segment_shares", "data_hashes", "curve"}


def broken(content, path, how):
    """Break one place; return the content and the place that must be named."""
    changed = copy.deepcopy(content)
    if not path:
        return None
    parent, key = at(changed, path[:-1]), path[-1]
    if how == "removed":
        optional = key in DEFAULTS or ("scores" in path and key in ("q05", "q95"))
        if isinstance(parent, list) or optional or OPEN & set(map(str, path[:-1])):
            return None
        del parent[key]
        return changed, path[:-1], key
    if how == "added":
        if not isinstance(parent[key], dict) or OPEN & set(map(str, path)):
            return None
        parent[key]["Unknown-Key"] = 1
        return changed, path, "Unknown-Key"
    if how == "type" and key == "curve":
        return None  # its rows are open mappings, as this one is
    parent[key] = {"type": [{"nested": "wrong"}], "nan": "NaN", "huge": "x" * 5000}[how]
    return changed, path, None


@pytest.fixture(scope="module")
def everywhere(content):
    return sorted(places(content), key=str)


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW_FIXTURE)
@given(data=st.data())
def test_schema_names_the_broken_place(content, everywhere, data):
    ways = st.sampled_from(["removed", "added", "type", "huge"])
    path, how = data.draw(st.tuples(st.sampled_from(everywhere), ways))
    result = broken(content, path, how)
    if result is None:
        return
    changed, where, key = result
    with pytest.raises(VerificationError) as caught:
        validate(changed)
    message = str(caught.value)
    if path[0] == "schema_version":
        assert "schema_version" in message
        return
    named = message.split(":")[0]
    # the place itself, or the place that holds it when the fault is a missing or an extra key
    assert named.startswith(place(where)), (named, place(where), how)
    if key is not None:
        assert str(key) in message


def change(content, text, value):
    """Set ``a.b[0].c`` in a deep copy."""
    changed = copy.deepcopy(content)
    *parents, last = [
        int(p) if p.isdigit() else p for p in text.replace("[", ".").replace("]", "").split(".")
    ]
    at(changed, parents)[last] = value
    return changed


CROSS = [
    ("valid_until", "2024-06-30", "valid_until"),
    ("as_of", "2024-02-30", "as_of"),
    ("as_of", "2024-01-15", "seen_until"),
    ("created_at", "2024-99-01T00:00:00Z", "created_at"),
    ("time_zone", "Mars/Olympus", "time_zone"),
    ("nday_rules[0].time_zone", "Nowhere/City", "nday_rules[0].time_zone"),
    ("nday_rules[0].send_day", 12, "nday_rules[0].send_day"),
    ("nday_rules[0].uplift", {"mean": 0.1, "q05": 0.0, "q95": 0.2}, "nday_rules[0].uplift"),
    ("nday_rules[0].randomised", True, "nday_rules[0].holdout_share"),
    ("nday_rules[0].action_id", "unknown", "nday_rules[0].action_id"),
    ("segments[3].actions[0]", "unknown", "segments[3].actions[0]"),
    ("segments[3].code", "none.visit_risk", "segments["),
    ("actions[1].action_id", "keep", "actions[1].action_id"),
    ("thresholds.visits.risk", 0.99, "thresholds.visits.risk"),
    ("thresholds.visits", None, "thresholds.visits"),
    ("thresholds.purchases.q05", 0.9, "thresholds.purchases.q05"),
    ("models.purchases.parameters", ["r", "alpha", "s", "beta"], "models.purchases.parameters"),
    ("models.purchases.k", 2, "models.purchases.k"),
    ("models.purchases.n_draws_full", 3, "models.purchases.n_draws_full"),
    ("models.purchases.groups", ["all", "more"], "models.purchases.draws[0]"),
    ("backtest.origins", ["2023-10-01"], "calibration.status"),
    ("backtest.baselines", ["majority"], "calibration.status"),
    ("backtest.origins[2]", "2024-07-30", "backtest.origins[2]"),
    ("backtest.scores[0].origin", "2020-01-01", "backtest.scores[0].origin"),
    ("calibration.status", "not calibrated", "calibration.reasons"),
    ("monitoring.limits.psi_warn", 0.5, "monitoring.limits.psi_warn"),
    ("monitoring.reference.risk_shares[0]", 0.9, "monitoring.reference.risk_shares"),
    ("monitoring.reference.segment_shares", {"none.visit_risk": 0.4}, "segment_shares"),
    ("monitoring.reference.n_purchasers", 7, "monitoring.reference.n_purchasers"),
    ("files[0].name", "other.parquet", "files"),
]


@pytest.mark.parametrize(("where", "value", "named"), CROSS, ids=[f"{c[0]}={c[1]}" for c in CROSS])
def test_rules_between_fields_name_the_place(content, where, value, named):
    changed = change(content, where, value)
    document = validate(changed)  # the schema alone does not see it
    with pytest.raises(VerificationError) as caught:
        check_content(document)
    assert named in str(caught.value).split(":")[0]


def test_an_unbroken_bundle_passes(content):
    check_content(validate(content))


def test_the_schema_file_is_written_from_the_model():
    assert schema_text() == (SCHEMAS / SCHEMA_FILE).read_text("utf-8"), (
        "run `python -m churnlab.bundle.schema`"
    )


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW_FIXTURE)
@given(data=st.data())
def test_model_and_published_schema_refuse_the_same(content, everywhere, data):
    """jsonschema, which knows the file alone, agrees with the model on every broken place."""
    path = data.draw(st.sampled_from(everywhere))
    how = data.draw(st.sampled_from(["removed", "added", "type", "huge", "nan"]))
    result = broken(content, path, how)
    changed = content if result is None else result[0]
    by_file = Draft202012Validator(bundle_schema()).is_valid(changed)
    try:
        validate(changed)
    except VerificationError:
        assert not by_file, (path, how)
    else:
        assert by_file, (path, how)


@pytest.mark.parametrize("version", ["2.0.0", "0.9", None, 1, "one"])
def test_unknown_major_versions_are_refused(content, version):
    with pytest.raises(VerificationError, match="schema_version"):
        validate(content | {"schema_version": version})


def test_a_bundle_edited_by_hand_is_refused(copied):
    path = copied / "bundle.json"
    text = path.read_text("utf-8")
    assert '"value": 0.5,' in text
    path.write_text(text.replace('"value": 0.5,', '"value": 0.6,', 1), "utf-8")
    with pytest.raises(VerificationError, match="content_hash"):
        verify(copied)


def reseal(folder, edit=None):
    """Recompute hashes after damage, as a careful forger would."""
    path = folder / "bundle.json"
    content = json.loads(path.read_text("utf-8"))
    if edit:
        edit(content)
    for entry in content["files"]:
        file = folder / entry["name"]
        entry["sha256"], entry["bytes"] = file_hash(file), file.stat().st_size
    content["content_hash"] = strict_json.hash_without(content)
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def rewrite(folder, name, edit):
    """Change one exported table in Parquet."""
    table = TABLES[name]
    frame = files.read_table(folder / f"{name}.parquet", table)
    frame = edit(frame)
    files.write_parquet(arrow.to_arrow(frame, table), folder / f"{name}.parquet")


def shifted(column, rows, by):
    def edit(frame):
        frame.loc[rows(frame), column] += by
        return frame

    return edit


def buyers(frame):
    return frame["purchase_state"] == "repeat_active"


@pytest.mark.parametrize(
    ("table", "edit", "named"),
    [
        ("customer_thresholds", shifted("at_risk_date", buyers, DAY), "at_risk_date"),
        ("customer_thresholds", shifted("at_risk_date", buyers, -DAY), "at_risk_date"),
        ("customer_thresholds", shifted("purchase_risk", buyers, 1e-6), "purchase_risk"),
        ("customer_thresholds", shifted("p_alive", buyers, -1e-6), "p_alive"),
        ("customer_thresholds", lambda f: f.assign(bundle_id="cb-other"), "bundle_id"),
        ("customer_thresholds", lambda f: f.assign(segment_code="none.visit_risk"), "segment_code"),
        ("customer_thresholds", lambda f: f.assign(segment_code="worthy"), "segment_code"),
        ("customer_thresholds", lambda f: f.iloc[1:], "customer_thresholds"),
        ("customer_summary", lambda f: f.assign(x=f["x"] + (f["x"] > 0)), "customer_thresholds"),
        ("customer_summary", lambda f: f.assign(grp="vip"), "grp"),
        ("segment_membership", lambda f: f.assign(segment_code="none.visit_risk"), "segment_code"),
        ("segment_share", lambda f: f.assign(share=f["share"] * 1.1), "segment_share"),
        ("segment_audience", lambda f: f.assign(action_id="spam"), "action_id"),
        ("nday_audience", lambda f: f.assign(rule_id="other"), "rule_id"),
    ],
)  # fmt: skip
def test_forged_tables_with_fresh_hashes_are_refused(copied, table, edit, named):
    rewrite(copied, table, edit)

    def rows(content):
        for entry in content["files"]:
            if entry["name"] == f"{table}.parquet":
                entry["rows"] = pq.read_metadata(copied / entry["name"]).num_rows

    reseal(copied, rows)
    with pytest.raises(VerificationError, match=named):
        verify(copied, sql=False)


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "bigquery", "snowflake"])
def test_forged_sql_with_fresh_hashes_is_refused(copied, dialect, edition):
    """Also under the claim that an earlier churnlab wrote it: what cannot be checked is not ok."""
    path = copied / f"score.{dialect}.sql"
    path.write_text(path.read_text("utf-8") + "\n-- DROP TABLE purchases", "utf-8")
    reseal(copied, lambda c: c["sql"].update(edition=edition))
    with pytest.raises(VerificationError, match=rf"score\.{dialect}\.sql: is not the SQL"):
        verify(copied, sql=False)


def test_sql_beside_a_bundle_that_says_it_has_none_is_refused(copied):
    reseal(copied, lambda c: c["sql"].update(dialects=[], reason="none was asked for"))
    with pytest.raises(VerificationError, match=r"score.*\.sql is of no dialect"):
        verify(copied, sql=False)


def test_a_forged_threshold_with_fresh_hashes_is_refused(copied):
    def edit(content):
        content["thresholds"]["purchases"]["value"] = 0.55

    reseal(copied, edit)
    with pytest.raises(VerificationError, match="at_risk_date"):
        verify(copied)


@pytest.mark.parametrize("name", ["customer_thresholds.parquet", "columns.md", "actions.csv"])
def test_a_changed_or_missing_file_is_named(copied, name):
    path = copied / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(VerificationError, match=name):
        verify(copied)
    path.unlink()
    with pytest.raises(VerificationError, match=name):
        verify(copied)


def before_forecasts(folder, lacking=FORECAST):
    """Make of an export what schema 1.3 wrote: no forecast, no columns of it."""
    path = folder / "customer_thresholds.parquet"
    files.write_parquet(pq.read_table(path).drop_columns(list(lacking)), path)
    table = pd.read_csv(path.with_suffix(".csv"), dtype=str, keep_default_na=False)
    table.drop(columns=list(lacking)).to_csv(path.with_suffix(".csv"), index=False)

    def edit(content):
        content["schema_version"] = "1.3.0"
        content.pop("forecast")

    reseal(folder, edit)


def test_a_bundle_of_before_forecasts_verifies_and_scores(copied, exported):
    before_forecasts(copied)
    told = {check["name"]: check["detail"] for check in verify(copied)["checks"]}
    assert (told["schema"], told["forecast"]) == ("1.3.0", "written before there was one")
    summary = pd.read_parquet(copied / "customer_summary.parquet").rename(
        columns={"grp": "channel"}
    )
    found, now = (score(folder, summary=summary) for folder in (copied, exported))
    assert found[list(FORECAST)].isna().all(axis=None)
    stamps = ["bundle_id", "scored_at", "updated_at"]
    pd.testing.assert_frame_equal(found.drop(columns=stamps), now.drop(columns=stamps))


@pytest.mark.parametrize("lacking", [FORECAST[:1], FORECAST[1:]])
def test_half_a_forecast_is_refused(copied, lacking):
    before_forecasts(copied, lacking)
    with pytest.raises(VerificationError, match=f"lacks {', '.join(lacking)}; expected all of"):
        verify(copied, sql=False)


def test_a_learner_whose_forecasts_are_left_out_is_refused():
    with pytest.raises(VerificationError, match=r"lacks no_purchase, .* and no forecast in the"):
        _check_forecast(pd.DataFrame(), object())


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW_FIXTURE)
@given(data=st.data())
def test_a_fuzzed_bundle_never_ends_in_a_traceback(exported, tmp_path_factory, data):
    raw = bytearray((exported / "bundle.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position : position + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    path = tmp_path_factory.mktemp("fuzz") / "bundle.json"
    path.write_bytes(bytes(raw))
    for use in (lambda: verify(path, sql=False), lambda: score(path, purchases=pd.DataFrame())):
        with pytest.raises(ChurnlabError):
            use()


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"{}", b"[" * 100_000, b'{"a": NaN}', b"\xff\xfe", b'{"a":1,"a":2}',
     b'{"schema_version": "1.0.0"}', b'{"schema_version": "1.0.0", "x": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_odd_json_is_a_plain_error(tmp_path, raw):
    path = tmp_path / "bundle.json"
    path.write_bytes(raw)
    with pytest.raises(VerificationError):
        verify(path)
    with pytest.raises(VerificationError):
        score(path, purchases=pd.DataFrame())


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW_FIXTURE)
@given(data=st.data())
def test_fuzzed_tables_never_end_in_a_traceback(exported, tmp_path_factory, data):
    name = data.draw(st.sampled_from(["customer_thresholds", "segment_membership", "actions"]))
    kind, read = data.draw(
        st.sampled_from([("parquet", files.read_table), ("csv", files.read_csv)])
    )
    raw = bytearray((exported / f"{name}.{kind}").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.mktemp("fuzz") / f"{name}.{kind}"
    path.write_bytes(bytes(raw))
    try:
        frame = read(path, TABLES[name])
    except VerificationError:
        return
    assert list(frame.columns) == TABLES[name].names


def test_nothing_is_unpickled(copied, tmp_path):
    """A pickle in place of a table, and one in a Parquet file's metadata, are not loaded."""
    import pickle

    mark = tmp_path / "executed"
    bomb = pickle.dumps(Bomb(mark))
    table = pq.read_table(copied / "actions.parquet")
    metadata = {b"pandas": bomb, b"ARROW:extension:name": b"arrow.py_extension_type",
                b"ARROW:extension:metadata": bomb}  # fmt: skip
    fields = [f.with_metadata(metadata) for f in table.schema]
    pq.write_table(
        table.cast(pa.schema(fields, metadata)), copied / "actions.parquet", store_schema=True
    )
    reseal(copied)
    with contextlib.suppress(VerificationError):
        verify(copied, sql=False)
    (copied / "actions.parquet").write_bytes(bomb)
    reseal(copied)
    with pytest.raises(VerificationError, match="actions"):
        verify(copied, sql=False)
    assert not mark.exists()


def test_a_deep_place_is_named_for_numbers_out_of_range(content):
    changed = change(content, "models.purchases.draws[3][0][1]", -1.0)
    with pytest.raises(VerificationError, match=r"^models\.purchases\.draws\[3\]\[0\]\[1\]"):
        validate(changed)
    assert np.isfinite(at(content, ("models", "purchases", "draws", 3, 0, 1)))
