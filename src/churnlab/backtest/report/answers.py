"""A backtest's comparisons in words: one sentence for people, one with the statistics."""

from collections.abc import Mapping
from typing import Any

from churnlab.backtest.report import say
from churnlab.backtest.scores.board import RECALIBRATED
from churnlab.backtest.scores.decisions import OWN_CUTOFF
from churnlab.report.labels import window
from churnlab.report.notes import told

Comparison = Mapping[str, Any]
_ALONE = "better_alone"
_BETTER = ("better", _ALONE)


def plain(answer: Comparison, lang: str = "en") -> str:
    """Return the verdict of a comparison in one sentence without statistics."""
    verdict, values = _verdict(answer), _values(answer, lang)
    simple = f"simple.{answer['simple']}"
    if say.has(simple):
        values["simple"] = say(simple, lang)
    said = say(f"plain.{answer['metric']}_{verdict.partition('_')[0]}", lang, **values)
    if verdict == _ALONE:
        said += say("plain.unopposed", lang)
    if _boosted(answer):
        said += say(f"plain.{answer['metric']}_boosted", lang, **values)
    return said


def sentence(answer: Comparison, lang: str = "en") -> str:
    """Return a comparison with its scores, interval and adjusted bound."""
    values = _values(answer, lang)
    if answer["metric"] == "visits":
        verdict = say(f"verdict.visits_{_verdict(answer)}", lang)
        pairs = len(answer["pairs"])
        more = say("detail.visits_pairs", lang, pairs=pairs) if pairs > 1 else ""
        return say("detail.visits", lang, **values | {"verdict": verdict, "pairs": more})
    verdict = say(f"verdict.{_verdict(answer)}", lang, **values)
    verdict += say("verdict.boosted", lang, **values) if _boosted(answer) else ""
    caution = ""
    if answer.get("caution"):
        caution = "; ".join(told(note, lang) for note in answer["caution"].split("; "))
        caution = say("detail.caution", lang, simple=values["simple"], caution=caution)
    what = say(f"detail.{answer['metric']}", lang)
    return say("detail.text", lang, verdict=verdict, what=what, **values | {"caution": caution})


def _verdict(answer: Comparison) -> str:
    """Return `better`, `equal` or `worse`: of the best contender, or of the visit log.

    `better_alone` where a contender is better and no strong comparator stood beside it.
    """
    if "verdict" in answer:
        return str(answer["verdict"])
    if answer["q05"] > 0:
        return "worse"
    if answer["simple_is_as_good"]:
        return "equal"
    return "better" if answer.get("comparator") else _ALONE


def _boosted(answer: Comparison) -> bool:
    """Return whether the strong comparator betters the simple rule where no model does."""
    return _verdict(answer) not in _BETTER and (answer.get("comparator_q95") or 0.0) < 0


def _values(answer: Comparison, lang: str) -> dict[str, Any]:
    bar, strong = answer["simple_value"], answer.get("comparator_value")
    return {
        **answer,
        "window": window(answer["target"], lang),
        "best": _named(answer, "best", lang),
        "simple": _named(answer, "simple", lang),
        "share": -answer["difference"] / bar if bar else 0.0,
        "comparator_share": 1 - strong / bar if bar and strong is not None else 0.0,
        "n": len(answer["origins"]),
    }


def _named(answer: Comparison, side: str, lang: str) -> str:
    """Return a candidate with its variant and, of a decision, its rule: side best or simple."""
    more = "" if side == "best" else "simple_"
    name = str(answer[side])
    name = say(f"name.{name}", lang) if say.has(f"name.{name}") else name
    if answer.get(f"{more}variant") == RECALIBRATED:
        name = say("name.recalibrated", lang, name=name)
    rule = answer.get(f"{more}rule", OWN_CUTOFF)
    if rule == OWN_CUTOFF:
        return name
    return say("name.ruled", lang, name=name, rule=rule, basis=answer[f"{more}basis"])
