"""Closed lists of small words of one language, read from prompts/<language>/vocabulary/small_words.toml.

For the rules that look at one word beside another. Everything with a topic of its own is in the other vocabulary files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache

from bot.language.vocabulary.lexicon import FOLDER, LANGUAGES, words_of


@cache
def small_words(name: str) -> tuple[str, ...]:
    """The words of the list `name`, of all languages together. Raises KeyError when no language has such a list."""
    return _lists()[name]


@cache
def _lists() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for language in LANGUAGES:
        path = FOLDER / language / "vocabulary" / "small_words.toml"
        for name, value in tomllib.loads(path.read_text(encoding="utf-8"))["small"].items():
            found[name] = found.get(name, ()) + tuple(words_of(value))
    return found
