"""Which zone a log is local to: from the offsets that it writes, or from its language."""

import re

from churnlab import engine
from churnlab.events.checks import ABBREVIATED, time_zones
from churnlab.intake.look import Looked, Times
from churnlab.intake.names import by_name

#: Offsets that a zone alternates between -> the zone; one offset is looked up in the same pairs.
_PAIRS = {
    ("-05", "-04"): "America/New_York",
    ("-06", "-05"): "America/Chicago",
    ("-07", "-06"): "America/Denver",
    ("-08", "-07"): "America/Los_Angeles",
    ("-03",): "America/Sao_Paulo",
    ("+00", "+01"): "Europe/London",
    ("+01", "+02"): "Europe/Berlin",
    ("+02", "+03"): "Europe/Helsinki",
    ("+08",): "Asia/Singapore",
    ("+09",): "Asia/Seoul",
    ("+10", "+11"): "Australia/Sydney",
}
#: What columns call zones; abbreviations of winter and summer are of one.
_NAMES = ABBREVIATED | {
    "EST": "America/New_York",
    "MST": "America/Denver",
    "GMT": "Europe/London",
    "CET": "Europe/Berlin",
    **{
        f"{name} TIME (US & CANADA)": zone
        for name, zone in (
            ("EASTERN", "America/New_York"),
            ("CENTRAL", "America/Chicago"),
            ("MOUNTAIN", "America/Denver"),
            ("PACIFIC", "America/Los_Angeles"),
        )
    },
}
_HANGUL, _KANA = re.compile("[가-힣]"), re.compile("[ぁ-んァ-ヶ]")


def zone_of(looked: Looked, column: str, times: Times) -> tuple[str, str]:
    """Return an IANA zone and why."""
    names = "".join(looked.names)
    spoken = "Asia/Seoul" if _HANGUL.search(names) else "Asia/Tokyo" if _KANA.search(names) else ""
    offsets = _offsets(looked, column) if times.zoned else set()
    if offsets == {"+09"} and spoken:
        return spoken, "offset +09"
    if offsets - {"+00"}:
        for pair, zone in _PAIRS.items():
            if offsets <= set(pair):
                return zone, f"offsets {', '.join(sorted(offsets))}"
        return "UTC", f"offsets {', '.join(sorted(offsets))} are of no one zone: say yours"
    named = _named(looked)
    if named and not times.zoned:
        return named
    if spoken:
        return spoken, "the language of the columns; sets where a day ends"
    if times.zoned:
        return "UTC", "times are instants; say your zone if days end elsewhere"
    return "UTC", "times carry no offset and are taken as local"


def _named(looked: Looked) -> tuple[str, str] | None:
    """Return the commonest zone that a column of zones names."""
    for column in by_name("time_zone", looked.names):
        for value, _ in looked.values(column):
            zone = _NAMES.get(value.upper(), value)
            if zone in time_zones():
                said = ", ".join(f"{v} ({n:,})" for v, n in looked.values(column))
                return zone, f"{column!r} says {said}"
    return None


def _offsets(looked: Looked, column: str) -> set[str]:
    if not looked.source.columns[column].is_string():
        return {"+00"}
    name = engine.identifier(column)
    sql = (
        f"SELECT DISTINCT regexp_extract(trim({name}), '([+-][0-9]{{2}}):?([0-9]{{2}})?$', 1) "
        f"FROM {looked.table} WHERE trim({name}) <> ''"
    )
    return {r[0] or "+00" for r in engine.rows(looked.backend, sql)}
