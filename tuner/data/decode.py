"""Bytes of a text file into text: by byte-order mark, strict decoding and plausibility. Parses nothing."""

from __future__ import annotations

import codecs
import contextlib
import unicodedata

from tuner.data.table import refuse

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""UTF-32 first: its mark begins with that of UTF-16."""

_ISO_2022_JP = (b"\x1b$B", b"\x1b$@")
_STRAY = 0.01
"""Share of null bytes up to which a text is a text all the same."""
_CANDIDATES = ("cp932", "euc_jp", "cp1252")
_ENOUGH = 0.55
"""Mean plausibility of the characters beyond ASCII; text that was decoded wrongly stays well below."""
_SAMPLE = 20_000


def decode(content: bytes) -> str:
    """Promises the text without its byte-order mark. Raises ProblemError when no known encoding fits."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strict(content[len(mark):], encoding)
    if b"\x00" in content:
        text = _likeliest(content, ("utf-16-le", "utf-16-be"))
        if text is not None:
            return text
        if content.count(0) > len(content) * _STRAY:
            raise refuse("unknown_encoding", line=content.count(b"\n", 0, content.index(0)) + 1)
    if any(mark in content for mark in _ISO_2022_JP):
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode("iso2022_jp_ext")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    text = _likeliest(content, _CANDIDATES)
    if text is None:
        raise refuse("unknown_encoding", line=line)
    return text


def _strict(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise refuse("unknown_encoding", line=content.count(b"\n", 0, error.start) + 1) from error


def _likeliest(content: bytes, encodings: tuple[str, ...]) -> str | None:
    best, text = _ENOUGH, None
    for encoding in encodings:
        try:
            candidate = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        score = plausibility(candidate)
        if score > best:
            best, text = score, candidate
    return text


def plausibility(text: str) -> float:
    """Promises 0.0 (no text that people write) to 1.0, judged by the first characters beyond ASCII and by controls."""
    scores: list[float] = []
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if character < "\x80":
            if character < " " and character not in "\n\r\t":
                return 0.0
        else:
            scores.append(_weight(character, before, after))
            if len(scores) >= _SAMPLE:
                break
    return sum(scores) / len(scores) if scores else 1.0


def _weight(character: str, before: str, after: str) -> float:
    code = ord(character)
    if 0x3041 <= code <= 0x30FF or character in "、。「」・々〜～ー！？":
        return 1.0
    if 0x4E00 <= code <= 0x9FFF:
        return 0.8 if _is_everyday(character) else 0.25
    if _is_half_width(character):
        if _is_half_width(before) or _is_half_width(after):
            return 0.75
        return 0.2 if any(beside.isascii() and beside.isalpha() for beside in (before, after)) else 0.5
    if 0xFF01 <= code <= 0xFF5E or 0x2010 <= code <= 0x26FF or 0x3000 <= code <= 0x33FF:
        return 0.8
    if unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs"):
        return -2.0
    if 0xC0 <= code <= 0x24F:
        return 0.9 if before.isascii() and before.isalpha() else 0.3
    return 0.4


def _is_half_width(character: str) -> bool:
    return 0xFF61 <= ord(character) <= 0xFF9F


def _is_everyday(character: str) -> bool:
    """True for the kanji of JIS level 1, which is nearly all that people write."""
    try:
        return "\x88" <= character.encode("cp932")[:1].decode("latin-1") <= "\x98"
    except UnicodeEncodeError:
        return False
