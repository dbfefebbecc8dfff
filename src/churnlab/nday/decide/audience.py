"""Who gets the message: exact at the day's boundaries, a standing holdout, nobody twice."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from churnlab.errors import UsageError
from churnlab.events.arms import HOLDOUT, TREAT, arm_of
from churnlab.nday.data import Conversions, convert

ALREADY = "already_in_audience"
OPTED_OUT = "opted_out"

COLUMNS = ("customer_id", "rule_id", "signup_date", "send_date", "arm", "suppressed_reason")

#: Names the standing holdout of this message; another salt is another holdout.
SALT = "churnlab.nday"


@dataclass(frozen=True)
class Audience:
    """The audience of one day.

    frame: `customer_id`, `rule_id`, `signup_date`, `send_date`, `arm`, `suppressed_reason` (null
        when not suppressed), and `group` when broken down. Holdout and suppressed rows are in it,
        so that they can be counted later; send to `arm == "treat"` without a reason.
    report: Counts: eligible, treat, holdout, suppressed by reason, and what `convert` left out.
    """

    frame: pd.DataFrame
    report: dict[str, int]


def audience(
    members: pd.DataFrame,
    purchases: pd.DataFrame,
    *,
    n: int,
    as_of: dt.date,
    day_index: int = 0,
    rule_id: str = "nday",
    holdout_share: float = 0.2,
    by: str | None = None,
    n_by_group: Mapping[str, int] | None = None,
    previous: pd.DataFrame | None = None,
    opted_out: Iterable[str] = (),
    time_zone: str | None = None,
) -> Audience:
    """Return who signed up N days before tomorrow and has not bought through the end of today.

    The message goes out on `as_of` + 1, day N of the cohort; its last unconverted day is
    `as_of`, complete, in local time. Days are calendar days, so daylight saving moves nobody.

    members, purchases: As for `churnlab.nday.data.convert`; nothing after `as_of` is looked at.
    n: N in the configured count; `n_by_group` overrides it for groups of `by`.
    previous: Earlier audiences (`customer_id`, optionally `send_date`): their customers are
        suppressed, whatever N was then. Rows of this very send date are ignored, so a rerun gives
        the same.
    opted_out: Ids not to be messaged.
    Raises UsageError: N leaves no day for signing up, or the holdout share is outside of 0..1.
    Raises DataError: No members, or a column is missing.
    """
    found = convert(members, purchases, as_of=as_of, by=by, time_zone=time_zone)
    return audience_of(
        found, n=n, day_index=day_index, rule_id=rule_id, holdout_share=holdout_share, by=by,
        n_by_group=n_by_group, previous=previous, opted_out=opted_out,
    )  # fmt: skip


def audience_of(
    found: Conversions,
    *,
    n: int,
    day_index: int = 0,
    rule_id: str = "nday",
    holdout_share: float = 0.2,
    by: str | None = None,
    n_by_group: Mapping[str, int] | None = None,
    previous: pd.DataFrame | None = None,
    opted_out: Iterable[str] = (),
) -> Audience:
    """Return the audience of the day after `found.as_of`: see `audience`."""
    _check([n, *(n_by_group or {}).values()], day_index, holdout_share)
    send_date = pd.Timestamp(found.as_of) + pd.Timedelta(days=1)
    frame = found.frame
    age = frame["group"].map(n_by_group or {}).fillna(n).astype("int64") - day_index
    due = frame["signup_date"] + pd.to_timedelta(age, unit="D") == send_date
    chosen = frame[due & (frame["age"] < 0)].sort_values("customer_id")
    ids = chosen["customer_id"]
    reason = pd.Series(pd.NA, index=ids.index, dtype="string")
    reason[ids.isin({str(i) for i in opted_out})] = OPTED_OUT
    reason[ids.isin(_earlier(previous, send_date))] = ALREADY
    out = pd.DataFrame(
        {
            "customer_id": ids,
            "rule_id": rule_id,
            "signup_date": chosen["signup_date"],
            "send_date": send_date,
            "arm": pd.Series(
                [arm_of(i, holdout_share, SALT) for i in ids], index=ids.index, dtype="str"
            ),
            "suppressed_reason": reason,
            **({"group": chosen["group"]} if by else {}),
        }
    ).reset_index(drop=True)
    return Audience(frame=out, report=_count(out, found.report))


def _earlier(previous: pd.DataFrame | None, send_date: pd.Timestamp) -> set[str]:
    if previous is None or previous.empty:
        return set()
    kept = previous
    if "send_date" in previous.columns:
        kept = previous[pd.to_datetime(previous["send_date"]) != send_date]
    return set(kept["customer_id"].astype(str))


def _count(frame: pd.DataFrame, left_out: Mapping[str, int]) -> dict[str, int]:
    free = frame["suppressed_reason"].isna()
    return {
        "eligible": len(frame),
        TREAT: int((free & (frame["arm"] == TREAT)).sum()),
        HOLDOUT: int((free & (frame["arm"] == HOLDOUT)).sum()),
        **{
            f"suppressed_{r}": int((frame["suppressed_reason"] == r).sum())
            for r in (ALREADY, OPTED_OUT)
        },
        "signup_after_as_of": left_out["signup_after_as_of"],
        "purchase_before_signup": left_out["purchase_before_signup"],
    }


def _check(days: Iterable[int], day_index: int, holdout_share: float) -> None:
    for n in days:
        if n <= day_index:
            raise UsageError(
                f"n must be at least {day_index + 1} when the signup day is day {day_index}: the "
                f"rule looks at whole days before day n; got {n}."
            )
    if not 0 <= holdout_share < 1:
        raise UsageError(f"holdout_share must lie in [0, 1); got {holdout_share}.")
