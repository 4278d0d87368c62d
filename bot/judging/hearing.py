"""What people say about judging, beyond what a Command holds: two sides, how many questions, votes, verdicts.

The words stand in prompts/<language>/judging/words.toml; both languages are heard in every place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from bot.judging.wish import DEFAULT_TRIAL, Side, Wish
from bot.language.commands import Command
from bot.phrases import LANGUAGES, say
from tuner.store.opinions import Choice, Verdict

_QUOTED = re.compile(r"[“\"「『](?P<prompt>[^”\"」』]+)[”\"」』]")
_NUMBER = r"[0-9]{1,6}"
_EDGE = " \t\r\n.,!?;。、！？・…"


@cache
def _words(name: str) -> tuple[str, ...]:
    """Of both languages, the longest first."""
    found = {
        _folded(word) for language in LANGUAGES for word in say(f"judging.words.{name}", language).split("|")
    } - {""}
    return tuple(sorted(found, key=len, reverse=True))


@cache
def _any_of(name: str) -> re.Pattern[str]:
    """Whole words where they are written with Latin letters."""
    return re.compile("|".join(_bounded(word) for word in _words(name)))


def _bounded(word: str) -> str:
    escaped = re.escape(word).replace(r"\ ", r"\s+")
    before = r"(?<![a-z0-9])" if word[0].isascii() and word[0].isalnum() else ""
    after = r"(?![a-z0-9])" if word[-1].isascii() and word[-1].isalnum() else ""
    return f"{before}{escaped}{after}"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip(_EDGE)


def heard(text: str, command: Command) -> Wish | None:
    """Promises the wish about judging in `text`, which `command` was read from; None where there is none."""
    low = _folded(text)
    if not low:
        return None
    plain = _any_of("fillers").sub(" ", low).strip(_EDGE)
    if low in _words("board") or plain in _words("board"):
        return Wish(kind="board")
    correct = _any_of("correct").search(low)
    if correct and not _leftover(low, "correct", "job"):
        return Wish(kind="correct", job=_numbered(low, "job"))
    if _any_of("judge").match(low) and not _leftover(low, "judge", "job"):
        return Wish(kind="judge", job=_numbered(low, "job"))
    thumb = verdict_of_thumb(text)
    if thumb is not None:
        return Wish(kind="rate", verdict=thumb)
    choice = _choice(text, low, command)
    if choice is not None:
        return Wish(kind="vote", choice=choice)
    if command.intent == "rate":
        return Wish(kind="rate", verdict=None if _names_a_side(text, low) else _verdict(low))
    return _comparison(text, command)


def verdict_of_thumb(text: str) -> Verdict | None:
    """Promises the verdict of words that begin with a thumb."""
    start = text.strip()
    return "good" if start.startswith("👍") else "bad" if start.startswith("👎") else None


def reason_of(text: str) -> str:
    """Promises the person's words without the thumb before them."""
    return text.strip().lstrip("👍👎\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff\ufe0f" + _EDGE + ":：")


_CHOICES: tuple[Choice, ...] = ("both_bad", "tie", "left", "right")
_LETTER = re.compile(
    r"(?<![A-Za-z])(?:(?P<a>A)(?=\s*(?:$|[,.!、。のがにかを]|(?:is|was|more|please|better|wins?|sounds)\b))|(?P<b>B)(?![A-Za-z]))"
)
"""Answers called A and B; “A great answer” calls none so."""


def _choice(text: str, low: str, command: Command) -> Choice | None:
    """The vote in the words; of one that scolds a side it is not certain that the other one is better."""
    for choice in _CHOICES:
        if low in _words(choice):
            return choice
    if command.intent != "rate":
        return None
    verdict = _verdict(low)
    if verdict is not None and _any_of("both").search(low):
        return "both_bad" if verdict == "bad" else "tie"
    letter = _LETTER.search(unicodedata.normalize("NFKC", text))
    if letter is not None and verdict != "bad":
        return "left" if letter["a"] else "right"
    found = [choice for choice in _CHOICES if _any_of(choice).search(low)]
    if len(found) != 1 or (verdict == "bad" and found[0] in ("left", "right")):
        return None
    return found[0]


def _names_a_side(text: str, low: str) -> bool:
    """True for words about one of two answers: they are no verdict on the answer before."""
    letter = _LETTER.search(unicodedata.normalize("NFKC", text))
    return letter is not None or any(_any_of(name).search(low) for name in ("left", "right", "both"))


def _verdict(low: str) -> Verdict | None:
    """Whether the words praise or scold. “Not a good answer” scolds, “not bad” praises."""
    good, bad = _any_of("good"), _any_of("bad")
    denied = rf"(?:{_any_of('not').pattern})\s+(?:\w+\s+){{0,2}}?"
    if re.search(rf"{denied}(?:{bad.pattern})", low):
        return "good"
    if bad.search(low) or re.search(rf"{denied}(?:{good.pattern})", low):
        return "bad"
    return "good" if good.search(low) else None


def _comparison(text: str, command: Command) -> Wish | None:
    quoted = _QUOTED.search(text)
    asked = command.prompt if command.prompt and _leftover(_folded(command.prompt)) else None
    prompt = quoted["prompt"].strip() if quoted else asked
    rest = _folded(_QUOTED.sub(" ", text))
    after = re.match(rf"(?P<head>[^:]*(?:{_any_of('compare').pattern})[^:]*):\s*(?P<prompt>.+)", rest, re.DOTALL)
    is_sides = after is not None and not _leftover(after["prompt"])
    if not quoted and after is not None and not is_sides and not _leftover(after["head"], "compare"):
        said = re.split("[:：]", text, maxsplit=1)[-1].strip()
        return Wish(kind="compare", prompt=said, sides=_sides(after["head"], command))
    if not quoted and asked:
        rest = rest.replace(_folded(asked), " ")
    names = ("compare", "side_by_side")
    is_meant = command.intent == "compare" or bool(_any_of("compare").search(rest) and not _leftover(rest, *names))
    if not is_meant:
        return None
    sides = _sides(rest, command)
    newest = sides is None and bool(_any_of("newest").search(rest))
    if _any_of("side_by_side").search(rest) and sides is None and not newest and not prompt:
        return Wish(kind="side_by_side", job=command.job if isinstance(command.job, int) else None)
    return Wish(kind="compare", sides=sides, newest=newest, prompt=prompt, count=1 if prompt else _count(rest))


_SIDES = ("job", "trial", "default", "base", "best")


def _leftover(low: str, *known: str) -> str:
    """What is in `low` beside the words of `known`, sides, numbers, links and fillers."""
    for name in (*known, *_SIDES, "many", "number_words", "links", "fillers"):
        low = _any_of(name).sub(" ", low)
    return re.sub(_NUMBER, " ", low).strip(_EDGE + "#:'’のをにでと")


def _numbered(low: str, name: str) -> int | None:
    found = re.search(rf"(?:{_any_of(name).pattern})\s*(?:number\s*|#)?\s*({_NUMBER})", low)
    return int(found[1]) if found else None


def _sides(rest: str, command: Command) -> tuple[Side, Side] | None:
    """Each stretch between two links may name one side; one that names only a number goes on as the one before."""
    found: list[Side] = []
    last: str | None = None
    for part in re.split(_any_of("links").pattern, rest):
        side, last = _side(part, last)
        if side is not None:
            found.append(side)
    if not found and (command.trial is not None or isinstance(command.job, int)):
        job = command.job if isinstance(command.job, int) else None
        found.append(Side(job=job, what=command.trial if isinstance(command.trial, int) else "best"))
    if not found:
        return None
    if len(found) == 1:
        found.append(_opposite(found[0]))
    first, second = _in_one_job(found[0], found[1])
    return first, second


def _side(part: str, last: str | None) -> tuple[Side | None, str | None]:
    job, trial = _numbered(part, "job"), _numbered(part, "trial")
    if trial is None and last == "trial":
        trial = _bare(part)
    if trial is not None:
        return Side(job=job, what=trial), "trial"
    if _any_of("default").search(part):
        return Side(job=job, what=DEFAULT_TRIAL), None
    if _any_of("base").search(part):
        return Side(job=job, what="base"), None
    if job is not None:
        return Side(job=job), "job"
    if _any_of("best").search(part):
        return Side(), None
    number = _bare(part) if last == "job" else None
    return (None, None) if number is None else (Side(job=number), last)


def _bare(part: str) -> int | None:
    """A number at the start that counts no questions: the second of “trials 3 and 5”."""
    found = re.match(rf"[\s#]*({_NUMBER})(?![0-9])", part)
    return int(found[1]) if found and not re.match(rf"\s*(?:{_any_of('many').pattern})", part[found.end() :]) else None


def _opposite(side: Side) -> Side:
    """What one side alone is set against: the defaults and the untouched model against the best, others against the
    untouched model."""
    return Side(job=side.job, what="best" if side.what in ("base", DEFAULT_TRIAL) else "base")


def _in_one_job(first: Side, second: Side) -> tuple[Side, Side]:
    """Where only one side names its job, the other is of that job too."""
    if first.job is None:
        return Side(job=second.job, what=first.what), second
    if second.job is None:
        return first, Side(job=first.job, what=second.what)
    return first, second


def _count(rest: str) -> int:
    """How many questions: a number that counts them, or that stands alone behind the word for comparing."""
    for number in _numbers(rest):
        return max(1, number)
    return 1


def _numbers(rest: str) -> Iterator[int]:
    units, compare = _any_of("many").pattern, _any_of("compare").pattern
    written = rf"{_NUMBER}|{_any_of('number_words').pattern}"
    behind, before = rf"(?:{compare})\s*({written})\s*$", rf"^\s*({written})\s*(?:{compare})"
    for pattern in (rf"({written})\s*(?:{units})", behind, before):
        found = re.search(pattern, rest)
        if found:
            yield _value(found[1])


def _value(written: str) -> int:
    if written.isdigit():
        return int(written)
    for language in LANGUAGES:
        names = [_folded(word) for word in say("judging.words.number_words", language).split("|")]
        values = say("judging.words.number_values", language).split("|")
        if _folded(written) in names:
            return int(values[names.index(_folded(written))])
    raise ValueError(f"a number must be one of number_words, got {written!r}")
