"""Guess what each source is: tables, columns, times, amounts, statuses, zone; with reasons."""

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events.cleaning.clean import CEILINGS
from churnlab.events.cleaning.orders import MOST_STATES, is_cancelled
from churnlab.events.config import DataConfig
from churnlab.intake.look import Looked, Times
from churnlab.intake.names import NOBODY, PURCHASE_EVENTS, by_name, last, rank
from churnlab.intake.proposal import Proposal, Question
from churnlab.intake.worth import worth
from churnlab.intake.zones import zone_of

#: A column that says less than this of its rows is no id where a fuller one fits as well.
FULL = 0.5
#: So many customers for one order: the column is a number of the order, not of who bought.
NEVER_AGAIN = 0.95
#: A word that can stand for guests does where it has so many times the rows of a customer.
GUEST_TIMES = 3
#: Neighbouring rows in order of time under one reading of slash dates, and not under the other.
SORTED = 0.95


def propose(sources: list[Looked]) -> Proposal:
    """Propose settings for all sources together.

    Raises DataError: No source with customers and times in it.
    """
    found = Proposal()
    for looked in sources:
        table = _kind_of(looked, len(sources) > 1)
        if table in found.tables:
            raise DataError(
                f"{looked.source.label} looks like {table}, and so did an earlier one. Give files "
                "of one table as a folder or glob."
            )
        _table(found, looked, table)
    if not {"purchases", "visits"} & set(found.tables):
        raise DataError(
            "no purchases found: expected a source with one row per purchase (or line of an order)."
        )
    return found


def _kind_of(looked: Looked, several: bool) -> str:
    if "arm" in looked.names:
        return "treatments"
    if not several:
        return "purchases"
    money = by_name("amount", looked.names) or by_name("order_id", looked.names)
    signup = by_name("signed_up_at", looked.names)
    ids = by_name("customer_id", looked.names)
    alone = bool(ids) and looked.fills[ids[0]].distinct > 0.9 * looked.fills[ids[0]].said
    if signup and alone and not by_name("order_id", looked.names):
        return "members"
    return "purchases" if money or not by_name("event", looked.names) else "visits"


def _table(found: Proposal, looked: Looked, table: str) -> None:
    for key, value in looked.settings.items():
        whole = "" if key == "connection" else table
        found.set(whole, key, value, f"{looked.rows:,} rows, {len(looked.fills)} columns")
    found.notes += looked.source.notes
    at = "signed_up_at" if table == "members" else "event_at"
    looked, times = _times(found, looked, table, at)
    _customers(found, looked, table, found.tables[table][at])
    if table == "purchases":
        taken = {found.tables[table][at], found.tables[table]["customer_id"]}
        _orders(found, looked, taken)
        worth(found, looked, taken)
        _states(found, looked, taken)
        _events(found, looked)
        _rows(found, looked)
    if "time_zone" not in found.data:
        zone, why = zone_of(looked, found.tables[table][at], times)
        found.set("", "time_zone", zone, why)


def _times(found: Proposal, looked: Looked, table: str, key: str) -> tuple[Looked, Times]:
    """Find the times, and return the source anew: a day and its time of day become one column."""
    named = by_name(key, looked.names)
    others = [n for n in looked.names if n not in named and not by_name("signed_up_at", [n])]
    full = sorted(named, key=lambda n: (looked.share(n) < FULL, rank(key, n), -looked.share(n)))
    for name in [*full, *(others if table != "members" else [])]:
        if name not in named and looked.source.columns[name].is_numeric():
            continue  # a number without a name that says time is none
        times = looked.times(name)
        if times is None:
            continue
        looked, name, times = _with_clock(looked, name, times)
        span = f"{times.first.date()} to {times.last.date()}"
        read = " or ".join(c.time_format for c in times.rivals) or "ISO"
        found.set(table, key, name, f"{looked.fills[name].said:,} times, {span}, read as {read}")
        if times.time_format is not None:
            _format(found, looked, table, name, times)
        return looked, times
    tried = ", ".join(looked.names)
    raise DataError(
        f"{looked.source.label}: no column reads as times ({tried}). Give a column of dates, or "
        "write the settings by hand: data.purchases.event_at, data.purchases.time_format."
    )


def _with_clock(looked: Looked, day: str, times: Times) -> tuple[Looked, str, Times]:
    clocks = [n for n in by_name("clock", looked.names) if n != day and looked.is_clock(n)]
    if clocks and not times.has_clock:
        joined, name = looked.with_clock(day, clocks[0])
        both = joined.times(name)
        if both is not None:
            return joined, name, both
    return looked, day, times


def _format(found: Proposal, looked: Looked, table: str, name: str, times: Times) -> None:
    best = times.rivals[0]
    if len(times.rivals) < 2:
        why = f"reads {best.n:,} of {looked.fills[name].said:,}"
        found.set(table, "time_format", best.time_format, why)
        return
    order = [looked.in_order(name, c.time_format) for c in times.rivals]
    winner = max(range(len(order)), key=order.__getitem__)
    if order[winner] >= SORTED and sorted(order)[-2] < SORTED:
        why = f"the rows are in order of time under it ({order[winner]:.1%}), not under the other"
        found.set(table, "time_format", times.rivals[winner].time_format, why)
        return
    options = tuple((str(c), c.time_format) for c in times.rivals)
    text = f"{name!r}: day and month can be either way round in every value"
    found.questions.append(Question(text, table, "time_format", options))


def _customers(found: Proposal, looked: Looked, table: str, at: str) -> None:
    named = [n for n in by_name("customer_id", looked.names) if n != at]
    if not named:
        raise DataError(
            f"{looked.source.label}: no column looks like a customer's id "
            f"({', '.join(looked.names)}). Rename it to customer_id, or write the settings by "
            f"hand: data.{table}.customer_id."
        )
    fullest = max(looked.share(n) for n in named)
    full = [n for n in named if looked.share(n) >= min(FULL, fullest)]
    nobody = {n: _guests(looked, n) for n in full}
    ids = [n for n in full if rank("customer_id", n) != last("customer_id")]
    name = next((n for n in ids if not nobody[n]), full[0])
    fill = looked.fills[name]
    blank = looked.rows - fill.said
    why = f"{fill.distinct:,} customers" + (f", {blank:,} rows without" if blank else "")
    found.set(table, "customer_id", name, why)
    if nobody[name]:
        listed = ", ".join(engine.literal(v) for v in nobody[name])
        condition = f"CAST({engine.identifier(name)} AS VARCHAR) NOT IN ({listed})"
        found.set(table, "where", condition, f"{listed} stand for guests, who are no one customer")
    if name not in ids:
        found.notes.append(f"{name!r} holds names: customers of the same name count as one")
    if any("**" in v for v, _ in looked.values(name)):
        found.notes.append(f"{name!r} is masked: customers whose rest is the same count as one")


def _guests(looked: Looked, name: str) -> list[str]:
    """Return the values that stand for whoever has no id."""
    fill = looked.fills[name]
    most = GUEST_TIMES * fill.said / max(fill.distinct, 1)
    return [v for v, n in looked.values(name) if v.lower() in NOBODY and n > most]


def _orders(found: Proposal, looked: Looked, taken: set[str]) -> None:
    for role in ("order_id", "item", "category"):
        named = [n for n in by_name(role, looked.names) if n not in taken]
        if role == "order_id":
            named = [n for n in named if _is_order(looked, n)]
        if named:
            fill = looked.fills[named[0]]
            found.set("purchases", role, named[0], f"{fill.distinct:,} different")
            taken.add(named[0])
    _returning(found, looked)


def _returning(found: Proposal, looked: Looked) -> None:
    """Note where a column of customers is a number of the order: nobody would come back."""
    settings = found.tables["purchases"]
    order, name = settings.get("order_id"), settings["customer_id"]
    orders = looked.rows if order is None else looked.fills[order].distinct
    customers = looked.fills[name].distinct
    if customers > NEVER_AGAIN * orders:
        found.notes.append(
            f"{name!r} differs in nearly every order ({customers:,} in {orders:,}): nobody comes "
            "back. Name a column that stays with the customer with data.purchases.customer_id"
        )


def _is_order(looked: Looked, name: str) -> bool:
    """An order has few lines; `Name` is one only where it is numbered (#1001)."""
    fill = looked.fills[name]
    if fill.said < FULL * looked.rows or fill.distinct * 50 < fill.said:
        return False
    if rank("order_id", name) == last("order_id"):
        return all(v.lstrip("#").isdigit() for v, _ in looked.values(name, 5))
    return True


def _states(found: Proposal, looked: Looked, taken: set[str]) -> None:
    for name in by_name("status", looked.names):
        values = looked.values(name, MOST_STATES + 1)
        lost = [v for v, _ in values if is_cancelled(v)]
        if name in taken or len(values) > MOST_STATES or not lost:
            continue
        kept = ", ".join(v for v, _ in values if v not in lost)
        found.set("purchases", "status", name, f"purchases are: {kept}")
        rows = sum(n for v, n in values if v in lost)
        found.set("purchases", "cancelled_values", lost, f"{rows:,} rows say so; no purchases")
        return
    flags = [n for n in by_name("cancelled", looked.names) if n not in taken]
    if flags:
        found.set("purchases", "cancelled", flags[0], "returns")


def _events(found: Proposal, looked: Looked) -> None:
    """One table of events feeds purchases and visits."""
    for name in by_name("event", looked.names):
        values = [v for v, _ in looked.values(name)]
        bought = [v for v in values if v.lower() in PURCHASE_EVENTS]
        if not bought:
            continue
        listed, column = ", ".join(map(engine.literal, bought)), engine.identifier(name)
        purchases = dict(found.tables["purchases"])
        known = f"{purchases['where']} AND " if "where" in purchases else ""
        kept = f"{known}{column} IN ({listed})"
        found.set("purchases", "where", kept, f"of {len(values)} events")
        if len(values) > len(bought):
            for key in ("path", "sheet", "table", "customer_id", "event_at", "time_format"):
                if key in purchases:
                    found.set("visits", key, purchases[key], "as purchases")
            others = f"{known}{column} NOT IN ({listed})"
            found.set("visits", "where", others, "every other event")
            found.set("visits", "event", name, "what was done")
        return


def _rows(found: Proposal, looked: Looked) -> None:
    """Policies of bad and equal rows, only where the default would stop and ask."""
    settings = found.tables["purchases"]
    limit = DataConfig().max_bad_share
    for key, what in (("customer_id", "a customer"), ("event_at", "a time")):
        missing = looked.without(settings[key], settings.get("order_id"))
        if missing > limit * looked.rows:
            why = f"{missing:,} of {looked.rows:,} rows are without {what}, and cannot count"
            found.set("", "on_bad_rows", "drop", why)
    repeated, once = looked.repeated()
    if repeated > CEILINGS["duplicate"] * looked.rows:
        why = f"{repeated:,} of {looked.rows:,} rows repeat an earlier one in every column; "
        if once:
            found.set("", "duplicates", "keep", why + "no number of their own tells them apart")
        else:
            found.set("", "duplicates", "drop", why + "every row is there twice or more")
