"""Which encoding a text file has, declared or seen from all of it; and the same file as UTF-8.

UTF-8 and UTF-16 are recognised by their form. The old encodings accept nearly anything, so what
they make of the file is looked at: Hangul in CP949, kana in Shift-JIS, single accented letters in
Latin-1.
"""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from churnlab.errors import DataError

_BLOCK = 1 << 22
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
#: Share of the letters beyond ASCII that must belong to the script an encoding was made for.
_ENOUGH = 0.5
_SCRIPTS = {"cp949": re.compile("[가-힣]"), "cp932": re.compile("[ぁ-んァ-ヶー一-龠々]")}
_LATIN = re.compile("[À-ÿŒœŠšŽžŸ€£¥§°ºª¿¡«»´’‘“”–—…]")
_BEYOND = re.compile(r"[^\x00-\x7f\s]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacked where it is gzipped; whoever reads to its end has its checksum held."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return io.BufferedReader(gzip.open(path)) if packed else path.open("rb")


@contextmanager
def whole(table: str, path: Path) -> Iterator[None]:
    """Turn what reading a file to its end meets into one message.

    Raises DataError: A file that ends early, whose checksum does not hold, or that the disk cannot
        read.
    """
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{table}: {path} is not whole ({error}); nothing of it is used. Fetch it again: "
            "`gzip -t FILE` says whether a file is whole."
        ) from error
    except OSError as error:
        raise DataError(f"{table}: {path} cannot be read ({error.strerror or error}).") from error


def detect(table: str, path: Path) -> str:
    """Return Python's name of a file's encoding.

    Raises DataError: A binary file, or text that could be several encodings.
    """
    with whole(table, path):
        return _detected(table, path)


def _detected(table: str, path: Path) -> str:
    with open_bytes(path) as file:
        head = file.read(_BLOCK)
    bom = next((name for mark, name in _BOMS.items() if head.startswith(mark)), None)
    if bom == "utf-16" and "\n" not in (_decoded(head, bom) or ""):
        raise _unknown(table, path, b"\x00")  # no lines: the mark is chance
    if bom not in (None, "utf-8"):
        return str(bom)
    if _decodes(path, "utf-8"):
        return "utf-8"
    wide = _wide(head)
    if wide is not None:
        return wide
    content = head if len(head) < _BLOCK and not head.isascii() else _telling(path)
    guess = None if _CONTROL.search(content) else _guess(content)
    if guess is None or not _decodes(path, guess):
        raise _unknown(table, path, content)
    return guess


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark has a zero in every other byte of plain text."""
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(zeros) > 1 and zeros.count(0) > 0.4 * len(zeros):
            return name
    return None


def _telling(path: Path) -> bytes:
    """Return lines beyond ASCII, up to a few megabytes of them, from anywhere in the file."""
    found, size = [], 0
    with open_bytes(path) as file:
        for line in file:
            if not line.isascii():
                found.append(line)
                size += len(line)
                if size > _BLOCK:
                    break
    return b"".join(found)


def _guess(content: bytes) -> str | None:
    # French in Latin-1 is valid Shift-JIS, too (été reads as a kanji), hence Latin first.
    for encoding in ("cp1252", "latin-1"):
        text = _decoded(content, encoding) or ""
        found = _BEYOND.findall(text)
        short = sum(len(f) <= 2 for f in found)
        if short and short >= 0.9 * len(found) and _share(text, _LATIN) >= 0.9:
            return encoding
    shares = {e: _share(_decoded(content, e), script) for e, script in _SCRIPTS.items()}
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= _ENOUGH else None


def _share(text: str | None, script: re.Pattern[str]) -> float:
    beyond = "" if text is None else "".join(_BEYOND.findall(text))
    return len(script.findall(beyond)) / len(beyond) if beyond else 0.0


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return None


def _unknown(table: str, path: Path, content: bytes) -> DataError:
    if _CONTROL.search(content):
        return DataError(
            f"{table}: {path} is a binary file; expected CSV, Parquet or an Excel workbook."
        )
    return DataError(
        f"{table}: {path} is not UTF-8 text, and what else it is cannot be told. Declare it with "
        f"data.{table}.encoding, e.g. cp949, cp932, latin-1 or gb18030."
    )


def _blocks(path: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    with open_bytes(path) as file:
        while block := file.read(_BLOCK):
            yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _decodes(path: Path, encoding: str) -> bool:
    try:
        for _ in _blocks(path, encoding):
            pass
    except UnicodeDecodeError:
        return False
    return True


def require(table: str, path: Path, encoding: str) -> None:
    """Refuse a declared encoding that the file does not have."""
    with whole(table, path):
        if not _decodes(path, encoding):
            raise _not_this(table, path, encoding)


def _not_this(table: str, path: Path, encoding: str) -> DataError:
    return DataError(
        f"{table}: {path} is not {encoding} text. Give its own encoding with "
        f"data.{table}.encoding, or leave that away: it is then seen from the file."
    )


def as_utf8(table: str, path: Path, encoding: str, scratch: Path) -> Path:
    """Write a text file anew as UTF-8 into the folder `scratch`; return its path.

    Raises DataError: Text that is not of this encoding.
    """
    target = scratch / f"{len(list(scratch.iterdir()))}.csv"
    try:
        with whole(table, path), target.open("w", encoding="utf-8", newline="") as file:
            for number, text in enumerate(_blocks(path, encoding)):
                file.write(text.removeprefix("\ufeff") if number == 0 else text)
    except UnicodeDecodeError as error:
        raise _not_this(table, path, encoding) from error
    return target
