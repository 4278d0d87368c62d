"""Questions and answers of made-up services, of the kind that teams tune on: some about doing something with something,
some about the service itself; and, for each answer, phrasings that are kept back, of other patterns than the rest."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.embedded.names import common, entity, values
from tuner.embedded.style import as_typed, loosened
from tuner.embedded.texts import Conversation, Language, assistant, choose, fill, load, tidy, user
from tuner.embedded.town import asked, town_facts

_FIRST_TOWN = 100  # the towns before are those of the rehearsals
_FACTS = (6, 15)  # of each kind
_PHRASINGS = (5, 9)
_KEPT_BACK = 3  # phrasings a fact that the tuning does not see
_KEPT_PATTERNS = 0.35
_SERVICES = 2
_TRIES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """Something fixed about a service or thing: patterns to ask for it, what it is called, and the answer."""

    patterns: Sequence[str]
    names: Sequence[str]
    answer: str


def faq(number: int) -> tuple[list[Conversation], list[Conversation]]:
    """Service ``number``, English when odd: what to tune on, and further phrasings of the same facts."""
    rng = random.Random(f"faq {number}")
    language: Language = "en" if number % 2 else "ja"
    seen: list[Conversation] = []
    held: list[Conversation] = []
    for fact in rng.sample(town_facts(language, _FIRST_TOWN + number), rng.randint(*_FACTS)):
        frames = load(language, "actions")["frame"][fact.frame]["ask"]
        for talks, patterns, count in zip((seen, held), _split(frames, rng), _counts(rng), strict=True):
            questions = (asked(fact, rng, language, patterns) for _ in range(_TRIES))
            talks += _talks(questions, fact.answer, count, rng, language)
    for about in _services(rng, language):
        for talks, patterns, count in zip((seen, held), _split(about.patterns, rng), _counts(rng), strict=True):
            questions = (_ask(about, patterns, rng, language) for _ in range(_TRIES))
            talks += _talks(questions, about.answer, count, rng, language)
    return seen, held


def _counts(rng: random.Random) -> tuple[int, int]:
    return rng.randint(*_PHRASINGS), _KEPT_BACK


def _split(patterns: Sequence[str], rng: random.Random) -> tuple[list[str], list[str]]:
    mixed = rng.sample(patterns, len(patterns))
    kept = max(1, round(_KEPT_PATTERNS * len(mixed)))
    return mixed[kept:], mixed[:kept]


def _services(rng: random.Random, language: Language) -> list[_About]:
    """Facts about one or two services and a few things, each of another relation."""
    places = rng.sample(load(language, "actions")["things"], rng.randint(1, _SERVICES))
    found = []
    relations = load(language, "relations")["relation"]
    for relation in rng.sample(relations, rng.randint(*_FACTS)):
        if relation["of"] == "place":
            names = places
        elif relation["of"] == "thing":
            nouns = rng.choice(load(language, "actions")["nouns"]).split("; ")
            names = [f"the {noun}" for noun in nouns] if language == "en" else nouns
        else:
            names = [entity(relation["of"], rng, language, "train")]
        slots = values(rng, language) | {"x": names[0], "noun2": common(rng, language)}
        slots |= {"number2": str(rng.randint(2, 9)), "number": str(rng.randint(2, 90))}
        told = tidy(fill(choose(relation["tell"], rng), slots))
        free = rng.choice(list(load(language, "town")["answers"].values()))
        answer = told if rng.random() < 0.5 else fill(rng.choice(free), slots)
        found.append(_About(patterns=relation["ask"], names=names, answer=answer[:1].upper() + answer[1:]))
    return found


def _ask(about: _About, patterns: Sequence[str], rng: random.Random, language: Language) -> str:
    phrasing = loosened(choose(rng.choice(patterns), rng), rng, language)
    return tidy(fill(phrasing, values(rng, language) | {"x": rng.choice(about.names)}))


def _talks(
    questions: Iterable[str], answer: str, count: int, rng: random.Random, language: Language
) -> list[Conversation]:
    """Up to ``count`` different questions with the one answer."""
    typed = dict.fromkeys(as_typed(question, rng, language, politeness=0.1) for question in questions)
    return [[user(question), assistant(answer)] for question in list(typed)[:count]]
