"""Catalogues: the same keys and placeholders in both languages, and what a phrase can do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import churnlab
from churnlab.errors import UsageError
from churnlab.report.catalogue import LANGUAGES, Catalogue, Money, fill, placeholders

SOURCE = Path(churnlab.__file__).parent
CATALOGUES = sorted(path.parent for path in SOURCE.rglob("words.en.toml"))


def phrases(folder: Path, lang: str) -> dict[str, list[str]]:
    found = Catalogue(folder / "x.py").phrases(lang)
    return {key: [text] if isinstance(text, str) else text for key, text in found.items()}


def test_there_are_catalogues():
    assert len(CATALOGUES) >= 4


@pytest.mark.parametrize("folder", CATALOGUES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_languages_have_the_same_keys_and_placeholders(folder):
    english, korean = (phrases(folder, lang) for lang in LANGUAGES)
    assert list(english) == list(korean), "the same keys, in the same order"
    for key, texts in english.items():
        assert len(texts) == len(korean[key]), key
        for one, other in zip(texts, korean[key], strict=True):
            assert placeholders(one) == placeholders(other), key


@pytest.mark.parametrize("folder", CATALOGUES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_korean_phrases_are_korean(folder):
    for key, texts in phrases(folder, "ko").items():
        for text in texts:
            bare = re.sub(r"`[^`]*`|\{[^}]*\}|\$[^$]*\$", "", text)
            english = re.findall(r"(?:\b[a-z]{2,}\b[ ,]+){3,}", bare)
            assert not english, f"{key} says {english}"
            assert not re.search(r"는\(은\)|가\(이\)|를\(을\)|과\(와\)|로\(으로\)", text), key


#: Values whose last sound is known: a customer group, a clause, a share.
KNOWN = {"who", "what", "share", "value", "forecast"}


@pytest.mark.parametrize("folder", CATALOGUES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_particles_behind_values_fit_whatever_the_value(folder):
    bare = r"\{(\w+)(?::[^}%]*)?\}[*'\"]*(?:은|는|이|가|을|를|과|와|로|으로)[ ,.]"
    for key, texts in phrases(folder, "ko").items():
        assert set(re.findall(bare, " ".join(texts) + " ")) <= KNOWN, key


@pytest.mark.parametrize("folder", CATALOGUES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_ranges_of_signed_numbers_are_not_joined_by_a_dash(folder):
    for lang in LANGUAGES:
        for key, texts in phrases(folder, lang).items():
            for text in texts:
                assert not re.search(r"\{\w+:\+[^}]*\}[%p]*[–-]\{", text), (lang, key)
                assert ".." not in text.replace("...", ""), (lang, key)


def calls() -> list[tuple[Path, str]]:
    """Every `say("key"` with the folder of the module's catalogue."""
    found = []
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        folder = path.parent
        module = re.search(r"from churnlab\.([\w.]+) import (?:[\w, ]*, )?say\b", text)
        if module:
            parts = SOURCE.joinpath(*module[1].split("."))
            folder = parts if parts.is_dir() else parts.parent
        if not (folder / "words.en.toml").exists():  # another `say`
            continue
        keys = re.findall(r"(?<![.\w])say(?:\.both|\.several)?\(\s*\"([\w. ]+)\"", text)
        found += [(folder, key) for key in keys]
    return found


def test_what_is_said_has_a_phrase():
    assert len(calls()) >= 50
    missing = [
        (str(f.relative_to(SOURCE)), key) for f, key in calls() if key not in phrases(f, "en")
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("phrase", "values", "said"),
    [
        ("{n:,} {n:?day|days}", {"n": 1}, "1 day"),
        ("{n:,} {n:?day|days}", {"n": 1200}, "1,200 days"),
        ("{c:+.1f} points", {"c": -1.25}, "−1.2 points"),
        ("{c:+.1f}", {"c": float("nan")}, "–"),
        ("{c:.1f}", {"c": None}, "–"),
        ("{id}", {"id": "-7"}, "-7"),
        ("{d:date}", {"d": "2024-07-09"}, "9 July 2024"),
        ("{d:eve}", {"d": "2024-07-01"}, "30 June 2024"),
        ("{d:date}", {"d": None}, "–"),
        ("{v}", {"v": Money(1234.5, "USD")}, "US$1,234.50"),
        ("{v}", {"v": Money(9_999.99, "USD")}, "US$9,999.99"),
        ("{v}", {"v": Money(10_000.4, "USD")}, "US$10,000"),
        ("{v}", {"v": Money(12345, "KRW")}, "₩12,345"),
        ("{v}", {"v": Money(-12345.4)}, "−12,345"),
        ("{v}", {"v": Money(0.5)}, "0.50"),
    ],
)
def test_values_are_written_for_english_readers(phrase, values, said):
    assert fill(phrase, "en", values) == said


@pytest.mark.parametrize(
    ("phrase", "value", "said"),
    [
        ("{v}은(는)", "책", "책은"),
        ("{v}은(는)", "사과", "사과는"),
        ("{v}이(가)", "서울", "서울이"),
        ("{v}(으)로", "서울", "서울로"),
        ("{v}(으)로", "부산", "부산으로"),
        ("{v}(으)로", "대구", "대구로"),
        ("'{v}'을(를)", "쿠폰", "'쿠폰'을"),
        ("{v}와(과)", "7", "7과"),
        ("{v}와(과)", "2", "2와"),
        ("{v}(으)로", "8", "8로"),
        ("{v:.0%}(으)로", 0.61, "61%로"),
        ("{v}은(는)", "1.2%(0.7%–1.8%)", "1.2%(0.7%–1.8%)는"),
        ("{v}은(는)", "책(2권)", "책(2권)은"),
        ("{v}은(는)", "email", "email은"),
        ("{v}은(는)", "mbg_nbd", "mbg_nbd는"),
        ("{v}은(는)", "shop", "shop은(는)"),
        ("{v}", "값은(는)", "값은(는)"),
        ("{v:date}", "2024-07-09", "2024년 7월 9일"),
        ("{v}", Money(12345, "KRW"), "12,345원"),
        ("{v}", Money(5.5, "USD"), "US$5.50"),
    ],
)
def test_values_are_written_for_korean_readers(phrase, value, said):
    assert fill(phrase, "ko", {"v": value}) == said


def test_a_language_without_words_is_refused():
    with pytest.raises(UsageError, match="lang must be one of en, ko; got 'fr'"):
        Catalogue(CATALOGUES[0] / "x.py").phrases("fr")


def test_a_missing_value_is_an_error():
    with pytest.raises(KeyError, match="n"):
        fill("{n}", "en", {})


def test_every_phrase_has_a_place_where_it_is_said():
    """A key stands in the code as it is, or its section does with a part filled in."""
    places = [*SOURCE.rglob("*.py"), *(SOURCE.parents[1] / "notebooks").glob("*.py")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in places)
    filled = set(re.findall(r"f[\"']([\w.]+[._])\{", source))
    dead = []
    for folder in CATALOGUES:
        for key in phrases(folder, "en"):
            start = key.rpartition(".")[0] + "."
            said = f'"{key}"' in source or f'"{key.removeprefix(start)}"' in source
            near = any(key.startswith(p) for p in filled) or f'"@{key}"' in source
            column = start in ("col.", "note.") or f"'{start}'" in source
            if not (said or near or column or folder.name == "board"):
                dead.append((folder.name, key))
    # what a check of the fit saw and what cures it, and a candidate's place in a figure
    rest = {"prior_predictive", "posterior_predictive"}
    assert [d for d in dead if d[0] != "misfit" and d[1] not in rest] == []
