"""A file whose columns say nothing: the question stays open until it is answered, in any of the ways people answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.utterance import Attachment

ROWS = "".join(f"What is number {place}?,It is {place} and nothing else.\n" for place in range(40))


async def post(person: Person, heading: str = "Concern,Note to staff", text: str = "") -> str:
    file = Attachment(name="mails.csv", content=f"{heading}\n{ROWS}".encode())
    return words(await person.say(text, attachments=(file,)))


@pytest.mark.parametrize(
    ("answer", "question", "reply"),
    [
        ("question=Concern answer=Note to staff", "Concern", "Note to staff"),
        ("Concern and Note to staff", "Concern", "Note to staff"),
        ("the questions are in note to staff, the answers in concern", "Note to staff", "Concern"),
        ("the answers are in Note to staff, the questions in Concern", "Concern", "Note to staff"),
        ("回答はNote to staff、質問はConcernです", "Concern", "Note to staff"),
        ("ConcernとNote to staffです", "Concern", "Note to staff"),
    ],
)
async def test_naming_the_columns_answers_the_question(tmp_path: Path, answer: str, question: str, reply: str) -> None:
    async with a_desk(tmp_path) as person:
        await post(person)
        await person.say(answer)
        (dataset,) = await person.store.datasets("team")
        assert dataset.report["mapping"] == {"question": question, "answer": reply}


async def test_a_wish_meanwhile_is_kept_and_the_question_asked_again(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data("older.csv")
        await post(person)
        replies = await person.say("tune lr between 1e-5 and 1e-3 with 4 trials")
        assert "which column holds the questions" in words(replies)
        plan = words(await person.press(button(replies, "1")))
        assert "mails.csv" in plan
        assert "from 0.00001 to 0.001" in plan
        assert "older.csv" not in plan


async def test_other_words_do_not_settle_the_columns(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await post(person, heading="A,B")
        for text in ("what a bad day", "make it 20 trials", "what is dropout?"):
            await person.say(text)
        assert await person.store.datasets("team") == []
