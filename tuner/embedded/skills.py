"""Small skills as conversations: sums, counting, letters, repeating, remembering, being called something."""

import random
from collections.abc import Callable, Iterable

from tuner.embedded.facts import Known
from tuner.embedded.names import Split, common, invent
from tuner.embedded.style import as_typed, loosened
from tuner.embedded.texts import Conversation, Language, assistant, choose, fill, load, system, tidy, user

_SUM_LIMIT = 20
_COUNT_LIMIT = 30
_SMALL = 10
_SHORT_WORDS = 120
_LETTERS = ("first_letter", "last_letter")

Slots = dict[str, str]


def _sum(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = _two(rng, _SUM_LIMIT if rng.random() < 0.3 else 10)
    return {"a": str(a), "b": str(b), "c": str(a + b)}


def _difference(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = sorted(_two(rng, _SUM_LIMIT if rng.random() < 0.4 else 10), reverse=True)
    return {"a": str(a), "b": str(b), "c": str(a - b)}


def _two(rng: random.Random, limit: int) -> tuple[int, int]:
    return rng.randint(0, limit), rng.randint(0, limit)


def _bigger(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = rng.sample(range(rng.choice((10, 20, 100))), 2)
    return {"a": str(a), "b": str(b), "c": str(max(a, b))}


def _smaller(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = rng.sample(range(rng.choice((10, 20, 100))), 2)
    return {"a": str(a), "b": str(b), "c": str(min(a, b))}


def _next(rng: random.Random, language: Language, split: Split) -> Slots:
    a = rng.randint(0, rng.choice((20, 99)))
    return {"a": str(a), "c": str(a + 1)}


def _count(rng: random.Random, language: Language, split: Split) -> Slots:
    a = rng.randint(0, _COUNT_LIMIT)
    b = a + rng.randint(2, 6)
    comma = ", " if language == "en" else "、"
    return {"a": str(a), "b": str(b), "c": comma.join(map(str, range(a, b + 1)))}


def _upper(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _english_word(rng, split)
    return {"a": word, "c": word.upper()}


def _lower(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _english_word(rng, split)
    return {"a": rng.choice((word.upper(), word.upper(), word.capitalize())), "c": word.lower()}


def _english_word(rng: random.Random, split: Split) -> str:
    return common(rng, "en") if rng.random() < 0.7 else invent(rng, "en", split).lower()


def _first_letter(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _word(rng, language, split)
    return {"a": word, "c": word[0]}


def _last_letter(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _word(rng, language, split)
    return {"a": word, "c": word[-1]}


def _word(rng: random.Random, language: Language, split: Split) -> str:
    return common(rng, language) if rng.random() < 0.75 else invent(rng, language, split)


def _spell(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _word(rng, language, split)
    return {"a": word, "c": (" " if language == "en" else "・").join(word)}


def _repeat(rng: random.Random, language: Language, split: Split) -> Slots:
    space = " " if language == "en" or rng.random() < 0.3 else "、"
    text = space.join(_word(rng, language, split) for _ in range(rng.randint(1, 4)))
    return {"a": text, "c": text}


def _words(rng: random.Random, language: Language, split: Split) -> list[str]:
    return [_word(rng, language, split) for _ in range(rng.randint(2, 5))]


def _first_word(rng: random.Random, language: Language, split: Split) -> Slots:
    words = _words(rng, language, split)
    return {"a": (" " if language == "en" else "、").join(words), "c": words[0]}


def _last_word(rng: random.Random, language: Language, split: Split) -> Slots:
    words = _words(rng, language, split)
    return {"a": (" " if language == "en" else "、").join(words), "c": words[-1]}


_MAKERS: dict[str, tuple[Callable[[random.Random, Language, Split], Slots], int]] = {
    "sum": (_sum, 4),
    "difference": (_difference, 3),
    "bigger": (_bigger, 2),
    "smaller": (_smaller, 2),
    "next": (_next, 1),
    "count": (_count, 1),
    "upper": (_upper, 2),
    "lower": (_lower, 1),
    "first_letter": (_first_letter, 2),
    "last_letter": (_last_letter, 2),
    "spell": (_spell, 1),
    "repeat": (_repeat, 2),
    "first_word": (_first_word, 1),
    "last_word": (_last_word, 1),
}


def _small_sum(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = _two(rng, _SMALL)
    return {"a": str(a), "b": str(b), "c": str(a + b)}


def _small_difference(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = sorted(_two(rng, _SMALL), reverse=True)
    return {"a": str(a), "b": str(b), "c": str(a - b)}


def _small_pair(rng: random.Random) -> tuple[int, int]:
    a, b = rng.sample(range(_SUM_LIMIT + 1), 2)
    return a, b


def _small_bigger(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = _small_pair(rng)
    return {"a": str(a), "b": str(b), "c": str(max(a, b))}


def _small_smaller(rng: random.Random, language: Language, split: Split) -> Slots:
    a, b = _small_pair(rng)
    return {"a": str(a), "b": str(b), "c": str(min(a, b))}


def _small_next(rng: random.Random, language: Language, split: Split) -> Slots:
    a = rng.randint(0, _COUNT_LIMIT)
    return {"a": str(a), "c": str(a + 1)}


def _short_word(rng: random.Random, language: Language) -> str:
    words = load(language, "words")
    if "short" not in words:
        limit = 4 if language == "en" else 3
        words["short"] = [word for word in words["common"].split() if 2 <= len(word) <= limit][:_SHORT_WORDS]
    return str(rng.choice(words["short"]))


def _short_upper(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _short_word(rng, "en")
    return {"a": word, "c": word.upper()}


def _short_lower(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _short_word(rng, "en")
    return {"a": word.upper(), "c": word}


def _short_first(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _short_word(rng, language)
    return {"a": word, "c": word[0]}


def _short_last(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _short_word(rng, language)
    return {"a": word, "c": word[-1]}


def _short_spell(rng: random.Random, language: Language, split: Split) -> Slots:
    word = _short_word(rng, language)
    return {"a": word, "c": (" " if language == "en" else "・").join(word)}


_BY_HEART: dict[str, tuple[Callable[[random.Random, Language, Split], Slots], int]] = _MAKERS | {
    "sum": (_small_sum, 6),
    "difference": (_small_difference, 5),
    "bigger": (_small_bigger, 2),
    "smaller": (_small_smaller, 2),
    "next": (_small_next, 1),
    "upper": (_short_upper, 2),
    "lower": (_short_lower, 2),
    "first_letter": (_short_first, 2),
    "last_letter": (_short_last, 2),
    "spell": (_short_spell, 2),
    "repeat": (_repeat, 2),
}


def skill_by_heart(rng: random.Random, language: Language, *, more: bool = False) -> Conversation:
    """One small task of the kind that the checks ask, in looser words."""
    kind = rng.choices(list(_BY_HEART), [weight for _, weight in _BY_HEART.values()])[0]
    family = load(language, "skills")[kind]
    slots = _BY_HEART[kind][0](rng, language, "train")
    further = load(language, "more")["skill"].get(kind, []) if more else []
    phrasing = choose(rng.choice([*family["ask"], *further, *further]), rng)
    if kind == "repeat":
        return [user(tidy(fill(phrasing, slots))), assistant(fill(family["answer"], slots))]
    question = as_typed(tidy(fill(loosened(phrasing, rng, language), slots)), rng, language)
    return [user(question), assistant(fill(family["answer"], slots))]


def skill(rng: random.Random, language: Language) -> Conversation:
    """One small task with its answer."""
    kind = rng.choices(list(_MAKERS), [weight for _, weight in _MAKERS.values()])[0]
    family = load(language, "skills")[kind]
    slots = _MAKERS[kind][0](rng, language, "train")
    question = tidy(fill(choose(rng.choice(family["ask"]), rng), slots))
    if kind != "repeat":
        question = as_typed(question, rng, language)
    return [user(question), assistant(fill(family["answer"], slots))]


def checked_skills(language: Language, rounds: int) -> Iterable[Known]:
    """``rounds`` tasks of each check phrasing, on words and names that no training text holds where words are made."""
    rng = random.Random(7 if language == "en" else 8)
    for kind, (maker, _) in _BY_HEART.items():
        family = load(language, "skills")[kind]
        for phrasing in family["check"]:
            for _ in range(rounds):
                slots = maker(rng, language, "check")
                answer = fill(family["answer"], slots)
                wanted = f"「{slots['c']}」" if language == "ja" and kind in _LETTERS else slots["c"]
                yield Known(kind=kind, question=fill(phrasing, slots), answer=answer, accepts=(wanted,))


def remember(rng: random.Random, language: Language, split: Split = "train") -> Conversation:
    """The person tells something, perhaps talks of something else, and asks for it."""
    memory = load(language, "skills")["memory"]
    kind, tells, reply, asks, answer = rng.choice(memory["turns" if split == "train" else "check"]).split("/")
    slots = {
        "x": invent(rng, language, split),
        "n": common(rng, language),
        "d": str(rng.randint(0, 999)),
        "s": _said(rng, language, split),
    }
    told, asked = fill(rng.choice(tells.split("|")), slots), rng.choice(asks.split("|"))
    if split == "train" and kind != "said":
        told = as_typed(told, rng, language)
    if split == "train":
        asked = as_typed(asked, rng, language, politeness=0.04)
    return [user(told), assistant(fill(reply, slots)), user(asked), assistant(fill(answer, slots))]


def _said(rng: random.Random, language: Language, split: Split) -> str:
    space = " " if language == "en" else "、"
    return space.join(_word(rng, language, split) for _ in range(rng.randint(2, 4)))


def persona(rng: random.Random, language: Language) -> Conversation:
    """A system message gives the assistant a name, and it uses it."""
    given = load(language, "skills")["persona"]
    slots = {"x": invent(rng, language, "train")}
    who = next(family for family in load(language, "smalltalk")["talk"] if family["name"] == "who")
    question = as_typed(tidy(choose(rng.choice(who["ask"]), rng)), rng, language)
    return [system(fill(rng.choice(given["given"]), slots)), user(question), assistant(fill(given["answer"], slots))]
