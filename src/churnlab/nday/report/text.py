"""What the report of the N-day rule says; figures come from the run's tables."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from churnlab.nday.report import say
from churnlab.nday.report.advice import in_currency
from churnlab.nday.report.data import at_uplift, flat_after
from churnlab.nday.report.words import definition
from churnlab.report.catalogue import Money
from churnlab.report.notes import told
from churnlab.report.words import bullets, table

Rule = Mapping[str, Any]


def share(part: Mapping[str, float], lang: str = "en", *, fine: bool = False) -> str:
    """Mean with its 90% interval, in percent."""
    return say("share_2" if fine else "share", lang, **part)


def question(rule: Rule, lang: str = "en") -> str:
    """State what the run was asked."""
    return say("question", lang, n=rule["n"], before=rule["n"] - 1, first=rule["day_zero_index"],
               window=rule["window_days"], as_of=rule["as_of"])  # fmt: skip


def answer_lines(rule: Rule, lang: str = "en", currency: str | None = None) -> list[str]:
    """Return the recommendation, the plateau, what N in use does and what a message gains."""
    at = rule["at_n"]
    facts = say("facts", lang, n=rule["n"], reach=share(at["reach"], lang),
                organic=share(at["organic_after"], lang), window=rule["window_days"])  # fmt: skip
    pays = at["break_even_uplift"]
    pays = "" if pays is None else " " + say("pays", lang, uplift=share(pays, lang, fine=True))
    first, stop, rest = in_currency(rule, lang, currency).partition(". ")
    return [f"**{first}{stop.rstrip()}** {rest}".rstrip(), rule["plateau"]["statement"][lang],
            facts + pays, uplift(rule, lang)]  # fmt: skip


def answer(rule: Rule, lang: str = "en", currency: str | None = None) -> str:
    """Answer: the recommendation, what it rests on, and what weakens it."""
    warned = "".join(f"\n\n> ⚠ {w[lang]}" for w in rule["warnings"])
    return bullets(answer_lines(rule, lang, currency), none="") + warned


def assumed_uplift(rule: Rule) -> float | None:
    """u0 that the recommendation rests on; None where it rests on none."""
    u0 = rule["recommendation"]["u0"]
    return None if u0 is None else float(u0["mean"])


def uplift(rule: Rule, lang: str = "en") -> str:
    """State the measured uplift, or that none is claimed."""
    if rule.get("uplift") is None:
        return say("no_uplift", lang)
    return say("uplift", lang, share=share(rule["uplift"], lang))


def reading(name: str, lang: str) -> str:
    """Return what a reading of the plateau takes non-buyers for."""
    if say.has(f"reading.{name}"):
        return say(f"reading.{name}", lang)
    return say("reading.half_life", lang, days=name.rpartition("_")[2])


def best_table(
    rule: Rule, best: pd.DataFrame, lang: str = "en", currency: str | None = None
) -> str:
    """Return the readings side by side, rows of `nday_best.parquet` at the uplift that holds."""
    rows = at_uplift(best, assumed_uplift(rule))
    shown = pd.DataFrame(
        {
            "reading": [reading(name, lang) for name in rows["reading"]],
            "u0": rows["u0"].map("{:.1%}".format).to_numpy(),
            "best_n": rows["best_n"].to_numpy(),
            "p_best": [_sure(p, lang) for p in rows["p_best"]],
            "interval": [f"{r.best_n_q05}–{r.best_n_q95}" for r in rows.itertuples()],
            "regret_n": [Money(v, currency).written(lang) for v in rows["regret_n"]],
            "value_all": [Money(v, currency).written(lang) for v in rows["value_all"]],
            "advice": [say(f"advice.{name}", lang) for name in rows["advice"]],
        }
    )
    return say("best", lang) + "\n\n" + table(say.heads(shown, lang))


def _sure(p: object, lang: str) -> str:
    """Probability, or that N lies at an edge of what was tried."""
    return f"{p:.0%}" if isinstance(p, float) and math.isfinite(p) else say("edge", lang)


def heat_claim(rule: Rule, lang: str = "en") -> str:
    """Title of the cohort heat map."""
    later = rule["at_n"]["organic_after"]["mean"]
    return say("claim.heat", lang, share=later, n=rule["n"], window=rule["window_days"])


def plateau_claim(rule: Rule, lang: str = "en") -> str:
    """Title of the plateau's figure."""
    days = [
        say("claim.open" if d["median"] is None else "claim.day", lang,
            name=definition(name, lang, short=True), day=f"{d['median'] or 0:.0f}")
        for name, d in rule["plateau"]["definitions"].items()
    ]  # fmt: skip
    return say("claim.plateau", lang, days=", ".join(days))


def flat_sentence(rule: Rule, flat: pd.DataFrame, lang: str = "en") -> str:
    """State the share of flat cohorts beside chance."""
    row = flat_after(flat, rule["n"])
    if not row:
        return ""
    return say(
        "flat", lang, after=row["after_n"], through=row["through"], share=row["share"],
        cohorts=row["cohorts"], expected=row["expected"], low=row["expected_q05"],
        high=row["expected_q95"], left=row["median_unconverted"],
    )  # fmt: skip


def value_claim(rule: Rule, best: pd.DataFrame, lang: str = "en") -> str:
    """Title of the value's figure."""
    part = at_uplift(best, assumed_uplift(rule))
    days = sorted({int(n) for n in part["best_n"]})
    key = "claim.agree" if len(days) == 1 else "claim.disagree"
    claim = say(key, lang, n=days[0], low=days[0], high=days[-1])
    return say("claim.at_uplift", lang, claim=claim, u0=float(part["u0"].iloc[0]))


def cannot_tell(rule: Rule, lang: str = "en") -> str:
    """Write the honest box."""
    items = [*(a[lang] for a in rule["assumptions"]), say("two_readings", lang)]
    if rule.get("power"):
        p = rule["power"]
        items.append(say("power", lang, uplift=p["uplift"], power=p["power"],
                         signups=p["signups"], holdout=p["holdout_share"]))  # fmt: skip
    title = say("cannot_tell", lang)
    return f"> **{title}**\n>\n" + "\n".join(f"> - {item}" for item in items)


def checks(rule: Rule, seen: pd.DataFrame, lang: str = "en") -> str:
    """Fit, predictive checks, held-out coverage, what was left out."""
    fit, data = rule["fit"], rule["data"]
    figures = ", ".join(f"`{k}` {_short(v)}" for k, v in fit["diagnostics"].items())
    missed = [say(f"statistic.{name}", lang) for name in seen.loc[~seen["inside"], "statistic"]]
    wrong = say("checks.wrong", lang, names=", ".join(missed)) if missed else ""
    said = [
        say("checks.fit", lang, model=fit["model"], method=fit["method"], figures=figures,
            seconds=fit["seconds"], reason=told(fit["reason"], lang)).rstrip(),
        say("checks.inside", lang, inside=int(seen["inside"].sum()), n=len(seen), wrong=wrong),
        *_backtest_lines(rule["backtest"], fit["model"], lang),
        say("checks.left_out", lang, before=data["purchase_before_signup"], no=data.get("no_signup", 0),
            after=data["signup_after_as_of"], repeated=data["repeated_signup"],
            missing=data["missing_time"]),
    ]  # fmt: skip
    return bullets(said, none="")


def _backtest_lines(back: Mapping[str, Any], model: str, lang: str) -> list[str]:
    if back["split"] == "none":
        return [say("checks.none", lang, reason=told(back["skipped"], lang))]
    shares = ", ".join(
        f"{say('quantity.' + c['quantity'], lang)} {c['coverage']:.0%}"
        for c in back["coverage"]
        if c["model"] == model
    )
    split = say(f"checks.{back['split']}", lang)
    lines = [say("checks.held_out", lang, split=split, shares=shares)]
    if len(back["comparison"]) > 1:
        order = " > ".join(c["model"] for c in back["comparison"])
        lines.append(say("checks.order", lang, order=order))
    return [*lines, told(back["skipped"], lang)] if back["split"] == "interleaved" else lines


def experiment_table(rows: pd.DataFrame, lang: str = "en") -> str:
    """Return the arms of the experiment as a table."""
    effects = rows[["uplift", "uplift_q05", "uplift_q95"]].to_numpy()
    shown = pd.DataFrame(
        {
            "rule_id": rows["rule_id"].to_numpy(),
            "n": [say("all", lang) if pd.isna(n) else str(n) for n in rows["n"]],
            "n_treat": rows["n_treat"].to_numpy(),
            "n_holdout": rows["n_holdout"].to_numpy(),
            "uplift": ["{:.1%} ({:.1%}–{:.1%})".format(*e).replace("-", "−") for e in effects],
            "p_positive": rows["p_positive"].map("{:.0%}".format).to_numpy(),
            "srm_p": rows["srm_p"].map("{:.2g}".format).to_numpy(),
        }
    )
    return say("experiment", lang) + "\n\n" + table(say.heads(shown, lang))


def _short(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.3g}"
    return str(value)
