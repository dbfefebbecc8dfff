"""Catalogues of what is said: one TOML file a language beside each feature, looked up by key.

A phrase has placeholders in the manner of `str.format`, which is all that a translator needs:

=================== ==========================================================================
`{n:,}`, `{p:.1%}`  a number, by Python's format; minus is a minus sign, what is missing a dash
`{day:date}`        a day, written out in the language; `{day:eve}` the day before
`{n:?day|days}`     the first word for 1, the second for any other number
`{what}은(는)`      the Korean particle that fits the value: also 이(가), 을(를), 와(과), (으)로
=================== ==========================================================================

Amounts of money are `Money`; their currency and the language write them.
"""

import math
import numbers
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Final

import pandas as pd

from churnlab.errors import one_of

LANGUAGES: Final = ("en", "ko")
MISSING: Final = "–"
#: Amounts from here on are written without cents.
_WHOLE: Final = 10_000
_LOCALES: Final = {"en": "en_GB", "ko": "ko_KR"}

#: Particles: as a catalogue spells them, behind a consonant, behind a vowel.
_PARTICLES: Final = {
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "을(를)": ("을", "를"),
    "와(과)": ("과", "와"),
    "(으)로": ("으로", "로"),
}
_PARTICLE: Final = re.compile(
    "^([*'\"’”)\\]]*)(" + "|".join(re.escape(name) for name in _PARTICLES) + ")"
)
#: Read aloud in Korean, these digits and letters end in a consonant, and these may or may not.
_CLOSED: Final = "013678lmn"
_DOUBTFUL: Final = "bcgkpt"
_ASIDE: Final = re.compile(r"(?<=[%\d가-힣])\s*\([^()]*\)$")
#: Behind these the particle (으)로 is 로: ㄹ.
_LIQUID: Final = "178l"


@dataclass(frozen=True)
class Money:
    """An amount; without a currency it is a plain number."""

    amount: float | None
    currency: str | None = None

    def written(self, lang: str) -> str:
        """Return the amount as the language writes its currency."""
        from babel.numbers import format_currency

        if self.amount is None or math.isnan(self.amount):
            return MISSING
        small = 0 < abs(self.amount) < 10
        if self.currency is None:
            return signed(f"{self.amount:,.{2 if small else 0}f}")
        if (lang, self.currency) == ("ko", "KRW"):  # in prose nobody writes the sign
            return signed(f"{self.amount:,.{1 if small else 0}f}원")
        whole = "¤#,##0" if abs(self.amount) >= _WHOLE else None
        return signed(
            format_currency(
                self.amount, self.currency, whole, _LOCALES[lang], currency_digits=whole is None
            )
        )


class Catalogue:
    """The phrases of one feature.

    beside: The module (`__file__`) in whose folder `words.en.toml` and `words.ko.toml` lie.
    """

    def __init__(self, beside: str | Path) -> None:
        self.folder = Path(beside).parent

    def phrases(self, lang: str) -> Mapping[str, str | list[str]]:
        """Return the phrases of a language by key; keys of a section are `section.key`.

        Raises UsageError: The language is neither `en` nor `ko`.
        """
        one_of("lang", lang, LANGUAGES)
        return _read(self.folder / f"words.{lang}.toml")

    def has(self, key: str) -> bool:
        """Say whether there is such a phrase."""
        return key in self.phrases("en")

    def __call__(self, key: str, lang: str = "en", **values: Any) -> str:
        """Return the phrase of a key in a language, filled with values."""
        phrase = self.phrases(lang)[key]
        assert isinstance(phrase, str), f"{key} is a list"
        return fill(phrase, lang, values)

    def several(self, key: str, lang: str = "en", **values: Any) -> list[str]:
        """Return the phrases of a key that holds a list of them."""
        phrases = self.phrases(lang)[key]
        assert isinstance(phrases, list), f"{key} is one phrase"
        return [fill(phrase, lang, values) for phrase in phrases]

    def both(self, key: str, **values: Any) -> dict[str, str]:
        """Return a filled phrase in every language, as results store it."""
        return {lang: self(key, lang, **in_language(values, lang)) for lang in LANGUAGES}

    def heads(self, frame: pd.DataFrame, lang: str) -> pd.DataFrame:
        """Return a frame whose columns are named in words: the phrases `col.NAME`."""
        names = {c: self(f"col.{c}", lang) for c in frame.columns if self.has(f"col.{c}")}
        return frame.rename(columns=names)


def in_language(values: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Return values with those that are stored in both languages in one."""
    return {k: v[lang] if isinstance(v, Mapping) else v for k, v in values.items()}


def fill(phrase: str, lang: str, values: Mapping[str, Any]) -> str:
    """Return a phrase with its placeholders filled.

    Raises KeyError: A value is missing.
    """
    said: list[str] = []
    value = ""
    for text, name, spec, _ in Formatter().parse(phrase):
        said.append(_agree(value, text) if value else text)
        value = "" if name is None else _written(values[name], spec or "", lang)
        said.append(value)
    return "".join(said)


def placeholders(phrase: str) -> set[str]:
    """Return the names of a phrase's placeholders."""
    return {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}


@cache
def _read(path: Path) -> dict[str, str | list[str]]:
    return dict(_flat(tomllib.loads(path.read_text(encoding="utf-8")), ""))


def _flat(found: Mapping[str, Any], prefix: str) -> list[tuple[str, str | list[str]]]:
    flat: list[tuple[str, str | list[str]]] = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            flat += _flat(value, f"{prefix}{key}.")
        else:
            flat.append((prefix + key, value))
    return flat


def _written(value: Any, spec: str, lang: str) -> str:
    if spec in ("date", "eve"):
        return date(value, lang, before=spec == "eve")
    if spec.startswith("?"):
        return spec[1:].split("|")[int(value != 1)]
    if isinstance(value, Money):
        return value.written(lang)
    if value is None or (isinstance(value, numbers.Real) and math.isnan(value)):
        return MISSING
    text = format(value, spec)
    return signed(text) if isinstance(value, numbers.Number) else text


def signed(text: str) -> str:
    """Return a number with a minus sign instead of a hyphen: a dash beside it joins a range.

    What rounds to zero has none.
    """
    if not text.startswith("-"):
        return text
    return text.replace("-", "−", 1) if set(text) & set("123456789") else text[1:]


def date(day: Any, lang: str, *, before: bool = False) -> str:
    """Return a day (or the one before it) written out; a dash where there is none."""
    from babel.dates import format_date

    found = pd.Timestamp(day) - pd.Timedelta(days=int(before))
    return MISSING if pd.isna(found) else format_date(found.date(), "long", _LOCALES[lang])


def _agree(value: str, text: str) -> str:
    """Return the text behind a value with the particle that fits it."""
    found = _PARTICLE.match(text)
    if found is None:
        return text
    particle = _particle(_sound(value), found[2])
    return found[1] + particle + text[found.end() :]


def _sound(value: str) -> str:
    """Return the last sound of a value: what stands in brackets behind it is not read."""
    value = _ASIDE.sub("", value)
    spoken = [c for c in value if c.isalnum()]
    return spoken[-1].lower() if spoken and not value.endswith("%") else ""


def _particle(last: str, spelt: str) -> str:
    if last and last in _DOUBTFUL:
        return spelt
    syllable = (ord(last) - 0xAC00) % 28 if "가" <= last <= "힣" else None
    closed = syllable > 0 if syllable is not None else bool(last) and last in _CLOSED
    liquid = syllable == 8 if syllable is not None else bool(last) and last in _LIQUID
    return _PARTICLES[spelt][not closed or (spelt == "(으)로" and liquid)]
