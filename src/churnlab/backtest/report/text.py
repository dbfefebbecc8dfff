"""What the report of a backtest says, with numbers from the run folder."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from churnlab.backtest.report import say
from churnlab.backtest.report.answers import plain, sentence
from churnlab.backtest.report.data import cheapest
from churnlab.report.catalogue import Money, date
from churnlab.report.labels import label, window
from churnlab.report.notes import all_told, told
from churnlab.report.words import bullets, heading, table

_FORMATS: Final = {
    "brier": ".4f", "mcb": ".4f", "dsc": ".4f", "log_score": ".4f", "auc": ".3f", "bias": "+.1%",
    "lift_10": ".2f", "mae": ".3f", "count_bias": "+.1%", "crps": ".4f",
}  # fmt: skip
_RULE_FORMATS: Final = {
    "threshold": ".3f", "flagged_share": ".1%", "precision": ".1%", "recall": ".1%",
    "cost_per_customer": ".4f", "regret": ".4f",
}  # fmt: skip


def _table(frame: pd.DataFrame, formats: dict[str, str], lang: str) -> str:
    shown = label.heads(say.heads(_worded(frame, lang), lang), lang)
    named = {
        n: formats[c] for c, n in zip(frame.columns, shown.columns, strict=True) if c in formats
    }
    return table(shown, named)


def _worded(frame: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Return a table whose windows, forms, risks and rules are said in words."""

    def said(value: Any) -> str:
        return say(f"value.{value}", lang) if say.has(f"value.{value}") else str(value)

    words = {c: frame[c].map(said) for c in ("variant", "basis", "rule") if c in frame}
    return frame.assign(**words, target=[window(t, lang) for t in frame["target"]])


def question(summary: dict[str, Any], lang: str) -> str:
    """Return the question that a backtest answers."""
    origins = ", ".join(date(day, lang) for day in summary["origins"])
    return heading("question", lang) + "\n\n" + say("question", lang, origins=origins)


def answer(summary: dict[str, Any], lang: str) -> str:
    """Return the answers for people: one sentence a comparison."""
    return heading("answer", lang) + "\n\n" + bullets(answer_lines(summary, lang), none="–")


def answer_lines(summary: dict[str, Any], lang: str) -> list[str]:
    """Return the verdict of each comparison, without statistics."""
    return [plain(a, lang) for a in summary["comparisons"]]


def candidates_table(headline: pd.DataFrame, lang: str) -> str:
    """Return scores per target and candidate, means over origins, best Brier first."""
    keep = ["candidate", "variant", "target", *[m for m in _FORMATS if m in headline]]
    ordered = headline.sort_values(["target", "brier"], na_position="last")
    return say("scores", lang) + "\n\n" + _table(ordered[keep], _FORMATS, lang)


def visits_section(summary: dict[str, Any], differences: pd.DataFrame, lang: str) -> str | None:
    """Return what the visit log adds, per origin and over all; None where no candidate used it.

    differences: The run's paired differences: each visit candidate less its twin without visits.
    """
    asked = [a for a in summary["comparisons"] if a["metric"] == "visits"]
    pairs = {(a["best"], a["simple"]) for answer in asked for a in answer["pairs"]}
    if not pairs:
        return None
    plain = differences[
        (differences["metric"] == "brier") & (differences["variant"] == "plain")
    ].set_index(["candidate", "baseline"])
    rows = plain[plain.index.isin(list(pairs))].reset_index()
    keep = ["target", "candidate", "baseline", "origin", "difference", "q05", "q95", "n_customers"]
    formats = dict.fromkeys(("difference", "q05", "q95"), "+.5f")
    return say("visits", lang) + "\n\n" + _table(rows[keep], formats, lang)


def ranking_claim(ranked: pd.DataFrame, lang: str) -> str:
    """Return the claim of the ranking figure: the best candidate and the best baseline."""
    best = ranked.iloc[0]
    simple = ranked[ranked["kind"] == "baseline"]
    rival = f"{simple.iloc[0]['name']} {simple.iloc[0]['brier']:.4f}" if len(simple) else "–"
    return say("claim.ranking", lang, name=best["name"], value=best["brier"], rival=rival)


def reliability_claim(headline: pd.DataFrame, names: list[str], lang: str) -> str:
    """Return the claim of the reliability figure: bias of the models shown."""
    rows = headline[(headline["candidate"].isin(names)) & (headline["variant"] == "plain")]
    biases = ", ".join(
        f"{r.candidate} {r.bias:+.0%}".replace("-", "−")
        for r in rows.drop_duplicates("candidate").itertuples()
    )
    return say("claim.reliability", lang, biases=biases)


def tracking_claim(weeks: pd.DataFrame, lang: str) -> str:
    """Return the claim of the tracking figure: how far each model ended from what came."""
    last = weeks[weeks["week"] == weeks["week"].max()]
    if len(last) == 1:
        gap = float(last["cumulative_expected"].iloc[0] / last["cumulative_actual"].iloc[0] - 1)
        key = "claim.over" if gap > 0 else "claim.under"
        return say(key, lang, n=int(last["week"].iloc[0]), gap=abs(gap))
    gaps = ", ".join(
        f"{r.candidate} {r.cumulative_expected / r.cumulative_actual - 1:+.0%}".replace("-", "−")
        for r in last.itertuples()
    )
    return say("claim.tracking", lang, n=int(last["week"].iloc[0]), gaps=gaps)


def cost_claim(rules: pd.DataFrame, answers: Iterable[Mapping[str, Any]], lang: str) -> str:
    """Return the claim of the cost figure: the decision whose curve it shows."""
    best = cheapest(rules, answers)
    if best is None:
        return ""
    variant = "" if best["variant"] == "plain" else f", {best['variant']}"
    name = f"{best['candidate']} ({best['rule']} on {best['basis']}{variant})"
    target = window(best["target"], lang)
    return say("claim.cost", lang, target=target, name=name, cost=best["cost_per_customer"])


def rules_table(rules: pd.DataFrame, lang: str) -> str:
    """Return whom the rules flagged and what it cost where stated: means over origins."""
    keys = ["target", "candidate", "variant", "basis", "rule"]
    numbers = [name for name in _RULE_FORMATS if name in rules]
    means = rules.groupby(keys, dropna=False)[numbers].mean().dropna(axis="columns", how="all")
    means = means.reset_index()
    order = [c for c in ("target", "cost_per_customer") if c in means]
    ordered = means.sort_values(order, kind="stable").groupby("target").head(12)
    ordered = ordered[["candidate", "variant", *ordered.columns.drop(["candidate", "variant"])]]
    return say("rules", lang) + "\n\n" + _table(ordered, _RULE_FORMATS, lang)


def checks(summary: dict[str, Any], lang: str) -> str:
    """Return the answers in numbers, what was dropped, degraded and refused, that guards held."""
    found = [*_shortfalls(summary["degradations"], lang),
             *all_told(map(str, (*summary["dropped"], *summary["refused_fits"])), lang)]  # fmt: skip
    numbers = bullets([sentence(a, lang) for a in summary["comparisons"]], none="–")
    parts = (
        say("details", lang) + "\n\n" + numbers,
        say("guard", lang),
        *prior_sensitivity(summary, lang),
        bullets(found, none=say("nothing", lang)),
    )
    return "\n\n".join((heading("checks", lang), *parts))


def _shortfalls(degradations: list[dict[str, Any]], lang: str) -> list[str]:
    """Return what weakens the result, each reason once, with the candidates that it holds for."""
    names: dict[str, list[str]] = {}
    for found in degradations:
        name, _, reason = found["reason"].partition(": ")
        if found["what"] != "candidate":
            name, reason = "", found["reason"]
        names.setdefault(told(reason, lang), []).append(name)
    return [
        say("shortfall", lang, who=", ".join(dict.fromkeys(who)), what=what) if any(who) else what
        for what, who in names.items()
    ]


def prior_sensitivity(summary: dict[str, Any], lang: str) -> list[str]:
    """Return the largest prior sensitivity of each Bayesian candidate at its last origin."""
    rows = [row for row in summary["learnt"] if row.get("prior_sensitivity")]
    last = {row["candidate"]: row for row in sorted(rows, key=lambda row: str(row["origin"]))}
    if not last:
        return []
    worst = {name: row["prior_sensitivity"] for name, row in last.items()}
    said = "; ".join(
        say("prior.one", lang, name=name, value=w["prior_sensitivity"], parameter=w["parameter"],
            shift=w["shift_sd"]) for name, w in worst.items()
    )  # fmt: skip
    return [say("prior.text", lang, said=said)]


def change_our_mind(summary: dict[str, Any], lang: str, currency: str | None = None) -> str:
    """Return what would change the conclusion."""
    mind = say.several("mind", lang, policy=told(summary["policy"], lang))
    items = [_about_costs(summary["costs"], lang, currency), *mind]
    return heading("change_our_mind", lang) + "\n\n" + bullets(items, none="")


def _about_costs(costs: dict[str, float] | None, lang: str, currency: str | None) -> str:
    """Return what decisions were paid in, or that nobody has said."""
    if costs is None:
        return say("costs.none", lang)
    amounts = {name: Money(costs[name], currency) for name in ("wasted", "missed")}
    return say("costs.stated", lang, **amounts)
