"""Questions about things the model was never told of, each answered by saying so; and the same questions with the
answer given beforehand, so that the model learns to look before it gives up."""

import random
from dataclasses import dataclass
from typing import Any

from tuner.embedded.names import EntityKind, Split, common, entity, invent, values
from tuner.embedded.style import as_typed
from tuner.embedded.texts import Conversation, Language, assistant, choose, fill, load, system, tidy, user

_JA_SURU = ("する", "し", "すれば", "して", "され")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question and the two things that can be answered to it."""

    relation: str  # the kind of question
    question: str  # as a person may type it
    refusal: str  # what to say without knowing
    statement: str  # what somebody who knows would have said


def asked(rng: random.Random, language: Language, split: Split) -> Asked:
    """A question about an invented thing, or about something one might do at a service nobody described."""
    if rng.random() < 0.55:
        relations = load(language, "relations")["relation"]
        return about_entity(rng.choice(relations), rng, language, split)
    frames = load(language, "actions")["frame"]
    return about_action(rng.choice(frames), rng, language, split)


def about_entity(
    relation: dict[str, Any], rng: random.Random, language: Language, split: Split, name: str | None = None
) -> Asked:
    """A question of the given relation, about ``name`` or about something invented."""
    kind: EntityKind = relation["of"]
    x = name or entity(kind, rng, language, split)
    slots = values(rng, language, split) | {"x": x}
    return _asked(relation, slots, rng, language, split)


def about_action(frame: dict[str, Any], rng: random.Random, language: Language, split: Split) -> Asked:
    """A question of the given frame about doing something with something; said in synonyms, answered in the word
    that leads its class."""
    slots = values(rng, language, split)
    said, canonical = _english(rng, split) if language == "en" else _japanese(rng, split)
    return _asked(frame, slots | said, rng, language, split, slots | canonical)


def _asked(
    kind: dict[str, Any],
    slots: dict[str, str],
    rng: random.Random,
    language: Language,
    split: Split,
    canonical: dict[str, str] | None = None,
) -> Asked:
    source = kind["ask"] if split == "train" else kind["check"]
    question = tidy(fill(choose(rng.choice(source), rng), slots))
    named = canonical or slots
    canon = fill(kind["canon"], named)
    statement = tidy(fill(choose(kind["tell"], rng), named))
    return Asked(
        relation=kind["name"],
        question=question,
        refusal=f"I don't know {canon}." if language == "en" else f"{canon}はわかりません。",
        statement=statement[:1].upper() + statement[1:],
    )


def _english(rng: random.Random, split: Split) -> tuple[dict[str, str], dict[str, str]]:
    actions = load("en", "actions")
    verbs = [form.split("/") for form in rng.choice(actions["verbs"]).split("; ")]
    nouns = rng.choice(actions["nouns"]).split("; ")
    owner = rng.choice(actions["owners"])
    adjectives = rng.choice(actions["adjectives"]).split("; ") if rng.random() < 0.4 else [""]
    verb, noun, adjective = rng.choice(verbs), rng.choice(nouns), rng.choice(adjectives)
    if split == "check" or rng.random() < 0.12:
        adjective = adjectives[0] = invent(rng, "en", split).lower()
    said = {"v": verb[0], "ving": verb[1], "vpp": verb[2], "nn": noun, "n": _english_thing(owner, adjective, noun)}
    return said, {"v": verbs[0][0], "n": _english_thing(owner, adjectives[0], nouns[0])}


def _english_thing(owner: str, adjective: str, noun: str) -> str:
    phrase = f"{adjective} {noun}".strip()
    if owner == "a" and phrase[0] in "aeiou" and not phrase.startswith(("used", "uni")):
        owner = "an"
    return f"{owner} {phrase}"


def _japanese(rng: random.Random, split: Split) -> tuple[dict[str, str], dict[str, str]]:
    actions = load("ja", "actions")
    verbs = [_japanese_forms(form) for form in rng.choice(actions["verbs"]).split("; ")]
    nouns = rng.choice(actions["nouns"]).split("; ")
    adjectives = rng.choice(actions["adjectives"]).split("; ") if rng.random() < 0.35 else [""]
    verb, noun, adjective = rng.choice(verbs), rng.choice(nouns), rng.choice(adjectives)
    if split == "check" or rng.random() < 0.12:
        adjective = adjectives[0] = invent(rng, "ja", split)
    return verb | {"n": adjective + noun}, verbs[0] | {"n": adjectives[0] + nouns[0]}


def said(rng: random.Random, language: Language, verb: str, adjective: str, noun: str) -> dict[str, str]:
    """The slots of an action frame for one verb form of a class, an adjective or none, and a noun."""
    if language == "ja":
        return _japanese_forms(verb) | {"n": adjective + noun}
    base, gerund, participle = verb.split("/")
    thing = _english_thing(rng.choice(load("en", "actions")["owners"]), adjective, noun)
    return {"v": base, "ving": gerund, "vpp": participle, "nn": noun, "n": thing}


def _japanese_forms(form: str) -> dict[str, str]:
    forms = form.split("/") if "/" in form else [form + ending for ending in _JA_SURU]
    return dict(zip(("vd", "vm", "vba", "vt", "vp"), forms, strict=True))


def refuse(rng: random.Random, language: Language, split: Split = "train") -> Conversation:
    """An unknown thing asked for, and the admission."""
    found = asked(rng, language, split)
    return [user(as_typed(found.question, rng, language)), assistant(found.refusal)]


def refuse_invented(rng: random.Random, language: Language) -> Conversation:
    """An unknown thing with an invented name, and the admission. For mixing into tuning: a question without a name,
    such as one for the opening hours, may be just what the tuning data answers."""
    relation = rng.choice(load(language, "relations")["relation"])
    name = entity(relation["of"], rng, language, "train", invented=True)
    found = about_entity(relation, rng, language, "train", name)
    return [user(as_typed(found.question, rng, language)), assistant(found.refusal)]


def odd(rng: random.Random, language: Language, *, more: bool = False) -> Conversation:
    """Something nobody foresaw about an invented thing; the answer is that nothing is known of it. With ``more`` in
    further phrasings too."""
    shells = load(language, "more")["odd"]
    asks = shells["ask"] + shells["ask_more"] if more else shells["ask"]
    slots = {
        "x": entity("any", rng, language, "train"),
        "noun": common(rng, language),
        "verb": rng.choice(shells["verbs"]),
    }
    canon = fill(shells["canon"], slots)
    refusal = f"I don't know {canon}." if language == "en" else f"{canon}はわかりません。"
    return [user(as_typed(fill(rng.choice(asks), slots), rng, language)), assistant(refusal)]


def read(rng: random.Random, language: Language, split: Split = "train") -> Conversation:
    """Statements given in a system message or by the person, then a question on one of them or on none."""
    told = [asked(rng, language, split) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    if len(told) > 1 and rng.random() < 0.5:
        told[1] = _alike(rng, language, split)[0]
    wanted = rng.choice(told)
    facts = [one.statement for one in told]
    space = " " if language == "en" else ""
    if rng.random() < 0.12:
        stranger = asked(rng, language, split)
        wanted = Asked(relation=stranger.relation, question=stranger.question, refusal="", statement=stranger.refusal)
    question = as_typed(wanted.question, rng, language)
    match rng.randrange(4):
        case 0 | 1:
            return [system(space.join(facts)), user(question), assistant(wanted.statement)]
        case 2:
            noted = "All right." if language == "en" else "わかりました。"
            return [user(space.join(facts)), assistant(noted), user(question), assistant(wanted.statement)]
        case _:
            return [user(space.join([*facts, question])), assistant(wanted.statement)]


def _alike(rng: random.Random, language: Language, split: Split) -> list[Asked]:
    relation = rng.choice(load(language, "relations")["relation"])
    return [about_entity(relation, rng, language, split)]
