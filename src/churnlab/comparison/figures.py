"""The figures of a run that another run can be held against, as one long table."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from churnlab.errors import UsageError
from churnlab.runs import Run, open_run

COLUMNS: Final = ("run", "command", "target", "name", "figure", "value", "q05", "q95")
#: Scores of a backtest that are compared; the first decides the order.
SCORES: Final = ("brier", "log_score", "auc", "bias", "mae", "count_bias")
LOWER_IS_BETTER: Final = frozenset({"brier", "log_score", "mae"})


def side_by_side(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Return the figures of several runs, one row each.

    runs: Finished runs by a name of your choice.
    Returns: ``run``, ``command``, ``target`` (a backtest's window), ``name`` (candidate, parameter
        or segment), ``figure``, ``value``, ``q05``, ``q95`` (90% interval, where the run has one).
        Where one run can be better than another, the best comes first.
    Raises UsageError: Fewer than two runs, or none of a command that has figures.
    """
    if len(runs) < 2:
        raise UsageError(
            f"comparing needs at least two runs; got {len(runs)}. Give folders of finished runs: "
            "'runs=[outputs/one,outputs/other]'."
        )
    parts = [figures(run).assign(run=name) for name, run in runs.items()]
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    if table.empty:
        commands = ", ".join(sorted({run.command for run in runs.values()}))
        raise UsageError(
            f"runs of {commands} have no figures to compare; expected folders of one of: "
            f"{', '.join([*_READERS, 'pipeline'])}."
        )
    return _best_first(table[list(COLUMNS)])


def figures(run: Run) -> pd.DataFrame:
    """Return a run's figures (columns: `side_by_side`); a pipeline has those of its steps."""
    if run.command == "pipeline":
        steps = [part for name in _READERS if (part := run.part(name)) is not None]
        found = [figures(step) for step in steps]
        return pd.concat(found, ignore_index=True) if found else _table([])
    read = _READERS.get(run.command)
    return _table([] if read is None else read(run)).assign(command=run.command)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=[c for c in COLUMNS if c not in ("run", "command")])
    numbers = dict.fromkeys(("value", "q05", "q95"), "float64")
    return table.astype(dict.fromkeys(("target", "name", "figure"), "str") | numbers)


def _row(
    figure: str, name: str, value: Any, q05: Any = None, q95: Any = None, target: str = ""
) -> dict[str, Any]:
    return {
        "target": target, "name": name, "figure": figure, "value": value, "q05": q05, "q95": q95,
    }  # fmt: skip


def _fit(run: Run) -> list[dict[str, Any]]:
    """Return parameters, which models with the same ones share, and who is at risk."""
    fit, late = run.json("fit.json"), run.json("fit.json")["late"]
    rows = [_row(p["parameter"], "", p["mean"], p["q05"], p["q95"]) for p in fit["parameters"]]
    rows.append(_row("customers", "", fit["n_customers"]))
    if late and late["purchasers"]:
        rows.append(_row("at_risk_share", "", late["at_risk"] / late["purchasers"]))
    return rows


def _backtest(run: Run) -> list[dict[str, Any]]:
    """Return means over origins; an interval's ends are averaged, as if origins were one."""
    head, scores = run.frame("headline.parquet"), run.frame("scores.parquet")
    keys = ["target", "candidate", "variant"]
    long = head.melt(keys, [c for c in SCORES if c in head], "metric").dropna(subset="value")
    whole = scores[scores["slice"] == "all"]
    ends = whole.groupby([*keys, "metric"])[["q05", "q95"]].mean().reset_index()
    long = long[long["variant"] != "p_alive"].merge(ends, how="left", on=[*keys, "metric"])
    plain = long["variant"] == "plain"
    names = long["candidate"].where(plain, long["candidate"] + " (" + long["variant"] + ")")
    return [_row(r["metric"], r["name"], r["value"], r["q05"], r["q95"], r["target"])
            for r in long.assign(name=names).to_dict("records")]  # fmt: skip


def _segment(run: Run) -> list[dict[str, Any]]:
    shares = run.frame("shares.parquet")
    last = shares[shares["as_of"] == shares["as_of"].max()]
    return [_row("share", s["segment_code"], s["share"], s["share_q05"], s["share_q95"], s["level"])
            for s in last.to_dict("records")]  # fmt: skip


def _nday(run: Run) -> list[dict[str, Any]]:
    said = run.json("rule.json")["recommendation"]
    rows = [_row("n", said["basis"], said["n"])]
    for key in ("value", "regret", "leaves"):
        if isinstance(found := said.get(key), Mapping):
            rows.append(_row(key, said["basis"], found["mean"], found["q05"], found["q95"]))
        elif found is not None:
            rows.append(_row(key, said["basis"], found))
    return rows


#: Command -> what reads its figures.
_READERS: Final[dict[str, Callable[[Run], list[dict[str, Any]]]]] = {
    "fit": _fit,
    "segment": _segment,
    "backtest": _backtest,
    "nday": _nday,
}


def _best_first(table: pd.DataFrame) -> pd.DataFrame:
    """Order by target, then candidates by their first score, then their figures as they came."""
    one = ["run", "target", "name"]
    first = table.loc[table["figure"] == SCORES[0], [*one, "value"]]
    ranked = table.merge(first.rename(columns={"value": "rank"}), on=one, how="left")
    ranked = ranked.sort_values(["command", "target", "rank"], kind="stable", ignore_index=True)
    return ranked.drop(columns="rank")


def named(folders: list[str]) -> dict[str, Run]:
    """Open finished runs by the shortest ends of their paths that differ.

    Raises UsageError: A folder without a finished run, or one given twice.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise UsageError(f"a run is given twice in {', '.join(folders)}; give each once.")
    for depth in range(1, max((len(p.parts) for p in paths), default=1) + 1):
        names = ["/".join(p.parts[-depth:]) for p in paths]
        if len(set(names)) == len(names):
            break
    return {name: open_run(folder) for name, folder in zip(names, folders, strict=True)}
