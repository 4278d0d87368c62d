"""The words of both languages, read from prompts/<language>/vocabulary: phrase -> labels such as "knob:learning_rate".

A translator adds a word to a TOML list and the parser knows it. Nothing here knows what a label is for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bot.language.vocabulary import inflection
from bot.language.vocabulary.closed import words as closed_words

_WORDS = re.compile(r"[a-z']+")
FOLDER = Path(__file__).parents[3] / "prompts"
LANGUAGES = ("en", "ja")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Everything the parser knows about words. Built once, never changed."""

    phrases: Mapping[str, frozenset[str]]
    lengths: Mapping[str, tuple[int, ...]]  # first two characters (or the only one) -> phrase lengths, longest first
    stems: Mapping[str, Mapping[str, frozenset[str]]]  # Japanese stem -> class of endings -> labels
    stem_lengths: Mapping[str, tuple[int, ...]]  # first character -> stem lengths, longest first
    endings: Mapping[str, Mapping[str, str]]  # class -> ending -> mood
    ending_starts: Mapping[str, frozenset[str]]  # class -> everything that an ending begins with, whole endings too
    numbers: Mapping[str, tuple[str, float]]  # English number word -> (kind, value)
    digits: Mapping[str, int]  # kanji digit -> value
    places: Mapping[str, int]  # kanji place -> value
    seconds: Mapping[str, float]  # unit of time -> seconds
    factors: Mapping[str, float]  # words before a number that multiply it
    factors_after: Mapping[str, float]  # words behind a number that multiply it
    corrections: Mapping[tuple[int, str], tuple[str, ...]]  # (length, first letter) -> words that a slip may mean
    known_words: frozenset[str]  # words that are never corrected


@cache
def default_vocabulary() -> Vocabulary:
    """The vocabulary that ships with the product."""
    return read_vocabulary(FOLDER)


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary under `folder`/<language>/vocabulary. Raises OSError, or ValueError for a malformed file."""
    words = _Words()
    for language in LANGUAGES:
        for path in sorted((folder / language / "vocabulary").glob("*.toml")):
            text = path.read_text(encoding="utf-8")
            if path.stem == "frames":
                words.others.update(_WORDS.findall(text))  # no slips
            if path.stem in _OTHER_READERS:
                continue
            tables = tomllib.loads(text)
            match path.stem:
                case "endings":
                    words.endings.update(tables)
                case "lookalikes":
                    words.others.update(words_of(tables["words"]))
                case "numbers":
                    _read_numbers(tables, words)
                case _:
                    _read_phrases(tables, words, is_english=language == "en")
    return _freeze(words)


def words_of(value: str | list[str]) -> list[str]:
    """The phrases of one entry: a list, or one string with | between them (quicker to read, easier to extend)."""
    phrases = [phrase.strip(" \n") for phrase in value.split("|")] if isinstance(value, str) else value
    return [form for phrase in phrases for form in inflection.ways(phrase)]


_OTHER_READERS = ("examples", "answers", "small_words", "frames", "options", "taking", "glossary", "asides", "starting")
"""Each is read by the module of its name."""


@dataclass(slots=True)
class _Words:
    """What is being gathered."""

    phrases: dict[str, set[str]] = field(default_factory=dict)
    stems: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    endings: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, tuple[str, float]] = field(default_factory=dict)
    digits: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    factors_after: dict[str, float] = field(default_factory=dict)
    fixable: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    def add(self, phrase: str, *labels: str) -> None:
        self.phrases.setdefault(phrase, set()).update(labels)


def _read_phrases(tables: Mapping[str, Any], words: _Words, *, is_english: bool) -> None:
    for key, entry in tables.get("verb", {}).items():
        for stem, kind in inflection.stems(entry):
            words.stems.setdefault(stem, {}).setdefault(kind, set()).add(f"verb:{key}")
    for phrase, labels in _entries(tables):
        words.add(phrase, *labels)
        if not is_english and phrase.find("を") > 0 and labels[0].startswith("verb:"):
            words.add(phrase.replace("を", ""), *labels)  # 通知切って: the particle is often left out
        plain = phrase.replace("'", "")
        if plain != phrase and plain not in _OTHER_WORDS:
            words.add(plain, *labels)  # dont, whats, theyre
        if is_english and labels[0].split(":")[0] in _FIXABLE_GROUPS:
            words.fixable.update(
                word for word in phrase.split() if len(word) >= 4 and word.isascii() and word.isalpha()
            )


def _entries(tables: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for group, keys in tables.items():
        for key, value in keys.items():
            label = f"{group}:{key}"
            if group == "verb":
                yield from inflection.forms(value, label)
            else:
                for phrase in words_of(value):
                    for form in inflection.adjective(phrase) if phrase.endswith("い+") else (phrase,):
                        yield form, (label,)


def _read_numbers(tables: Mapping[str, Any], words: _Words) -> None:
    words.digits.update(tables.get("digit", {}))
    words.places.update(tables.get("place", {}))
    words.seconds.update(tables.get("seconds", {}))
    words.factors.update(tables.get("factor", {}))
    words.factors_after.update(tables.get("factor_after", {}))
    for moment, value in tables.get("moment_seconds", {}).items():
        for pattern in tables["until"]["patterns"]:
            words.add(pattern.replace("*", moment), f"vague:{value}")
    for table, label in (("vague_seconds", "vague"), ("fixed", "number"), ("ordinal", "ordinal")):
        for phrase, value in tables.get(table, {}).items():
            words.add(phrase, f"{label}:{value}")
    for phrase in tables.get("nothing", {}).get("words", ()):
        words.add(phrase, "op:nothing")
    for kind in ("value", "tens", "scale"):
        words.numbers.update({word: (kind, float(value)) for word, value in tables.get(kind, {}).items()})


_OTHER_WORDS = closed_words("were ill well shell hell id wed shed its hed wont cant")
_FIXABLE_GROUPS = closed_words("knob method pruner metric tongue verb term word schedule unit ref say ask number want")


def _freeze(words: _Words) -> Vocabulary:
    lengths: dict[str, set[int]] = {}
    known: set[str] = words.others | set(words.numbers) | {unit for unit in words.seconds if unit.isascii()}
    for phrase in words.phrases:
        lengths.setdefault(phrase[:2], set()).add(len(phrase))
        if phrase.isascii():
            known.update(_WORDS.findall(phrase))
    stem_lengths: dict[str, set[int]] = {}
    for stem in words.stems:
        stem_lengths.setdefault(stem[0], set()).add(len(stem))
    by_length: dict[tuple[int, str], list[str]] = {}
    for word in sorted(words.fixable):
        by_length.setdefault((len(word), word[0]), []).append(word)
    endings = inflection.endings(words.endings)
    return Vocabulary(
        phrases={phrase: frozenset(labels) for phrase, labels in words.phrases.items()},
        lengths={start: tuple(sorted(sizes, reverse=True)) for start, sizes in lengths.items()},
        stems={
            stem: {kind: frozenset(labels) for kind, labels in kinds.items()} for stem, kinds in words.stems.items()
        },
        stem_lengths={start: tuple(sorted(sizes, reverse=True)) for start, sizes in stem_lengths.items()},
        endings=endings,
        ending_starts={
            kind: frozenset(ending[:size] for ending in found for size in range(1, len(ending) + 1))
            for kind, found in endings.items()
        },
        numbers=words.numbers,
        digits=words.digits,
        places=words.places,
        seconds=words.seconds,
        factors=words.factors,
        factors_after=words.factors_after,
        corrections={key: tuple(found) for key, found in by_length.items()},
        known_words=frozenset(known),
    )
