"""What the report of a fit says, with numbers from the run folder."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from churnlab.fitting.report import say
from churnlab.report.catalogue import Money
from churnlab.report.labels import label
from churnlab.report.notes import all_told, told
from churnlab.report.words import bullets, heading, table
from churnlab.vocabulary import OVERDUE


def question(fit: dict[str, Any], lang: str) -> str:
    """Return the question that a fit answers."""
    return heading("question", lang) + "\n\n" + say("question", lang, as_of=fit["as_of"])


def answer(
    fit: dict[str, Any],
    customers: pd.DataFrame,
    horizon_days: float,
    lang: str,
    currency: str | None = None,
) -> str:
    """Return the answer: one sentence with numbers, one table by number of purchases.

    horizon_days: How far the expected purchases look ahead (`risk.horizon_days`).
    """
    as_of = pd.Timestamp(fit["as_of"])
    flagged = customers["at_risk_date"] <= as_of
    cut = fit["threshold"]
    text = say(
        "answer.late" if cut["basis"] == OVERDUE else "answer.risk", lang,
        flagged=int(flagged.sum()), n=len(customers), share=flagged.mean(),
        basis=_basis(cut, lang), value=cut.get("quantile") or cut["value"],
        interval=_interval(cut, lang),
        expected=customers["expected_purchases"].sum(),
        days=horizon_days,
    )  # fmt: skip
    newly = [bullets(late_lines(fit, lang), none="")] if fit.get("late") else []
    groups = table(say.heads(by_purchases(customers, as_of), lang))
    said = (text, *_care(fit, lang), *newly, *_money(fit, customers, lang, currency), groups)
    return "\n\n".join((heading("answer", lang), *said))


def _care(fit: dict[str, Any], lang: str) -> list[str]:
    """Return, where the model does not fit, that it does not: in what stands under the checks."""
    n = len(fit.get("misfit_words", {}).get(lang, ()))
    return [say("answer.care", lang, n=n)] if n else []


def late_lines(found: dict[str, Any], lang: str) -> list[str]:
    """Return the headline of `fit.json` or `segments.json`, and extreme states with the reason."""
    return [headline(found["late"], lang), *(banner(f, lang) for f in found["extreme_states"])]


def _money(
    fit: dict[str, Any], customers: pd.DataFrame, lang: str, currency: str | None
) -> tuple[str, ...]:
    """Return what the customers are still worth, in one sentence; nothing where it is unknown."""
    if "residual_value" not in customers.columns:
        return ()
    value, worth = fit["spend"]["value"], customers["residual_value"]
    if value["per_purchase"] is not None:
        basis = say("worth.per_purchase", lang, value=Money(value["per_purchase"], currency))
    else:
        basis = say("worth.margin_rate", lang, value=value["margin_rate"])
    said = say(
        "worth.text", lang, days=value["horizon_days"], total=Money(worth.sum(), currency),
        mean=Money(worth.mean(), currency), basis=basis, rate=value["discount_rate"],
    )  # fmt: skip
    return (said,)


def _basis(cut: dict[str, Any], lang: str) -> str:
    return "" if cut["basis"] == OVERDUE else label(f"basis.{cut['basis']}", lang)


def _interval(cut: dict[str, Any], lang: str) -> str:
    if cut.get("low") is None:
        return ""
    return say("answer.interval", lang, low=cut["low"], high=cut["high"])


def by_purchases(customers: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return customers, shares at risk and median cycles by number of repeat purchases."""
    classes = pd.cut(
        customers["x"], [-1, 0, 1, 3, 7, float("inf")], labels=["0", "1", "2–3", "4–7", "8+"]
    )
    groups = customers.assign(at_risk=customers["at_risk_date"] <= as_of).groupby(
        classes, observed=True
    )
    found = groups.agg(
        customers=("x", "size"),
        at_risk=("at_risk", "mean"),
        p_return_year=("p_return_year", "mean"),
        cycle=("cycle_days", "median"),
    ).reset_index(names="repeats")
    formats = {
        "customers": "{:,}",
        "at_risk": "{:.1%}",
        "p_return_year": "{:.0%}",
        "cycle": "{:.0f}",
    }
    texts = {name: found[name].map(form.format) for name, form in formats.items()}
    return pd.DataFrame({"repeats": found["repeats"].astype(str), **texts})


def silence_claim(people: pd.DataFrame, lang: str) -> str:
    """Return the claim of the silence figure."""
    fast, slow = people["rhythm_days"].iloc[[0, -1]]
    return say("claim.silence", lang, fast=fast, slow=slow)


def shrinkage_claim(pairs: pd.DataFrame, lang: str) -> str:
    """Return the claim of the shrinkage figure: how far one gap is pulled, and many."""
    shift = (pairs["cycle_days"] / pairs["mean_gap_days"].clip(lower=1.0)).map(
        lambda ratio: max(ratio, 1 / ratio)
    )
    few, many = shift[pairs["x"] == 1].median(), shift[pairs["x"] >= 8].median()
    return say("claim.shrinkage", lang, few=few, many=many)


def threshold_claim(cut: dict[str, Any], lang: str) -> str:
    """Return the claim of the threshold figure: what ten points off would cost."""
    if cut.get("extra_cost_lower") is None:
        return say("claim.stated", lang)
    return say("claim.threshold", lang, lower=cut["extra_cost_lower"],
               higher=cut["extra_cost_higher"])  # fmt: skip


def latest_at_risk(customers: pd.DataFrame, as_of: pd.Timestamp, n: int = 10) -> pd.DataFrame:
    """Return the repeat customers who became at risk most recently, best buyers first."""
    risky = customers[(customers["at_risk_date"] <= as_of) & (customers["x"] > 0)]
    recent = risky.sort_values(["at_risk_date", "x"], ascending=False).head(n)
    shown = recent[["customer_id", "x"]].copy()
    for name in ("days_since_last", "rhythm_days"):
        shown[name] = recent[name].map("{:.0f}".format)
    low, mean, high = (recent[f"p_alive{q}"].map(_sure) for q in ("_q05", "", "_q95"))
    shown["own_p_alive"] = mean + " (" + low + "–" + high + ")"
    shown["since"] = recent["at_risk_date"].astype(str).str[:10]
    return shown


def _sure(chance: float) -> str:
    """Return a chance in percent; nobody is certain to buy again."""
    return f"{min(chance, 0.99):.0%}"


def recent_risks(fit: dict[str, Any], customers: pd.DataFrame, lang: str) -> str:
    """Return the table of those who became at risk last."""
    shown = latest_at_risk(customers, pd.Timestamp(fit["as_of"]))
    return say("recent", lang) + "\n\n" + table(say.heads(shown, lang), names=1)


def checks(fit: dict[str, Any], lang: str) -> str:
    """Return the parameter table with its diagnostics, and the warnings."""
    parameters = say.heads(pd.DataFrame(fit["parameters"]).dropna(axis=1, how="all"), lang)
    formats = dict.fromkeys(parameters.columns[1:], ".4g")
    method = fit["method"]
    if fit["reason"]:
        reason = told(fit["reason"], lang)
        method = say("checks.method_reason", lang, method=method, reason=reason)
    facts = say(
        "checks.facts", lang, method=method, cells=fit["n_cells"], n=fit["n_customers"],
        best=fit["max_log_likelihood"], mode=fit["log_likelihood_at_mode"],
    )  # fmt: skip
    misfit = fit.get("misfit_words", {"en": [], "ko": []})
    other = [w for w in fit["warnings"] if w not in misfit["en"]]
    notes = [*misfit[lang], *all_told((*other, *fit["threshold"]["notes"]), lang)]
    warned = bullets(notes, none=say("no_warnings", lang))
    parts = (facts, table(parameters, formats), *sensitivity(fit, lang), warned)
    return "\n\n".join((heading("checks", lang), *parts))


def sensitivity(fit: dict[str, Any], lang: str) -> list[str]:
    """Return what the priors do to the posterior: a sentence and a table; nothing of old runs."""
    rows = pd.DataFrame(fit.get("prior_sensitivity", []))
    if rows.empty:
        return []
    columns = ["parameter", "prior", "prior_sensitivity", "likelihood_sensitivity", "shift_sd"]
    verdicts = [say(f"prior.{verdict}", lang) for verdict in rows["verdict"]]
    shown = say.heads(rows[columns].assign(verdict=verdicts), lang)
    formats = dict(zip(shown.columns[2:5], (".3f", ".3f", "+.2f"), strict=True))
    return [say("prior.text", lang, led=_led(rows, lang)), table(shown, formats)]


def _led(rows: pd.DataFrame, lang: str) -> str:
    """Return which parameters the prior shapes, with the largest shift."""
    moved = rows[rows["verdict"] != "robust"]
    if moved.empty:
        return say("prior.none_led", lang)
    far = moved.iloc[int(moved["shift_sd"].abs().argmax())]
    names = ", ".join(moved["parameter"])
    return say("prior.led", lang, names=names, shift=far["shift_sd"], far=far["parameter"])


def predictive_claim(counts: pd.DataFrame, lang: str) -> str:
    """Return the claim of the predictive figure: classes covered, and what the prior allowed."""
    covered = counts["observed"].between(counts["posterior_q05"], counts["posterior_q95"])
    first = counts.iloc[0]
    return say("claim.predictive", lang, inside=int(covered.sum()), n=len(counts),
               low=first["prior_q05"], high=first["prior_q95"])  # fmt: skip


def change_our_mind(lang: str) -> str:
    """Return what would change the conclusion."""
    return heading("change_our_mind", lang) + "\n\n" + bullets(say.several("mind", lang), none="")


def headline(counts: Mapping[str, Any], lang: str = "en") -> str:
    """Return who became late, who is worth a message, who is probably gone, in one sentence."""
    stated = counts["worth_message"] is not None
    return say("late.costs" if stated else "late.no_costs", lang, **counts)


def banner(found: Mapping[str, Any], lang: str = "en") -> str:
    """Return an extreme state as a line for the console and the report."""
    return say(
        "late.banner", lang, state=say(f"state.{found['state']}", lang), share=found["share"],
        of=found["of"], reason=told(found["reason"], lang),
    )  # fmt: skip
