"""The exported frames, made from the scored table and the results of the other parts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from churnlab.bundle import ScoringBundle
from churnlab.bundle.score import FAR, FORECAST, score_people
from churnlab.errors import DataError
from churnlab.events.ids import looked_up, positions, text
from churnlab.export.inputs import ExportInputs
from churnlab.export.tables.columns import SEGMENT_SHARE
from churnlab.vocabulary import ALL_CODES, SEGMENTS, UNKNOWN_CODES

#: Columns that the full posterior gives better than the thinned draws; the rest is scored.
FROM_FIT = ("cycle_days", "cycle_q05", "cycle_q95", "rhythm_days", "due_date", "due_q10", "due_q90")


def thresholds_frame(inputs: ExportInputs, rules: ScoringBundle) -> pd.DataFrame:
    """Return `customer_thresholds`: states, risk and dates by the bundle's draws.

    Dates and risk are those of the bundle's own draws, so that every later score agrees with
    them; cycle and due dates come from the fit's table where given.
    """
    fitted = inputs.customers
    if fitted is None or not set(FROM_FIT) <= set(fitted.columns):
        return score_people(rules, inputs.people, inputs.as_of)
    return _with_fit(score_people(rules, inputs.people, inputs.as_of, details=False), fitted)


def tables_of(
    table: pd.DataFrame, inputs: ExportInputs, bundle: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Return every exported frame by name; `table` is `customer_thresholds`."""
    playbook = segment_actions_frame(bundle["segments"])
    everything = {
        "customer_thresholds": table,
        "customer_summary": summary_frame(inputs),
        "segment_membership": membership_frame(table, inputs, bundle["segments"]),
        "segment_share": share_frame(table, inputs),
        "actions": pd.DataFrame(bundle["actions"]),
        "segment_actions": playbook,
        "segment_audience": audience_frame(table, playbook, inputs),
    }
    for name in ("nday_audience", "campaign_plan", "journey_audience"):
        given: pd.DataFrame | None = getattr(inputs, name)
        if given is not None:
            everything[name] = without_empty_text(given)
    return everything


def _with_fit(table: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    names = (*FROM_FIT, *(name for name in FORECAST if name in customers.columns))
    known = (customers[name] for name in names)
    values = looked_up(table["customer_id"], customers["customer_id"], *known)
    fitted = dict(zip(names, values, strict=True))
    bought = table["purchase_state"].ne("none").to_numpy()
    if pd.isna(fitted["cycle_days"][bought]).any():
        raise DataError(
            "customers lacks purchasers of the summary; give both from the same fit and as_of."
        )
    table = table.copy()
    for column in names:
        if column.startswith("due"):
            days = pd.to_datetime(pd.Series(fitted[column])).dt.normalize()
            table[column] = days.astype("datetime64[us]").fillna(FAR).to_numpy()
        else:
            table[column] = fitted[column].to_numpy()
    return table


def summary_frame(inputs: ExportInputs) -> pd.DataFrame:
    """Return `customer_summary`: what the scores rest on."""
    people, cells = inputs.purchases.customers, inputs.purchases.cells
    groups = cells.groups if len(inputs.draws.groups) > 1 else inputs.draws.groups
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"],
            "x": people["x"],
            "t_x": people["t_x"],
            "T": people["T"],
            "grp": np.array(groups, object)[cells.group[people["cell"]]],
            "last_purchase_at": people["last_purchase_at"],
        }
    )


def membership_frame(
    table: pd.DataFrame, inputs: ExportInputs, segments: Sequence[Mapping[str, str]]
) -> pd.DataFrame:
    """Return `segment_membership`: the present code of everyone, and the previous one if known."""
    polarity = dict.fromkeys(UNKNOWN_CODES, "neutral") | {
        s["code"]: s["polarity"] for s in segments
    }
    out = pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "as_of": pd.Timestamp(inputs.as_of).as_unit("us"),
            "segment_code": table["segment_code"],
            "previous_code": pd.Series([None] * len(table), dtype="object"),
            "entered_at": _entered(table, pd.Timestamp(inputs.as_of).as_unit("us")),
            "polarity": table["segment_code"].map(polarity),
            "risk_band": _bands(table, inputs),
        }
    )
    given = inputs.membership
    if given is None or "previous_code" not in given.columns:
        return out
    last = given.drop_duplicates("customer_id", keep="last")
    ids = out["customer_id"], last["customer_id"]
    [out["previous_code"]] = looked_up(*ids, last["previous_code"])
    if "entered_at" in last.columns:
        days = pd.to_datetime(last["entered_at"])
        code, entered = looked_up(*ids, last["segment_code"], days)
        same = pd.Series(code == out["segment_code"].array).fillna(False).to_numpy(bool)
        known = entered.to_numpy().astype("datetime64[us]")
        keep = same & ~np.isnat(known)
        out["entered_at"] = np.where(keep, known, out["entered_at"].to_numpy())
    return out


def _bands(table: pd.DataFrame, inputs: ExportInputs) -> pd.Series | None:
    """Return how far at risk each customer is by the fit; null without a purchase or a fit."""
    known = inputs.customers
    if known is None or "risk_band" not in known.columns:
        return None
    [band] = looked_up(table["customer_id"], known["customer_id"], known["risk_band"])
    return pd.Series(band, table.index)


def _entered(table: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Return the latest of the dates that led into the present state, never after `as_of`."""
    columns = ("valid_for_last_purchase_at", "valid_for_last_visit_at", "at_risk_date",
               "visit_risk_date", "visit_inactive_date")  # fmt: skip
    dates = table[list(columns)].where(table[list(columns)] <= as_of)
    latest: pd.Series = dates.max(axis=1).fillna(as_of)
    return latest


def share_frame(table: pd.DataFrame, inputs: ExportInputs) -> pd.DataFrame:
    """Return `segment_share`: counts of the exported table, intervals and changes where given."""
    counts = table["segment_code"].value_counts()
    codes = [c for c in ALL_CODES if c in counts.index or c not in UNKNOWN_CODES]
    n = counts.reindex(codes).fillna(0).astype("int64")
    out = pd.DataFrame({"as_of": pd.Timestamp(inputs.as_of).as_unit("us"), "segment_code": codes})
    out["n"], out["share"] = n.to_numpy(), n.to_numpy() / max(len(table), 1)
    extra = [c for c in SEGMENT_SHARE.names if c not in out.columns]
    if inputs.shares is not None:
        given = inputs.shares
        if "level" in given.columns:
            given = given[given["level"] == "segment"]
        given = given[[c for c in ("segment_code", *extra) if c in given.columns]]
        out = out.merge(given, on="segment_code", how="left")
    return out.reindex(columns=SEGMENT_SHARE.names)


def segment_actions_frame(segments: Sequence[Mapping[str, Sequence[str]]]) -> pd.DataFrame:
    """Return `segment_actions`: the playbook as rows."""
    rows = [
        {"segment_code": s["code"], "action_id": action, "priority": i + 1}
        for s in segments
        for i, action in enumerate(s["actions"])
    ]
    return pd.DataFrame(rows)


def audience_frame(
    table: pd.DataFrame, actions: pd.DataFrame, inputs: ExportInputs
) -> pd.DataFrame:
    """Return `segment_audience`: every member of a segment with the segment's first action.

    Members of the `visit_unknown` codes are in no audience: no action is stated for them.
    """
    first = actions[actions["priority"] == 1][["segment_code", "action_id"]]
    table = table.assign(risk_band=_bands(table, inputs))
    at = positions(table["segment_code"], first["segment_code"])
    known = table["segment_code"].isin([s.code for s in SEGMENTS]) & (at >= 0)
    columns = ["customer_id", "action_id", "segment_code", "due_date", "at_risk_date", "risk_band"]
    table = table.assign(action_id=text(list(first["action_id"]), at))
    return table.loc[known, columns].reset_index(drop=True)


def without_empty_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with nulls in place of empty reasons: null means "send"."""
    if "suppressed_reason" not in frame.columns:
        return frame
    reason = frame["suppressed_reason"]
    return frame.assign(suppressed_reason=reason.where(reason.notna() & (reason != ""), None))
