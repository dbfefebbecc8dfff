"""The recommendation, what it takes on trust and what weakens it, as sentences."""

from collections.abc import Mapping
from typing import Any

from churnlab.nday.config import NdayCosts
from churnlab.nday.decide.recommend import LEAST_WORST, NOTHING, PLATEAU_DAY, Recommendation
from churnlab.nday.report import say
from churnlab.report.catalogue import LANGUAGES, Money

Sentence = dict[str, str]


def recommendation(found: Recommendation, *, window_days: int, slow: tuple[int, float]) -> Sentence:
    """Say what to do and what it rests on, in every language.

    found: N and its basis.
    window_days: M.
    slow: A day, and the share of the window's buyers who come after it: said when there is no
        plateau.
    """
    if found.basis == NOTHING:
        day, share = slow
        return say.both("send.nothing", share=share, window=window_days, day=day)
    return {lang: send(found, window_days, lang) for lang in LANGUAGES}


def send(found: Recommendation, window_days: int, lang: str, currency: str | None = None) -> str:
    """Say when to send, or not to; of a recommendation that rests on the plateau or on costs."""
    if found.n is None:
        return _nothing_pays(found, lang, currency)
    assert found.leaves is not None
    tail = say("send.tail", lang, window=window_days, **found.leaves)
    if found.basis == PLATEAU_DAY:
        return say("send.plateau", lang, n=found.n, tail=tail)
    return _economic(found, tail, lang, currency)


def _nothing_pays(found: Recommendation, lang: str, currency: str | None) -> str:
    assert found.regret is not None
    loss = Money(found.regret["mean"], currency)
    return say("send.no_message", lang, best=found.next_best, loss=loss, basis=_basis(found, lang))


def _economic(found: Recommendation, tail: str, lang: str, currency: str | None) -> str:
    assert found.value is not None
    worth, low, high = (Money(found.value[k], currency) for k in ("mean", "q05", "q95"))
    later = ""
    if found.regret is not None:
        loss = Money(found.regret["mean"], currency)
        later = say("send.next", lang, day=found.next_best, loss=loss)
    edge = "" if found.edge is None else say(f"send.edge_{found.edge}", lang, n=found.n)
    return say("send.value", lang, n=found.n, worth=worth, low=low, high=high, next=later,
               basis=_basis(found, lang), tail=tail, edge=edge)  # fmt: skip


def _basis(found: Recommendation, lang: str) -> str:
    assert found.u0 is not None
    said = say("send.measured" if found.u0["measured"] else "send.assumed", lang,
               u0=found.u0["mean"])  # fmt: skip
    return said + (say("send.fades", lang) if found.reading == LEAST_WORST else "")


def costs_said(costs: NdayCosts, lang: str, currency: str | None = None) -> str:
    """Say what the value rests on: the costs that were stated."""
    margin, coupon, message = (
        Money(v, currency) for v in (costs.margin, costs.coupon, costs.message)
    )
    return say("send.costs", lang, margin=margin, coupon=coupon, message=message)


def at_costs(costs: NdayCosts) -> Sentence:
    """Say the stated costs, in every language."""
    return {lang: costs_said(costs, lang) for lang in LANGUAGES}


def in_currency(rule: Mapping[str, Any], lang: str, currency: str | None) -> str:
    """Return the recommendation of `rule.json`, with its amounts in a currency."""
    stored = rule["recommendation"]
    if currency is None or stored["costs"] is None or stored["basis"] == NOTHING:
        return str(stored["sentence"][lang])
    fields = {k: v for k, v in stored.items() if k in Recommendation.__dataclass_fields__}
    said = send(Recommendation(**fields), rule["window_days"], lang, currency)
    return f"{said} {costs_said(NdayCosts(**stored['costs']), lang, currency)}"


def window_cut(asked: int, used: int, last: str) -> Sentence:
    """Say that the window was shortened to what the follow-up carries."""
    return say.both("warning.window_cut", asked=asked, used=used, last=last)


def window_longer(share: float, day: int, longer: int) -> Sentence:
    """Suggest a longer window where the curve has not come to rest and the data reach further."""
    return say.both("warning.window_longer", share=share, day=day, longer=longer)


def log_cut(day: int, missing: float) -> Sentence:
    """Say that nobody buys after a day, where the pace before it would bring many."""
    return say.both("warning.log_cut", day=day, missing=missing)


def after_expiry(day: int) -> Sentence:
    """Say that the curve goes flat the day after the signup coupon expires."""
    return say.both("warning.after_expiry", day=day)


def drifting(early: float, late: float) -> Sentence:
    """Say that later cohorts convert unlike earlier ones."""
    return say.both("warning.drifting", times=late / early, early=early, late=late)


def uncovered(quantity: str, coverage: float) -> Sentence:
    """Say that held-out cohorts fall outside of their intervals too often."""
    return say.both(
        "warning.uncovered", coverage=coverage, quantity=say.both(f"quantity.{quantity}")
    )
