"""What an order's lines say together: status, the order's total, refunds, negative lines.

Exports write these once per order, on its first line, or repeat them on every line. A line that
says nothing itself takes what its order says.
"""

import re
from typing import Any, Final

import ibis
from ibis.backends.duckdb import Backend

from churnlab.errors import DataError
from churnlab.events.cleaning.staging import DATE, KIND, TIME_TEXT, Staged
from churnlab.events.config import PurchasesTable
from churnlab.formats.text import strip

#: Marks the rows that are returns (cancelled, refunded, net of their order not positive).
RETURNED: Final = "_returned"
#: Orders of several lines from which on equal amounts within orders are no chance.
ENOUGH_ORDERS = 20
#: Share of the orders of several lines whose lines must all carry one amount.
EQUAL_SHARE = 0.99
#: Above this probability that two orders have the same amount, equal lines say nothing.
ONE_PRICE = 0.5

#: Words in small letters by which shops call an order that is no purchase,
_CANCELLED: Final = frozenset(
    (  # noqa: SIM905 (a word list reads better so)
        "cancelled canceled cancel refunded refund voided void returned return chargeback declined "
        "failed denied reversed expired rejected storniert storno erstattet retourniert annulé "
        "annulée remboursé remboursée "
        "cancelado cancelada reembolsado anulado devuelto annullato rimborsato 취소 취소완료 "
        "주문취소 결제취소 환불 환불완료 반품 반품완료 결제실패 キャンセル 返品 返金 已取消 已退款"
    ).split()
)
#: and those beside which they do not mean that.
_NOT_YET: Final = frozenset(
    (  # noqa: SIM905
        "not no non never partial partially partly teilweise request requested pending"
    ).split()
)
#: So many different values of a status are a state; more are text of another kind.
MOST_STATES: Final = 30


def is_cancelled(status: str) -> bool:
    """Whether a status says that an order is no purchase: `wc-cancelled`, `취소완료`."""
    words = set(re.findall(r"[^\W_]+", status.lower()))
    return bool(words & _CANCELLED) and not words & _NOT_YET


def settle(backend: Backend, staged: Staged, config: PurchasesTable) -> None:
    """Rewrite the staged purchases by what their orders say.

    Blank customers, times and statuses of a line come from its order; `amount` becomes what the
    order is worth, once, net of refunds; returns are marked.

    Raises DataError: A status without a word on which values count.
    """
    staged_table = backend.table(staged.name)
    table = settled(staged_table.mutate(_line=staged_table.rowid()), staged, config)
    if table is None:
        return
    before, staged.name = staged.name, "settled_purchases"
    backend.create_table(staged.name, table)
    backend.drop_table(before)


def settled(table: Any, staged: Staged, config: PurchasesTable) -> Any | None:
    """Return staged purchases rewritten by what their orders say; None where they say nothing.

    table: Ibis table with `_line`: which line of an order comes first.
    Raises DataError: As `settle`.
    """
    start = table
    if "order_id" in table.columns:
        table = _filled(table, staged)
    per_order = _per_order(table, staged, config)
    if per_order or _nets(table) or "status" in table.columns:
        table = table.mutate(**{RETURNED: _cancelled(table, config)})
        table = _worth(table, per_order) if "amount" in table.columns else table
    return None if table is start else table.drop("_line")


def _nets(table: Any) -> bool:
    """Whether amounts change by what other lines or columns say."""
    if not {"order_id", "refunded_amount"} & set(table.columns) or "amount" not in table.columns:
        return False
    refunds = "refunded_amount" in table.columns
    return refunds or bool((table.amount < 0).any().to_pyarrow().as_py())


def _filled(table: Any, staged: Staged) -> Any:
    """Give lines without a customer, time or status those of their order, where it has one."""
    columns = ["customer_id", "event_at", *(["status"] if "status" in table.columns else [])]
    blank = {c: table[c].isnull() & table.order_id.notnull() for c in columns}
    blank["event_at"] &= table[TIME_TEXT].isnull()
    counts = table.aggregate(**{c: b.sum() for c, b in blank.items()}).to_pyarrow().to_pydict()
    wanted = [c for c in columns if counts[c][0]]
    if not wanted:
        return table
    beside = {"event_at": (DATE, KIND, TIME_TEXT)}
    taken = {c: (c, *beside.get(c, ())) for c in wanted}
    known = table.filter(table.order_id.notnull())
    said = known.group_by("order_id").aggregate(
        _customers=known.customer_id.nunique(),
        **{f"_of_{n}": known[n].argmin(known._line) for names in taken.values() for n in names},
    )
    joined = table.left_join(said, "order_id").drop("order_id_right")
    filled: dict[str, Any] = {}
    for column, names in taken.items():
        use = joined[column].isnull() & (joined["_customers"] <= 1)
        if column == "event_at":
            use &= joined[TIME_TEXT].isnull()
        filled |= {n: ibis.ifelse(use, joined[f"_of_{n}"], joined[n]) for n in names}
    staged.notes.append(
        "lines without "
        + " or ".join({"customer_id": "id", "event_at": "time"}.get(c, c) for c in wanted)
        + " take that of their order"
    )
    return joined.mutate(**filled).select(*table.columns)


def _cancelled(table: Any, config: PurchasesTable) -> Any:
    tests = [ibis.literal(False)]
    if "cancelled" in table.columns:
        tests.append(table.cancelled.fill_null(False))
    if "status" in table.columns:
        word = strip(table.status).lower()
        if config.cancelled_values:
            tests.append(word.isin([v.strip().lower() for v in config.cancelled_values]))
        elif config.kept_values:
            tests.append(word.notin([v.strip().lower() for v in config.kept_values]))
        else:
            raise _which_values(table)
    return ibis.or_(*(t.fill_null(False) for t in tests))


def _which_values(table: Any) -> DataError:
    counted = table.group_by("status").aggregate(n=table.count())
    found = counted.order_by(ibis.desc("n")).limit(12).to_pyarrow().to_pylist()
    listed = ", ".join(f"{r['status'] or '(blank)'} ({r['n']:,})" for r in found)
    return DataError(
        f"purchases: the status holds {listed}. Say which are no purchases, with "
        "data.purchases.cancelled_values=[...], or which are, with "
        "data.purchases.kept_values=[...]."
    )


def _worth(table: Any, per_order: bool) -> Any:
    """Count an order's amount once, subtract refunds, and mark orders of which nothing is left."""
    own = table.columns
    refunds = "refunded_amount" in own
    if per_order:
        table = _once(table, ["amount", *(["refunded_amount"] if refunds else [])])
    if refunds:
        table = table.mutate(amount=table.amount - table.refunded_amount.abs().fill_null(0.0))
    if "order_id" not in own:
        return table.mutate(**{RETURNED: table[RETURNED] | _takes_away(table)})
    open_ = table.filter(~table[RETURNED] & table.order_id.notnull())
    net = open_.group_by(["customer_id", "order_id"]).aggregate(
        _net=open_.amount.sum(), _loose=_takes_away(open_).any()
    )
    net = net.filter(net["_loose"])
    joined = table.left_join(net, ["customer_id", "order_id"])
    gone = ibis.ifelse(joined["_net"].notnull(), joined["_net"] <= 0, _takes_away(joined))
    return joined.mutate(**{RETURNED: joined[RETURNED] | gone}).select(*own)


def _takes_away(table: Any) -> Any:
    """Rows that are worth less than nothing, or of which something was paid back."""
    less = table.amount < 0
    if "refunded_amount" in table.columns:
        less |= (table.refunded_amount.abs() > 0) & (table.amount <= 0)
    return less.fill_null(False)


def _once(table: Any, columns: list[str]) -> Any:
    """Keep what is repeated on every line of an order on its first line that counts."""
    known = table.filter(table.order_id.notnull())
    rank = known["_line"] + ibis.ifelse(known[RETURNED], 2**40, 0)
    said = known.group_by("order_id").aggregate(
        _first=known["_line"].argmin(rank), **{f"_of_{c}": known[c].argmin(rank) for c in columns}
    )
    joined = table.left_join(said, "order_id").drop("order_id_right")
    alone = joined.order_id.isnull()
    once = {
        c: ibis.cases(
            (alone, joined[c]),
            (joined["_line"] == joined["_first"], joined[f"_of_{c}"]),
            else_=ibis.null("float64"),
        )
        for c in columns
    }
    return joined.mutate(**once).select(*table.columns)


def _per_order(table: Any, staged: Staged, config: PurchasesTable) -> bool:
    if not {"amount", "order_id"} <= set(table.columns):
        return False
    if config.amount_per is not None:
        return config.amount_per == "order"
    said = repeated_totals(table)
    if said is None:
        return False
    staged.notes.append(
        f"{said}: it is taken for the order's total and counted once. If it is the line's own, say "
        "data.purchases.amount_per=row; else data.purchases.amount_per=order"
    )
    return True


def repeated_totals(table: Any) -> str | None:
    """Return what says that every line repeats the total of its order, or None where nothing does.

    table: Ibis table with `order_id` and `amount`, a number.
    """
    known = table.filter(table.order_id.notnull() & table.amount.notnull())
    orders = known.group_by("order_id").aggregate(
        lines=known.count(), low=known.amount.min(), high=known.amount.max()
    )
    # By amount: of two orders drawn at random, how likely do they have the same?
    amounts = orders.group_by("low").aggregate(
        n=orders.count().cast("float64"),
        several=(orders.lines > 1).sum(),
        equal=((orders.lines > 1) & (orders.low == orders.high)).sum(),
    )
    found = amounts.aggregate(
        total=amounts.n.sum(),
        squares=(amounts.n**2).sum(),
        several=amounts.several.sum(),
        equal=amounts.equal.sum(),
    ).to_pyarrow()
    total, squares, several, equal = (found[c][0].as_py() or 0 for c in found.column_names)
    if several < ENOUGH_ORDERS or equal < EQUAL_SHARE * several or squares > ONE_PRICE * total**2:
        return None
    return f"in {equal:,} of {several:,} orders of several lines every line carries the same amount"
