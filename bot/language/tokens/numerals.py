"""Numbers as people write them: digits, exponents, percent, words, kanji. Reads one at a position."""

from __future__ import annotations

import re

from bot.language.tokens.number import Number, finish, power_of_ten, tidy, times_ten
from bot.language.tokens.spelled import read_kanji, read_words
from bot.language.vocabulary.lexicon import Vocabulary

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,40})"
_PLAIN = re.compile(rf"([+-]?)({_DIGITS}(?:\.\d{{1,40}})?|\.\d{{1,40}})")
_EXPONENT = re.compile(r"\s?e\s?([-+]?)\s?0*(\d{1,3})(?!\d)|e\s?(?:minus|マイナス)\s?(\d{1,3})(?!\d)")
_KILO = re.compile(r"\s?k(?![a-z0-9])")
_MYRIAD = {"万": 10_000.0, "千": 1_000.0, "百": 100.0, "億": 1e8}
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![a-z])")
_FACTOR_STARTS = frozenset("hadtoq")
_NAN = re.compile(r"[+-]?(?:nan|inf|infinity)(?![a-z0-9])")


def read(low: str, i: int, glued: bool, vocabulary: Vocabulary) -> Number | None:
    """The number that starts at i, or None. `glued`: a number ends right here, so a dash is no sign."""
    c = low[i]
    if c in _FACTOR_STARTS:
        number = _multiplied(low, i, vocabulary)
        if number:
            return number
    number = _single(low, i, glued, vocabulary)
    if number and low.startswith("の", number.end):
        for phrase, factor in vocabulary.factors_after.items():
            if low.startswith(phrase, number.end):
                return number._replace(value=tidy(number.value * factor), end=number.end + len(phrase))
    return number


def _multiplied(low: str, i: int, vocabulary: Vocabulary) -> Number | None:
    """ "half of 1e-4", "twice 8"."""
    if i > 0 and low[i - 1].isalnum():
        return None
    for phrase, factor in vocabulary.factors.items():
        at = i + len(phrase) + 1
        if low.startswith(phrase + " ", i) and at < len(low) and low[at].isdigit():
            number = _read_digits(low, at, True)
            return number._replace(value=tidy(number.value * factor)) if number else None
    return None


def _single(low: str, i: int, glued: bool, vocabulary: Vocabulary) -> Number | None:
    c = low[i]
    if c.isdigit() and c.isascii():
        return _read_digits(low, i, glued)
    if c in "+-." and not (c == "." and (i + 1 >= len(low) or not low[i + 1].isdigit())):
        return _read_digits(low, i, glued)
    if c.isascii():
        if not c.isalpha():
            return None
        negative = low.startswith(("minus", "negative"), i)
        return _negative(low, i, vocabulary) if negative else read_words(low, i, vocabulary)
    if c in vocabulary.digits or c in vocabulary.places:
        return read_kanji(low, i, vocabulary)
    return _negative(low, i, vocabulary) if low.startswith("マイナス", i) else None


_NEGATIVE = re.compile("マイナス|(?<![a-z0-9])(?:minus|negative) ")


def _negative(low: str, i: int, vocabulary: Vocabulary) -> Number | None:
    """ "minus 0.1", マイナス1: one sign only, before a number."""
    sign = _NEGATIVE.match(low, i)
    if sign is None or sign.end() >= len(low) or low.startswith(("minus", "negative", "マイナス"), sign.end()):
        return None
    inner = _single(low, sign.end(), True, vocabulary)
    return inner._replace(value=-inner.value) if inner and inner.value > 0 else None


def _read_digits(low: str, i: int, glued: bool) -> Number | None:
    nan = _NAN.match(low, i)
    if nan:
        return Number(float("nan") if "nan" in nan.group() else float("inf"), nan.end())
    power = power_of_ten(low, i)
    if power:
        return power
    match = _PLAIN.match(low, i)
    if not match or (match[1] and glued):
        return None
    if match[1] == "+" and not match[2]:
        return None
    value = _plain(match)
    end = match.end()
    if value is None:  # a list such as 128,256: only its first item
        cut = low.index(",", i)
        return finish(low, float(low[i:cut]), cut)
    exponent = _EXPONENT.match(low, end)
    if exponent:
        sign, digits = ("-", exponent[3]) if exponent[3] else (exponent[1], exponent[2])
        return finish(low, _scaled(match.group().replace(",", ""), int(digits), sign), exponent.end())
    return times_ten(low, value, end) or _suffix(low, value, end)


def _plain(match: re.Match[str]) -> float | None:
    written = match[2]
    if "," in written:
        groups = written.split(".")[0].split(",")
        number = float(written.replace(",", ""))
        if len(groups) > 2 and any(group != "000" for group in groups[2:]):
            return None
        whole = int(number)
        looks_whole = groups[-1].endswith("00") or (whole & (whole - 1)) == 0 or "." in written
        if len(groups[0]) == 3 or not looks_whole:
            return None
        return -number if match[1] == "-" else number
    number = float(written)
    return -number if match[1] == "-" else number


def _scaled(mantissa: str, size: int, sign: str) -> float:
    try:
        return float(f"{mantissa}e{'-' if sign == '-' else ''}{min(size, 400)}")
    except ValueError:
        return float("nan")


def _suffix(low: str, value: float, end: int) -> Number | None:
    kilo = _KILO.match(low, end)
    if low.startswith(" dozen", end):
        return finish(low, value * 12, end + len(" dozen"))._replace(flags="d")
    if kilo and value < 1e6:
        return finish(low, value * 1000, kilo.end())
    if end < len(low):
        if low.startswith("ダース", end):
            return finish(low, value * 12, end + 3)._replace(flags="d")
        scale = _MYRIAD.get(low[end])
        if scale:
            return finish(low, value * scale, end + 1)
        ordinal = _ORDINAL.match(low, end)
        if ordinal:
            return Number(value, ordinal.end(), "o")
    return finish(low, value, end)
