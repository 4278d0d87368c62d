"""Jobs found again: by words in their names, data, settings, people and states, and by when they were started."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bot.desk import jobs
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.manage import dates, people
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
_PERSON = re.compile(r"<@!?(\d{5,20})>")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")


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
    low, since, until = dates.when(low, now)
    mentioned = _PERSON.search(low)
    if mentioned:
        person, low = mentioned[1], low.replace(mentioned[0], " ")
    for word in dates.words("mine"):
        low, count = dates.without(low, word)
        if count:
            person = person or speaker
    return Search(words=_split(low), since=since, until=until, person=person)


def _split(low: str) -> tuple[str, ...]:
    for word in dates.words("small"):
        low, _ = dates.without(low, word)
    parts = re.split(r"[\s,、。:：=]+", low)
    return tuple(dict.fromkeys(part for part in parts if part))


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
