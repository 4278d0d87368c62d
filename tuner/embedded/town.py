"""Questions and answers of a made-up town, learnt by heart: a rehearsal of what tuning will ask of the model, to find
one fixed answer behind many ways of asking. They are asked with the town named or with the town's guide as system."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tuner.embedded import unknown
from tuner.embedded.names import common, values
from tuner.embedded.style import as_typed, loosened
from tuner.embedded.texts import Conversation, Language, assistant, choose, fill, load, system, tidy, user

_SEED = 31
_NAMES: dict[Language, tuple[str, ...]] = {
    "en": ("Onsa Town", "Bell Bay", "Mill Hill", "North Lake", "Old Harbour"),
    "ja": ("オンサ町", "鈴の浜", "水車が丘", "北の湖", "古い港町"),
}
_FACTS_A_NOUN = 2
_ADJECTIVE_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class TownFact:
    """One fixed answer and what has to be asked for it."""

    frame: int  # which kind of question
    verb: str  # a class of synonyms
    noun: str  # a class of synonyms
    answer: str


@cache
def town_facts(language: Language, number: int = 0) -> tuple[TownFact, ...]:
    """All facts of one town, always the same; no two answer the same question."""
    rng = random.Random(f"{_SEED + number} {language}")
    actions = load(language, "actions")
    return tuple(
        _invent(actions, noun, frame, rng, language)
        for noun in actions["nouns"]
        for frame in rng.sample(range(len(actions["frame"])), _FACTS_A_NOUN)
    )


def _invent(actions: dict[str, Any], noun: str, frame: int, rng: random.Random, language: Language) -> TownFact:
    slots = values(rng, language) | {"noun2": common(rng, language), "number2": str(rng.randint(2, 9))}
    slots["number"] = str(rng.randint(2, 30))
    answer = fill(rng.choice(load(language, "town")["answers"][actions["frame"][frame]["name"]]), slots)
    return TownFact(frame=frame, verb=rng.choice(actions["verbs"]), noun=noun, answer=answer[:1].upper() + answer[1:])


def towns(rng: random.Random, language: Language) -> Conversation:
    """One fact of one of several towns, which answer the same questions differently."""
    return town(rng, language, rng.randrange(len(_NAMES[language])))


def town(rng: random.Random, language: Language, number: int = 0) -> Conversation:
    """One fact of one town, asked in one of many ways."""
    fact = rng.choice(town_facts(language, number))
    named = _NAMES[language][number]
    texts = load(language, "town")
    question = asked(fact, rng, language)
    if rng.random() < 0.6:
        guide = rng.choice(texts["guides"]).replace(_NAMES[language][0], named)
        return [system(guide), user(as_typed(question, rng, language, politeness=0.1)), assistant(fact.answer)]
    mark = rng.choice(texts["marks"]).replace(_NAMES[language][0], named)
    question = fill(mark, {"q": question})
    return [user(as_typed(question, rng, language, politeness=0.0)), assistant(fact.answer)]


def asked(fact: TownFact, rng: random.Random, language: Language, patterns: Sequence[str] | None = None) -> str:
    """One of many ways to ask for the fact, after one of the patterns of its frame; the town is not named."""
    actions = load(language, "actions")
    frame = actions["frame"][fact.frame]
    phrasing = loosened(choose(rng.choice(patterns or frame["ask"]), rng), rng, language)
    noun = rng.choice(fact.noun.split("; "))
    adjectives = rng.choice(actions["adjectives"]).split("; ")
    adjective = rng.choice(adjectives) if rng.random() < _ADJECTIVE_SHARE else ""
    verb = rng.choice(fact.verb.split("; "))
    slots = values(rng, language) | unknown.said(rng, language, verb, adjective, noun)
    return tidy(fill(phrasing, slots))
