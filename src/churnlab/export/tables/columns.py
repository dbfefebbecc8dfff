"""The exported tables: key, columns, types and meaning, in one place.

Writing, checking and the documentation all read `TABLES`; `COLUMNS.md` in a bundle is made of it.
"""

from typing import NamedTuple

TEXT, NUMBER, WHOLE, DAY, INSTANT = "text", "number", "whole", "day", "instant"
KINDS = (TEXT, NUMBER, WHOLE, DAY, INSTANT)


class Column(NamedTuple):
    """One column of an exported table."""

    name: str
    kind: str
    meaning: str
    nullable: bool = False
    later: bool = False
    """Whether bundles written before it was there lack it."""


class Table(NamedTuple):
    """One exported table."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    purpose: str

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return [c.name for c in self.columns]


_ID = Column("customer_id", TEXT, "customer, to the letter")
_AS_OF = Column("as_of", DAY, "last known, complete day")
_FORECAST = "P(no purchase within forecast.horizon_days of the bundle); null without a stack"
_BAND = Column(
    "risk_band", TEXT, "active, or how far at risk: fresh, winnable, gone", True, later=True
)
_CODE = Column("segment_code", TEXT, "purchase_state.visit_state, see docs/segments.md")

CUSTOMER_THRESHOLDS = Table(
    "customer_thresholds",
    ("customer_id",),
    (
        _ID,
        Column(
            "purchase_state", TEXT, "repeat_active, first_active, repeat_risk, first_risk, none"
        ),
        Column("visit_state", TEXT, "visit_active, visit_risk, visit_inactive, visit_unknown"),
        _CODE,
        Column("cycle_days", NUMBER, "personal purchase cycle, days: posterior median", True),
        Column("cycle_q05", NUMBER, "its 5% quantile, days", True),
        Column("cycle_q95", NUMBER, "its 95% quantile, days", True),
        Column("rhythm_days", NUMBER, "days per purchase as of the last purchase", True),
        Column(
            "purchase_risk", NUMBER, "risk under the bundle's basis on the scored day, 0-1", True
        ),
        Column("purchase_risk_q05", NUMBER, "5% quantile over the posterior draws", True),
        Column("purchase_risk_q95", NUMBER, "95% quantile over the posterior draws", True),
        Column("p_alive", NUMBER, "P(will ever buy again), 0-1; not a forecast of a window", True),
        Column("horizon_days", NUMBER, "window of the risk, days; null under p_alive", True),
        Column("at_risk_date", DAY, "first day at risk if no purchase comes; 9999-12-31: never"),
        Column("due_date", DAY, "next purchase, median; 9999-12-31 without a purchase"),
        Column("due_q10", DAY, "its 10% quantile"),
        Column("due_q90", DAY, "its 90% quantile"),
        Column("visit_risk_date", DAY, "first day visit-at-risk; 9999-12-31: never or unknown"),
        Column(
            "visit_inactive_date", DAY, "first day visit-inactive; 9999-12-31: never or unknown"
        ),
        Column("valid_for_last_purchase_at", DAY, "a newer purchase makes the row obsolete", True),
        Column(
            "valid_for_last_visit_at",
            DAY,
            "last visit, else signup; a newer visit makes the visit dates obsolete",
            True,
        ),
        Column("bundle_id", TEXT, "bundle that scored the row"),
        Column("scored_at", INSTANT, "when the row was scored, UTC"),
        Column("updated_at", INSTANT, "when a state or date of the row last changed, UTC"),
        Column("no_purchase", NUMBER, _FORECAST, True, later=True),
        Column("no_purchase_q05", NUMBER, "lower end of its 90% interval", True, later=True),
        Column("no_purchase_q95", NUMBER, "upper end of its 90% interval", True, later=True),
    ),
    "state, dates and risk per customer: upsert by customer_id",
)
CUSTOMER_SUMMARY = Table(
    "customer_summary",
    ("customer_id",),
    (
        _ID,
        Column("x", WHOLE, "repeat purchase-days up to as_of"),
        Column("t_x", NUMBER, "first to last purchase, days"),
        Column("T", NUMBER, "first purchase to as_of, days"),
        Column("grp", TEXT, "group of the posterior draws; all when pooled"),
        Column("last_purchase_at", DAY, "last purchase"),
    ),
    "what every purchaser's score rests on; verify recomputes the dates from it",
)
SEGMENT_MEMBERSHIP = Table(
    "segment_membership",
    ("customer_id", "as_of"),
    (
        _ID,
        _AS_OF,
        _CODE,
        Column("previous_code", TEXT, "code at the previous look; null when new", True),
        Column("entered_at", DAY, "first day in the present code, as far as known"),
        Column("polarity", TEXT, "positive, neutral, negative"),
        _BAND,
    ),
    "append-only history: moved from previous_code to segment_code",
)
SEGMENT_SHARE = Table(
    "segment_share",
    ("as_of", "segment_code"),
    (
        _AS_OF,
        _CODE,
        Column("n", WHOLE, "members"),
        Column("share", NUMBER, "n / all members; sums to 1"),
        Column("share_q05", NUMBER, "5% quantile: customer bootstrap x posterior draws", True),
        Column("share_q95", NUMBER, "95% quantile", True),
        Column("change", NUMBER, "share minus the share at the compared day", True),
        Column("change_q05", NUMBER, "5% quantile, same customers paired", True),
        Column("change_q95", NUMBER, "95% quantile", True),
        Column("entries", WHOLE, "new members since", True),
        Column("exits", WHOLE, "members gone since", True),
        Column("moves", WHOLE, "moves in minus moves out", True),
    ),
    "status of the segments at a glance",
)
NDAY_AUDIENCE = Table(
    "nday_audience",
    ("customer_id", "rule_id"),
    (
        _ID,
        Column("rule_id", TEXT, "rule of the bundle's nday_rules"),
        Column("signup_date", DAY, "local day of signup"),
        Column("send_date", DAY, "day on which to send"),
        Column("arm", TEXT, "treat or holdout; holdout gets no message"),
        Column("suppressed_reason", TEXT, "why not to send; null: send", True),
    ),
    "those due for an N-day message",
)
CAMPAIGN_PLAN = Table(
    "campaign_plan",
    ("customer_id", "action_id", "send_date"),
    (
        _ID,
        Column("action_id", TEXT, "action of the bundle"),
        _CODE,
        Column("channel", TEXT, "channel of the action"),
        Column("send_date", DAY, "day on which to send"),
        Column("arm", TEXT, "treat or holdout; holdout gets no message"),
        Column("priority", WHOLE, "1 goes first"),
        _BAND,
        Column("items", TEXT, "goods, newest first", True),
        Column("suppressed_reason", TEXT, "why not to send; null: send", True),
    ),
    "every action's people, one message a person a day",
)
JOURNEY_AUDIENCE = Table(
    "journey_audience",
    ("customer_id", "journey_id"),
    (
        _ID,
        Column("journey_id", TEXT, "journey of the bundle's journeys"),
        Column("trigger_item", TEXT, "bought last"),
        Column("target_item", TEXT, "next on the journey, not bought yet"),
        Column("window_closes_at", DAY, "last day of the window"),
    ),
    "those on a journey whose window is open",
)
ACTIONS = Table(
    "actions",
    ("action_id",),
    (
        Column("action_id", TEXT, "name used by segments, rules and audiences"),
        Column("channel", TEXT, "where the message goes"),
        Column("incentive", TEXT, "what is offered"),
        Column("cooldown_days", WHOLE, "days without the same action"),
        Column("message_class", TEXT, "advertising or informational"),
        Column("evidence", TEXT, "what the action rests on"),
    ),
    "the playbook's actions",
)
SEGMENT_ACTIONS = Table(
    "segment_actions",
    ("segment_code", "action_id"),
    (
        _CODE,
        Column("action_id", TEXT, "row of actions"),
        Column("priority", WHOLE, "1 is the first to be taken"),
    ),
    "which actions belong to a segment",
)
SEGMENT_AUDIENCE = Table(
    "segment_audience",
    ("customer_id", "action_id"),
    (
        _ID,
        Column("action_id", TEXT, "the segment's first action"),
        _CODE,
        Column("due_date", DAY, "expected next purchase: when a reminder fits"),
        Column("at_risk_date", DAY, "first day at risk"),
        _BAND,
    ),
    "members with the first action of their segment; cooldowns are the sender's to keep",
)

TABLES = {
    t.name: t
    for t in (
        CUSTOMER_THRESHOLDS, CUSTOMER_SUMMARY, SEGMENT_MEMBERSHIP, SEGMENT_SHARE, NDAY_AUDIENCE,
        CAMPAIGN_PLAN, JOURNEY_AUDIENCE, ACTIONS, SEGMENT_ACTIONS, SEGMENT_AUDIENCE,
    )
}  # fmt: skip


def columns_document() -> str:
    """Return `COLUMNS.md`: every table, key, column, type and meaning."""
    lines = ["# Columns of the exported tables", ""]
    lines += [
        "Days are DATE, instants are UTC timestamps, numbers are DOUBLE, whole numbers BIGINT.",
        "In CSV: ISO 8601, UTF-8, an empty field is null; unless `csv_guarded` is false, text that",
        "begins with = + - @ ' tab or return has an apostrophe before it, to be taken away.",
        "",
    ]
    for table in TABLES.values():
        lines += [f"## {table.name}", "", f"{table.purpose}. Key: {', '.join(table.key)}.", ""]
        lines += ["| column | type | null | meaning |", "|---|---|---|---|"]
        lines += [
            f"| {c.name} | {c.kind} | {'yes' if c.nullable else 'no'} | {c.meaning} |"
            for c in table.columns
        ]
        lines.append("")
    return "\n".join(lines)
