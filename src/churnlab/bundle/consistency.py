"""Rules between the fields of a bundle, which a JSON Schema cannot state."""

import datetime as dt
from collections.abc import Callable, Iterator

from churnlab.bundle.document import REQUIRED_TABLES, Bundle
from churnlab.bundle.scoring import Model
from churnlab.errors import UsageError, VerificationError
from churnlab.models import REGISTRY
from churnlab.vocabulary import ALL_CODES, SEGMENT_CODES

Problem = tuple[str, str]

#: Evidence for "calibrated": so many origins, and the simple rule among the baselines.
MIN_ORIGINS = 3
HIATUS = "hiatus"


def check_content(bundle: Bundle) -> None:
    """Refuse a bundle whose parts contradict each other; it must follow the schema already.

    Raises VerificationError: Naming the place of the first contradiction.
    """
    for rule in RULES:
        for where, what in rule(bundle):
            raise VerificationError(f"{where}: {what} Take the bundle as exported.")


def _dates(bundle: Bundle) -> Iterator[Problem]:
    wrong = [(where, text) for where, text in _days(bundle) if not _is_day(text)]
    if wrong:
        yield wrong[0][0], f"{wrong[0][1]!r} is not a day."
        return
    try:
        created = dt.datetime.fromisoformat(bundle.created_at.replace("Z", "+00:00")).date()
    except ValueError:
        yield "created_at", f"{bundle.created_at!r} is not an instant."
        return
    if dt.date.fromisoformat(bundle.valid_until) <= created:
        yield "valid_until", f"{bundle.valid_until} is not after created_at {created}."
    if bundle.valid_until <= bundle.as_of:
        yield "valid_until", f"{bundle.valid_until} is not after as_of {bundle.as_of}."
    seen = bundle.models.purchases.seen_until
    if seen is not None and seen > bundle.as_of:
        yield "models.purchases.seen_until", f"{seen} is after as_of {bundle.as_of}."


def _days(bundle: Bundle) -> Iterator[Problem]:
    """Every day of the bundle with its place."""
    yield "as_of", bundle.as_of
    yield "valid_until", bundle.valid_until
    for i, origin in enumerate(bundle.backtest.origins):
        yield f"backtest.origins[{i}]", origin
    for name, model in _given(bundle):
        if model.seen_until is not None:
            yield f"models.{name}.seen_until", model.seen_until
    until = bundle.thresholds.purchases.learnt_until
    if until is not None:
        yield "thresholds.purchases.learnt_until", until


def _calendars(bundle: Bundle) -> Iterator[Problem]:
    for name, model in _given(bundle):
        if model.calendar is None:
            continue
        where = f"models.{name}.calendar"
        if name == "visits" or REGISTRY[model.name].regular:
            yield where, f"does not belong to {model.name} of {name}."
        try:
            model.calendar.clock()
        except (UsageError, ValueError) as error:
            yield where, str(error)


def _given(bundle: Bundle) -> Iterator[tuple[str, Model]]:
    yield "purchases", bundle.models.purchases
    if bundle.models.visits is not None:
        yield "visits", bundle.models.visits


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _time_zone(bundle: Bundle) -> Iterator[Problem]:
    from zoneinfo import ZoneInfo

    zones = [("time_zone", bundle.time_zone)]
    zones += [(f"nday_rules[{i}].time_zone", r.time_zone) for i, r in enumerate(bundle.nday_rules)]
    for where, zone in zones:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, LookupError):
            yield where, f"{zone!r} is not an IANA time zone."


def _models(bundle: Bundle) -> Iterator[Problem]:
    for name, model in _given(bundle):
        where = f"models.{name}"
        if tuple(model.parameters) != REGISTRY[model.name].parameters:
            yield f"{where}.parameters", f"{model.parameters} do not belong to {model.name}."
        if model.k > 1 and not REGISTRY[model.name].regular:
            yield f"{where}.k", f"{model.k} does not belong to {model.name}."
        n_groups, n_parameters = len(model.groups), len(model.parameters)
        for i, draw in enumerate(model.draws):
            if len(draw) != n_groups:
                yield f"{where}.draws[{i}]", f"{len(draw)} groups; expected {n_groups}."
            for j, theta in enumerate(draw):
                if len(theta) != n_parameters:
                    yield f"{where}.draws[{i}][{j}]", f"{len(theta)} values; not {n_parameters}."
        if model.unseen is not None:
            if len(model.unseen) != len(model.draws):
                yield f"{where}.unseen", f"{len(model.unseen)} draws; not {len(model.draws)}."
            if any(len(theta) != n_parameters for theta in model.unseen):
                yield f"{where}.unseen", f"expected {n_parameters} values in each draw."
        if len(model.draws) > model.n_draws_full:
            yield f"{where}.n_draws_full", "fewer than the thinned draws."


def _windows(bundle: Bundle) -> Iterator[Problem]:
    for name, risk in (("purchases", bundle.risk.purchases), ("visits", bundle.risk.visits)):
        for field in ("horizon_days", "due_window_days"):
            days = 1.0 if risk is None else getattr(risk, field)
            if days != int(days):
                yield f"risk.{name}.{field}", f"{days} is not a whole number of days."


def _thresholds(bundle: Bundle) -> Iterator[Problem]:
    cut = bundle.thresholds.purchases
    for names in (("q05", "q95"), ("origin_low", "origin_high")):
        low, high = (getattr(cut, name) for name in names)
        if low is not None and high is not None and low > high:
            yield f"thresholds.purchases.{names[0]}", f"{low} exceeds {names[1]} = {high}."
    visits = bundle.thresholds.visits
    if visits is not None and not visits.risk < visits.inactive:
        yield (
            "thresholds.visits.risk",
            f"{visits.risk} must lie below inactive = {visits.inactive}.",
        )
    given = {
        "models": bundle.models.visits is not None,
        "risk": bundle.risk.visits is not None,
        "thresholds": visits is not None,
    }
    if len(set(given.values())) > 1:
        lacking = next(part for part, there in given.items() if not there)
        yield f"{lacking}.visits", "missing though another part speaks of visits."


def _segments(bundle: Bundle) -> Iterator[Problem]:
    codes = [s.code for s in bundle.segments]
    for i, code in enumerate(codes):
        if code in codes[:i]:
            yield f"segments[{i}].code", f"{code} occurs twice."
    for code in SEGMENT_CODES:
        if code not in codes:
            yield "segments", f"{code} is missing; the 15 cells are a total partition."
    shares = bundle.monitoring.reference.segment_shares
    for code in shares:
        if code not in ALL_CODES:
            yield f"monitoring.reference.segment_shares.{code}", "not a segment."
    if shares and abs(sum(shares.values()) - 1) > 1e-6:
        yield "monitoring.reference.segment_shares", f"sum to {sum(shares.values()):.6f}, not 1."


def _actions(bundle: Bundle) -> Iterator[Problem]:
    names = [a.action_id for a in bundle.actions]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield f"actions[{i}].action_id", f"{name} occurs twice."
    for i, segment in enumerate(bundle.segments):
        for j, action in enumerate(segment.actions):
            if action not in names:
                yield f"segments[{i}].actions[{j}]", f"{action!r} is not in actions."
    wanted = [(f"nday_rules[{i}]", row.action_id) for i, row in enumerate(bundle.nday_rules)]
    journeys = [(f"journeys[{i}]", row.action_id) for i, row in enumerate(bundle.journeys)]
    for where, given in [*wanted, *journeys]:
        if given is not None and given not in names:
            yield f"{where}.action_id", f"{given!r} is not in actions."


def _nday(bundle: Bundle) -> Iterator[Problem]:
    for i, rule in enumerate(bundle.nday_rules):
        where = f"nday_rules[{i}]"
        if rule.send_day != rule.last_unconverted_day + 1:
            yield (
                f"{where}.send_day",
                (
                    f"{rule.send_day} is not last_unconverted_day + 1 = "
                    f"{rule.last_unconverted_day + 1}."
                ),
            )
        if rule.uplift is not None and not rule.randomised:
            yield f"{where}.uplift", "stated without randomisation; it must be null."
        if rule.randomised and not rule.holdout_share > 0:
            yield f"{where}.holdout_share", "0 though the rule is randomised."
    rules = [rule.rule_id for rule in bundle.nday_rules]
    journeys = [journey.journey_id for journey in bundle.journeys]
    for place, ids in (("nday_rules[{}].rule_id", rules), ("journeys[{}].journey_id", journeys)):
        for i, name in enumerate(ids):
            if name in ids[:i]:
                yield place.format(i), f"{name} occurs twice."


def _evidence(bundle: Bundle) -> Iterator[Problem]:
    n, baselines = len(bundle.backtest.origins), bundle.backtest.baselines
    enough = n >= MIN_ORIGINS and HIATUS in baselines
    status, reasons = bundle.calibration.status, bundle.calibration.reasons
    if status == "calibrated" and not enough:
        yield (
            "calibration.status",
            (
                f"'calibrated' needs {MIN_ORIGINS} origins and the hiatus baseline; the backtest "
                f"has {n} origins and {', '.join(baselines) or 'no baseline'}."
            ),
        )
    if status == "not calibrated" and not reasons:
        yield "calibration.reasons", "empty though the bundle is not calibrated."
    for i, origin in enumerate(bundle.backtest.origins):
        if origin >= bundle.as_of:
            yield f"backtest.origins[{i}]", f"{origin} is not before as_of {bundle.as_of}."
    for i, row in enumerate(bundle.backtest.scores):
        if row.origin != "all" and row.origin not in bundle.backtest.origins:
            yield f"backtest.scores[{i}].origin", f"{row.origin} is not one of the origins."


def _monitoring(bundle: Bundle) -> Iterator[Problem]:
    limits = bundle.monitoring.limits
    for name in ("psi", "count", "duplicate", "bias", "mcb"):
        if getattr(limits, f"{name}_warn") > getattr(limits, f"{name}_fail"):
            yield f"monitoring.limits.{name}_warn", f"exceeds {name}_fail."
    if limits.stale_warn_days > limits.stale_fail_days:
        yield "monitoring.limits.stale_warn_days", "exceeds stale_fail_days."
    reference = bundle.monitoring.reference
    edges = reference.risk_edges
    if sorted(set(edges)) != edges:
        yield "monitoring.reference.risk_edges", "must increase."
    if len(reference.risk_shares) != len(edges) + 1:
        yield "monitoring.reference.risk_shares", f"expected {len(edges) + 1} bins."
    elif abs(sum(reference.risk_shares) - 1) > 1e-6:
        yield "monitoring.reference.risk_shares", "do not sum to 1."
    if reference.n_purchasers != bundle.provenance.n_customers:
        yield "monitoring.reference.n_purchasers", "differs from provenance.n_customers."


def _files(bundle: Bundle) -> Iterator[Problem]:
    names = [f.name for f in bundle.files]
    for i, name in enumerate(names):
        if name in names[:i] or name == "bundle.json":
            yield f"files[{i}].name", f"{name} may not occur (again)."
    wanted = [f"{t}.parquet" for t in REQUIRED_TABLES]
    wanted += [f"score.{d}.sql" for d in bundle.sql.dialects]
    wanted += [f"score_summary.{d}.sql" for d in bundle.sql.dialects]
    for name in wanted:
        if name not in names:
            yield "files", f"{name} is missing."
    for i, name in enumerate(names):
        if name.endswith(".sql") and name not in wanted:
            yield f"files[{i}].name", f"{name} is of no dialect in sql.dialects; nobody checks it."


RULES: tuple[Callable[[Bundle], Iterator[Problem]], ...] = (
    _dates, _time_zone, _models, _calendars, _windows, _thresholds, _segments, _actions, _nday,
    _evidence, _monitoring, _files,
)  # fmt: skip
