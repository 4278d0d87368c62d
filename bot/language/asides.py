"""Which words are meant for Onsa while somebody talks with a model: only what can be meant for nobody else.

A customer's question that merely holds a word of ours ("how long does a tune-up take?") is the model's. Whoever calls
Onsa by its name is always understood. The words stand in prompts/<language>/vocabulary/asides.toml. Pure.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache

from bot.language.glossary import whole_questions
from bot.language.parser import parse, read_facts
from bot.language.tokens.characters import clean, lower
from bot.language.vocabulary.lexicon import FOLDER, LANGUAGES, words_of

LONGEST = 160
"""Characters beyond which only a call by name is meant for Onsa."""
_ABOUT_JOBS = frozenset({
    "status", "stop", "pause", "resume", "extend", "explain_result", "best", "compare", "export", "chat", "tune",
})


def meant_for_onsa(text: str) -> str | None:
    """Promises the words for Onsa in `text`; None where the model is meant. Never raises."""
    written = clean(text).strip()
    low = lower(written)
    called = _call().match(low)
    if called and called.end() < len(low):
        return written[called.end() :] if len(low) == len(written) else low[called.end() :]
    bare = low.rstrip("?!。.、 ")
    if not bare or len(low) > LONGEST:
        return None
    if _whole().fullmatch(bare):
        return text
    command = parse(written)
    if command.intent == "explain_term":
        return text if _asks().fullmatch(bare) or _asks().fullmatch(f"{bare}?") else None
    names_ours = bool(_things().search(low)) or (bool(command.space) and bool(_subject().search(low)))
    is_sure = command.intent in _ABOUT_JOBS and names_ours and read_facts(written)[0].foreign == 0
    return text if is_sure else None


@cache
def _words(language: str, name: str) -> str:
    path = FOLDER / language / "vocabulary" / "asides.toml"
    return str(tomllib.loads(path.read_text(encoding="utf-8"))[name])


def _one_of(name: str) -> str:
    """Words of Latin letters stand alone, Japanese ones anywhere."""
    found = sorted((lower(word) for language in LANGUAGES for word in words_of(_words(language, name))),
                   key=len, reverse=True)
    latin = "|".join(re.escape(word) for word in found if word.isascii())
    other = "|".join(re.escape(word) for word in found if not word.isascii())
    return rf"(?<![a-z0-9])(?:{latin})(?![a-z0-9])|{other}"


@cache
def _call() -> re.Pattern[str]:
    return re.compile(rf"(?:(?:hey|hi|ok|hello) )?@?(?:{_one_of('names')})\s*[,、:：!]\s*")


@cache
def _whole() -> re.Pattern[str]:
    forms = []
    for language in LANGUAGES:
        before, after = _words(language, "before"), _words(language, "after")
        lines = "|".join(line for line in _words(language, "whole").splitlines() if line)
        forms.append(f"{before}(?:{lines}){after}")
    return re.compile("|".join(forms))


@cache
def _asks() -> re.Pattern[str]:
    subject = _one_of("subjects")
    found = (whole_questions(language, subject, _words(language, "asks")).pattern for language in LANGUAGES)
    return re.compile("|".join(f"(?:{each})" for each in found))


@cache
def _things() -> re.Pattern[str]:
    return re.compile("|".join(_words(language, "things") for language in LANGUAGES))


@cache
def _subject() -> re.Pattern[str]:
    return re.compile(_one_of("subjects"))
