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


def _japanese(question: str, rng: random.Random, politeness: float, wrapping: str) -> str:
    chance = rng.random()
    if question.endswith("？") and chance < 0.4:
        question = question[:-1] + rng.choice(("", "?", "?", "。"))
    elif question.endswith("。") and chance < 0.4:
        question = question[:-1] + rng.choice(("", "！", ""))
    if rng.random() < politeness:
        question = fill(rng.choice(load("ja", "words")[wrapping]), {"q": question})
    return question
