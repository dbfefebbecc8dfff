"""What a study of journeys says, in words: every function reads the tables of a run."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from churnlab.journeys.config import LoyalConfig
from churnlab.journeys.loyal import Loyal
from churnlab.journeys.report import say
from churnlab.report import words

Tables = Mapping[str, pd.DataFrame]
Summary = Mapping[str, Any]

#: An attribute is told of when the group has it more often with this probability.
SURE: Final = 0.95
#: Rows of a table in the report.
ROWS: Final = 10


def loyal_rule(config: LoyalConfig, loyal: Loyal) -> dict[str, str]:
    """Return the rule of loyalty as a clause, in both languages."""
    if loyal.least_rate is None:
        return say.both("rule.tier", column=config.tier_column, tiers=", ".join(config.tiers))
    return say.both(
        "rule.posterior", p=config.least_p_alive, n=config.least_repeats + 1,
        share=config.top_share, days=1.0 / loyal.least_rate,
    )  # fmt: skip


def answer_lines(tables: Tables, summary: Summary, lang: str) -> list[str]:
    """Return the key results, one sentence or two each."""
    said = [
        *_loyal(summary, lang),
        *_journeys(tables["journeys"], summary, lang),
        *_personas(tables, summary, lang),
        *_predicts(tables, lang),
        *_cycles(tables, lang),
        _audience(tables["audience"], lang),
    ]
    return [line for line in said if line]


def question(summary: Summary, lang: str) -> str:
    """Return the question of the report."""
    return say("question", lang, days=summary["window_days"])


def who_of(journeys: pd.DataFrame) -> str:
    """Return whose journeys are told of: loyal customers where they have any."""
    return "loyal" if (journeys["who"] == "loyal").any() else "all"


def notes(summary: Summary, lang: str) -> str:
    """Return what must be said, as bullets."""
    said = [*summary["missing"], *summary["notes"]]
    return words.bullets([note[lang] for note in said], none=say("nothing", lang))


def checks(journeys: pd.DataFrame, lang: str) -> str:
    """Return how chance, censoring and dependence were dealt with."""
    if journeys.empty:
        return "–"
    a, design = journeys["prior_shape"].iloc[0], journeys["design_effect"].max()
    return words.bullets(say.several("checks", lang, a=a, design=design), none="–")


def change_our_mind(lang: str) -> str:
    """Return what evidence would turn the answer."""
    return words.bullets(say.several("mind", lang), none="–")


def journey_table(journeys: pd.DataFrame, lang: str) -> str:
    """Return the best supported journeys as a Markdown table."""
    who = who_of(journeys)
    rows = journeys[journeys["who"] == who].groupby("length").head(ROWS // 2)
    columns = {"path": rows["path"], "support": rows["support"], "rate": rows["rate"],
               "gap": rows["gap_days"], "lift": _intervals(rows, "lift", ".2f")}  # fmt: skip
    head = say("head.journeys", lang, who=say(f"who.{who}", lang))
    return _table(head, columns, {"support": ",", "rate": ".0%", "gap": ".1f"}, lang)


def stop_table(stops: pd.DataFrame, lang: str) -> str:
    """Return the stop rates of the most reached prefixes as a Markdown table."""
    known = stops.dropna(subset="stop_rate").rename(columns={"stop_rate": "stop"})
    rows = known.groupby("length").head(ROWS // 2)
    columns = {"prefix": rows["path"], "reached": rows["customers"],
               "stop": _intervals(rows, "stop", ".0%")}  # fmt: skip
    return _table(say("head.stops", lang), columns, {"reached": ","}, lang)


def companion_table(companions: pd.DataFrame, lang: str) -> str:
    """Return the goods that go together most clearly as a Markdown table; empty for none."""
    once = companions[companions["item"] < companions["companion"]]
    rows = once[once["lift_q05"] > 1].nlargest(ROWS, "lift_q05")
    if rows.empty:
        return ""
    columns = {"item": rows["item"], "companion": rows["companion"], "support": rows["customers"],
               "share": rows["share"], "lift": _intervals(rows, "lift", ".2f")}  # fmt: skip
    return _table(say("head.companions", lang), columns, {"support": ",", "share": ".0%"}, lang)


def _table(head: str, columns: Mapping[str, Any], formats: Mapping[str, str], lang: str) -> str:
    shown = pd.DataFrame({say(f"col.{name}", lang): values for name, values in columns.items()})
    wanted = {say(f"col.{name}", lang): spec for name, spec in formats.items()}
    return f"**{head}**\n\n" + words.table(shown, wanted)


def _intervals(rows: pd.DataFrame, name: str, spec: str) -> list[str]:
    columns = rows[[name, f"{name}_q05", f"{name}_q95"]].to_numpy()
    return ["{} ({}–{})".format(*(format(v, spec) for v in row)) for row in columns]


def _loyal(summary: Summary, lang: str) -> list[str]:
    loyal = summary["loyal"]
    if loyal is None:
        return []
    later = {bool(row["loyal"]): row["purchase_days"] for row in loyal["outcome"]}
    return [
        say(
            "loyal", lang, n=loyal["customers"], of=loyal["of"], until=loyal["known_until"],
            rule=loyal["statement"][lang], days=loyal["outcome_days"],
            loyal=later.get(True, float("nan")), others=later.get(False, float("nan")),
        )
    ]  # fmt: skip


def _journeys(journeys: pd.DataFrame, summary: Summary, lang: str) -> list[str]:
    days = summary["window_days"]
    if journeys.empty:
        return [say("no_journey", lang, least=summary["least_customers"], days=days)]
    who = who_of(journeys)
    name, rows = say(f"who.{who}", lang), journeys[journeys["who"] == who]
    top, farthest = rows.iloc[0], rows.nlargest(1, "lift_q05").iloc[0]
    first = say("top", lang, who=name, days=days, gap=top["gap_days"], q10=top["gap_q10"],
                q90=top["gap_q90"], **_lift(top))  # fmt: skip
    n = int((rows["lift_q05"] > 1).sum())
    if n == 0:
        return [first, say("none_beyond", lang, of=len(rows), who=name)]
    key = "beyond_too" if farthest["path"] == top["path"] else "beyond"
    return [first, say(key, lang, n=n, of=len(rows), who=name, **_lift(farthest))]


def _lift(row: pd.Series) -> dict[str, Any]:
    return {"path": row["path"], "support": row["support"], "lift": row["lift"],
            "q05": row["lift_q05"], "q95": row["lift_q95"]}  # fmt: skip


def _personas(tables: Tables, summary: Summary, lang: str) -> list[str]:
    if "personas" not in tables:
        return []
    said, personas = [], tables["personas"]
    for comparison, key in (("loyal", "persona"), ("converted", "persona_converted")):
        rows = personas[(personas["comparison"] == comparison) & (personas["p_more"] >= SURE)]
        if rows.empty:
            continue
        row = rows.nlargest(1, "ratio_q05").iloc[0]
        said.append(
            say(key, lang, attribute=row["attribute"], value=row["value"],
                share=row["share_group"], others=row["share_others"], ratio=row["ratio"],
                q05=row["ratio_q05"], q95=row["ratio_q95"])
        )  # fmt: skip
    if not said and summary["loyal"] is not None:
        said.append(say("no_persona", lang))
    return said


def _predicts(tables: Tables, lang: str) -> list[str]:
    said = []
    if "predicts" in tables:
        row = tables["predicts"].dropna(subset="difference").head(1)
        said += [
            say("predicts", lang, path=r["path"], diff=100 * r["difference"],
                q05=100 * r["difference_q05"], q95=100 * r["difference_q95"],
                raw=100 * r["raw_difference"])
            for r in row.to_dict("records")
        ]  # fmt: skip
    if "experiment" in tables:
        said += [
            say("uplift", lang, path=r["path"], uplift=100 * r["uplift"],
                q05=100 * r["uplift_q05"], q95=100 * r["uplift_q95"])
            for r in tables["experiment"].to_dict("records")
        ]  # fmt: skip
    return said


def _cycles(tables: Tables, lang: str) -> list[str]:
    if "cycles" not in tables:
        return []
    items = [
        say("cycle_item", lang, item=r.item, days=r.cycle_days, q05=r.cycle_q05, q95=r.cycle_q95)
        for r in tables["cycles"].head(3).itertuples()
    ]
    return [say("cycles", lang, items=", ".join(items), n=int(tables["due"]["remind"].sum()))]


def _audience(audience: pd.DataFrame, lang: str) -> str:
    if audience.empty:
        return say("no_audience", lang)
    closes = audience["window_closes_at"]
    return say(
        "audience", lang, n=audience["customer_id"].nunique(),
        journeys=audience["journey_id"].nunique(), first=closes.min().date(),
        last=closes.max().date(),
    )  # fmt: skip
