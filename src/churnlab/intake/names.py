"""What shops call their columns, by role, best first."""

import re
from typing import Final

from churnlab.formats.amounts import CODES

#: Role -> patterns over the whole of a name in small letters, blanks for `_`, `-`, `.` and `/`.
PATTERNS: Final[dict[str, tuple[str, ...]]] = {
    "customer_id": (
        r"(customer|client|member|user|buyer|account|shopper|visitor)( pseudo| user)? ?(id|no|nr|number|code|key)",
        r"user pseudo id|household (id|key)|loyalty (card|id).*|card (no|number|id)",
        r"(회원|고객|구매자|주문자|사용자|유저) ?(번호|id|아이디|코드)",
        r"(kunden?|karten|kundenkarten|mitglieds?)[ -]?(nummer|nr|id)|kunde|(id|numéro|n°)( du)? client|(id|número|nº)( de)? cliente",
        r"(会員|顧客|ユーザー?)(番号|id|コード)",
        r"customer|client|member|buyer|user|회원|고객|cliente|kunde",
        r"((customer|contact|billing|buyer|from|kunden|e ?mail) ?)?e ?mail( address)?|((구매자|주문자|회원|고객) ?)?(이메일|메일)( ?주소)?|メールアドレス",
        r"((customer|buyer|billing) )?(phone|tel)( number)?|((주문자|구매자|회원|고객) ?)?(연락처|전화번호|휴대폰( ?번호)?)",
        r"(주문자|구매자|회원|고객) ?(명|이름)?|((customer|buyer|bill to|billing|full) )?name|お名前|購入者名",
    ),
    "event_at": (
        r"event (at|timestamp|time)|(ordered|purchased|paid|created|placed|processed|visited) (at|on)",
        r"(order|purchase|transaction|invoice|payment|sale|sales|created|visit)( creation)? ?(date ?time|timestamp|time|date|day)",
        r"(주문|결제|구매|거래|판매|방문|접속) ?(일시|일자|일|날짜|시간|시각)",
        r"(bestell|rechnungs|kauf|auftrags)(datum|zeit|tag)|datum|date (de )?(la )?commande|fecha( de(l)? pedido| de compra)?",
        r"(注文|購入|決済)(日時|日)|日付",
        r"timestamp|date ?time|date|day|time|event date|일시|일자|날짜|시각|data|(date )?created|ts",
    ),
    "amount": (
        r"(order |grand |invoice |total )?(total|amount)( paid| usd| eur| krw| price| amount)?|net (sales|revenue|amount)",
        r"(실 ?|총 ?|최종 ?)?(결제|주문|구매|판매|상품) ?(금액|총액|가격|액)|매출(액)?|합계|총액",
        r"(최종 ?)?상품(별|구매|주문)? ?(총 ?)?(주문|결제|구매)? ?금액|(line|item) total|gross( sales| amount)?|(order|item) value",
        r"(gesamt|rechnungs|bestell)?(betrag|summe|wert)|umsatz|montant( total)?|importe( total)?|total ttc",
        r"(合計|注文|決済)?金額|売上|合計",
        r"(purchase |event |ecommerce purchase |item )?(revenue|value)( in usd)?|sales( value| amount)?|spend|amount|금액",
        r"price|preis|prix|precio|가격|価格",
    ),
    "order_id": (
        r"(\w+ )?(order|transaction|invoice|receipt|basket|checkout|sale) ?(id|no|nr|number|name|code|key|#)",
        r"(주문|거래|결제|영수증) ?(번호|id|코드)",
        r"(bestell|rechnungs|auftrags|beleg|bon) ?(nummer|nr|id)|(n°|numéro)( de)? commande|(n.?º|número)( de)? pedido",
        r"注文(番号|id)|order|invoice|bestellung|주문",
        r"name",
    ),
    "item": (
        r"(line ?item|product|item|article) ?(name|title)|((주문|등록|노출) ?)?(상품|제품) ?명|구매 ?상품|artikel(bezeichnung|name)?|商品名",
        r"product|item|article|produkt|producto|produit|상품|제품|商品",
        r"(product|item|stock|line ?item|상품|제품|artikel) ?(sku|id|code|nummer|nr|no|번호|코드)|sku|stock code",
        r"description|beschreibung|bezeichnung",
    ),
    "category": (
        r"(product |item )?(category|department)( name)?|(상품 ?|대)?(카테고리|분류)|(waren)?(kategorie|gruppe)|catégorie|categoría|カテゴリ",
    ),
    "status": (
        r"financial status|payment status|결제 ?상태",
        r"(order |주문 ?|bestell|zahlungs)?(status|상태)|(주문 ?)?처리 ?상태|(클레임|취소) ?(상태|여부|구분)|ステータス",
        r"statut|estado|stato|(order )?state",
    ),
    "refunded_amount": (
        r"(order |total )?(amount )?refund(ed)?( amount| total)?|(환불|취소) ?(금액|액)|erstattet(er betrag)?|rückerstattung|返金額",
    ),
    "quantity": (
        r"(line ?item |item |order )?(quantity|qty|units)( ordered| purchased| sold)?|((주문|구매) ?)?수량|구매수|menge|anzahl|quantité|cantidad|数量",
    ),
    "unit_price": (
        r"(unit|item|line ?item|single|each|product|판매 ?) ?(price|cost)|단가|(개당|상품|(옵션 ?)?판매) ?(가격|가)|einzelpreis|stückpreis|prix unitaire|precio unitario|単価",
    ),
    "signed_up_at": (
        r"(signed|sign) ?up( at| date| time)?|registered( at| on)?|registration (date|time)|joined( at| on)?|join date|member since",
        r"가입 ?(일시|일자|일|날짜)|회원가입일|registriert( am)?|registrierung(sdatum)?|anmeldedatum|inscrit le|登録日",
        r"created( at| on)?|created date",
    ),
    "event": (r"event ?(name|type)|event|action|이벤트( ?명)?|행동",),
    "source": (
        r"(traffic |utm |first user )?source|medium|channel|referrer|유입( ?경로| ?채널)?|kanal",
    ),
    "cancelled": (r"(is )?(cancel+ed|refunded|returned)|취소 ?여부|환불 ?여부|storniert",),
    "clock": (
        r"((order|sale|sales|transaction|purchase|payment) ?)?time( of day)?|((주문|결제|판매|거래|구매) ?)?(시간|시각)|uhrzeit|heure|hora|時刻|時間",
    ),
    "time_zone": (r"time ?zone|tz|표준시|zeitzone",),
    "currency": (r"(\w+ )?currency( code)?|통화( ?코드)?|währung|devise|moneda|通貨",),
}
#: Names that say that amounts are in the hundredth part of the currency's unit: `total_cents`.
HUNDREDTHS = re.compile(r"( in)? (cents?|pence|minor( units?)?)$")
#: Ids of a payment service whose amounts are in the currency's smallest unit.
SMALLEST_UNIT = re.compile(r"(ch|pi|py|in|txn)_\w")
#: Currencies whose smallest unit is the unit.
WHOLE = ("JPY", "KRW", "VND", "CLP", "ISK", "UGX", "XAF", "XOF", "PYG")
#: Ids that stand for whoever has none.
NOBODY: Final = frozenset(
    (  # noqa: SIM905 (a word list reads better so)
        "0 -1 guest none null n/a na nan unknown anonymous undefined - 비회원 gast invité ゲスト"
    ).split()
)
#: Events that are purchases, among the values of an event column.
PURCHASE_EVENTS: Final = (
    "purchase", "order", "buy", "transaction", "order_completed", "구매", "결제",
)  # fmt: skip
_COMPILED = {
    role: [re.compile(f"(?:{p})") for p in patterns] for role, patterns in PATTERNS.items()
}


#: What a name says in brackets of the values alone: `Unit Price (USD)`, `Order Total (inc tax)`.
_UNIT = re.compile(
    rf"(?<=\S)\s*[(\[](?:{CODES}|[$€£₩¥원円]|한국어.*|(?:in|ex)\w*\.? (?:tax|vat)|base|purchased|"
    r"billing|utc|수량|판매단가|- refund)[)\]]$",
    re.IGNORECASE,
)


def plain(name: str) -> str:
    """Return a name in small letters, with single blanks for what parts its words."""
    name = _UNIT.sub("", name)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name)
    return re.sub(r"[\s_\-./:()\[\]]+", " ", spaced).strip().lower()


def rank(role: str, name: str) -> int | None:
    """Return how well a name fits a role: 0 is best, None not at all."""
    said = HUNDREDTHS.sub("", plain(name))
    return next((i for i, p in enumerate(_COMPILED[role]) if p.fullmatch(said)), None)


def last(role: str) -> int:
    """Return the rank of the names that fit a role least."""
    return len(PATTERNS[role]) - 1


def by_name(role: str, names: list[str]) -> list[str]:
    """Return the names that fit a role, best first; of equals the one that stands first."""
    ranked = [(rank(role, n), i, n) for i, n in enumerate(names)]
    return [n for r, _, n in sorted((r, i, n) for r, i, n in ranked if r is not None)]
