"""Files that others may have made: bombs, formulas, text that no target holds, forgeries."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest_export import CREATED, make_inputs

from churnlab.bundle import score, strict_json
from churnlab.errors import VerificationError
from churnlab.export import ExportConfig, SqlConfig, export_bundle, verify
from churnlab.export.tables import TABLES, arrow, files

ACTIONS = TABLES["actions"]
SHARES = TABLES["segment_audience"]
LIGHT = ExportConfig(draws=4, sql=SqlConfig(dialects=[]))


def actions(n, evidence="playbook"):
    """A table of `n` actions."""
    return pa.table(
        {
            "action_id": [f"a{i}" for i in range(n)],
            "channel": ["onsite"] * n,
            "incentive": ["none"] * n,
            "cooldown_days": pa.array([7] * n, pa.int64()),
            "message_class": ["advertising"] * n,
            "evidence": [evidence] * n,
        },
        schema=arrow.arrow_schema(ACTIONS),
    )


def test_a_file_of_very_many_equal_rows_is_refused_before_it_is_read(tmp_path):
    path, n = tmp_path / "segment_audience.parquet", 5_000_000
    codes = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int8)), pa.array(["same"]))
    day = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int8)), pa.array([0], pa.date32()))
    pq.write_table(
        pa.table(
            dict(
                zip(
                    SHARES.names, [codes] * 3 + [day.dictionary_decode()] * 2 + [codes], strict=True
                )
            )
        ),
        path,
    )
    assert path.stat().st_size < 100_000
    with pytest.raises(VerificationError, match="5,000,000 rows take more memory than"):
        files.read_table(path, SHARES, 100_000_000)


def test_a_long_text_that_occurs_often_is_refused_before_it_is_written_out(tmp_path):
    path = tmp_path / "actions.parquet"
    pq.write_table(actions(300, "x" * 1_000_000), path)
    assert path.stat().st_size < 3_000_000
    with pytest.raises(VerificationError, match="take more memory"):
        files.read_table(path, ACTIONS, 100_000_000)


def test_what_just_fits_is_read(tmp_path):
    path = tmp_path / "actions.parquet"
    pq.write_table(actions(1000), path)
    assert len(files.read_table(path, ACTIONS, 200_000)) == 1000
    with pytest.raises(VerificationError, match="take more memory"):
        files.read_table(path, ACTIONS, 8 * 6 * 1000 - 1)
    files.write_csv(actions(1000), tmp_path / "actions.csv")
    size = (tmp_path / "actions.csv").stat().st_size
    assert len(files.read_csv(tmp_path / "actions.csv", ACTIONS, size)) == 1000
    with pytest.raises(VerificationError, match="take more memory"):
        files.read_csv(tmp_path / "actions.csv", ACTIONS, size - 1)


FORMULAS = ["=cmd|' /C calc'!A0", "+82105551234", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'quoted",
            "''", "plain", "a=b", "이름"]  # fmt: skip


def formulas():
    return actions(len(FORMULAS)).set_column(1, "channel", pa.array(FORMULAS))


def test_formulas_are_guarded_in_csv_and_come_back_to_the_letter(tmp_path):
    path = tmp_path / "actions.csv"
    files.write_csv(formulas(), path)
    plain = pd.read_csv(path, dtype=str, keep_default_na=False)["channel"]
    assert not plain.str.match(r"[=+\-@\t\r]").any()
    assert list(files.read_csv(path, ACTIONS)["channel"]) == FORMULAS
    files.write_csv(formulas(), path, guard=False)
    assert list(files.read_csv(path, ACTIONS, guarded=False)["channel"]) == FORMULAS
    assert list(pd.read_csv(path, dtype=str, keep_default_na=False)["channel"])[:2] == FORMULAS[:2]


@pytest.mark.parametrize("guard", [True, False])
def test_a_bundle_says_whether_its_csv_is_guarded(tmp_path, guard):
    inputs = make_inputs(visits=False, members=None)
    summary = inputs.summary.copy()
    summary.loc[0, "customer_id"] = "=1+1"
    config = ExportConfig(draws=4, sql=SqlConfig(dialects=[]), csv_guard=guard)
    export_bundle(tmp_path, make_inputs(visits=False, members=None, summary=summary), config)
    assert json.loads((tmp_path / "bundle.json").read_text("utf-8"))["csv_guarded"] is guard
    lines = (tmp_path / "customer_summary.csv").read_text("utf-8").splitlines()
    assert any(line.startswith('"\'=1+1"' if guard else '"=1+1"') for line in lines)
    assert verify(tmp_path)["status"] == "ok"


def test_ids_that_a_target_cannot_hold_are_refused_at_export_and_in_verify(tmp_path):
    inputs = make_inputs(visits=False, members=None)
    summary = inputs.summary.copy()
    summary.loc[0, "customer_id"] = "a\0b"
    with pytest.raises(VerificationError, match=r"customer_id holds 'a\\x00b', with a NUL"):
        export_bundle(tmp_path, make_inputs(visits=False, members=None, summary=summary), LIGHT)
    assert not (tmp_path / "bundle.json").exists()
    pq.write_table(actions(3, "x\0"), tmp_path / "actions.parquet")
    with pytest.raises(VerificationError, match="NUL"):
        files.read_table(tmp_path / "actions.parquet", ACTIONS)


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda b: b["thresholds"]["purchases"].update(first_value=1e30), "first_value"),
        (lambda b: b.update(schema_version="1.junk"), "schema_version"),
        (lambda b: b["risk"]["purchases"].update(basis="p_dead"), "risk.purchases.basis"),
        (lambda b: b["thresholds"]["visits"].update(risk=0.99), "thresholds.visits.risk"),
        (lambda b: b.update(valid_until="2020-01-01"), "valid_until"),
    ],
)
def test_score_refuses_what_verify_refuses_of_a_rehashed_bundle(tmp_path, edit, place):
    export_bundle(tmp_path, make_inputs(), LIGHT, created_at=CREATED)
    path = tmp_path / "bundle.json"
    bundle = json.loads(path.read_text("utf-8"))
    edit(bundle)
    bundle["content_hash"] = strict_json.hash_without(bundle)
    path.write_text(json.dumps(bundle, ensure_ascii=False), "utf-8")
    row = pd.DataFrame({"customer_id": ["a"], "x": [1], "t_x": [9], "T": [20]})
    for use in (lambda: verify(tmp_path), lambda: score(tmp_path, summary=row)):
        with pytest.raises(VerificationError, match=place):
            use()
