"""The form behind Change: what it is filled with is understood when it comes back, and only differences count."""

from __future__ import annotations

import pytest

from bot.discord_front.changes import field_texts, read_changes
from bot.phrases import LANGUAGES, Language
from tuner.plan.request import Request
from tuner.plan.space import Choices, Fixed, Range

REQUEST = Request(
    space={
        "learning_rate": Range(low=1e-5, high=1e-3, log=True),
        "lora_rank": Choices(values=(4, 8, 16)),
        "lora_dropout": Fixed(value=0.1),
    },
    trials=12,
    time_budget_s=7200,
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_sent_back_as_it_came_changes_nothing(language: Language) -> None:
    assert read_changes(REQUEST, field_texts(REQUEST, language), language) == (None, [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_that_the_form_shows_can_be_typed(language: Language) -> None:
    change, lost = read_changes(Request(), field_texts(REQUEST, language), language)
    assert lost == []
    assert change is not None
    space = change.adds.space
    assert space is not None
    learning_rate = space["learning_rate"]
    assert isinstance(learning_rate, Range)
    assert (learning_rate.low, learning_rate.high) == (1e-5, 1e-3)
    assert space["lora_rank"] == Choices(values=(4, 8, 16))
    assert space["lora_dropout"] == Fixed(value=0.1)
    assert (change.adds.trials, change.adds.time_budget_s) == (12, 7200)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_taken_away_is_searched_no_more(language: Language) -> None:
    texts = field_texts(REQUEST, language)
    kept = [line for line in texts["space"].splitlines() if "16" not in line]
    change, lost = read_changes(REQUEST, {**texts, "space": "\n".join(kept)}, language)
    assert lost == []
    assert change is not None
    assert change.removes == ("lora_rank",)
    assert not change.adds.space


def test_other_words_change_the_way_of_searching() -> None:
    change, _ = read_changes(REQUEST, {**field_texts(REQUEST, "en"), "other": "use random search"}, "en")
    assert change is not None
    assert change.adds.method == "random"


def test_a_line_that_nobody_understands_changes_nothing_at_all() -> None:
    texts = {**field_texts(REQUEST, "en"), "trials": "20", "other": "blorp the frobnicator"}
    change, lost = read_changes(REQUEST, texts, "en")
    assert change is None
    assert lost == ["blorp the frobnicator"]
