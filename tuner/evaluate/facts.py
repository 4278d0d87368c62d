"""The parts of an answer that must be exactly right: numbers, days, months, times of day, and "not".

Two answers that differ in one of them say different things, however alike their letters are.
"""

from __future__ import annotations

import re
import unicodedata

_NUMBER_WORDS = {
    word: str(number) for number, word in enumerate((
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"))
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
     "hundred": "100", "thousand": "1000"}
_KANJI_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")} | {"零": 0}
_KANJI_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_COUNTERS = "つ日時分秒年月週円人個本枚階回件台名歳度番号丁泊冊杯割か箇ヶケカ"
_DAYS = {name: str(number) for number, names in enumerate(
    ("monday mon 月曜", "tuesday tue 火曜", "wednesday wed 水曜", "thursday thu 木曜", "friday fri 金曜",
     "saturday sat 土曜", "sunday sun 日曜")) for name in names.split()}
_MONTHS = {  # without March and May, which are ordinary words too
    "january": "1", "february": "2", "april": "4", "june": "6", "july": "7", "august": "8", "september": "9",
    "october": "10", "november": "11", "december": "12",
}
_HALVES = {"am": "am", "a.m": "am", "pm": "pm", "p.m": "pm", "午前": "am", "午後": "pm", "noon": "noon", "正午": "noon",
           "midnight": "midnight"}

_THOUSANDS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_KANJI_NUMBER = re.compile(rf"[〇零一二三四五六七八九十百千万]+(?=[{_COUNTERS}])")
_WORD = re.compile(r"[a-z]+(?:\.[a-z]+)*")
_NEGATIONS = re.compile(r"n't\b|\b(?:not|no|never|none|cannot|without)\b|ない|ません|なく|ずに|せず|不可|禁止")


def folded(text: str) -> str:
    """NFKC and without case; curly apostrophes made straight, commas between thousands left out."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return _THOUSANDS.sub(lambda found: found.group().replace(",", ""), plain)


def key_facts(text: str) -> tuple[tuple[str, ...], ...]:
    """Promises numbers, days, months and halves of the day in the order in which they stand, and how often it says no.

    `3`, `３`, `three` and `三つ` are the same number; `1,200` and `1200` are; `9:00` and `9` are not.
    """
    plain = folded(text)
    words = [(match.start(), match.group().rstrip(".")) for match in _WORD.finditer(plain)]
    numbers = [(match.start(), _canonical(match.group())) for match in _NUMBER.finditer(plain)]
    numbers += [(match.start(), str(_kanji_value(match.group()))) for match in _KANJI_NUMBER.finditer(plain)]
    numbers += [(start, _NUMBER_WORDS[word]) for start, word in words if word in _NUMBER_WORDS]
    return (
        tuple(number for _, number in sorted(numbers)),
        _named(plain, words, _DAYS), _named(plain, words, _MONTHS), _named(plain, words, _HALVES),
        (str(len(_NEGATIONS.findall(plain))),),
    )


def _named(plain: str, words: list[tuple[int, str]], names: dict[str, str]) -> tuple[str, ...]:
    found = [(start, names[word.rstrip("s") if word not in names else word]) for start, word in words
             if word in names or word.rstrip("s") in names]
    for name, value in names.items():
        if not name.isascii():
            found += [(match.start(), value) for match in re.finditer(re.escape(name), plain)]
    return tuple(value for _, value in sorted(found))


def _canonical(number: str) -> str:
    return re.sub(r"\d+", lambda part: part.group().lstrip("0") or "0", number, count=1)


def _kanji_value(text: str) -> int:
    total = part = digit = 0
    for sign in text:
        if sign in _KANJI_DIGITS:
            digit = digit * 10 + _KANJI_DIGITS[sign]
        elif sign == "万":
            total, part, digit = total + (part + digit or 1) * 10_000, 0, 0
        else:
            part, digit = part + (digit or 1) * _KANJI_UNITS[sign], 0
    return total + part + digit
