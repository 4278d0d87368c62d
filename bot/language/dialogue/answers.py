"""Answers to a question the bot asked: yes or no, a range for a knob, one of several choices. A doubt is no yes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from bot.language.commands import Spec
from bot.language.references.found import References
from bot.language.tokens.characters import clean, lower
from bot.language.tokens.tokenizer import tokenize
from bot.language.tokens.view import View
from bot.language.values.reader import SettingsReader
from bot.language.vocabulary.lexicon import FOLDER, LANGUAGES, default_vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Expecting:
    """What was asked: yes or no, values for `knob`, or one of `options` (the words on the buttons)."""

    kind: Literal["yes_no", "values", "choice"]
    knob: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered. Exactly one field is set; `default` means "you choose"."""

    yes: bool | None = None
    spec: Spec | None = None
    choice: int | None = None
    default: bool = False


_PADDING = re.compile(r"[\s,.!~、。！?…・:;()'\"wW笑^_-]+")


@cache
def ordinal_words() -> Mapping[str, int]:
    """Words that choose by place in both languages: 1 is the first, -1 the last."""
    found: dict[str, int] = {}
    for language in LANGUAGES:
        path = FOLDER / language / "vocabulary" / "answers.toml"
        found.update(tomllib.loads(path.read_text(encoding="utf-8"))["ordinal"])
    return found


@cache
def answer_words() -> Mapping[str, frozenset[str]]:
    """Kind of answer -> its words in both languages."""
    found: dict[str, set[str]] = {}
    for language in LANGUAGES:
        path = FOLDER / language / "vocabulary" / "answers.toml"
        for kind, words in tomllib.loads(path.read_text(encoding="utf-8"))["answer"].items():
            found.setdefault(kind, set()).update(words)
    return {kind: frozenset(words) for kind, words in found.items()}


def parse_answer(text: str, expecting: Expecting) -> Answer | None:
    """The answer, or None when the text is no clear answer to this question. Never raises."""
    low = lower(clean(text))[:300].strip()
    if not low:
        return None
    match expecting.kind:
        case "yes_no":
            said = yes_or_no(low)
            return None if said is None else Answer(yes=said)
        case "values":
            return _values(low, expecting.knob)
        case "choice":
            return _choice(low, expecting.options)


def yes_or_no(low: str) -> bool | None:
    """True or False when the whole text says so and nothing else."""
    words = answer_words()
    if "?" in low:
        return None
    if _made_of(low, words["yes"], words["polite"]):
        return True
    if _made_of(low, words["no"], words["polite"]):
        return False
    return None


def _made_of(low: str, wanted: frozenset[str], padding: frozenset[str]) -> bool:
    """True when the text is a sequence of wanted words and padding, with at least one wanted word."""
    at, seen, size = 0, False, len(low)
    while at < size:
        gap = _PADDING.match(low, at)
        if gap:
            at = gap.end()
            continue
        for length in range(min(24, size - at), 0, -1):
            piece = low[at : at + length]
            if _splits_word(low, at + length):
                continue
            if piece in wanted:
                seen = True
            elif piece not in padding:
                continue
            at += length
            break
        else:
            return False
    return seen


def _splits_word(low: str, end: int) -> bool:
    return (
        end < len(low)
        and low[end - 1].isascii()
        and low[end - 1].isalnum()
        and low[end].isascii()
        and low[end].isalnum()
    )


def _values(low: str, knob: str | None) -> Answer | None:
    words = answer_words()
    if _made_of(low, words["default"], words["polite"]):
        return Answer(default=True)
    if knob is None:
        return None
    name = knob.replace("_", " ")
    text = f"{name} {low}"
    vocabulary = default_vocabulary()
    settings = SettingsReader(View(tokenize(text, text, vocabulary)), References()).read()
    spec = settings.space.get(knob)
    if spec is None or settings.not_a_number:
        return None
    return Answer(spec=spec)


_NUMBER = re.compile(
    r"(?:no\.?|number|option|#|その)?\s*(\d{1,2})\s*(?:番目?|つ目|個目|つめ|st|nd|rd|th)?"
    r"(?: one| option)?(?:で|の|を|に)?(?:お願い(?:します)?|please)?"
)


def place_in(text: str, size: int) -> int | None:
    """The place, counted from 0, that the text chooses by its order among `size`: "the first one", 二番目で."""
    plain = _PADDING.sub(" ", lower(clean(text))[:300]).strip()
    number = _NUMBER.fullmatch(plain)
    if number and not plain.isdigit() and 1 <= int(number[1]) <= size:
        return int(number[1]) - 1
    return _by_order(plain, size)


def _by_order(plain: str, size: int) -> int | None:
    said = [word for word in ordinal_words() if re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", plain)]
    ordinal = [ordinal_words()[word] for word in said]
    if len(set(ordinal)) != 1 or len(plain) > 24:
        return None
    index = ordinal[0] - 1 if ordinal[0] > 0 else size - 1
    return index if index < size else None


def _choice(low: str, options: tuple[str, ...]) -> Answer | None:
    plain = _PADDING.sub(" ", low).strip()
    folded = [lower(clean(option)) for option in options]
    for index, option in enumerate(folded):
        if plain == _PADDING.sub(" ", option).strip():
            return Answer(choice=index)
    number = _NUMBER.fullmatch(plain)
    if number and 1 <= int(number[1]) <= len(options):
        return Answer(choice=int(number[1]) - 1)
    place = _by_order(plain, len(options))
    if place is not None:
        return Answer(choice=place)
    inside = [
        index
        for index, option in enumerate(folded)
        if option and (option in plain or (len(plain) >= 3 and plain in option))
    ]
    return Answer(choice=inside[0]) if len(inside) == 1 else None
