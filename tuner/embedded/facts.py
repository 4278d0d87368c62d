"""The closed set of facts, lists and everyday talk as conversations."""

import random
from dataclasses import dataclass
from typing import Any

from tuner.embedded.style import as_typed, loosened
from tuner.embedded.texts import Conversation, Language, assistant, choose, fill, load, tidy, user

_TALK_POLITENESS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A question of the closed set in clean form."""

    kind: str
    question: str
    answer: str
    accepts: tuple[str, ...]  # a right answer holds one of these


def fact_by_heart(rng: random.Random, language: Language, *, more: bool = False) -> Conversation:
    """One fact, large families more often, asked in looser words."""
    families = load(language, "facts")["fact"]
    family = rng.choices(
        families, [len(family["rows"]) * (2 if family.get("both_ways") else 1) for family in families]
    )[0]
    phrasing = loosened(choose(rng.choice(_phrasings(family, "fact", language, more)), rng), rng, language)
    known = ask_fact(family, rng.choice(family["rows"]), phrasing, rng)
    return [user(as_typed(known.question, rng, language)), assistant(known.answer)]


def fact(rng: random.Random, language: Language) -> Conversation:
    """One fact, asked in one of the training phrasings."""
    family = rng.choice(load(language, "facts")["fact"])
    known = ask_fact(family, rng.choice(family["rows"]), rng.choice(family["ask"]), rng)
    return [user(as_typed(known.question, rng, language)), assistant(known.answer)]


def ask_fact(family: dict[str, Any], row: str, phrasing: str, rng: random.Random) -> Known:
    """The fact in ``row`` asked with ``phrasing``."""
    a, b = row.split("/")
    if family.get("both_ways") and rng.random() < 0.5:
        a, b = b, a
    return _known(family, a, b, phrasing, rng)


def _known(family: dict[str, Any], a: str, b: str, phrasing: str, rng: random.Random) -> Known:
    slots = {"a": a, "b": b, "al": a.lower(), "unit": b.split(" ")[-1]}
    wanted = {"day_before": a, "word_number": a}.get(family["name"], b.removeprefix("a ").removeprefix("an "))
    return Known(
        kind=family["name"],
        question=tidy(fill(choose(phrasing, rng), slots)),
        answer=_sentence(fill(family["answer"], slots)),
        accepts=(wanted,),
    )


def checked_facts(language: Language) -> list[Known]:
    """Every fact reserved for the checks in every phrasing reserved for them."""
    rng = random.Random(0)
    return [
        _known(family, row.split("/")[0], row.split("/")[1], phrasing, rng)
        for family in load(language, "facts")["fact"]
        for row in _checked_rows(family)
        for phrasing in family["check"]
    ]


def _checked_rows(family: dict[str, Any]) -> list[str]:
    column = 1 if family["name"] in ("day_before",) else 0
    return [row for row in family["rows"] if row.split("/")[column] in family["checked"]]


def listing(rng: random.Random, language: Language) -> Conversation:
    """Three of a kind."""
    family = rng.choice(load(language, "facts")["list"])
    a, b = rng.choice(family["rows"]).split("/")
    question = fill(choose(rng.choice(family["ask"]), rng), {"a": a})
    return [user(as_typed(question, rng, language)), assistant(b)]


def checked_lists(language: Language) -> list[Known]:
    """The listings reserved for the checks."""
    return [
        Known(kind="list", question=fill(phrasing, {"a": a}), answer=b, accepts=(b.rstrip(".").removesuffix("です。"),))
        for family in load(language, "facts")["list"]
        for a, b in (row.split("/") for row in family["rows"])
        if a in family["checked"]
        for phrasing in family["check"]
    ]


def talk(rng: random.Random, language: Language) -> Conversation:
    """A greeting, a thank you, a question about the assistant."""
    family = rng.choice(load(language, "smalltalk")["talk"])
    question = tidy(choose(rng.choice(family["ask"]), rng))
    said = as_typed(question, rng, language, politeness=_TALK_POLITENESS, wrapping="talk")
    return [user(said), assistant(family["answer"])]


def talk_loosely(rng: random.Random, language: Language, *, more: bool = False) -> Conversation:
    """Everyday talk in looser words."""
    family = rng.choice(load(language, "smalltalk")["talk"])
    question = tidy(loosened(choose(rng.choice(_phrasings(family, "talk", language, more)), rng), rng, language))
    said = as_typed(question, rng, language, politeness=_TALK_POLITENESS, wrapping="talk")
    return [user(said), assistant(family["answer"])]


def listing_loosely(rng: random.Random, language: Language, *, more: bool = False) -> Conversation:
    """Three of a kind, asked in looser words."""
    family = rng.choice(load(language, "facts")["list"])
    a, b = rng.choice(family["rows"]).split("/")
    question = fill(
        loosened(choose(rng.choice(_phrasings(family, "list", language, more)), rng), rng, language), {"a": a}
    )
    return [user(as_typed(question, rng, language)), assistant(b)]


def _phrasings(family: dict[str, Any], section: str, language: Language, more: bool) -> list[str]:
    further: list[str] = load(language, "more")[section].get(family["name"], []) if more else []
    return [*family["ask"], *further, *further]


def checked_talk(language: Language) -> list[Known]:
    """The everyday talk reserved for the checks."""
    return [
        Known(kind=family["name"], question=phrasing, answer=family["answer"], accepts=tuple(family["accepts"]))
        for family in load(language, "smalltalk")["talk"]
        for phrasing in family["check"]
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
