"""Whether a whole sentence asks what a word of the glossary means: "what is a checkpoint?", 「正則化って何？」.

For words that are no setting and that other rules would take for something else: a base model, accuracy, fine-tuning.
The words and the ways of asking stand in prompts/<language>/vocabulary/glossary.toml. Pure.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from bot.language.tokens.characters import clean, lower
from bot.language.vocabulary.lexicon import FOLDER, LANGUAGES, words_of

LONGEST = 120
"""Characters beyond which a text is no question about one word."""
_ARTICLE = r"(?:(?:a|an|the|this|these) )?"
_ARTICLE_OF_SCORE = r"(?:(?:a|an) )?"


def term_asked(text: str) -> str | None:
    """Promises the glossary's term when the text asks what it means, and nothing else. Never raises."""
    low = lower(clean(text)).strip()
    if not low or len(low) > LONGEST:
        return None
    bare = low.rstrip("?!。. ")
    for language in LANGUAGES:
        whole, terms = _questions(language)
        if found := whole.fullmatch(bare) or whole.fullmatch(f"{bare}?" if "?" in low else bare):
            said = next(filter(None, found.groupdict().values()))
            return terms[said]
    return None


@cache
def _questions(language: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """Every question as one pattern, and what each name in it stands for."""
    table = _table(language)
    terms, scores = dict(_names(table["term"])), dict(_names(table["score"]))
    number = itertools.count()

    def named(names: Mapping[str, str]) -> str:
        return f"(?P<n{next(number)}>{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})"

    def term(_: re.Match[str]) -> str:
        return f"(?:{_ARTICLE}{named(terms)}|{_ARTICLE_OF_SCORE}{named(scores)})"

    return _compiled(table["ask"], term, lambda _: named(terms)), terms | scores


def whole_questions(language: str, name: str, more: str = "") -> re.Pattern[str]:
    """Promises the pattern of every whole question about something that the pattern `name` matches. `more`: further
    ways of asking, one a line."""
    ask = _table(language)["ask"]
    return _compiled({**ask, "forms": f"{ask['forms']}\n{more}"},
                     lambda _: f"{_ARTICLE}(?:{name})", lambda _: f"(?:{name})")


_Fill = Callable[[re.Match[str]], str]


def _compiled(ask: Mapping[str, str], term: _Fill, word: _Fill) -> re.Pattern[str]:
    forms = "|".join(filter(None, ask["forms"].split("\n")))
    forms = re.sub("{word}", word, re.sub("{term}", term, forms))
    return re.compile(f"{ask['before']}(?:{forms}){ask['after']}")


def _table(language: str) -> dict[str, dict[str, Any]]:
    path = FOLDER / language / "vocabulary" / "glossary.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _names(table: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for term, names in table.items():
        yield from ((lower(name), term) for name in words_of(names))
