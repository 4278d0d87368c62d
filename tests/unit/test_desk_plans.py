"""The desk plans before it spends: cards in words, questions back, changes, Start once, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_house import Clock, a_desk, button, no_chat, words

from bot.desk.context import Services
from bot.desk.door import Desk
from bot.replies import Card, Text
from bot.utterance import Attachment

ROWS = "question,answer\n" + "".join(f"What is in room {n}?,The code is {n * 37 % 997}.\n" for n in range(1, 41))


async def test_a_sentence_becomes_a_card_and_queues_nothing(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        replies = await person.say("tune lr between 1e-5 and 1e-3")
        said = words(replies)
        assert "from 0.00001 to 0.001, tried on a logarithmic scale" in said
        assert "faq.csv" in said
        assert "(assumed)" in said
        assert await person.store.jobs("team") == []


async def test_the_card_names_every_default_that_it_filled_in(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        said = words(await person.say("tune lr between 1e-5 and 1e-3"))
        for name in (
            "epochs",
            "batch size",
            "LoRA rank",
            "LoRA alpha",
            "dropout",
            "weight decay",
            "warm-up",
            "seed",
            "maximal length",
            "gradient clipping",
            "label smoothing",
            "gradient accumulation",
            "target modules",
            "learning rate schedule",
            "Tries",
            "Judged by",
        ):
            assert name in said


async def test_start_queues_one_job_however_often_it_is_pressed(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        start = button(await person.say("tune lr between 1e-5 and 1e-3 with 8 trials"), "start")
        first, second = words(await person.press(start)), words(await person.press(start))
        jobs = await person.store.jobs("team")
        assert [job.plan.trials for job in jobs] == [8]
        assert "job 1" in first
        assert "already" in second


async def test_a_japanese_sentence_is_answered_in_japanese(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        replies = await person.say("学習率を1e-5から1e-3で調整して")
        said = words(replies)
        assert "0.00001～0.001" in said
        assert "［おまかせ］" in said
        queued = await person.press(button(replies, "開始"))
        assert "ジョブ1" in words(queued)
        assert (await person.store.jobs("team"))[0].language == "ja"


@pytest.mark.parametrize(("yes", "jobs"), [("yes", 1), ("no", 0)])
async def test_yes_and_no_answer_a_pending_plan(tmp_path: Path, yes: str, jobs: int) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr between 1e-5 and 1e-3")
        await person.say(yes)
        assert len(await person.store.jobs("team")) == jobs


@pytest.mark.parametrize(
    "text", ["start tomorrow", "don't start yet", "yes but not now", "まだ始めないで", "shall we?"]
)
async def test_hesitation_starts_nothing(tmp_path: Path, text: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr between 1e-5 and 1e-3")
        await person.say(text)
        assert await person.store.jobs("team") == []


async def test_without_data_the_desk_asks_for_a_file_and_remembers_the_wish(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        replies = await person.say("tune lr between 1e-5 and 1e-3")
        assert "file" in words(replies)
        assert button(replies, "sample").action == "sample:en"
        assert await person.store.dialogue("*", "draft:nothing") is None


async def test_a_knob_without_values_is_asked_about_and_the_answer_completes_it(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        asked = await person.say("tune the dropout please")
        assert isinstance(asked[0], Text)
        assert len(asked[0].buttons) >= 2
        card = await person.say("0 to 0.15")
        assert isinstance(card[0], Card)
        assert "from 0 to 0.15" in words(card)


@pytest.mark.parametrize("text", ["yes", "start", "go ahead", "はい"])
async def test_yes_starts_nothing_before_a_plan_was_shown(tmp_path: Path, text: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune the dropout please")
        await person.say("batch size 0")
        await person.say(text)
        assert await person.store.jobs("team") == []


async def test_a_change_that_cannot_run_leaves_the_plan_as_it_was(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr between 1e-5 and 1e-3")
        assert "cannot be 0" in words(await person.say("batch size 0"))
        await person.say("yes")
        (job,) = await person.store.jobs("team")
        assert list(job.plan.space) == ["learning_rate"]
        assert job.plan.defaults["batch_size"] != 0


async def test_a_new_wish_replaces_the_plan_that_waits(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune dropout between 0 and 0.2")
        said = words(await person.say("tune lr between 1e-5 and 1e-3"))
        assert "Search: learning rate" in said
        assert "dropout: from" not in said


async def test_another_file_by_name_is_asked_for_when_unknown(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        said = words(await person.say("tune on other.csv"))
        assert "other.csv" in said
        assert "faq.csv" in said
        assert await person.store.jobs("team") == []


async def test_the_open_question_survives_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with a_desk(tmp_path, clock=clock) as person:
        await person.has_data()
        await person.say("tune the dropout please")
    async with a_desk(tmp_path, clock=clock) as person:
        assert "from 0 to 0.15" in words(await person.say("0 to 0.15"))


async def test_an_offered_answer_is_pressed_by_its_number(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        asked = await person.say("tune the dropout please")
        card = await person.press(button(asked, "1"))
        assert "Search: dropout" in words(card)


async def test_a_question_expires(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune the dropout please")
        person.clock.now += 48 * 3600
        assert not any(isinstance(reply, Card) for reply in await person.say("0 to 0.15"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("make it 20 trials instead", ["20, as many side by side", "Changed: 20 tries"]),
        ("and dropout 0 to 0.2 too", ["Search: dropout: from 0 to 0.2", "Search: learning rate"]),
    ],
)
async def test_a_follow_up_changes_the_pending_plan_and_says_what_changed(
    tmp_path: Path, change: str, expected: list[str]
) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr between 1e-5 and 1e-3")
        said = words(await person.say(change))
        for part in expected:
            assert part in said
        assert await person.store.jobs("team") == []


async def test_a_japanese_follow_up_changes_the_number_of_tries(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("学習率を1e-5から1e-3で調整して")
        said = words(await person.say("やっぱり10回で"))
        assert "10回" in said
        assert "変更した点" in said


async def test_the_same_again_starts_from_the_last_job(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.press(button(await person.say("tune lr between 1e-5 and 1e-3 with 5 trials"), "start"))
        said = words(await person.say("same again but with cosine"))
        assert "from 0.00001 to 0.001" in said
        assert "cosine" in said
        assert "5, as many side by side" in said


async def test_a_plan_of_one_team_cannot_be_started_by_another(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        start = button(await person.say("tune lr between 1e-5 and 1e-3"), "start")
        person.team = "other"
        await person.press(start)
        assert await person.store.jobs("other") == []
        assert await person.store.jobs("team") == []


@pytest.mark.parametrize("text", ["tune lr from 1e-3 to 1e-5", "学習率を1e-3から1e-5で調整して"])
async def test_reversed_bounds_are_turned_and_said_once(tmp_path: Path, text: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        replies = await person.say(text)
        assert isinstance(replies[0], Card)
        assert len(replies[0].notes) == 1


async def test_an_impossible_value_is_refused_with_what_to_type(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        said = words(await person.say("tune dropout from 0 to 1.5"))
        assert "1.5" in said
        assert "type for example" in said


async def test_unknown_words_get_one_friendly_line_with_two_examples(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        replies = await person.say("the weather is nice today")
        assert len(replies) == 1
        assert words(replies).count("“") == 2


async def test_the_desk_is_silent_where_it_was_not_spoken_to(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        assert await person.say("the weather is nice today", addressed=False) == []


async def test_a_chosen_language_overrules_the_language_of_the_words(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.say("日本語にして")
        assert "ジョブ" in words(await person.say("what is running?")) or "実行中" in words(await person.say("queue"))


async def test_a_plan_that_waits_for_the_machine_to_be_measured_says_so(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        services = Services(store=person.store, home=tmp_path, chat=no_chat, clock=person.clock, measuring_s=0.5)
        person.desk = Desk(services)
        first = words(await person.say("tune lr between 1e-5 and 1e-3"))
        assert first.startswith("One moment")
        assert "One moment" not in words(await person.say("make it 20 trials")), "it waits once"
        await person.store.measure("seconds_per_token:onsa-tiny", 1e-4)
        assert "One moment" not in words(await person.say("tune lr between 1e-5 and 1e-3"))


@pytest.mark.parametrize(("text", "tells"), [("", True), ("tune lr between 1e-5 and 1e-3", False)])
async def test_a_file_alone_says_what_to_say_next_and_one_with_a_wish_does_not(
    tmp_path: Path, text: str, tells: bool
) -> None:
    async with a_desk(tmp_path) as person:
        cards = await person.say(text, attachments=(Attachment(name="rooms.csv", content=ROWS.encode()),))
        assert isinstance(cards[0], Card)
        assert any("Say what to tune" in line for line in cards[0].lines) is tells
        assert len(cards) == (1 if tells else 2)


async def test_a_file_that_a_plan_waits_for_does_not_say_what_to_say_next(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.say("tune lr between 1e-5 and 1e-3")
        card, plan = await person.say("", attachments=(Attachment(name="rooms.csv", content=ROWS.encode()),))
        assert isinstance(card, Card)
        assert not any("Say what to tune" in line for line in card.lines)
        assert isinstance(plan, Card)


async def test_the_same_again_before_any_job_means_the_plan_that_waits(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say("tune lr between 1e-5 and 1e-3 with 8 trials")
        said = words(await person.say("same again but with linear"))
        assert "from 0.00001 to 0.001" in said
        assert "in a straight line" in said
