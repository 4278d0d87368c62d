"""Numbers in words: "twenty-five", "two hundred and ten", "zero point five", "one e minus four", 二十, 三百五."""

from __future__ import annotations

import re

from bot.language.tokens.number import Number, finish, power_of_ten, small_power, tidy, times_ten
from bot.language.vocabulary.lexicon import Vocabulary

_KANJI = re.compile(r"[〇零一二三四五六七八九十百千万]+")
_WORDS = re.compile(r"[a-z]+")
_JOIN = re.compile(r"[ -](?:and )?([a-z]+)")
_SPOKEN_EXPONENT = re.compile(r" e (minus |negative )?(\w+)")


def read_kanji(low: str, i: int, vocabulary: Vocabulary) -> Number | None:
    """The number in kanji at i: 二十, 三百五, 十のマイナス五乗."""
    power = power_of_ten(low, i)
    if power:
        return power
    match = _KANJI.match(low, i)
    if not match:
        return None
    value = _kanji_value(match.group(), vocabulary)
    return times_ten(low, value, match.end()) or finish(low, value, match.end())._replace(flags="w")


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


def read_words(low: str, i: int, vocabulary: Vocabulary) -> Number | None:
    """The number in English words at i."""
    match = _WORDS.match(low, i)
    if not match or (i > 0 and (low[i - 1].isalnum())):
        return None
    word = match.group()
    if word == "point":
        return _decimals(low, 0.0, match.end(), vocabulary, "point ")
    power = power_of_ten(low, i)
    if power:
        return power
    if word not in vocabulary.numbers or (match.end() < len(low) and low[match.end()].isdigit()):
        return None
    if vocabulary.numbers[word][0] == "scale":
        return None
    value, end = _spelled(low, i, vocabulary)
    decimal = _decimals(low, value, end, vocabulary, " point ")
    if decimal:
        return decimal
    exponent = _SPOKEN_EXPONENT.match(low, end)
    if exponent and (size := small_power(exponent[2])) is not None:
        return finish(low, tidy(value * 10.0 ** (-size if exponent[1] else size)), exponent.end())
    times = times_ten(low, value, end)
    if times:
        return times
    result = finish(low, value, end)
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
    return finish(low, float(f"{int(whole)}.{digits}"), end) if digits else None


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
