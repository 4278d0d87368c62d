"""What cards and refusals print can be typed back: every knob by the name, and every choice by the words, that people
read."""

from __future__ import annotations

import pytest

from bot.language.parser import parse
from bot.phrases import LANGUAGES, Language, say
from bot.wording import plain
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Fixed, Range


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [name for name, knob in KNOBS.items() if knob.kind != "choice"])
def test_the_sentence_that_a_refusal_proposes_is_understood(name: str, language: Language) -> None:
    low, high = KNOBS[name].default_range or (1, 2)
    knob = say(f"knobs.{name}", language)
    ways = {"en": f"{knob} {plain(low)} to {plain(high)}", "ja": f"{knob}を{plain(low)}から{plain(high)}で"}
    spec = (parse(ways[language]).space or {}).get(name)
    assert isinstance(spec, Range), ways[language]
    assert (spec.low, spec.high) == (low, high)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "value"), [(knob.name, choice) for knob in KNOBS.values() for choice in knob.choices]
)
def test_a_choice_is_understood_in_the_words_that_a_card_prints(name: str, value: str, language: Language) -> None:
    knob, word = say(f"knobs.{name}", language), say(f"knobs.value_{name}_{value}", language)
    text = {"en": f"{knob} {word}", "ja": f"{knob}は{word}"}[language]
    assert (parse(text).space or {}).get(name) == Fixed(value=value), text
