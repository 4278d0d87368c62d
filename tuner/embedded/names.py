"""Invents names, things and values. A name belongs either to the training texts or to the checks, never to both."""

import random
import zlib
from typing import Any, Literal

from tuner.embedded.texts import Language, choose, fill, load

Split = Literal["train", "check"]
EntityKind = Literal["place", "thing", "country", "person", "work", "event", "any"]

_ONSETS = tuple("b br c ch d dr f fl g gl gr h j k kl l m n p pl pr qu r s sh sk st t th tr v vl w y z zh".split())  # noqa: SIM905
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "oo", "ou"]
_CODAS = ["", "", "", "", "n", "r", "l", "s", "m", "x", "rk", "nd", "st", "th", "ck", "lt", "sk", "v", "z"]
_ENDINGS = ["", "", "", "ia", "on", "us", "or", "ex", "a", "o", "ville", "ton", "berg", "ix", "y"]
_KANA = list(
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワガギグゲゴザジズゼゾダデドバビブベボパピプペポ"
)
_KANA_LONG = ["ー", "ン", "ッ", "ャ", "ュ", "リア", "ランド", "トン", "ス", "ル"]
_KANA_AFTER = {"ャ": "キシチニヒミリギジビピ", "ュ": "キシチニヒミリギジビピ"}
_NUMBER_LIMITS = (9, 99, 999, 9999)
_CHECK_SHARE = 12


def is_for_checks(name: str) -> bool:
    """Whether an invented name is reserved for the checks: one in twelve, by its checksum."""
    return zlib.crc32(name.lower().encode()) % _CHECK_SHARE == 0


def invent(rng: random.Random, language: Language, split: Split) -> str:
    """A name of nothing that exists, in the script of the language."""
    while True:
        name = _latin(rng) if language == "en" or rng.random() < 0.12 else _katakana(rng)
        if is_for_checks(name) == (split == "check"):
            return name


def _latin(rng: random.Random) -> str:
    syllables = "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 2, 3)))
    )
    return (syllables + rng.choice(_ENDINGS)).capitalize()


def _katakana(rng: random.Random) -> str:
    name = rng.choice(_KANA)
    for _ in range(rng.choice((1, 2, 2, 3))):
        name += rng.choice(_KANA)
        if rng.random() < 0.35:
            tail = rng.choice(_KANA_LONG)
            if tail not in _KANA_AFTER or name[-1] in _KANA_AFTER[tail]:
                name += tail
    return name


def person(rng: random.Random, language: Language, split: Split) -> str:
    """The name of a person who does not exist."""
    if language == "en":
        return invent(rng, "en", split) + (" " + invent(rng, "en", split) if rng.random() < 0.5 else "")
    if split == "train" and rng.random() < 0.4:
        return rng.choice(load("ja", "words")["surnames"]) + "さん"
    return invent(rng, "ja", split) + rng.choice(("さん", "さん", "", "博士", "王"))


def entity(kind: EntityKind, rng: random.Random, language: Language, split: Split, *, invented: bool = False) -> str:
    """Something that could be asked about and that nobody told the model of; with ``invented`` never a common thing
    such as "your shop"."""
    words = load(language, "words")
    name = invent(rng, language, split)
    if kind == "any":
        kind = rng.choice(("place", "thing", "country", "person", "work", "event"))
        if rng.random() < 0.3:
            return f"{'an' if name[0] in 'AEIOU' else 'a'} {name.lower()}" if language == "en" else name
    match kind:
        case "person":
            return person(rng, language, split)
        case "country":
            return name
        case "work":
            return fill(rng.choice(words["kinds_work"]), {"name": name, "noun": common(rng, language)})
        case _:
            return _thing(kind, name, words, rng, language, split, invented)


def _thing(
    kind: str, name: str, words: dict[str, Any], rng: random.Random, language: Language, split: Split, invented: bool
) -> str:
    if not invented and kind != "event" and split == "train" and rng.random() < 0.25:
        if kind == "place":
            return str(rng.choice(load(language, "actions")["things"]))
        noun = rng.choice(rng.choice(load(language, "actions")["nouns"]).split("; "))
        return f"{rng.choice(('the', 'a', 'your', 'my'))} {noun}" if language == "en" else noun
    sort = rng.choice(words[f"kinds_{kind}"])
    if language == "ja":
        return choose(f"[{name}{sort}|{name}{sort}|{name}|{sort}「{name}」|{name}の{sort}]", rng)
    number = rng.choice(("2", "3", "5", "7", "9", "X", "Pro", "Mini"))
    forms = {
        "place": f"[the {name} {sort}|the {name} {sort}|{name} {sort}|{name}|{sort} {name}]",
        "thing": f"[the {name} {sort}|a {name} {sort}|the {name} {number}|the {name}|my {name} {sort}]",
        "event": f"[the {name} {sort}|the {name} {sort}|{name} {sort}|the {sort} of {name}]",
    }
    return choose(forms[kind], rng)


def common(rng: random.Random, language: Language) -> str:
    """An everyday word."""
    return rng.choice(_common(language))


def _common(language: Language) -> list[str]:
    words = load(language, "words")
    if "list" not in words:
        words["list"] = (words["common"] + words.get("katakana", "")).split()
    found: list[str] = words["list"]
    return found


def values(rng: random.Random, language: Language, split: Split = "train") -> dict[str, str]:
    """One value for every slot that a statement may have."""
    words = load(language, "words")
    start, end = rng.randint(5, 12), rng.randint(1, 11)
    number = str(rng.randint(1, rng.choice(_NUMBER_LIMITS)))
    name = invent(rng, "en", split)
    picks = {
        key: rng.choice(words[source])
        for key, source in (
            ("people", "people"), ("place", "places"), ("material", "materials"), ("weather", "weather"),
            ("food", "foods"), ("payment", "payments"), ("job", "jobs"), ("colour", "colours"), ("day", "days"),
        )
    }  # fmt: skip
    spoken = (
        {"hours": f"{start} to {end}", "money": rng.choice((f"{number} dollars", f"${number}", f"{number} euros"))}
        if language == "en"
        else {"hours": f"{start}時から{end + 12}時まで", "money": f"{number}円"}
    )
    street = invent(rng, language, split) + (" " if language == "en" else "") + rng.choice(words["streets"])
    return picks | spoken | {
        "number": number,
        "year": str(rng.randint(1200, 2030)),
        "street": street,
        "town": invent(rng, language, split),
        "person": person(rng, language, split),
        "word": name.lower(),
        "noun": common(rng, language),
    }  # fmt: skip
