"""Makes a clean question look typed by a person: capitals, missing marks, a polite word before it."""

import random

from tuner.embedded.texts import Language, fill, load


def as_typed(
    question: str, rng: random.Random, language: Language, *, politeness: float = 0.2, wrapping: str = "polite"
) -> str:
    """The question as somebody might have typed it. Names keep their letters."""
    if language == "ja":
        return _japanese(question, rng, politeness, wrapping)
    if rng.random() < 0.5:
        question = question[:1].upper() + question[1:]
    chance = rng.random()
    if question.endswith("?") and chance < 0.25:
        question = question[:-1] + rng.choice(("", "", " ?", "??", "."))
    elif question[-1:].isalnum() and chance < 0.4:
        question += rng.choice((".", "!", "?"))
    if rng.random() < politeness:
        question = fill(rng.choice(load("en", "words")[wrapping]), {"q": question})
        if rng.random() < 0.4:
            question = question[:1].upper() + question[1:]
    return question


def loosened(template: str, rng: random.Random, language: Language) -> str:
    """The phrasing in looser words: one turn of phrase exchanged, a filler put in, a small word left out. Slots stay,
    so that what is asked for is never lost."""
    words = load(language, "words")
    if rng.random() < 0.4:
        fitting = [rule.split("/") for rule in words["rewrites"] if rule.split("/")[0] in template]
        if fitting:
            old, new = rng.choice(fitting)
            template = template.replace(old, new, 1)
    if language == "ja":
        if rng.random() < 0.25:
            place = rng.choice([0, *(index + 1 for index, letter in enumerate(template) if letter in "はを、。")])
            template = template[:place] + rng.choice(words["fillers"]) + template[place:]
        return template
    parts = template.split(" ")
    if len(parts) > 3 and rng.random() < 0.25:
        small = [index for index, part in enumerate(parts) if part.isalpha() and len(part) <= 5]
        if small:
            del parts[rng.choice(small)]
    if rng.random() < 0.3:
        parts.insert(rng.randint(0, len(parts)), rng.choice(words["fillers"]))
    return " ".join(parts)


def _japanese(question: str, rng: random.Random, politeness: float, wrapping: str) -> str:
    chance = rng.random()
    if question.endswith("？") and chance < 0.4:
        question = question[:-1] + rng.choice(("", "?", "?", "。"))
    elif question.endswith("。") and chance < 0.4:
        question = question[:-1] + rng.choice(("", "！", ""))
    if rng.random() < politeness:
        question = fill(rng.choice(load("ja", "words")[wrapping]), {"q": question})
    return question
