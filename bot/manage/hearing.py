"""What people say about jobs, names and the team's model beyond what a Command holds: whole sentences, nothing else.

The sentences stand in prompts/<language>/manage/words.toml, one pattern a line; both languages are heard everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

from bot.language.commands import Command
from bot.manage.wish import Kind, Thing, Wish
from bot.phrases import LANGUAGES, say
from tuner.store.labels import Named
from tuner.store.rows import folded

_LONGEST = 300
_QUOTES = "\"'“”‘’「」『』 "
_EDGE = " \t\r\n.!?。！？…"
_SLOTS = {"name": r"(?P<name>.+?)", "data": r"(?P<data>.+?)", "query": r"(?P<query>.+?)",
          "number": r"(?P<number>\d{1,4}|one|two|three|four|five|ten|[一二三四五十])",
          "size": r"(?P<size>\d+(?:\.\d+)?) ?(?P<unit>[tgm]i?b|(?:giga|mega)bytes?|(?:ギガ|メガ)(?:バイト)?)"}
_KINDS: tuple[Kind, ...] = (
    "undo", "model", "promote", "uncall", "call", "keep", "budget", "mode", "tidy", "retention", "delete", "search",
)
"""In the order in which they are tried."""
_JOB = re.compile(r"(?:job|ジョブ) ?(?:no\.? ?|number )?#?(\d{1,9})", re.IGNORECASE)
_TRIAL = re.compile(r"(?:try|trial|run|試行|トライアル) ?#?(\d{1,6})", re.IGNORECASE)
_FEW = 3
"""Words behind “history” that may be anything."""


def cleaned(text: str) -> str:
    """Promises the words on one line, of one width, without what ends a sentence."""
    flat = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    return " ".join(flat.split()).strip(_EDGE)


def heard(text: str, command: Command, names: Sequence[Named]) -> Wish | None:
    """Promises the wish in `text`, which `command` was read from; None where there is none.

    `names`: of the team's jobs and checkpoints, which stand for them.
    """
    if len(text) > _LONGEST or "\n" in text.strip():
        return None
    low = cleaned(text)
    for kind in _KINDS:
        found = _match(kind, low, names)
        if found is not None:
            wish = _wish(kind, found, names, command)
            if wish is not None:
                return wish
    return None


def _wish(kind: Kind, found: re.Match[str], names: Sequence[Named], command: Command) -> Wish | None:
    said = found.groupdict()
    thing = thing_of(said.get("thing") or "", names)
    if kind == "search":
        query = (said.get("query") or said.get("who") or "").strip(_QUOTES)
        return Wish(kind=kind, query=query) if query and _may_search(said, query, command) else None
    if kind in ("keep", "budget", "mode"):
        return Wish(kind=kind, number=_amount(said), is_automatic="automatic" in said)
    if kind == "delete":
        name = (said.get("file") or said.get("data") or "").strip(_QUOTES)
        return Wish(kind=kind, name=name, is_sure="file" in said or not name)
    if kind != "call":
        return Wish(kind=kind, thing=thing)
    name = (said.get("name") or "").strip(_QUOTES)
    if not name or _any("no_names").match(name) or _any("no_things").fullmatch(said.get("thing") or ""):
        return None
    return Wish(kind=kind, thing=thing, name=re.sub(r"^the ", "", name, flags=re.IGNORECASE))


def thing_of(said: str, names: Sequence[Named]) -> Thing:
    """Promises what the words mean: a name, a number, or the job spoken of."""
    bare = folded(said.strip(_QUOTES).removeprefix("the "))
    for known in names:
        if bare in (folded(known.name), folded(known.name).removeprefix("the ")):
            return Thing(job=known.job, trial=known.trial)
    job, trial = _JOB.search(said), _TRIAL.search(said)
    number = int(job[1]) if job else None
    if trial:
        return Thing(job=number, trial=int(trial[1]))
    is_best = bool(_any("best_one").search(said))
    return Thing(job=number, trial="best" if is_best else None)


_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "一": 1, "二": 2, "三": 3, "四": 4,
            "五": 5, "十": 10}
_UNITS = {"t": 1e12, "g": 1e9, "m": 1e6, "ギ": 1e9, "メ": 1e6}


def _amount(said: dict[str, str | None]) -> int | None:
    """How many, or how many bytes; None: all."""
    number, size, unit = (said.get(name) for name in ("number", "size", "unit"))
    if size and unit:
        return int(float(size) * _UNITS[unit[0].lower()])
    if "single" in said:
        return 1
    return None if not number else int(number) if number.isdigit() else _NUMBERS[number.lower()]


def _may_search(said: dict[str, str | None], query: str, command: Command) -> bool:
    """False where a search that does not call itself one would take over what means something else."""
    if "stated" in said:  # “history repeats itself, as you know” is no search
        return command.intent in ("history", "tune") or (command.intent == "unknown" and len(query.split()) <= _FEW)
    return "plain" not in said or command.intent in ("history", "unknown")


def says(key: str, text: str) -> bool:
    """True where the words of `key` stand somewhere in the text."""
    return _any(key).search(cleaned(text)) is not None


def is_thing(text: str) -> bool:
    """True for words that already mean a job or a try."""
    return re.fullmatch(_things(()), cleaned(text), re.IGNORECASE) is not None


def _match(kind: str, low: str, names: Sequence[Named]) -> re.Match[str] | None:
    known = tuple(sorted((cleaned(each.name) for each in names), key=len, reverse=True))
    return next((found for each in _sentences(kind, known) if (found := each.fullmatch(low))), None)


def _lines(key: str) -> list[str]:
    """The patterns of both languages."""
    texts = [say(f"manage.words.{key}", language) for language in LANGUAGES]
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


@cache
def _any(key: str) -> re.Pattern[str]:
    return re.compile("|".join(_lines(key)), re.IGNORECASE)


def _things(names: Sequence[str]) -> str:
    quoted = [f"[\"'「『“]?(?:the )?{re.escape(name)}[\"'」』”]?" for name in names]
    return "|".join((*quoted, *_lines("thing")))


@lru_cache(maxsize=64)
def _sentences(kind: str, names: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """The sentences of a kind, with courtesies around them. A group's name may stand only once in a pattern."""
    file, more = "|".join(_lines("file")), "|".join(_lines("with"))
    when = "|".join(_lines("when"))
    things = f"(?P<thing>{_things(names)})"
    slots = {**_SLOTS, "when": f"(?:{when})", "thing": things, "file": f"(?P<file>{file})", "with": f"(?:{more})"}
    before, after = "|".join(_lines("before")), "|".join(_lines("after"))
    found = []
    for line in _lines(kind):
        for slot, pattern in slots.items():
            line = line.replace(f"<{slot}>", pattern)
        found.append(re.compile(f"(?:(?:{before})[,、 ]*)*{line}(?:[,、 ]*(?:{after}))*", re.IGNORECASE))
    return tuple(found)
