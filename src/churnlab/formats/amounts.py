"""Numbers as shops write them: `$1,204.50`, `1.204,50 €`, `₩12,000`, `(5.00)`.

Which mark is the decimal one is decided on the whole column: one value such as `12,000` can be
read both ways, a column that also says `195,54` cannot.
"""

from typing import Any, NamedTuple

import ibis

from churnlab.errors import DataError
from churnlab.formats.text import strip

MARKS = (".", ",")
#: So many different values with three digits behind the only comma are thousands: no currency but
#: a few has three decimals, and none writes them without exception.
ENOUGH_THOUSANDS = 5

#: Spellings of one currency; others stand for themselves.
_SAME = {
    "$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "₩": "KRW", "원": "KRW", "¥": "JPY",
    "円": "JPY", "￥": "JPY", "元": "CNY", "₹": "INR",
}  # fmt: skip
#: Currencies without decimals: whatever mark stands in them parts thousands.
_WHOLE = "₩|원|KRW|¥|円|￥|JPY|VND|₫"
#: Of currencies.
CODES = (
    "USD|EUR|GBP|KRW|JPY|CNY|CHF|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|TRY|RUB|UAH|INR|IDR|"
    "MYR|SGD|THB|VND|PHP|HKD|TWD|BRL|MXN|ARS|CLP|COP|PEN|ZAR|ILS|AED|SAR|EGP|NGN|KES"
)
_CURRENCY = rf"(?:[A-Z]{{1,2}}\$|\p{{Sc}}|￥|원|円|元|{CODES}|kr\.?|zł|Kč|Ft|lei)"
_LEAD = rf"^[-+(]*\s*({_CURRENCY})"
_TAIL = rf"({_CURRENCY})\s*[-)]*$"
_SIGNS = r"^[-+(\s]+|[-)\s]+$"
_NEGATIVE = rf"^{_CURRENCY}?\s*[-(]|-$"
_SPACES = "\u00a0\u202f\u2009"
_GROUPS = {
    ".": r"^(\d+|\d{1,3}([, '’]\d{3})+)?(\.\d*)?$",
    ",": r"^(\d+|\d{1,3}([. '’]\d{3})+)?(,\d*)?$",
}


class Marks(NamedTuple):
    """How the numbers of a column are written."""

    decimal: str | None
    """`.` or `,`; None where both readings are possible."""
    plain: bool
    """True when every value is what a machine writes: 1204.5"""


#: What a machine writes.
PLAIN = Marks(".", True)


def read_number(column: Any, marks: Marks = PLAIN) -> tuple[Any, Any]:
    """Return a number and the text of it where it cannot be read (else null).

    column: Ibis column; text is read by `marks`.
    marks: Of the whole column, see `decide`.
    """
    kind = column.type()
    if not (kind.is_string() or kind.is_numeric() or kind.is_boolean()):
        return ibis.null("float64"), column.cast("string")
    text = strip(column.cast("string"))
    value = column.cast("float64") if not kind.is_string() else _value(text, marks)
    value = ibis.ifelse(value.isnan() | value.isinf(), ibis.null("float64"), value)
    nothing = ibis.null("string")
    return value, ibis.cases(
        (value.notnull(), nothing), (text.lower() == "nan", nothing), else_=text
    )


def _value(text: Any, marks: Marks) -> Any:
    plain = text.try_cast("float64")
    if marks.plain:
        return plain
    core = _core(text)
    negative = _ascii(text).re_search(_NEGATIVE)
    if marks.decimal is None:  # only what both readings agree on
        size = ibis.ifelse(core.re_search(r"^\d+$"), core, ibis.null("string")).try_cast("float64")
        return ibis.ifelse(negative, -size, size)
    other = "." if marks.decimal == "," else ","
    digits = core.re_replace(rf"[{other} '’]", "").replace(",", ".")
    good = core.re_search(_GROUPS[marks.decimal]) & core.re_search(r"\d")
    size = ibis.ifelse(good, digits, ibis.null("string")).try_cast("float64")
    money = ibis.ifelse(negative, -size, size)
    return ibis.coalesce(plain, money) if marks.decimal == "." else money


def _ascii(text: Any) -> Any:
    return text.replace("−", "-").re_replace(f"[{_SPACES}]", " ").strip()


def _core(text: Any) -> Any:
    """Strip signs, parentheses and the currency: digits and marks are left."""
    bare = _ascii(text).re_replace(_SIGNS, "")
    bare = bare.re_replace(_LEAD, "").re_replace(_TAIL, "")
    return bare.re_replace(_SIGNS, "")


def decide(table: Any, column: str, name: str, declared: str | None) -> Marks:
    """Look at a whole column of text and decide which mark is the decimal one.

    table: Ibis table that holds the column.
    declared: `.` or `,` where the user said so.
    Raises DataError: Amounts in several currencies.
    """
    text = strip(table[column])
    is_number = text.try_cast("float64").notnull()
    odd = ibis.ifelse(is_number, False, text.lower() != "nan")
    three, point = text.like("%.___"), text.contains(".")
    first = table.aggregate(
        odd=odd.sum(), three=three.sum(), others=(point & ~three).sum()
    ).to_pyarrow()
    odds, threes, others = (int(first[c][0].as_py() or 0) for c in first.column_names)
    if not odds and (others or not threes) and declared != ",":
        return PLAIN
    written = table.select(text=text, core=_core(text), currency=_currency(text))
    _one_currency(written, name)
    if declared is not None:
        return Marks(declared, False)
    mark = _decimal_mark(written)
    return Marks(mark, mark == "." and not odds)


def _currency(text: Any) -> Any:
    bare = _ascii(text)
    return ibis.coalesce(bare.re_extract(_LEAD, 1).nullif(""), bare.re_extract(_TAIL, 1).nullif(""))


def _one_currency(written: Any, name: str) -> None:
    counted = written.group_by("currency").aggregate(n=written.count()).to_pyarrow().to_pylist()
    found: dict[str, int] = {}
    for row in counted:
        if row["currency"] is not None:
            code = _SAME.get(row["currency"], row["currency"])
            found[code] = found.get(code, 0) + row["n"]
    if len(found) > 1:
        listed = ", ".join(f"{c} ({n:,})" for c, n in sorted(found.items(), key=lambda x: -x[1]))
        raise DataError(
            f"{name} holds amounts in several currencies: {listed}. Convert them in the source, or "
            "keep one with where."
        )


def _decimal_mark(written: Any) -> str | None:
    """Count what speaks for either mark; three digits behind the only mark say nothing alone."""
    core, text = written.core, written.text
    whole = text.re_search(_WHOLE)
    comma3 = core.re_search(r"^[1-9]\d{0,2},\d{3}$")
    dot3 = core.re_search(r"^[1-9]\d{0,2}\.\d{3}$")
    tests = {
        "dot": core.re_search(r"^\d*\.\d*$|^\d{1,3}([, '’]\d{3})+\.\d*$|^\d{1,3}(,\d{3}){2,}$")
        & ~dot3
        | (comma3 & whole),
        "comma": core.re_search(r"^\d*,\d*$|^\d{1,3}([. '’]\d{3})+,\d*$|^\d{1,3}(\.\d{3}){2,}$")
        & ~comma3
        | (dot3 & whole),
    }
    found = written.aggregate(
        **{k: v.sum() for k, v in tests.items()},
        comma3=core.nunique(where=comma3),
        dot3=core.nunique(where=dot3),
    )
    n = {k: int(v[0] or 0) for k, v in found.to_pyarrow().to_pydict().items()}
    if n["dot"] or n["comma"]:
        return "." if n["dot"] >= n["comma"] else ","
    if n["comma3"] and not n["dot3"]:
        return "." if n["comma3"] >= ENOUGH_THOUSANDS else None
    if n["dot3"] >= ENOUGH_THOUSANDS or (n["dot3"] and n["comma3"]):
        return None
    return "."
