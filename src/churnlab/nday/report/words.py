"""What the plateau's figures say, as a code and as a sentence; what the decision takes on trust."""

import math
from dataclasses import dataclass

from churnlab.nday.decide.plateau import LateBump, PlateauDay
from churnlab.nday.report import say
from churnlab.report.catalogue import LANGUAGES

PLATEAU, NO_PLATEAU, LATE_BUMP = "plateau", "no_plateau", "late_bump"


@dataclass(frozen=True)
class Verdict:
    """A plain statement about the plateau.

    code: ``plateau``, ``no_plateau`` (inside the follow-up) or ``late_bump`` (a second wave comes).
    said: One sentence in every language.
    """

    code: str
    said: dict[str, str]


def verdict(
    flat: PlateauDay, bump: LateBump, *, window_days: int, day_index: int, slow: tuple[int, float]
) -> Verdict:
    """State what the curve does inside the follow-up.

    flat: The headline's posterior.
    bump: A second wave.
    slow: A day and the share of the window's buyers after it: what is said without a plateau.
    """
    if bump.probability >= 0.95:
        said = say.both(
            "verdict.late_bump", trough=bump.trough + day_index, peak=bump.peak + day_index,
            ratio=bump.ratio, share=bump.share_after,
        )  # fmt: skip
        return Verdict(LATE_BUMP, said)
    if flat.missing:
        day, share = slow
        said = say.both(
            "verdict.no_plateau", share=share, window=window_days, day=day, p=flat.p_none
        )
        return Verdict(NO_PLATEAU, said)
    low, mid, high = (flat.quantile(q) + day_index for q in (0.05, 0.5, 0.95))
    named = {lang: definition(flat.definition, lang) for lang in LANGUAGES}
    key, end = ("plateau_open", {}) if math.isinf(high) else ("plateau", {"high": f"{high:.0f}"})
    said = say.both(f"verdict.{key}", mid=f"{mid:.0f}", low=f"{low:.0f}", definition=named, **end)
    return Verdict(PLATEAU, said)


def definition(name: str, lang: str, *, short: bool = False) -> str:
    """Return what a definition of the plateau means, from its name with its setting."""
    kind, _, setting = name.rstrip(")").partition("(")
    value = f"{100 * float(setting):g}%" if setting else ""
    return say(f"short.{kind}" if short else f"definition.{kind}", lang, value=value)


def assumptions(
    *,
    from_visits: bool,
    experiment: bool,
    redemption: float | None,
    policy_start: str | None,
    active_days: int,
) -> list[dict[str, str]]:
    """List what the decision takes on trust, in every language."""
    items = [] if redemption is None else [say.both("trust.redemption", p=redemption)]
    if from_visits:
        items.append(say.both("trust.visits", days=active_days - 1))
    else:
        items.append(say.both("trust.no_visits"))
    if not experiment:
        items.append(say.both("trust.no_experiment"))
    known = policy_start is not None
    items.append(say.both("trust.policy" if known else "trust.no_policy", start=policy_start))
    return items
