"""`churnlab backtest`: rolling origins x candidates x rules on held-out periods."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churnlab.backtest import BacktestResult, default_rules, run_backtest
from churnlab.cli.console import Console
from churnlab.config.schemas.backtest import BacktestSettings
from churnlab.config.schemas.pipeline import PipelineSettings
from churnlab.events import EventLog
from churnlab.rules import ThresholdRule
from churnlab.runs.folder import RunFolder
from churnlab.workflows.opening import open_data

#: Columns of the table on the terminal: metric and how it is written.
SHOWN = {
    "brier": ".4f",
    "log_score": ".4f",
    "auc": ".3f",
    "bias": "+.1%",
    "mae": ".3f",
    "count_bias": "+.1%",
}


def run(settings: BacktestSettings, folder: RunFolder, console: Console) -> BacktestResult:
    """Open the data, backtest, write the tables and `backtest.json`."""
    log = open_data(settings, folder, console)
    return backtest_log(log, settings, folder, console)


def backtest_log(
    log: EventLog,
    settings: BacktestSettings | PipelineSettings,
    folder: RunFolder,
    console: Console,
) -> BacktestResult:
    """Backtest a log that is open already."""
    with console.stage("backtest"):
        result = run_backtest(
            log,
            candidates=settings.candidates,
            split=settings.split,
            rules=_rules(settings),
            costs=settings.rule,
            seed=settings.seed,
            k=settings.model.k,
            method=settings.inference.method,
            draws=settings.inference.draws,
            chains=settings.inference.chains,
            priors=settings.model.priors,
            events=settings.model.events,
            calendar_spread=settings.model.calendar_spread,
            cache_dir=settings.cache_dir,
            keep_predictions=settings.keep_predictions,
            progress=console.progress,
        )
    with console.stage("writing the backtest's tables"):
        for name, table in result.tables().items():
            folder.write_parquet(f"{name}.parquet", table)
        folder.write_parquet("headline.parquet", result.headline())
        folder.write_json("backtest.json", result.summary)
    console.warn([str(d["reason"]) for d in result.summary["degradations"]])
    console.say(*lines(result))
    console.say(f"files: {folder.path}/scores.parquet, rules.parquet, backtest.json, ...")
    return result


def _rules(settings: BacktestSettings | PipelineSettings) -> dict[str, ThresholdRule]:
    """Return the rules that are scored: those named, or the default ones and the one chosen."""
    if settings.rules:
        return settings.rules
    own = {settings.rule.name: settings.rule} if isinstance(settings.rule, ThresholdRule) else {}
    return default_rules(settings.rule) | own


def lines(result: BacktestResult) -> list[str]:
    """Return the table of candidates and the answers in words."""
    return [*table_lines(result.headline()), *result.answers]


def table_lines(headline: pd.DataFrame) -> list[str]:
    """Return the candidates' scores as aligned text, one block per target, best Brier first."""
    found: list[str] = []
    row: Any
    metrics = [m for m in SHOWN if m in headline]
    names = {i: _name(row) for i, row in zip(headline.index, headline.itertuples(), strict=True)}
    width = max(map(len, (*names.values(), "candidate")))
    columns = {m: max(len(m), 6) + 1 for m in metrics}
    for target, block in headline.groupby("target", sort=False):
        block = block.sort_values("brier", na_position="last")
        found.append(f"no purchase in {target} (means over origins; lower Brier is better)")
        title = "".join(f"{m:>{w}}" for m, w in columns.items())
        found.append(f"  {'candidate':<{width}}{title}")
        for row in block.itertuples():
            values = ((getattr(row, m), SHOWN[m], w) for m, w in columns.items())
            cells = (f"{format(v, form) if pd.notna(v) else '–':>{w}}" for v, form, w in values)
            found.append(f"  {names[row.Index]:<{width}}{''.join(cells)}")
    return found


def _name(row: Any) -> str:
    return str(row.candidate) + ("" if row.variant == "plain" else f" ({row.variant})")
