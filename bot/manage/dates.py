"""When a job was started, as people say it: “last week”, “in October”, 「10月」, 2027-01-13. The machine's days."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from functools import cache

from bot.phrases import LANGUAGES, say
from tuner.store.rows import folded

Time = tuple[float | None, float | None]
"""From and until; None: without end."""

_DAY = re.compile(r"(?<!\d)(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)")
_MONTH = re.compile(r"(?<![\d/-])(\d{4})[-/](0?[1-9]|1[0-2])(?![\d/-])")
_BACK = re.compile(
    r"(?:last|past) (\d{1,3}) (day|week|month)s?|(?:過去|直近|ここ)?(\d{1,3})(日|週間|か月|ヶ月)(?:以内|間)?"
)
_DAYS = {"day": 1, "week": 7, "month": 30, "日": 1, "週間": 7, "か月": 30, "ヶ月": 30}
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々ー]")


def when(low: str, now: float) -> tuple[str, float | None, float | None]:
    """Promises the folded words without those about time, and the time from and until."""
    today = datetime.datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    found = _month(low, today) or _span(low, today) or _day(low, today) or _back(low, today)
    if found is None:
        return low, None, None
    rest, since, until = found
    for word in words("since"):
        rest, count = without(rest, word)
        if count:
            return rest, since, None
    return rest, since, until


def without(low: str, word: str) -> tuple[str, int]:
    """Words of Latin letters stand alone; Japanese ones stand at an edge of a stretch."""
    if _JAPANESE.search(word):
        return re.subn(rf"(?:^|(?<=\s)){re.escape(word)}|{re.escape(word)}(?=\s|$)", " ", low)
    return re.subn(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", " ", low)


@cache
def words(key: str) -> tuple[str, ...]:
    """Of both languages, the longest first."""
    found = {
        folded(word) for language in LANGUAGES for word in say(f"manage.history.words_{key}", language).split("|")
    }
    return tuple(sorted(found - {""}, key=len, reverse=True))


_Found = tuple[str, float, float | None]


def _month(low: str, today: datetime.datetime) -> _Found | None:
    """A month by its name or number; without a year the last one that has begun."""
    said = _MONTH.search(low)
    if said:
        return _of_month(low.replace(said[0], " "), int(said[1]), int(said[2]), today)
    for pattern in _months():
        said = pattern.search(low)
        if said is None:
            continue
        month, year = _numbers()[said["month"]], said["year"]
        last = today.year - (month > today.month)
        chosen = int(year) if year else today.year - 1 if said["past"] is not None else last
        return _of_month(low.replace(said[0], f" {said['since'] or ''} "), chosen, month, today)
    return None


def _of_month(rest: str, year: int, month: int, today: datetime.datetime) -> _Found | None:
    if not 1970 <= year < 9999:
        return None
    begin = today.replace(year=year, month=month, day=1)
    end = (begin + datetime.timedelta(days=32)).replace(day=1)
    return rest, begin.timestamp(), end.timestamp()


@cache
def _numbers() -> Mapping[str, int]:
    return {
        folded(name): number
        for language in LANGUAGES
        for number, names in enumerate(say("manage.history.words_months", language).split("|"), 1)
        for name in names.split(",")
    }


@cache
def _months() -> tuple[re.Pattern[str], ...]:
    """In English a month stands at an edge, behind “in” or before a year: “may” is a word of every day too."""
    names = sorted(_numbers(), key=len, reverse=True)
    latin = "|".join(re.escape(name) for name in names if name.isascii())
    other = "|".join(re.escape(name) for name in names if not name.isascii())
    past, this = "|".join(words("last_year")), "|".join(words("this_year"))
    behind = "|".join((*words("month_before"), *(word for word in words("since") if word.isascii())))
    year = rf"(?:,? (?:of )?(?:(?P<year>\d{{4}})|(?P<past>{past})|{this}))"
    no_year = r"(?P<year>(?!))?(?P<past>(?!))?"
    alone, end = r"(?<![a-z0-9])", r"(?![a-z0-9])"
    return tuple(re.compile(pattern) for pattern in (
        rf"{alone}(?:(?P<since>since)|{behind}) (?P<month>{latin}){year}?{end}",
        rf"(?P<since>(?!))?{alone}(?P<month>{latin}){year}{end}",
        rf"(?P<since>(?!))?^(?P<month>{latin}){no_year}{end}",
        rf"(?P<since>(?!))?{alone}(?P<month>{latin}){no_year}$",
        rf"(?P<since>(?!))?(?:(?P<year>\d{{4}})年の?|(?:{past})(?P<past>の?))?"
        rf"(?<![\d一二三四五六七八九十])(?P<month>{other})",
    ))


def _span(low: str, today: datetime.datetime) -> _Found | None:
    """“This week”, “last month”, and the like."""
    monday = today - datetime.timedelta(days=today.weekday())
    first = today.replace(day=1)
    former = (first - datetime.timedelta(days=1)).replace(day=1)
    tomorrow, year = today + datetime.timedelta(days=1), first.replace(month=1)
    spans = {
        "today": (today, tomorrow),
        "yesterday": (today - datetime.timedelta(days=1), today),
        "this_week": (monday, tomorrow),
        "last_week": (monday - datetime.timedelta(days=7), monday),
        "this_month": (first, tomorrow),
        "last_month": (former, first),
        "this_year": (year, tomorrow),
        "last_year": (year.replace(year=year.year - 1), year),
    }
    for name, (since, until) in spans.items():
        for word in words(name):
            for followed in (f"{word}{each}" for each in ("", *words("since")) if each == "" or not each.isascii()):
                rest, count = without(low, followed)
                if count:
                    return f"{rest} {followed.removeprefix(word)}", since.timestamp(), until.timestamp()
    return None


def _day(low: str, today: datetime.datetime) -> _Found | None:
    day = _DAY.search(low)
    try:
        begin = today.replace(year=int(day[1]), month=int(day[2]), day=int(day[3])) if day else None
    except ValueError:
        return None
    if day is None or begin is None:
        return None
    return low.replace(day[0], " "), begin.timestamp(), (begin + datetime.timedelta(days=1)).timestamp()


def _back(low: str, today: datetime.datetime) -> _Found | None:
    back = _BACK.search(low)
    if back is None:
        return None
    days = int(back[1] or back[3]) * _DAYS[back[2] or back[4]]
    tomorrow = today + datetime.timedelta(days=1)
    return low.replace(back[0], " "), (tomorrow - datetime.timedelta(days=days)).timestamp(), None
