"""Help texts, written from the registry so that they cannot drift from it."""

import textwrap

from churnlab.cli.command import Command
from churnlab.cli.options import MAPPABLE
from churnlab.cli.registry import COMMANDS, INIT

_STATUSES = (
    "Exit status: 0 done; 1 internal error; 2 wrong command, key or value; 3 wrong data; "
    "4 fit refused by its diagnostics; 5 verification or monitoring failed; 130 interrupted."
)


def overview() -> str:
    """Return what `churnlab --help` prints."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {c.name:<{width}}  {c.does}" for c in (INIT, *COMMANDS.values()))
    return "\n".join(
        (
            "churnlab: who is slipping away, since which date, and how sure that is.",
            "",
            "  churnlab COMMAND [KEY=VALUE ...]",
            "",
            rows,
            "",
            "On your own orders: `churnlab init orders.csv`, then `churnlab pipeline data=orders`;",
            "or see `churnlab demo` first.",
            "",
            "`churnlab COMMAND --help` explains one with examples; `--cfg job` shows its whole",
            "configuration; `-m` sweeps comma-separated values; `--config-dir DIR` adds your own",
            "configs; `tracking=mlflow` notes a finished run in MLflow. CHURNLAB_DEBUG=1 adds",
            "tracebacks to errors.",
            "",
            *textwrap.wrap(_STATUSES, 88),
        )
    )


def command(entry: Command) -> str:
    """Return what `churnlab COMMAND --help` prints."""
    runs = entry.name in COMMANDS
    width = max((len(key) for key, _ in entry.options), default=0)
    options = [f"  {key:<{width}}  {text}" for key, text in entry.options]
    return "\n".join(
        (
            f"churnlab {entry.name}: {entry.does}",
            "",
            f"Writes: {', '.join(entry.writes)}",
            *(["        (and manifest.json, config.resolved.yaml, run.log)"] if runs else []),
            "",
            "Options (all of them: add `--cfg job`):" if runs else "Options:",
            *options,
            *_columns(entry),
            "",
            "Examples:",
            *(f"  {e}" for e in entry.examples),
        )
    )


def _columns(entry: Command) -> list[str]:
    """Return which columns of which table can be named, for commands that open data."""
    if not any(key.startswith("data=") for key, _ in entry.options):
        return []
    width = max(map(len, MAPPABLE))
    return [
        "",
        "Columns that your tables call otherwise (data.TABLE.COLUMN=NAME):",
        *(f"  {table:<{width}}  {', '.join(columns)}" for table, columns in MAPPABLE.items()),
        "  and attributes of members: data.members.attributes={MINE: NAME}",
    ]
