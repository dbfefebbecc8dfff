"""Reasons and notes that run files hold in English, told in the reader's language.

Files keep one English text (whoever scripts against them reads one language). A report knows its
phrase again by form, takes the values out, and says the phrase of the other language; so the
reports of old folders are in the reader's language too. Phrases: section `note` of the words here.
"""

import re
from collections.abc import Iterable
from functools import cache
from string import Formatter

from churnlab.report.catalogue import LANGUAGES, date, fill
from churnlab.report.labels import label

_SECTION = "note."
_AND = "; "
_COMMA = ", "
#: Notes that stand in lists.
_LISTED = f"{_SECTION}cell_"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WINDOW = re.compile(r"(\d+)d")


def told(text: str | None, lang: str) -> str:
    """Return a stored note in a language; as it is, where its phrase is not known.

    Values may be notes themselves; nothing for no note.
    """
    if not text or lang == "en":
        return text or ""
    known = _known(text)
    if known is None:  # several reasons in a row, each of which may hold the sign between them
        first, rest = _first_of(text.split(_AND))
        return first if not rest else told(first, lang) + _AND + told(rest, lang)
    key, values = known
    phrase = label.phrases(lang)[key]
    assert isinstance(phrase, str)
    plain = _plain(phrase)
    return fill(plain, lang, {name: _value(value, lang) for name, value in values.items()})


def _value(value: str, lang: str) -> str:
    """Return a value of a note in a language: a day, a window, a note itself or a list of them."""
    if _DAY.fullmatch(value):
        return date(value, lang)
    days = _WINDOW.fullmatch(value)
    if days is not None:
        return label("days", lang, n=days[1])
    parts = value.split(_COMMA)
    known = _known(parts[0])
    listed = known is not None and known[0].startswith(_LISTED)
    return _COMMA.join(told(p, lang) for p in parts) if listed else told(value, lang)


def in_each(text: str) -> dict[str, str]:
    """Return a note in every language, as results store it."""
    return {lang: told(text, lang) for lang in LANGUAGES}


def all_told(texts: Iterable[str], lang: str) -> list[str]:
    """Return stored notes in a language, each once."""
    return list(dict.fromkeys(told(text, lang) for text in texts))


def _first_of(parts: list[str]) -> tuple[str, str]:
    """Return the first reason of several, and the rest; one that is not known ends at the sign."""
    ends = range(1, len(parts))
    end = next((n for n in ends if _known(_AND.join(parts[:n])) is not None), 1)
    return _AND.join(parts[:end]), _AND.join(parts[end:])


def _known(text: str) -> tuple[str, dict[str, str]] | None:
    for key, form in _forms():
        found = form.fullmatch(text)
        if found is not None:
            return key, {k: v for k, v in found.groupdict().items() if v is not None}
    return None


@cache
def _forms() -> list[tuple[str, re.Pattern[str]]]:
    """Return the phrases as patterns, those that say most of their own first."""
    phrases = {k: v for k, v in label.phrases("en").items() if k.startswith(_SECTION)}
    found = [(key, str(phrase)) for key, phrase in phrases.items()]
    found.sort(key=lambda pair: -len(_plain(re.sub(r"\{[^}]*\}", "", pair[1]))))
    return [(key, re.compile(_pattern(phrase), re.DOTALL)) for key, phrase in found]


def _pattern(phrase: str) -> str:
    parts, seen = [], set[str]()
    for text, name, spec, _ in Formatter().parse(phrase):
        parts.append(re.escape(text))
        if name is None:
            continue
        if spec and spec.startswith("?"):
            parts.append("(?:" + "|".join(map(re.escape, spec[1:].split("|"))) + ")")
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            value = r"[\d,]+" if name == "n" else ".+?"
            parts.append(f"(?P<{name}>{value})")
    return "".join(parts)


def _plain(phrase: str) -> str:
    """Return a phrase whose values are texts: the files have written the numbers already."""
    return re.sub(r"(?<!\{)\{(\w+):[^}]*\}", r"{\1}", phrase)
