"""One number, its powers of ten, and the signs that stand behind a number: %, 割, 分の一, ish."""

from __future__ import annotations

import re
from typing import NamedTuple


class Number(NamedTuple):
    """A number read from the text. flags: "%" percent (already divided), "~" approximately, "w" in words."""

    value: float
    end: int
    flags: str = ""


_TIMES_TEN = re.compile(
    r"\s?(?:[x×*·✕✖]|かける|掛ける|times)\s?(?:10|十|ten)\s?"
    r"(?:(?:\^|\*\*)\s?\(?\s?([-+]?)\s?(\d{1,3})\)?乗?|の?\s?(-|マイナス)?\s?([\d一二三四五六七八九十]{1,3})乗"
    r"|([-+])(\d{1,3})(?!\d)|(?:to the )?(?:power of )?(minus|negative)? ?(\d{1,3}|\w+)(?![\w]))"
)
_POWER_OF_TEN = re.compile(
    r"(?:10|十)\s?(?:(?:\^|\*\*)\s?\(?\s?([-+]?)\s?(\d{1,3})\)?乗?|の\s?(-|マイナス)?\s?([\d一二三四五六七八九十]{1,3})\s?乗)"
    r"|(?:10|ten) to the (?:power of )?(minus|negative)? ?(\d{1,3}|[a-z]+)"
)
_PERCENT = re.compile(r"\s?(?:%|percent\b|per cent\b|pct\b|パーセント|パー(?!プ))")
_TENTH = re.compile("割(?![りる引合安高増当])")
_FRACTION = re.compile(r"分の(\d{1,6}(?:\.\d{1,6})?|[一二三四五六七八九])(?![時分秒])")
_ISH = re.compile(r"[- ]?ish\b")
_KANJI_EXPONENT = {c: n for n, c in enumerate("〇一二三四五六七八九")}
_SMALL_WORDS = {
    word: n
    for n, word in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"])
}


def finish(low: str, value: float, end: int) -> Number:
    """The number with the signs behind it read too: a part (三分の一), a percent sign, "ish"."""
    flags = ""
    fraction = _FRACTION.match(low, end) if value else None
    if fraction:
        top = float(fraction[1]) if fraction[1].isascii() else float(_KANJI_EXPONENT[fraction[1]])
        value, end = top / value, fraction.end()
    percent = _PERCENT.match(low, end)
    tenth = _TENTH.match(low, end)
    if tenth and value <= 10:
        value, end = value / 10, tenth.end()
    elif percent:
        value, end, flags = value / 100, percent.end(), "%"
    ish = _ISH.match(low, end)
    if ish:
        end, flags = ish.end(), flags + "~"
    return Number(tidy(value), end, flags)


def tidy(value: float) -> float:
    """5 / 100 or 5 * 10**-6 as a person means it: rounded to 12 significant digits."""
    if value != value or value in (float("inf"), float("-inf")):
        return value
    return float(f"{value:.12g}")


def _exponent(groups: tuple[str | None, ...]) -> int | None:
    """The exponent found by one of the alternatives: pairs of (sign, digits)."""
    for sign, digits in zip(groups[0::2], groups[1::2], strict=True):
        if digits:
            size = small_power(digits)
            return (
                None
                if size is None
                else max(-300, min(300, -size if sign in ("-", "マイナス", "minus", "negative") else size))
            )
    return None


def small_power(digits: str) -> int | None:
    """A small whole number in digits or words, or None."""
    if digits.isascii() and digits.isdigit():
        return int(digits)
    if digits in _SMALL_WORDS:
        return _SMALL_WORDS[digits]
    if digits == "十":
        return 10
    return _KANJI_EXPONENT.get(digits)


def power_of_ten(low: str, i: int) -> Number | None:
    """10^-5, 10のマイナス5乗, "ten to the minus five" at i."""
    match = _POWER_OF_TEN.match(low, i)
    size = _exponent(match.groups()) if match else None
    return None if match is None or size is None else finish(low, 10.0**size, match.end())


def times_ten(low: str, value: float, end: int) -> Number | None:
    """`value` times the power of ten that follows at `end`: ×10^-5, "times ten to the minus five"."""
    match = _TIMES_TEN.match(low, end)
    size = _exponent(match.groups()) if match else None
    return None if match is None or size is None else finish(low, value * 10.0**size, match.end())
