"""Talking with a checkpoint in Discord: threads, streamed answers, stopping, replies that go on, and what is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bot_process import Bot, House, eventually, running
from chat_server import Chat, chatting
from standin import Person, Standin
from standin.world import Channel, Guild, Message

from tuner.store import Store

pytestmark = pytest.mark.slow


@dataclass(slots=True, kw_only=True)
class Place:
    bot: Bot
    chat: Chat
    aki: Person
    guild: Guild
    general: Channel
    report: Message


@pytest.fixture
async def place(standin: Standin, tmp_path: Path) -> AsyncIterator[Place]:
    """A team whose first job has ended, with a checkpoint to talk to."""
    aki = Person(standin, "aki")
    guild = standin.guild("Bicycles", owner=aki.user)
    general = standin.general(guild)
    team = f"guild-{guild.id}"
    async with (
        await Store.open(tmp_path) as store,
        chatting() as chat,
        running(standin, tmp_path, extra={"ONSA_CHAT_URL": chat.url}) as bot,
    ):
        house = House(store=store)
        await house.has_data(team, general.id)
        await aki.says(general, "@Onsa tune it with 2 trials")
        card = await aki.sees(lambda message: "Start" in message.labels, 90)
        await aki.clicks(card, "Start")
        await aki.sees("this is job 1", 90)
        job = await house.begin(team)
        await house.run_trial(job, 0, 1.5)
        await store.add_checkpoint(job.id, "w", 0, "teams/x", "0" * 64, 1.5)
        await house.finish(job)
        report = await aki.sees("Job 1 · report", 90)
        yield Place(bot=bot, chat=chat, aki=aki, guild=guild, general=general, report=report)


async def opened(place: Place) -> Channel:
    await place.aki.clicks(place.report, "Chat with it")
    message = await place.aki.sees("now talking with", 90)
    return message.channel


async def test_chat_opens_a_thread_whose_answers_name_the_speaker_and_remember_the_thread(
    place: Place, standin: Standin
) -> None:
    thread = await opened(place)
    assert thread.is_thread
    assert thread.parent is place.general
    bo = Person(standin, "bo")
    standin.join(place.guild, bo.user)
    await place.aki.says(thread, "@Onsa What is 3 times 7?")
    answer = await place.aki.sees("**21**", 90, channel=thread)
    assert "Tuned model (job 1, try 0)" in answer.text
    await eventually(lambda: "Stop the answer" not in answer.labels)
    await bo.says(thread, "@Onsa And twice that?")
    await eventually(lambda: len(place.chat.asked) == 2)
    first, second = (body["user"] for body in place.chat.asked)
    assert first != second, "people of one team are served in turn"
    assert {str(place.aki.user.id), str(bo.user.id)}.isdisjoint({first, second}), "nobody outside learns who it is"
    said = [message["content"] for message in place.chat.asked[1]["messages"]]
    assert said == ["What is 3 times 7?", "It is **21**.", "And twice that?"]


async def test_an_answer_can_be_stopped_and_the_generation_stops_too(place: Place) -> None:
    thread = await opened(place)
    place.chat.words, place.chat.pause_s = ["on "] * 200, 0.2
    await place.aki.says(thread, "@Onsa Tell me everything")
    answer = await place.aki.sees("on on", 90, channel=thread)
    await place.aki.clicks(answer, "Stop the answer")
    await eventually(lambda: "(stopped)" in answer.text)
    await eventually(lambda: place.chat.cut_off == 1)
    assert not answer.labels


async def test_a_stopped_answer_is_no_part_of_the_conversation(place: Place) -> None:
    thread = await opened(place)
    place.chat.words, place.chat.pause_s = ["on "] * 200, 0.2
    await place.aki.says(thread, "@Onsa Tell me everything")
    stopped = await place.aki.sees("on on", 90, channel=thread)
    await place.aki.clicks(stopped, "Stop the answer")
    await place.aki.sees("(stopped)", 90, channel=thread)
    place.chat.words, place.chat.pause_s = ["It ", "is ", "21."], 0.01
    await place.aki.says(thread, "@Onsa What is 3 times 7?")
    await place.aki.sees("It is 21.", 90, channel=thread)
    assert [each["content"] for each in place.chat.asked[-1]["messages"]] == ["What is 3 times 7?"]


async def test_a_reply_to_a_stopped_answer_goes_on_from_before_it(place: Place) -> None:
    place.chat.words, place.chat.pause_s = ["on "] * 200, 0.2
    await place.aki.says(place.general, '@Onsa ask the best one "Tell me everything"')
    stopped = await place.aki.sees("on on", 90, channel=place.general)
    await place.aki.clicks(stopped, "Stop the answer")
    await eventually(lambda: "(stopped)" in stopped.text)
    place.chat.pause_s = 0.0
    await place.aki.says(place.general, "What is 3 times 7?", reply_to=stopped)
    await eventually(lambda: len(place.chat.asked) == 2)
    assert [each["content"] for each in place.chat.asked[1]["messages"]] == ["What is 3 times 7?"]


async def test_an_answer_that_outlives_its_interaction_is_written_to_its_end(place: Place, standin: Standin) -> None:
    place.chat.words, place.chat.pause_s = [*(f"word{n} " for n in range(20)), "The end."], 0.3
    use = await place.aki.uses("/chat", channel=place.general, question="Tell me everything")
    first = await place.aki.gets(use, "word1", timeout=90)
    standin.clock.skip(16 * 60)
    await place.aki.sees("The end.", 90, channel=place.general)
    await eventually(lambda: "The end." in first.text and "Stop the answer" not in first.labels)
    assert len([each for each in place.aki.visible(place.general) if "word1 " in each.text]) == 1
    await place.aki.says(place.general, "And then?", reply_to=first)
    await eventually(lambda: len(place.chat.asked) == 2)


async def test_a_conversation_longer_than_the_models_memory_goes_on_with_its_end_and_says_so_once(place: Place) -> None:
    thread = await opened(place)
    place.chat.context = 100
    for number, letters in enumerate((60, 50, 70)):
        place.chat.words = [f"Answer {number}."]
        await place.aki.says(thread, "@Onsa " + "x" * letters)
        await place.aki.sees(f"Answer {number}.", 90, channel=thread)
    await place.aki.sees("I only remember", 90, channel=thread)
    notes = [message.text for message in place.aki.visible(thread) if "I only remember" in message.text]
    assert notes == ["From here on I only remember the last message of this conversation."]
    heard = [each["messages"] for each in place.chat.asked]
    assert [message["content"] for message in heard[-1]] == ["x" * 70]
    assert all(messages[0]["role"] == "user" for messages in heard)


async def test_a_press_that_was_made_up_takes_no_buttons_from_another_message(place: Place) -> None:
    await place.aki.sends_component(place.report, "o:cancel:0123456789ab")
    await place.aki.sends_component(place.report, "f:halt:0123456789ab")
    await place.aki.says(place.general, "@Onsa help")
    await place.aki.sees("You can simply say it", 90)
    assert "Chat with it" in place.report.labels


async def test_a_long_answer_goes_on_in_a_second_message_and_closes_its_code_blocks(place: Place) -> None:
    thread = await opened(place)
    place.chat.words = ["```python\n", *[f"value_{index} = {index}\n" for index in range(200)], "```\nDone."]
    place.chat.pause_s = 0.002
    await place.aki.says(thread, "@Onsa Write code")
    last = await place.aki.sees("Done.", 90, channel=thread)
    shown = [message for message in place.aki.visible(thread) if "value_" in message.text]
    assert len(shown) > 1
    assert all(message.content.count("```") % 2 == 0 for message in shown)
    assert all(len(message.content) <= 2000 for message in shown)
    assert shown[-1] is last


async def test_what_a_model_writes_can_ping_nobody(place: Place) -> None:
    thread = await opened(place)
    place.chat.words = ["@everyone ", f"<@{place.aki.user.id}> ", "https://example.com"]
    await place.aki.says(thread, "@Onsa Shout")
    answer = await place.aki.sees("example.com", 90, channel=thread)
    assert not answer.pings
    assert "@everyone" not in answer.content
    assert answer.flags & 4, "no preview of links"


async def test_a_reply_to_an_answer_in_a_channel_goes_on_from_it(place: Place) -> None:
    await place.aki.says(place.general, '@Onsa ask the best one "What is 3 times 7?"')
    answer = await place.aki.sees("**21**", 90, channel=place.general)
    await eventually(lambda: "Stop the answer" not in answer.labels)
    await place.aki.says(place.general, "And twice that?", reply_to=answer)
    await eventually(lambda: len(place.chat.asked) == 2)
    said = [message["content"] for message in place.chat.asked[1]["messages"]]
    assert said == ["What is 3 times 7?", "It is **21**.", "And twice that?"]


async def test_the_menu_asks_the_model_what_a_message_says(place: Place) -> None:
    message = await place.aki.says(place.general, "What is 3 times 7?")
    use = await place.aki.uses_on(message, "Ask the tuned model")
    answer = await place.aki.gets(use, "**21**", timeout=90)
    assert "Tuned model (job 1, try 0)" in answer.text
    assert place.chat.asked[0]["messages"][-1]["content"] == "What is 3 times 7?"


@pytest.mark.parametrize(("options", "said"), [
    ({"job": 99}, "There is no job 99 here"), ({"job": 1, "try": 77}, "Job 1 has no such try")])
async def test_who_asks_for_a_conversation_with_nobody_is_told_on_the_spot(
    place: Place, options: dict[str, int], said: str
) -> None:
    use = await place.aki.uses("/chat", channel=place.general, **options)
    answer = await place.aki.gets(use, said, 90)
    assert answer.channel is place.general
    await place.aki.says(place.general, "@Onsa chat with job 99")
    await place.aki.sees("There is no job 99 here", 90, channel=place.general)
    threads = [channel for channel in place.guild.channels.values() if channel.is_thread]
    assert all(thread is place.report.channel for thread in threads)


async def test_a_conversation_with_a_checkpoint_that_is_there_gets_its_thread(place: Place) -> None:
    await place.aki.uses("/chat", channel=place.general, **{"job": 1, "try": 0})
    message = await place.aki.sees("now talking with", 90)
    assert message.channel.is_thread
    assert message.channel is not place.report.channel
