"""Members: from their table, or derived from events; nobody with an event is left out."""

from typing import Any

import ibis
from ibis.backends.duckdb import Backend

from churnlab.events.cleaning.staging import DATE
from churnlab.events.report import MembersReport
from churnlab.formats.times import read_time

#: Attributes that follow from the log itself, for whatever groups customers.
SIGNUP_MONTH, FIRST_CATEGORY, BEGINNING = "signup_month", "first_category", "beginning"


def with_derived(members: Any, purchases: Any | None, unknown: Any | None = None) -> Any:
    """Return members with `signup_month`, and `first_category` and `beginning` where there are.

    The first category needs categories of purchases, the beginning (`before` or `within`) the
    table `unknown` of those who began before `data.history_from`.

    A column of that name in the members table stands. The first category is that of the earliest
    purchase row; of several at that moment the first in the alphabet. Nothing that happens later
    changes it.
    """
    if SIGNUP_MONTH not in members.columns:
        members = members.mutate(**{SIGNUP_MONTH: members.signed_up_at.strftime("%Y-%m")})
    if unknown is not None and BEGINNING not in members.columns:
        early = members.customer_id.isin(unknown.customer_id)
        members = members.mutate(**{BEGINNING: ibis.ifelse(early, "before", "within")})
    if (
        purchases is None
        or "category" not in purchases.columns
        or FIRST_CATEGORY in members.columns
    ):
        return members
    first = purchases.group_by("customer_id").aggregate(first_at=purchases.event_at.min())
    rows = purchases.inner_join(first, "customer_id")
    rows = rows.filter(rows.event_at == rows.first_at)
    found = rows.group_by("customer_id").aggregate(**{FIRST_CATEGORY: rows.category.min()})
    return members.left_join(found, "customer_id").drop("customer_id_right")


def members_expression(events: list[Any], members: Any | None) -> Any:
    """Return one row per member: customer_id, signed_up_at, attributes.

    events: Purchases and visits up to the day in question.
    members: Members who had signed up by then.
    """
    first = first_events(events)
    if members is None:
        return first
    known = members.drop(DATE)
    added = first.anti_join(known, "customer_id")
    empty = {
        c: ibis.null(known[c].type()).name(c)
        for c in known.columns
        if c not in ("customer_id", "signed_up_at")
    }
    added = added.mutate(**empty).select(*known.columns)
    return ibis.union(known, added, distinct=False)


def first_events(events: list[Any]) -> Any:
    """Return everybody with an event and the time of the first, as `signed_up_at`."""
    parts = [t.select("customer_id", "event_at") for t in events]
    together = parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)
    return together.group_by("customer_id").aggregate(signed_up_at=together.event_at.min())


def type_attributes(backend: Backend, zone: str) -> None:
    """Turn text attributes of which every value is a date or time into local timestamps."""
    table = backend.table("members")
    text = [c for c, kind in table.schema().items() if kind.is_string() and c != "customer_id"]
    if not text:
        return
    read = {c: read_time(table[c], zone, None, c) for c in text}
    counts = table.aggregate(
        **{f"n_{i}": table[c].count() for i, c in enumerate(text)},
        **{f"t_{i}": read[c].local.count() for i, c in enumerate(text)},
    )
    found = {k: int(v[0] or 0) for k, v in counts.to_pyarrow().to_pydict().items()}
    times = [
        c for i, c in enumerate(text) if found[f"n_{i}"] and found[f"n_{i}"] == found[f"t_{i}"]
    ]
    if times:
        changed = table.mutate(**{c: read[c].local for c in times})
        backend.create_table("members", changed, overwrite=True)


def members_report(
    people: dict[str, Any], purchases: Any | None, members: Any | None
) -> MembersReport:
    """Count the members, those added, and purchases before signup.

    people: `by_customer` of purchases and visits.
    """
    if members is None:
        ids = [t.select("customer_id") for t in people.values()]
        return MembersReport(derived=True, count=_size(ibis.union(*ids, distinct=True)
                                                       if len(ids) > 1 else ids[0]))  # fmt: skip
    lacking = {k: _ids(t.anti_join(members, "customer_id")) for k, t in people.items()}
    buyers = lacking.get("purchases")
    visitors = lacking.get("visits")
    if visitors is not None and buyers is not None:
        visitors = visitors.anti_join(buyers, "customer_id")
    added = _size(buyers), _size(visitors)
    early, who = _early(people.get("purchases"), purchases, members)
    return MembersReport(
        derived=False, count=_size(members) + sum(added), added_purchasers=added[0],
        added_visitors=added[1], early_purchase_rows=early, early_purchasers=who,
    )  # fmt: skip


def _ids(table: Any) -> Any:
    """Return distinct ids: PostgreSQL's dialect has no anti join that ends a statement."""
    return table.select("customer_id").distinct()


def _size(table: Any | None) -> int:
    return 0 if table is None else int(table.count().to_pyarrow().as_py())


def _early(buyers: Any | None, purchases: Any | None, members: Any) -> tuple[int, int]:
    if buyers is None or purchases is None:
        return 0, 0
    signup = members.select("customer_id", signup_day=members[DATE])
    known = buyers.inner_join(signup, "customer_id")
    early = known.filter(known.first_day < known.signup_day).select("customer_id", "signup_day")
    who = _size(early)
    if not who:
        return 0, 0
    joined = purchases.inner_join(early, "customer_id")
    return _size(joined.filter(joined[DATE] < joined.signup_day)), who
