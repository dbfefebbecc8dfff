"""What settings of the data may say: known words, zones and encodings."""

import codecs
import encodings.aliases
import functools
import zoneinfo
from typing import Final

from churnlab.errors import DataError, UsageError, nearest

#: Zones by the abbreviations that people type.
ABBREVIATED: Final = {
    "KST": "Asia/Seoul", "JST": "Asia/Tokyo", "SGT": "Asia/Singapore", "HKT": "Asia/Hong_Kong",
    "IST": "Asia/Kolkata", "AEST": "Australia/Sydney", "BST": "Europe/London",
    "CEST": "Europe/Berlin", "EDT": "America/New_York", "CST": "America/Chicago",
    "CDT": "America/Chicago", "MDT": "America/Denver", "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
}  # fmt: skip


def check_time_zone(name: str) -> None:
    """Refuse a time zone that the IANA database does not hold."""
    known = time_zones()
    if name not in known:
        # By its abbreviation, its city, or its letters; three letters are near to any other three.
        cities = {z.rsplit("/", 1)[-1].lower(): z for z in sorted(known)}
        meant = ABBREVIATED.get(name.upper()) or cities.get(name.lower().replace(" ", "_"))
        hint = (
            f" Did you mean {meant!r}?" if meant else nearest(name, [z for z in known if "/" in z])
        )
        raise UsageError(
            f"unknown time zone {name!r}.{hint} "
            "Expected an IANA name such as UTC, Asia/Seoul or America/New_York."
        )


@functools.cache
def time_zones() -> frozenset[str]:
    """Return the zones of the database, which is read from hundreds of files."""
    return frozenset(zoneinfo.available_timezones() | {"UTC"})


def check_encoding(name: str) -> None:
    """Refuse encodings that Python does not know, and codecs that are no encodings of text."""
    try:
        text = codecs.lookup(name)._is_text_encoding
    except LookupError:
        text = False
    if not text:
        known = {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
        raise UsageError(
            f"unknown encoding {name!r}.{nearest(name, known)} "
            "Expected one such as utf-8, cp949, cp932, latin-1 or utf-16."
        )


def distinct(table: str, what: str, names: list[str]) -> None:
    """Refuse columns of the same name: SQL does not tell upper from lower case."""
    lowered = [n.lower() for n in names]
    twice = sorted({n for n in names if lowered.count(n.lower()) > 1})
    if twice:
        raise DataError(
            f"{table}: {what} has columns of the same name (upper and lower case count as the "
            f"same): {', '.join(twice)}. Rename them."
        )
