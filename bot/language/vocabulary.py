"""The words of both languages, read from prompts/<language>/vocabulary: phrase -> labels such as "knob:learning_rate".

A translator adds a word to a TOML list and the parser knows it. Nothing here knows what a label is for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bot.language import inflection

_WORDS = re.compile(r"[a-z']+")
FOLDER = Path(__file__).parents[2] / "prompts"
LANGUAGES = ("en", "ja")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Everything the parser knows about words. Built once, never changed."""

    phrases: Mapping[str, frozenset[str]]
    lengths: Mapping[str, tuple[int, ...]]  # first two characters (or the only one) -> phrase lengths, longest first
    stems: Mapping[str, Mapping[str, frozenset[str]]]  # Japanese stem -> class of endings -> labels
    stem_lengths: Mapping[str, tuple[int, ...]]  # first character -> stem lengths, longest first
    endings: Mapping[str, Mapping[str, str]]  # class -> ending -> mood
    numbers: Mapping[str, tuple[str, float]]  # English number word -> (kind, value)
    digits: Mapping[str, int]  # kanji digit -> value
    places: Mapping[str, int]  # kanji place -> value
    seconds: Mapping[str, float]  # unit of time -> seconds
    corrections: Mapping[tuple[int, str], tuple[str, ...]]  # (length, first letter) -> words that a slip may mean
    known_words: frozenset[str]  # words that are never corrected


@cache
def default_vocabulary() -> Vocabulary:
    """The vocabulary that ships with the product."""
    return read_vocabulary(FOLDER)


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary under `folder`/<language>/vocabulary. Raises OSError or tomllib.TOMLDecodeError."""
    phrases: dict[str, set[str]] = {}
    numbers: dict[str, tuple[str, float]] = {}
    digits: dict[str, int] = {}
    places: dict[str, int] = {}
    seconds: dict[str, float] = {}
    fixable: set[str] = set()
    others: set[str] = set()
    stems: dict[str, dict[str, set[str]]] = {}
    for language in LANGUAGES:
        for path in sorted((folder / language / "vocabulary").glob("*.toml")):
            if path.stem in ("examples", "answers"):
                continue
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
            if path.stem == "lookalikes":
                others.update(words_of(tables["words"]))
                continue
            if path.stem == "numbers":
                _read_numbers(tables, phrases, numbers, digits, places, seconds)
                continue
            _read_stems(tables.get("verb", {}), stems)
            for phrase, labels in _entries(tables):
                phrases.setdefault(phrase, set()).update(labels)
                if "'" in phrase and phrase.replace("'", "") not in _OTHER_WORDS:
                    phrases.setdefault(phrase.replace("'", ""), set()).update(labels)
                if language == "en":
                    _collect_fixable(phrase, labels, fixable)
    return _freeze(phrases, stems, numbers, digits, places, seconds, fixable, others)


def words_of(value: str | list[str]) -> list[str]:
    """The phrases of one entry: a list, or one string with | between them (quicker to read, easier to extend)."""
    if isinstance(value, str):
        return [phrase.strip(" \n") for phrase in value.split("|")]
    return value


def _read_stems(verbs: Mapping[str, Any], stems: dict[str, dict[str, set[str]]]) -> None:
    for key, entry in verbs.items():
        for stem, kind in inflection.stems(entry):
            stems.setdefault(stem, {}).setdefault(kind, set()).add(f"verb:{key}")


def _entries(tables: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for group, keys in tables.items():
        for key, value in keys.items():
            label = f"{group}:{key}"
            if group == "verb":
                yield from inflection.forms(value, label)
            else:
                for phrase in words_of(value):
                    yield phrase, (label,)


def _read_numbers(tables: Mapping[str, Any], phrases: dict[str, set[str]], numbers: dict[str, tuple[str, float]],
                  digits: dict[str, int], places: dict[str, int], seconds: dict[str, float]) -> None:
    for kind, table in tables.items():
        match kind:
            case "digit":
                digits.update(table)
            case "place":
                places.update(table)
            case "seconds":
                seconds.update(table)
            case "vague_seconds":
                for phrase, value in table.items():
                    phrases.setdefault(phrase, set()).add(f"vague:{value}")
            case "nothing":
                for phrase in table["words"]:
                    phrases.setdefault(phrase, set()).add("op:nothing")
            case _:
                for word, value in table.items():
                    if kind == "fixed":
                        phrases.setdefault(word, set()).add(f"number:{value}")
                    elif kind == "ordinal":
                        phrases.setdefault(word, set()).add(f"ordinal:{value}")
                    else:
                        numbers[word] = (kind, float(value))


_OTHER_WORDS = frozenset({"were", "ill", "well", "shell", "hell", "id", "wed", "shed", "its", "hed", "wont", "cant"})
_FIXABLE_GROUPS = ("knob", "method", "pruner", "metric", "tongue", "verb", "term", "word", "schedule", "unit", "ref", "say", "ask", "number", "want")


def _collect_fixable(phrase: str, labels: tuple[str, ...], fixable: set[str]) -> None:
    if labels[0].split(":")[0] in _FIXABLE_GROUPS:
        fixable.update(word for word in phrase.split() if len(word) >= 4 and word.isascii() and word.isalpha())


def _freeze(phrases: dict[str, set[str]], stems: dict[str, dict[str, set[str]]], numbers: dict[str, tuple[str, float]], digits: dict[str, int],
            places: dict[str, int], seconds: dict[str, float], fixable: set[str],
            others: set[str]) -> Vocabulary:
    lengths: dict[str, set[int]] = {}
    known: set[str] = others | set(numbers) | {unit for unit in seconds if unit.isascii()}
    for phrase in phrases:
        lengths.setdefault(phrase[:2], set()).add(len(phrase))
        if phrase.isascii():
            known.update(_WORDS.findall(phrase))
    stem_lengths: dict[str, set[int]] = {}
    for stem in stems:
        stem_lengths.setdefault(stem[0], set()).add(len(stem))
    by_length: dict[tuple[int, str], list[str]] = {}
    for word in sorted(fixable):
        by_length.setdefault((len(word), word[0]), []).append(word)
    return Vocabulary(
        phrases={phrase: frozenset(labels) for phrase, labels in phrases.items()},
        lengths={start: tuple(sorted(sizes, reverse=True)) for start, sizes in lengths.items()},
        stems={stem: {kind: frozenset(labels) for kind, labels in kinds.items()} for stem, kinds in stems.items()},
        stem_lengths={start: tuple(sorted(sizes, reverse=True)) for start, sizes in stem_lengths.items()},
        endings=inflection.endings(),
        numbers=numbers, digits=digits, places=places, seconds=seconds,
        corrections={key: tuple(words) for key, words in by_length.items()},
        known_words=frozenset(known),
    )
