"""The example sentences that help shows, from the same vocabulary folder that the parser reads."""

from __future__ import annotations

import tomllib
from functools import cache

from bot.language.commands import INTENTS, Intent, Language
from bot.language.vocabulary.lexicon import FOLDER


@cache
def examples(language: Language) -> tuple[tuple[Intent, str], ...]:
    """(intent, sentence) pairs in the order of the data. Raises ValueError for an intent that does not exist."""
    path = FOLDER / language / "vocabulary" / "examples.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["examples"]
    unknown = set(tables) - set(INTENTS)
    if unknown:
        raise ValueError(f"examples must be of known intents, got {sorted(unknown)}")
    return tuple((intent, sentence) for intent, sentences in tables.items() for sentence in sentences)
