"""Numbers behind shrinkage figures: groups, and customers, apart and with the others' help."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from churnlab.errors import UsageError


def groups(
    apart: pd.DataFrame,
    partial: pd.DataFrame,
    sizes: Mapping[str, int],
    *,
    quantity: str = "rate_mean",
    scale: float = 1.0,
) -> pd.DataFrame:
    """Return each group's estimate on its own and under partial pooling, largest group first.

    apart, partial: Parameter tables (`Fit.diagnostics`) of the fits without and with partial
        pooling.
    sizes: Customers by group.
    quantity: A quantity that varies by group: `rate_mean`, `dropout_mean`, ...
    scale: Multiplies every value (30: purchases per day become purchases per 30 days).
    Returns: One row per group: `group`, `customers`, `apart`, `partial` with `_q05`, `_q95`
        (posterior means and 90% intervals), and `population`, the same in every row: the location
        of the groups under partial pooling.
    Raises UsageError: A fit that has no such quantity by group.
    """
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    rows = [f"{quantity}[{name}]" for name in names]
    found = {"group": names, "customers": [sizes[name] for name in names]}
    table = pd.DataFrame(found)
    for what, fitted in (("apart", apart), ("partial", partial)):
        missing = [row for row in rows if row not in fitted.index]
        if missing:
            raise UsageError(
                f"the {what} fit has no {missing[0]}; it has {list(fitted.index)}. Fit with "
                "group= and a quantity that varies by group."
            )
        for column, ending in (("mean", ""), ("q05", "_q05"), ("q95", "_q95")):
            table[what + ending] = scale * fitted.loc[rows, column].to_numpy(dtype=float)
    return table.assign(population=scale * float(partial["mean"][quantity]))


def individuals(customers: pd.DataFrame, *, most: int = 60, seed: int = 1) -> pd.DataFrame:
    """Return mean gap and posterior cycle with its interval of some repeat customers.

    customers: Rows of the customers table.
    most: At most so many, drawn evenly over the number of gaps, so that frequent buyers are seen.
    seed: Which ones.
    Returns: `x`, `mean_gap_days`, `cycle_days`, `cycle_q05`, `cycle_q95`.
    """
    repeat = customers[customers["x"] > 0]
    order = np.random.default_rng(seed).permutation(len(repeat))
    shuffled = repeat.iloc[order].sort_values("x", kind="stable")
    kept = np.unique(
        np.linspace(0, len(shuffled) - 1, min(most, len(shuffled))).round().astype(int)
    )
    shown = shuffled.iloc[kept]
    columns = {name: shown[name] for name in ("x", "cycle_days", "cycle_q05", "cycle_q95")}
    return pd.DataFrame(columns).assign(mean_gap_days=shown["t_x"] / shown["x"])
