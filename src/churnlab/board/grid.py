"""The grid of segments: each cell's people, change, trend, action and flows."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from churnlab.board.parts import Parts
from churnlab.segments.grid.polarity import STATE_NAMES, polarity_of, segment_name
from churnlab.segments.report.text import channel
from churnlab.vocabulary import ALL_CODES, PURCHASE_STATES, SEGMENT_CODES, VISIT_STATES

#: Colours of the purchase states where no visits are known.
_LEANING = {"repeat_active": "positive", "first_active": "positive", "repeat_risk": "negative",
            "first_risk": "negative", "none": "neutral"}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One cell of the grid; counts and shares of all members."""

    code: str
    name: str
    polarity: str
    n: int
    share: float
    share_q05: float
    share_q95: float
    change: float | None
    n_before: int | None
    entries: int | None
    moves_in: int | None
    moves_out: int | None
    trend: list[int]
    actions: list[str]


@dataclass(frozen=True)
class Action:
    """What the playbook does."""

    action_id: str
    channel: str
    text: str
    n: int


@dataclass(frozen=True)
class Grid:
    """The grid on the day.

    rows, columns: Purchase states from the top, visit states from the left; columns are empty
        without visits.
    days: Of the trends, the last one `as_of`.
    flows: Between two days, `left` and `new` included.
    """

    n_members: int
    rows: list[tuple[str, str]]
    columns: list[tuple[str, str]]
    cells: list[Cell]
    actions: list[Action]
    days: list[str]
    flows: list[tuple[str, str, int]]
    compared_to: str | None


def read_grid(parts: Parts, lang: str) -> Grid | None:
    """Read the grid from the tables of `segment`."""
    run = parts.part("segment")
    if run is None:
        return None
    shares = run.frame("shares.parquet")
    now = shares[shares["level"] == "segment"].set_index("segment_code")
    changes = parts.frame("segment", "changes")
    then = None
    if changes is not None:
        then = changes[changes["level"] == "segment"].set_index("segment_code")
    trend = _trend(parts.frame("segment", "shares_over_time"))
    actions = run.frame("actions.parquet")
    membership = run.frame("membership.parquet", ("segment_code", "previous_code"))
    polarity = polarity_of(parts.config["segments"]["polarity"])
    visits = bool(now.loc[list(SEGMENT_CODES), "n"].sum())
    met = now["n"][now["n"] > 0].index
    shown = [c for c in ALL_CODES if (visits and c in SEGMENT_CODES) or c in met]
    return Grid(
        n_members=run.json("segments.json")["n_members"],
        rows=[(s, _state(s, lang)) for s in PURCHASE_STATES],
        columns=[(s, _state(s, lang)) for s in reversed(VISIT_STATES)] if visits else [],
        cells=[_cell(c, now, then, trend, actions, polarity, visits, lang) for c in shown],
        actions=[
            Action(
                str(a["action_id"]),
                channel(str(a["channel"]), lang),
                str(a[f"text_{lang}"]),
                int(a["n"]),
            )
            for a in actions.to_dict("records")
        ],
        days=[str(d)[:10] for d in trend.columns],
        flows=_flows(parts, membership),
        compared_to=None if then is None else str(then["compared_to"].iloc[0])[:10],
    )


def _name(code: str, visits: bool, lang: str) -> str:
    """Return a cell's name; where no visits are known nothing is said of them."""
    return (
        segment_name(code, lang).removesuffix(" 고객")
        if visits
        else _state(code.split(".")[0], lang)
    )


def _state(code: str, lang: str) -> str:
    return STATE_NAMES[code][0 if lang == "ko" else 1]


def _trend(past: pd.DataFrame | None) -> pd.DataFrame:
    """Customers by cell (row) and day (column), all days by the latest fit."""
    if past is None:
        return pd.DataFrame()
    some = past[(past["level"] == "segment") & (past["scored_by"] == "latest_fit")]
    return some.pivot_table(index="segment_code", columns="as_of", values="n", fill_value=0)


def _cell(
    code: str,
    now: pd.DataFrame,
    then: pd.DataFrame | None,
    trend: pd.DataFrame,
    actions: pd.DataFrame,
    polarity: dict[str, str],
    visits: bool,
    lang: str,
) -> Cell:
    row: Any = now.loc[code]
    moved: Any = then.loc[code] if then is not None and code in then.index else None
    counts = ("n_before", "entries", "moves_in", "moves_out")
    mine = actions["cells"].str.split(",").map(lambda codes: code in codes)
    return Cell(
        code=code,
        name=_name(code, visits, lang),
        polarity=polarity[code] if visits else _LEANING[code.split(".")[0]],
        n=int(row["n"]),
        share=float(row["share"]),
        share_q05=float(row["share_q05"]),
        share_q95=float(row["share_q95"]),
        change=None if moved is None else float(moved["change"]),
        trend=[int(n) for n in trend.loc[code].to_numpy()] if code in trend.index else [],
        actions=actions.loc[mine, "action_id"].astype(str).tolist(),
        **{name: None if moved is None else int(moved[name]) for name in counts},
    )


def _flows(parts: Parts, membership: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return who went from which cell to which, the new members included."""
    moves = parts.frame("segment", "transitions")
    if moves is None:
        return []
    some = moves[(moves["dwell_band"] == "all") & (moves["n"] > 0)]
    found = [
        (str(a), str(b), int(n))
        for a, b, n in zip(some["origin"], some["destination"], some["n"], strict=True)
    ]
    new = membership.loc[membership["previous_code"].isna(), "segment_code"].value_counts()
    return found + [("new", str(code), int(n)) for code, n in new.items()]
