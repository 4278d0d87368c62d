"""What a person wants beside the adapter when a model is taken home: the merged model, GGUF, a place on a model hub.

Read from words that were understood as `export`; it never makes a sentence one. The words stand in
prompts/<language>/vocabulary/taking.toml. Pure.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache

from bot.language.tokens.characters import clean, lower
from bot.language.vocabulary.lexicon import FOLDER

LONGEST = 400
"""Characters that are looked at."""
_REPOSITORY = re.compile(r"(?<![\w./:~-])([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(?![\w/])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What is wanted beside the adapter, the model card and onsa.json."""

    merged: bool = False
    """The whole model with the adapter merged in."""
    gguf: bool = False
    """The same as a GGUF file."""
    hub: bool = False
    """A repository on a model hub."""
    repository: str = ""
    """`OWNER/NAME` of that, where it was said."""


def read_taking(text: str) -> Taking:
    """Promises what the words name; a word that is not there is not wanted. Never raises."""
    written = clean(text)[:LONGEST]
    low = lower(written)
    found = {name: any(word in low for word in _words(name)) for name in ("merged", "gguf", "hub")}
    named = _REPOSITORY.search(written) if found["hub"] else None
    return Taking(**found, repository=named[1].rstrip(".") if named else "")


def without_repository(text: str) -> str:
    """Promises the words without the `OWNER/NAME` that they name beside a hub, so that the grammar reads the rest."""
    taking = read_taking(text)
    if not taking.repository:
        return text
    named = rf"\s*(?:\b(?:as|under|named|called)|の)?\s*{re.escape(taking.repository)}\s*"
    return re.sub(named, " ", clean(text)).strip()


@cache
def _words(name: str) -> tuple[str, ...]:
    tables = (tomllib.loads((FOLDER / language / "vocabulary" / "taking.toml").read_text(encoding="utf-8"))
              for language in ("en", "ja"))
    return tuple(lower(word) for table in tables for word in table[name])
