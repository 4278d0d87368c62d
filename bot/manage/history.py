"""Jobs found again: by words in their names, data, settings, people and states, and by when they were started."""

from __future__ import annotations

import datetime
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache

from bot.desk import jobs
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.manage import people
from bot.manage.wish import Wish
from bot.phrases import LANGUAGES, say
from bot.plan_card import spec_words
from bot.planning import name_of_data
from bot.replies import Reply, Text
from tuner.plan.knobs import KNOBS
from tuner.store.records import Job
from tuner.store.rows import folded

PAGE = 10
"""Jobs on one page."""
LONGEST = 60
"""Characters of a search that a button still carries."""
_LOOKED_AT = 5_000
_DAY = re.compile(r"(?<!\d)(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)")
_BACK = re.compile(
    r"(?:last|past) (\d{1,3}) (day|week|month)s?|(?:過去|直近|ここ)?(\d{1,3})(日|週間|か月|ヶ月)(?:以内|間)?"
)
_DAYS = {"day": 1, "week": 7, "month": 30, "日": 1, "週間": 7, "か月": 30, "ヶ月": 30}
_PERSON = re.compile(r"<@!?(\d{5,20})>")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々ー]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a job must have: every word of it, and a start within the time."""

    words: tuple[str, ...]
    since: float | None = None
    until: float | None = None
    person: str = ""


async def search(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """A page of the jobs that have what was asked for, the newest first; all of them for no words."""
    query = " ".join(wish.query.split())
    wanted = read(query, turn.services.clock(), turn.utterance.person, wish.person)
    found = [job for job in await turn.store.jobs(turn.team, limit=_LOOKED_AT) if await _fits(turn, job, wanted)]
    if not found:
        is_all = not query and not wanted.person
        yield Text(text=turn.say("replies.jobs.history_empty" if is_all else "manage.history.nothing",
                                 {} if is_all else {"query": query}))
        return
    pages = -(-len(found) // PAGE)
    page = min(max(wish.page, 0), pages - 1)
    title = turn.say("manage.history.title", {"query": query, "count": len(found), "page": page + 1, "pages": pages})
    yield await jobs.table(turn, title, found[page * PAGE : (page + 1) * PAGE])
    if pages > 1 and len(query) <= LONGEST:
        argument = f"{wish.person}:{query}"
        steps = (("newer", page - 1), ("older", page + 1))
        offers = tuple(
            button(verb, f"{to}:{argument}", turn.language) for verb, to in steps if 0 <= to < pages
        )
        yield Text(text=turn.say("manage.history.pages", {"page": page + 1, "pages": pages}), buttons=offers)


def turned(argument: str) -> Wish:
    """The wish behind a button that turns the page."""
    page, _, rest = argument.partition(":")
    person, _, query = rest.partition(":")
    return Wish(kind="search", query=query, person=person, page=int(page) if page.isdigit() else 0)


def read(query: str, now: float, speaker: str, person: str = "") -> Search:
    """Promises what is looked for: days and people are taken out of the words. `speaker`: whose “my” it is."""
    low = folded(query).replace("’", "'")
    low, since, until = _when(low, now)
    mentioned = _PERSON.search(low)
    if mentioned:
        person, low = mentioned[1], low.replace(mentioned[0], " ")
    for word in _words("mine"):
        low, count = _without(low, word)
        if count:
            person = person or speaker
    return Search(words=_split(low), since=since, until=until, person=person)


def _split(low: str) -> tuple[str, ...]:
    for word in _words("small"):
        low, _ = _without(low, word)
    parts = re.split(r"[\s,、。:：=]+", low)
    return tuple(dict.fromkeys(part for part in parts if part))


def _without(low: str, word: str) -> tuple[str, int]:
    """Words of Latin letters stand alone; Japanese ones stand at an edge of a stretch."""
    if _JAPANESE.search(word):
        return re.subn(rf"(?:^|(?<=\s)){re.escape(word)}|{re.escape(word)}(?=\s|$)", " ", low)
    return re.subn(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", " ", low)


def _when(low: str, now: float) -> tuple[str, float | None, float | None]:
    """The words without those about time, and the time from and until. Days are those of this machine."""
    today = datetime.datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - datetime.timedelta(days=today.weekday())
    first = today.replace(day=1)
    former = (first - datetime.timedelta(days=1)).replace(day=1)
    tomorrow = today + datetime.timedelta(days=1)
    spans = {
        "today": (today, tomorrow),
        "yesterday": (today - datetime.timedelta(days=1), today),
        "this_week": (monday, tomorrow),
        "last_week": (monday - datetime.timedelta(days=7), monday),
        "this_month": (first, tomorrow),
        "last_month": (former, first),
    }
    for name, (since, until) in spans.items():
        for word in _words(name):
            rest, count = _without(low, word)
            if count:
                return rest, since.timestamp(), until.timestamp()
    day = _DAY.search(low)
    if day:
        try:
            begin = today.replace(year=int(day[1]), month=int(day[2]), day=int(day[3]))
        except ValueError:
            return low, None, None
        return low.replace(day[0], " "), begin.timestamp(), (begin + datetime.timedelta(days=1)).timestamp()
    back = _BACK.search(low)
    if back:
        days = int(back[1] or back[3]) * _DAYS[back[2] or back[4]]
        return low.replace(back[0], " "), (tomorrow - datetime.timedelta(days=days)).timestamp(), None
    return low, None, None


async def _fits(turn: Turn, job: Job, wanted: Search) -> bool:
    if wanted.person and job.person != wanted.person:
        return False
    if wanted.since is not None and job.created_at < wanted.since:
        return False
    if wanted.until is not None and job.created_at >= wanted.until:
        return False
    if not wanted.words:
        return True
    text = await _text_of(turn, job)
    numbers = set(_NUMBER.findall(text))
    return all(_has(text, numbers, word) for word in wanted.words)


def _has(text: str, numbers: set[str], word: str) -> bool:
    if _NUMBER.fullmatch(word):
        return word in numbers
    stem = word[:-1] if len(word) > 3 and word.isascii() and word.endswith("s") else word
    return stem in text


async def _text_of(turn: Turn, job: Job) -> str:
    """Everything about a job that may be looked for, folded."""
    names = [each.name for each in await turn.store.labels.names(turn.team) if each.job == job.number]
    plan = job.plan
    parts = [*names, await name_of_data(turn.store, job), plan.model, plan.method, plan.metric]
    parts += [job.person, await people.called(turn.store, turn.team, job.person)]
    for language in LANGUAGES:
        parts.append(say("manage.names.number", language, {"job": job.number, "trial": None}))
        parts.append(say(f"manage.history.state_{job.state}", language))
        for name, spec in plan.space.items():
            parts += [name.replace("_", " "), say(f"knobs.{name}", language), spec_words(name, spec, language)]
        for name, value in plan.defaults.items():
            if name not in plan.space and name not in plan.assumed and name in KNOBS:
                parts += [name.replace("_", " "), say(f"knobs.{name}", language), str(value)]
    return folded(" ".join(parts))


@cache
def _words(key: str) -> tuple[str, ...]:
    """Of both languages, the longest first."""
    found = {
        folded(word) for language in LANGUAGES for word in say(f"manage.history.words_{key}", language).split("|")
    }
    return tuple(sorted(found - {""}, key=len, reverse=True))
