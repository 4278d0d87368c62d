"""From what a keyboard sends to one alphabet: NFKC, invisible characters out, one dash, one tilde, one quote."""

from __future__ import annotations

import re
import unicodedata

LIMIT = 4000  # characters: one Discord message

_DELETED = dict.fromkeys(
    [
        0x00AD,
        0x034F,
        0x061C,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x180E,
        0x3164,
        0xFEFF,
        0xFFA0,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),
    ]
)
_UNIFIED = {
    ord(a): b
    for a, b in zip("‐‑‒–—―−﹣⁃〜∼∽〰’‘‛′´“”„‟″«»⁄∕⇒➡➔➜⟶➝⁓⋯", '---------~~~~\'\'\'\'\'"""""""//→→→→→→~…', strict=False)
}
_CIRCLED = {ord("①") + k: f" {k + 1}) " for k in range(9)}
_EARLY = _CIRCLED | {ord("½"): "0.5", ord("¼"): "0.25", ord("¾"): "0.75", ord("…"): " … ", ord("⋯"): " … "}
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")
_SPACE = re.compile(r"[^\S\n]+")
_KATAKANA_DASH = re.compile(r"(?<=[\d%e])[ー一](?=[\d.])")


_BULLET = re.compile(r"\s*[-*•·][ \t]|[^\n]{1,80}\n\s*[-*•·][ \t]")
_COUNTED = r"\d{1,4} ?(?:trials?|runs?|tries|attempts|hours?|h\b|min|in parallel|parallel|at a time|at once|epochs?)"
_BULLETS = re.compile(rf"(?:^|\s)[-*•·] (?=[^\W\d]|{_COUNTED})")


def clean(text: str) -> str:
    """The text in one alphabet, case kept, never longer than LIMIT characters. Promises never to raise."""
    text = text[:LIMIT]
    if not text.isascii():
        if _SUPERSCRIPT.search(text):
            text = _SUPERSCRIPT.sub(lambda match: "^" + match.group(), text)
        text = unicodedata.normalize("NFKC", text.translate(_EARLY)).translate(_DELETED).translate(_UNIFIED)[:LIMIT]
        text = _KATAKANA_DASH.sub("-", text)
    text = _CONTROL.sub(" ", text)
    if _BULLET.match(text) or text.count(" - ") > 1:
        text = _BULLETS.sub("\n", text)
    return _SPACE.sub(" ", text).strip()


_LETTER = "ぁ-ゖァ-ヺー一-鿿々、。「」"
_BLANK = re.compile(rf"(?<=[{_LETTER}]) +(?=[^ァ-ヺ])|(?<=[^ァ-ヺー]) +(?=[{_LETTER}])")


_ITEM = re.compile(r"(?:^|(?<=[\s、。;:]))[(（]?([1-9])\)\s*(?=[^\s\d])")


def glued(text: str) -> str:
    """The text without the blanks around Japanese letters: "job 5 を stop して" reads as "job 5をstopして".

    The numbers of a list go too: "1) rank 8 2) epochs 3" reads as "rank 8, epochs 3".
    """
    if ")" in text and [match[1] for match in _ITEM.finditer(text)][:2] == ["1", "2"]:
        text = _ITEM.sub(lambda match: "" if match.start() == 0 else ", ", text)
    return text if text.isascii() else _BLANK.sub("", text)


def lower(text: str) -> str:
    """Lower case of exactly the same length, so that positions in one are positions in the other."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
