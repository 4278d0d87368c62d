"""Questions that the desk asks back: likely answers, answers by place, and what an answer completes."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_house import a_desk, words


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("tune lr 1e-4", "the second one", "from 0.000033 to 0.0003"),
        ("tune lr 1e-4", "the first one", "learning rate 0.0001"),
        ("学習率を1e-4で調整して", "二番目で", "0.000033～0.0003"),
        ("lr 1e-5, 1e-3", "the first one", "one of 0.00001 or 0.001"),
        ("tune batch size 16", "2", "from 8 to 32"),
    ],
)
async def test_two_readings_are_offered_and_the_chosen_one_is_planned(
    tmp_path: Path, text: str, answer: str, expected: str
) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        asked = await person.say(text)
        assert len(asked[0].buttons) == 2  # type: ignore[union-attr]
        assert expected in words(await person.say(answer))


async def test_an_impossible_value_is_not_a_question_of_reading(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        assert "cannot be 1.5" in words(await person.say("tune dropout 1.5"))


async def test_a_knob_added_without_values_is_asked_about(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr 1e-5 to 1e-4")
        assert "Which values of the dropout" in words(await person.say("and dropout too"))
        card = words(await person.say("0 to 0.1"))
        assert "dropout: from 0 to 0.1" in card
        assert "learning rate: from 0.00001 to 0.0001" in card


async def test_words_where_numbers_belong_change_no_plan_but_ask(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr 1e-5 to 1e-4")
        assert "Which values of the learning rate" in words(await person.say("lr from apple to banana"))


async def test_a_change_says_what_was_turned_round(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr 1e-5 to 1e-4")
        assert "You gave the higher batch size first" in words(await person.say("batch size 64 to 8"))


async def test_numbers_alone_are_answered_in_the_language_of_the_question(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("学習率を調整して")
        assert "計画" in words(await person.say("1e-5〜1e-4"))


async def test_a_new_wish_leaves_a_plan_that_cannot_run(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune dropout 1.5")
        card = words(await person.say("grid search rank 8 or 16"))
        assert "LoRA rank" in card
        assert "1.5" not in card
