"""Which columns say what a purchase is worth, in which unit and currency, and per what."""

from churnlab import engine
from churnlab.intake.look import Looked
from churnlab.intake.names import HUNDREDTHS, SMALLEST_UNIT, WHOLE, by_name, last, plain, rank
from churnlab.intake.proposal import Proposal, Question


def worth(found: Proposal, looked: Looked, taken: set[str]) -> None:
    """Find what a purchase is worth: a total, or a price times a quantity, net of refunds."""
    named = [n for n in by_name("amount", looked.names) if n not in taken]
    each = [n for n in by_name("unit_price", looked.names) if n not in taken]
    count = [n for n in by_name("quantity", looked.names) if n not in taken]
    single = [n for n in named if rank("amount", n) == last("amount") or n in each]
    named = [n for n in named if n not in single]
    problems = {n: looked.number_problem(n) for n in [*named, *each, *single, *count]}
    good = next((n for n in named if problems[n] is None), None)
    price = next((n for n in [*each, *single] if problems[n] is None), None)
    many = next((n for n in count if problems[n] is None), None)
    open_ = next((n for n in named if "either mark" in str(problems[n])), None)
    if good is not None:
        _amount(found, looked, good, f"{looked.fills[good].said:,} numbers")
        taken.add(good)
        _totals(found, looked, good)
        _refunds(found, looked, taken)
    elif price is not None:
        _priced(found, looked, price, many)
    elif open_ is not None:
        found.set("purchases", "amount", open_, "amounts")
        options = (("amounts left out", None), ("'.' is the decimal mark", "."), ("',' is", ","))
        text = f"{open_!r}: {problems[open_]}"
        found.questions.append(Question(text, "purchases", "decimal", options))
    else:
        found.notes.append(
            "no column of amounts is found: purchases are counted, not valued; name one with "
            "data.purchases.amount"
        )
    if "amount" in found.tables["purchases"]:
        _currencies(found, looked)


def _amount(found: Proposal, looked: Looked, name: str, why: str, key: str = "amount") -> None:
    """Set a column of amounts; what is in cents is divided."""
    unit = _hundredths(looked, name)
    value = name if unit is None else f"{engine.identifier(name)} / 100"
    found.set("purchases", key, value, why if unit is None else f"{why}, {unit}")


def _hundredths(looked: Looked, name: str) -> str | None:
    """Return what says that amounts are in cents, or None."""
    if HUNDREDTHS.search(plain(name)):
        return "in cents by its name"
    codes = {v.upper() for n in by_name("currency", looked.names) for v, _ in looked.values(n)}
    ids = [n for n in ("id", "charge", "payment_intent", "invoice") if n in looked.names]
    payments = any(SMALLEST_UNIT.match(v) for n in ids for v, _ in looked.values(n, 1))
    if not payments or not codes - set(WHOLE) or not looked.is_whole(name):
        return None
    return "whole numbers beside ids of a payment service that counts in cents"


def _priced(found: Proposal, looked: Looked, price: str, many: str | None) -> None:
    """Make an amount of a price, times the quantity where the price is that of one piece."""
    item = found.tables["purchases"].get("item")
    if many is None:
        _amount(found, looked, price, f"{looked.fills[price].said:,} numbers")
    elif item is not None and looked.is_of_the_line(price, many, item):
        why = f"of the whole line: of one good it grows with {many!r}"
        _amount(found, looked, price, why)
    else:
        value = f"{engine.identifier(many)} * {engine.identifier(price)}"
        found.set("purchases", "amount", value, "no total found; the price is taken as that of one")


def _refunds(found: Proposal, looked: Looked, taken: set[str]) -> None:
    refunds = [n for n in by_name("refunded_amount", looked.names) if n not in taken]
    if refunds and looked.number_problem(refunds[0]) is None:
        _amount(found, looked, refunds[0], "subtracted from the amount", "refunded_amount")


def _currencies(found: Proposal, looked: Looked) -> None:
    """Ask where a column says that amounts are in several currencies."""
    for name in by_name("currency", looked.names):
        held = looked.values(name)
        if len({v.upper() for v, _ in held}) > 1:
            listed = ", ".join(f"{v} ({n:,})" for v, n in held)
            amount = found.tables["purchases"]["amount"]
            options = (("amounts left out", None), ("added up as they are", amount))
            text = f"amounts are in several currencies: {name!r} holds {listed}"
            found.questions.append(Question(text, "purchases", "amount", options))
            return


def _totals(found: Proposal, looked: Looked, amount: str) -> None:
    order = found.tables["purchases"].get("order_id")
    said = None if order is None else looked.repeated_totals(order, amount)
    if said is not None:
        found.set("purchases", "amount_per", "order", f"{said}: the order's total, counted once")
