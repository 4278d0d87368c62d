"""What a question about a result asks for: a try, a setting, or one part of the report. Reads words, knows no job."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

from bot.language.vocabulary.lexicon import default_vocabulary
from bot.phrases import LANGUAGES, Language, say

Part = Literal["cost", "next", "better", "wrong", "mattered", ""]
PARTS: tuple[Part, ...] = ("cost", "next", "better", "wrong", "mattered")
"""In the order in which their words decide."""
SHORTEST = 4
"""Letters of an English knob's name below which it may be any word."""
_KNOB = "knob:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question names. Nothing of it: the whole report is asked for."""

    trial: int | None
    knob: str | None
    part: Part
    shown: bool
    """True for a wish to see something, rather than to try it out."""
    failed: bool
    """True where it takes for granted that something failed."""
    past: bool
    """True for a question about what was, rather than about what a word means."""
    overfit: bool = False
    """True for a question whether tries learned by heart."""
    plain: bool = False
    """True for everyday words that ask about a result, whatever else they could mean, and not for a comparison."""


def asked(text: str) -> Asked:
    """Promises what `text` names, in either language."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    parts: list[Part] = [part for part in PARTS if _holds(plain, f"{part}_words")]
    return Asked(trial=_trial(plain), knob=_knob(plain), part=parts[0] if parts else "",
                 shown=_holds(plain, "show_words"), failed=_holds(plain, "failed_words"),
                 past=_holds(plain, "past_words"), overfit=_holds(plain, "overfit_words"),
                 plain=_holds(plain, "plain_words") and not _holds(plain, "compare_words"))


def _words(key: str, language: Language) -> tuple[str, ...]:
    return tuple(word.strip() for word in say(f"report.asked.{key}", language).split("|"))


def _holds(plain: str, key: str) -> bool:
    return any(_is_in(word, plain) for language in LANGUAGES for word in _words(key, language))


def _is_in(word: str, plain: str) -> bool:
    """English words stand alone, Japanese ones anywhere."""
    return bool(re.search(rf"\b{re.escape(word)}\b", plain)) if word.isascii() else word in plain


def _trial(plain: str) -> int | None:
    words = "|".join(re.escape(word) for language in LANGUAGES for word in _words("try_words", language))
    found = re.search(rf"(?:{words})\s*#?(\d{{1,6}})|(\d{{1,6}})\s*(?:番目?|回目)の?(?:{words})", plain)
    return int(found.group(1) or found.group(2)) if found else None


def _knob(plain: str) -> str | None:
    """The knob with the longest name in the text."""
    return next((knob for phrase, knob in _knobs() if _is_in(phrase, plain)), None)


@cache
def _knobs() -> tuple[tuple[str, str], ...]:
    """Phrase and knob, the longest first."""
    found = [
        (phrase, label.removeprefix(_KNOB))
        for phrase, labels in default_vocabulary().phrases.items()
        for label in labels
        if label.startswith(_KNOB) and (len(phrase) >= SHORTEST or not phrase.isascii())
    ]
    return tuple(sorted(found, key=lambda one: (-len(one[0]), one)))
