"""Spans of time and times of day: "1h30", "90 min", "an hour and a half", 1時間半, 3pm, 10時."""

from __future__ import annotations

import re

from bot.language.tokens.number import Number
from bot.language.tokens.spelled import read_words
from bot.language.vocabulary.lexicon import Vocabulary

_SPAN_EN = re.compile(r"(?:\s?-?\s?)([a-z]+)(?![a-z])")
_HALF_AFTER = re.compile(r"(?: and a half|半)")
_UNIT_JA = re.compile(r"\s?(週間|時間|じかん|ふん|ぷん|日間|分間|秒間|か月|日|分|秒|晩)")
_FRACTION = re.compile("の[0-9一二三四五六七八九十]")
_AND_MORE = re.compile(
    r"(?:\s?(?:and|,)?\s?|と)(\d{1,6}(?:\.\d{1,3})?)(?=\s?(?:s|sec|secs|seconds?|m|min|mins|minutes?|h|hrs?|hours?|分|秒|時間)(?![a-z]))"
)
_BARE_MINUTES = re.compile(r"h(\d{1,2})(?!\d|\.\d)m?(?![a-z])")


_ARTICLE_SPAN = re.compile(
    r"(another|an extra|one more|half a|half an|a half|half|a quarter of an|three quarters of an|a couple of|a couple|"
    r"a full|a whole|a|an|one|the next|the)"
    r"(?: more| extra| additional| other| whole| full| good| solid)?"
    r"[ -](second|sec|minute|min|hour|hr|day|night|week|hours|minutes|days|mins|secs)(?![a-z])"
)
_ARTICLE_VALUE = {
    "half a": 0.5,
    "half an": 0.5,
    "a half": 0.5,
    "half": 0.5,
    "a quarter of an": 0.25,
    "three quarters of an": 0.75,
    "a couple of": 2.0,
    "a couple": 2.0,
}


def article_span(low: str, i: int, vocabulary: Vocabulary) -> tuple[float, int, bool] | None:
    """(seconds, end, added) for a span without digits: "half an hour", "an hour and a half", "another hour"."""
    if low[i] not in "aoht" or (i > 0 and low[i - 1].isalnum()):
        return None
    match = _ARTICLE_SPAN.match(low, i)
    if (
        not match
        or (match[1] in ("the", "the next") and match[2] in ("second", "min", "sec"))
        or match[1] == "the"
        or (match[1] in ("a", "an", "one") and match[2] in ("day",) and low.startswith(" in", match.end()))
    ):
        return None
    seconds = vocabulary.seconds[match[2]] * _ARTICLE_VALUE.get(match[1], 1.0)
    end = match.end()
    after = _HALF_AFTER.match(low, end)
    if after:
        seconds, end = seconds + vocabulary.seconds[match[2]] / 2, after.end()
    smaller = _and_smaller(low, end, vocabulary.seconds[match[2]], vocabulary)
    if smaller:
        seconds, end = seconds + smaller[0], smaller[1]
    return seconds, end, "another" in match.group() or "extra" in match.group() or "more" in match.group()


_MORE_BETWEEN = re.compile(r"(?: ?-?(more|extra|additional|further|full|whole|solid|straight|additional|other))")


def duration(low: str, number: Number, vocabulary: Vocabulary) -> tuple[float, int] | None:
    """(seconds, end) when a unit of time follows the number: "1h30", "90 min", "1時間半", "an hour and a half"."""
    if number.value != number.value or number.value < 0 or number.value > 1e9:
        return None
    glued = _BARE_MINUTES.match(low, number.end)
    if glued:
        return number.value * 3600 + int(glued[1]) * 60, glued.end()
    half = 0.5 if low.startswith(" and a half", number.end) else 0.0
    at = number.end + (len(" and a half") if half else 0)
    between = _MORE_BETWEEN.match(low, at)
    unit = _unit(low, between.end() if between else at, vocabulary)
    if unit is None:
        return None
    seconds, end = unit
    total = (number.value + half) * seconds
    after = _HALF_AFTER.match(low, end)
    if after:
        total, end = total + seconds / 2, after.end()
    smaller = _and_smaller(low, end, seconds, vocabulary)
    return (total + smaller[0], smaller[1]) if smaller else (total, end)


def _and_smaller(low: str, end: int, seconds: float, vocabulary: Vocabulary) -> tuple[float, int] | None:
    """(seconds, end) of a smaller unit that goes on: 1h 30m, "one hour thirty minutes"."""
    more = _AND_MORE.match(low, end)
    count, at = (float(more[1]), more.end()) if more else (0.0, end)
    if not more and low.startswith((" and ", ", ", " "), end):
        start = end + (5 if low.startswith(" and ", end) else 2 if low.startswith(", ", end) else 1)
        number = read_words(low, start, vocabulary) if start < len(low) and low[start].isalpha() else None
        count, at = (number.value, number.end) if number else (0.0, end)
    unit = _unit(low, at, vocabulary) if at > end else None
    return (count * unit[0], unit[1]) if unit and unit[0] < seconds else None


def _unit(low: str, at: int, vocabulary: Vocabulary) -> tuple[float, int] | None:
    japanese = _UNIT_JA.match(low, at)
    if japanese:
        if japanese[1] == "分" and _FRACTION.match(low, japanese.end()):
            return None
        return vocabulary.seconds[japanese[1]], japanese.end()
    english = _SPAN_EN.match(low, at)
    if english and english[1] in vocabulary.seconds:
        word = english[1]
        if word == "m" and english.group() != "m":
            return None
        if word == "s" and english.group() != "s":
            return None
        return vocabulary.seconds[word], english.end()
    return None


_CLOCK = re.compile(
    r"\d{1,2}:\d{2}(?!\d)(?:\s?[ap]\.?m)?|\d{1,2}\s?[ap]\.?m\.?(?![a-z])|\d{1,2}\s?o'clock|(?:\d{1,2}|[一二三四五六七八九十]{1,3})時半?(?!間)|\d{1,2}月\d{1,2}日|\d{1,2}/\d{1,2}に"
)


def clock(low: str, i: int, number: Number) -> int | None:
    """The end of a time of day or a date that starts at i, or None."""
    match = _CLOCK.match(low, i)
    return match.end() if match and match.end() > number.end else None
