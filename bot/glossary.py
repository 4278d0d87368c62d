"""What a word means: entries from prompts/<language>/glossary. Holds no entry itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from bot.phrases import Language, keys, say
from tuner.plan.space import Value

_PARTS = ("title", "meaning", "everyday", "too_high", "too_low", "in_onsa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One word, explained to somebody without any schooling in the subject."""

    title: str
    meaning: str
    """Two sentences."""
    everyday: str
    """A comparison with ordinary life."""
    too_high: str
    """What happens then; empty where the word is no amount."""
    too_low: str
    in_onsa: str
    """What Onsa does by default."""


def define(term: str, language: Language, default: Value | None = None) -> Entry:
    """Promises the entry of `term`: a knob's name or one of `terms()`.

    `default` is the knob's default for the model at hand; None leaves that sentence out. Raises KeyError for a word
    that the glossary does not have.
    """
    try:
        page = _pages(language)[term]
    except KeyError:
        raise KeyError(f"the term must be one of the glossary's, got {term!r}") from None
    return Entry(**{part: say(f"glossary.{page}.{term}.{part}", language, {"default": default}) for part in _PARTS})


def terms(language: Language) -> tuple[str, ...]:
    """Every term of the glossary, in alphabetical order."""
    return tuple(sorted(_pages(language)))


@cache
def _pages(language: Language) -> Mapping[str, str]:
    """Term -> the file in which it stands."""
    pages: dict[str, str] = {}
    for key in keys(language):
        book, _, rest = key.partition(".")
        if book == "glossary":
            page, term, _ = rest.split(".")
            pages[term] = page
    return MappingProxyType(pages)
