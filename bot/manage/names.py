"""Names of jobs and checkpoints: given, forgotten, shown, and put in place of numbers in what people say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from functools import cache

from bot.desk import jobs
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.language.parser import parse
from bot.language.tokens.speaks import language_of
from bot.manage import hearing
from bot.manage.wish import Thing, Wish
from bot.phrases import LANGUAGES, Language, say
from bot.replies import Reply, Text
from tuner.store import Store
from tuner.store.labels import Named, Promotion
from tuner.store.records import Job
from tuner.store.rows import folded

MOST = 40
"""Characters of a name."""
_ABOUT_JOBS = frozenset({
    "chat", "compare", "export", "status", "stop", "pause", "resume", "extend", "explain_result", "best", "rate",
})
"""What a name may be used for; a plan is never read out of one, but for "redo"."""
_CHANGING = frozenset({"stop", "pause", "resume", "extend"})
_ODD = re.compile(r"[\x00-\x1f@#<>`|/\\:：;；,、。.?？!！*_~\[\]{}「」『』\"“”]")
_QUOTED = re.compile(r"[“\"「『][^”\"」』]*[”\"」』]")
_SORT = re.compile(r"\b(?:an?|any|some|every|no|what|which) \Z", re.IGNORECASE)
"""“A refund bot” is any refund bot."""
_LETTER = r"[A-Za-z0-9_.\-]"


async def call(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """Gives a job, or one of its tries, a name."""
    job, trial = await found(turn, wish.thing)
    if job is None:
        yield jobs.not_found(turn, wish.thing.job)
        return
    name = " ".join(wish.name.split())
    problem = refused(name)
    if problem:
        yield Text(text=turn.say(f"manage.names.{problem}", {"name": name, "most": MOST}))
        return
    if trial is not None and not await _has_trial(turn, job, trial):
        yield Text(text=turn.say("replies.words.no_such_trial", {"job": job.number, "trial": trial}))
        return
    before = await name_of(turn.store, turn.team, job.number, trial)
    meant = await turn.store.labels.call(turn.team, job.number, trial, name, turn.utterance.person)
    facts = {"name": name, "job": job.number, "trial": trial, "before": before if before != name else None}
    if (meant.job, meant.trial) != (job.number, trial):
        taken = {"name": meant.name, "job": meant.job, "trial": meant.trial}
        yield Text(text=turn.say("manage.names.taken", {**taken, "other": job.number}))
        return
    turn.state["job"] = job.number
    yield Text(text=turn.say("manage.names.called", facts))


def refused(name: str) -> str:
    """Promises why this can be no name, as a key of prompts/<language>/manage/names.toml; empty where it can."""
    if not any(character.isalpha() for character in name):
        return "no_letters"
    if len(name) > MOST:
        return "too_long"
    if _ODD.search(name):
        return "odd"
    if folded(name) in _reserved() or hearing.is_thing(name) or parse(name).intent != "unknown":
        return "reserved"
    return ""


async def uncall(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """Forgets a name. The job and its tries stay."""
    job, trial = await found(turn, wish.thing)
    if job is None:
        yield jobs.not_found(turn, wish.thing.job)
        return
    forgotten = await turn.store.labels.uncall(turn.team, job.number, trial)
    facts = {"job": job.number, "trial": trial, "name": forgotten.name if forgotten else None}
    yield Text(text=turn.say("manage.names.forgotten", facts))


async def found(turn: Turn, thing: Thing) -> tuple[Job | None, int | None]:
    """Promises the job that is meant, and the number of its try; None: the job itself."""
    job = await jobs.find(turn, thing.job)
    if job is None or thing.trial is None:
        return job, None
    if thing.trial != "best":
        return job, thing.trial
    best = await turn.store.best_checkpoint(turn.team, job.number)
    return job, best.trial if best is not None else None


async def _has_trial(turn: Turn, job: Job, trial: int) -> bool:
    return any(each.number == trial for each in await turn.store.trials(job.id))


async def name_of(store: Store, team: str, job: int, trial: int | None = None) -> str | None:
    """Promises how people call it, or None."""
    known = await store.labels.names(team)
    return next((each.name for each in known if (each.job, each.trial) == (job, trial)), None)


async def names_of(store: Store, team: str, job: int) -> dict[int | None, str]:
    """Promises what people call the job (None) and its tries."""
    return {each.trial: each.name for each in await store.labels.names(team) if each.job == job}


async def spelled_out(store: Store, team: str, text: str) -> str:
    """Promises the words with names replaced by numbers, where that makes a wish about those jobs; else as they are.

    What is quoted, or stands behind a colon, is meant for a model and stays as it is.
    """
    known = await store.labels.names(team)
    promoted = await store.labels.promoted(team)
    if promoted is not None:
        known = [*known, *_as_names(promoted)]
    replaced, numbers = _replaced(text, known)
    if not numbers:
        return text
    command = parse(replaced)
    if command.intent in _CHANGING and hearing.says("no_job", replaced):
        return text  # “pause it for lunch” is no word about the job that is called “lunch”
    if command.intent in _ABOUT_JOBS and command.job in numbers:
        return replaced
    is_redone = command.intent == "tune" and command.job in numbers and hearing.says("redone", text)
    return replaced if is_redone or (command.intent == "compare" and len(numbers) > 1) else text


def asks_for_team_model(text: str, command: Command) -> bool:
    """True for words that want to use the team's model, whether there is one or not."""
    return command.intent in ("chat", "compare", "export") and any(
        _place(text, word) is not None for word in _team_model_words()
    )


def _replaced(text: str, known: Sequence[Named]) -> tuple[str, set[int]]:
    """Each name once, the longest first. Promises the text and the numbers of the jobs that were named."""
    language = language_of(text)
    numbers: set[int] = set()
    for name in sorted(known, key=lambda each: len(each.name), reverse=True):
        place = _place(text, name.name)
        if place is not None:
            said = say("manage.names.number", language, {"job": name.job, "trial": name.trial})
            text = f"{text[: place[0]]}{said}{text[place[1] :]}"
            numbers.add(name.job)
    return text, numbers


def _place(text: str, name: str) -> tuple[int, int] | None:
    """Where a name stands on its own, outside of what is quoted for a model."""
    colon = re.search(r"[:：]\s*\S", text)
    quoted = [match for match in _QUOTED.finditer(text) if folded(match[0].strip("“”\"「」『』")) != folded(name)]
    hidden = [match.span() for match in quoted]
    before = rf"(?<!{_LETTER})" if re.match(_LETTER, name) else ""
    after = rf"(?!{_LETTER})" if re.search(_LETTER + r"\Z", name) else ""
    words = r"\s+".join(re.escape(part) for part in name.split())
    for match in re.finditer(rf"{before}[\"“「『]?(?:the )?{words}[\"”」』]?{after}", text, re.IGNORECASE):
        is_hidden = any(start <= match.start() < end for start, end in hidden)
        is_for_model = colon is not None and match.start() > colon.start()
        if not (is_hidden or is_for_model or _SORT.search(text[: match.start()])):
            return match.span()
    return None


def _as_names(promoted: Promotion) -> list[Named]:
    return [
        Named(name=word, job=promoted.job, trial=promoted.trial, person=promoted.person, at=promoted.at)
        for word in _team_model_words()
    ]


@cache
def _team_model_words() -> tuple[str, ...]:
    return _words("team_model")


@cache
def _reserved() -> frozenset[str]:
    return frozenset(folded(word) for word in (*_words("reserved"), *_words("team_model")))


def _words(key: str) -> tuple[str, ...]:
    texts: list[tuple[Language, str]] = [(language, say(f"manage.words.{key}", language)) for language in LANGUAGES]
    return tuple(word.strip() for _, text in texts for word in text.split("|"))
