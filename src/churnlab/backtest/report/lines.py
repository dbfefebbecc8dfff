"""The candidates' scores as a table for the terminal."""

from typing import Any, Final

import pandas as pd

#: Columns of the table on the terminal: metric and how it is written.
SHOWN: Final = {
    "brier": ".4f", "log_score": ".4f", "auc": ".3f", "bias": "+.1%", "mae": ".3f",
    "count_bias": "+.1%",
}  # fmt: skip


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
