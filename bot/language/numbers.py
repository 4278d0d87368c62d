"""Numbers and spans of time as people write them: digits, exponents, percent, words, kanji. Reads one at a position."""

from __future__ import annotations

import re
from typing import NamedTuple

from bot.language.vocabulary import Vocabulary


class Number(NamedTuple):
    """A number read from the text. flags: "%" percent (already divided), "~" approximately, "w" in words."""

    value: float
    end: int
    flags: str = ""


_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,40})"
_PLAIN = re.compile(rf"([+-]?)({_DIGITS}(?:\.\d{{1,40}})?|\.\d{{1,40}})")
_EXPONENT = re.compile(r"\s?e\s?([-+]?)\s?0*(\d{1,3})(?!\d)|e\s?(?:minus|マイナス)\s?(\d{1,3})(?!\d)")
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
_KILO = re.compile(r"\s?k(?![a-z0-9])")
_MYRIAD = {"万": 10_000.0, "千": 1_000.0, "百": 100.0, "億": 1e8}
_NAME_AFTER = re.compile(r"[a-z_]")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![a-z])")
_KANJI = re.compile(r"[〇零一二三四五六七八九十百千万]+")
_COUNTER_TSU = re.compile(r"つ")
_WORDS = re.compile(r"[a-z]+")
_KANJI_EXPONENT = {c: n for n, c in enumerate("〇一二三四五六七八九")}
_NAN = re.compile(r"[+-]?(?:nan|inf|infinity)(?![a-z0-9])")


def read(low: str, i: int, glued: bool, vocabulary: Vocabulary) -> Number | None:
    """The number that starts at i, or None. `glued`: a number ends right here, so a dash is no sign."""
    c = low[i]
    if c.isascii():
        if c.isdigit() or c in "+-.":
            if c == "." and (i + 1 >= len(low) or not low[i + 1].isdigit()):
                return None
            return _read_digits(low, i, glued)
        if c.isalpha():
            return _read_words(low, i, vocabulary)
        return None
    if c in vocabulary.digits or c in vocabulary.places:
        return _read_kanji(low, i, vocabulary)
    if low.startswith("マイナス", i):
        inner = (
            read(low, i + 4, True, vocabulary) if i + 4 < len(low) and not low.startswith("マイナス", i + 4) else None
        )
        return inner._replace(value=-inner.value) if inner else None
    return None


def _read_digits(low: str, i: int, glued: bool) -> Number | None:
    nan = _NAN.match(low, i)
    if nan:
        return Number(float("nan") if "nan" in nan.group() else float("inf"), nan.end())
    power = _POWER_OF_TEN.match(low, i)
    if power:
        size = _power(power.groups())
        return None if size is None else _finish(low, 10.0**size, power.end())
    match = _PLAIN.match(low, i)
    if not match or (match[1] and glued):
        return None
    if match[1] == "+" and not match[2]:
        return None
    value = _plain(match)
    end = match.end()
    if value is None:  # a list such as 128,256: only its first item
        cut = low.index(",", i)
        return _finish(low, float(low[i:cut]), cut)
    exponent = _EXPONENT.match(low, end)
    times = None if exponent else _TIMES_TEN.match(low, end)
    if exponent:
        sign, digits = ("-", exponent[3]) if exponent[3] else (exponent[1], exponent[2])
        return _finish(low, _scaled(match.group().replace(",", ""), int(digits), sign), exponent.end())
    if times:
        power_value = _power(times.groups())
        if power_value is not None:
            return _finish(low, value * 10.0**power_value, times.end())
    return _suffix(low, value, end)


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


def _power(groups: tuple[str | None, ...]) -> int | None:
    """The exponent found by one of the alternatives: pairs of (sign, digits)."""
    for sign, digits in zip(groups[0::2], groups[1::2], strict=True):
        if digits:
            size = _small(digits)
            return (
                None
                if size is None
                else max(-300, min(300, -size if sign in ("-", "マイナス", "minus", "negative") else size))
            )
    return None


_SMALL_WORDS = {
    word: n
    for n, word in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"])
}


def _small(digits: str) -> int | None:
    if digits.isascii() and digits.isdigit():
        return int(digits)
    if digits in _SMALL_WORDS:
        return _SMALL_WORDS[digits]
    if digits == "十":
        return 10
    return _KANJI_EXPONENT.get(digits)


def _suffix(low: str, value: float, end: int) -> Number | None:
    kilo = _KILO.match(low, end)
    if low.startswith(" dozen", end):
        return _finish(low, value * 12, end + len(" dozen"))._replace(flags="d")
    if kilo and value < 1e6:
        return _finish(low, value * 1000, kilo.end())
    if end < len(low):
        if low.startswith("ダース", end):
            return _finish(low, value * 12, end + 3)._replace(flags="d")
        scale = _MYRIAD.get(low[end])
        if scale:
            return _finish(low, value * scale, end + 1)
        ordinal = _ORDINAL.match(low, end)
        if ordinal:
            return Number(value, ordinal.end(), "o")
    return _finish(low, value, end)


def _finish(low: str, value: float, end: int) -> Number:
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
    return Number(_tidy(value), end, flags)


def _tidy(value: float) -> float:
    """5 / 100 or 5 * 10**-6 as a person means it: rounded to 12 significant digits."""
    if value != value or value in (float("inf"), float("-inf")):
        return value
    return float(f"{value:.12g}")


def _read_kanji(low: str, i: int, vocabulary: Vocabulary) -> Number | None:
    power = _POWER_OF_TEN.match(low, i)
    if power:
        size = _power(power.groups())
        return None if size is None else _finish(low, 10.0**size, power.end())
    match = _KANJI.match(low, i)
    if not match:
        return None
    value = _kanji_value(match.group(), vocabulary)
    times = _TIMES_TEN.match(low, match.end())
    if times:
        size = _power(times.groups())
        if size is not None:
            return _finish(low, value * 10.0**size, times.end())
    return _finish(low, value, match.end())._replace(flags="w")


def _kanji_value(written: str, vocabulary: Vocabulary) -> float:
    total, section, digit, seen = 0, 0, 0, False
    for c in written:
        if c in vocabulary.digits:
            digit = digit * 10 + vocabulary.digits[c] if seen else vocabulary.digits[c]
            seen = True
            continue
        place = vocabulary.places[c]
        if place == 10_000:
            total, section = total + (section + digit or 1) * place, 0
        else:
            section += (digit if seen else 1) * place
        digit, seen = 0, False
    return float(total + section + digit)


def _read_words(low: str, i: int, vocabulary: Vocabulary) -> Number | None:
    match = _WORDS.match(low, i)
    if not match or (i > 0 and (low[i - 1].isalnum())):
        return None
    word = match.group()
    if word in ("minus", "negative") and low[match.end() : match.end() + 1] == " ":
        if match.end() + 1 >= len(low) or low.startswith(("minus", "negative"), match.end() + 1):
            return None
        inner = read(low, match.end() + 1, True, vocabulary)
        return inner._replace(value=-inner.value) if inner and inner.value > 0 else None
    if word == "point":
        return _decimals(low, 0.0, match.end(), vocabulary, "point ")
    power = _POWER_OF_TEN.match(low, i)
    if power:
        size = _power(power.groups())
        if size is not None:
            return _finish(low, 10.0**size, power.end())
    if word not in vocabulary.numbers or (match.end() < len(low) and low[match.end()].isdigit()):
        return None
    kind = vocabulary.numbers[word][0]
    if kind == "scale":
        return None
    value, end = _spelled(low, i, vocabulary)
    decimal = _decimals(low, value, end, vocabulary, " point ")
    if decimal:
        return decimal
    exponent = re.compile(r" e (minus |negative )?(\w+)").match(low, end)
    if exponent and (size := _small(exponent[2])) is not None:
        return _finish(low, _tidy(value * 10.0 ** (-size if exponent[1] else size)), exponent.end())
    times = _TIMES_TEN.match(low, end)
    if times and (power_size := _power(times.groups())) is not None:
        return _finish(low, value * 10.0**power_size, times.end())
    result = _finish(low, value, end)
    return result._replace(flags=result.flags + "w")


def _decimals(low: str, whole: float, end: int, vocabulary: Vocabulary, marker: str) -> Number | None:
    if marker == " point ":
        if not low.startswith(" point ", end):
            return None
        end += len(" point ")
    else:
        if not low.startswith(" ", end):
            return None
        end += 1
    digits = ""
    while True:
        match = _WORDS.match(low, end)
        entry = vocabulary.numbers.get(match.group()) if match else None
        if match is None or entry is None or entry[1] > 9 or len(digits) > 12:
            break
        digits += str(int(entry[1]))
        end = match.end()
        if (
            not low.startswith(" ", end)
            or not _WORDS.match(low, end + 1)
            or low[end + 1 :].split(" ", 1)[0] not in vocabulary.numbers
        ):
            break
        end += 1
    return _finish(low, float(f"{int(whole)}.{digits}"), end) if digits else None


_JOIN = re.compile(r"[ -](?:and )?([a-z]+)")


def _spelled(low: str, i: int, vocabulary: Vocabulary) -> tuple[float, int]:
    """ "twenty-five", "two hundred and ten", "two thousand"."""
    match = _WORDS.match(low, i)
    assert match is not None
    kind, value = vocabulary.numbers[match.group()]
    end, total = match.end(), 0.0
    while True:
        joined = _JOIN.match(low, end)
        entry = vocabulary.numbers.get(joined[1]) if joined else None
        if joined is None or entry is None:
            break
        has_and = "and " in joined.group()
        next_kind, next_value = entry
        if next_kind == "scale" and not has_and:
            value *= next_value
            if next_value >= 1000:
                total, value = total + value, 0.0
        elif kind == "scale" or (kind == "tens" and next_kind == "value" and next_value < 10 and not has_and):
            value += next_value
        else:
            break
        kind, end = next_kind, joined.end()
    return total + value, end
