"""What people live through with the real bot process: plans, jobs, reports, restarts. The worker's part is played."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_process import Bot, House, eventually, running
from standin import Person, Standin
from standin.world import Channel, Guild, Message

from tuner.store import Store

pytestmark = pytest.mark.slow

REPORT = re.compile(r"Job 1 · report \d+")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with await Store.open(tmp_path) as store:
        yield House(store=store)


@pytest.fixture
def aki(standin: Standin) -> Person:
    return Person(standin, "aki")


@pytest.fixture
def guild(standin: Standin, aki: Person) -> Guild:
    return standin.guild("Bicycles", owner=aki.user)


@pytest.fixture
def general(standin: Standin, guild: Guild) -> Channel:
    return standin.general(guild)


@pytest.fixture
async def bot(standin: Standin, guild: Guild, house: House, tmp_path: Path) -> AsyncIterator[Bot]:
    async with running(standin, tmp_path) as made:
        yield made


def has(label: str) -> object:
    return lambda message: label in message.labels


async def planned(aki: Person, house: House, general: Channel, text: str = "tune it with 2 trials") -> Message:
    """The plan card after a mention in the channel."""
    assert general.guild is not None
    await house.has_data(f"guild-{general.guild.id}", general.id)
    await aki.says(general, f"@Onsa {text}")
    return await aki.sees(has("Start"), 90)


async def started(aki: Person, house: House, general: Channel) -> Channel:
    """The thread of a job that was started."""
    card = await planned(aki, house, general)
    await aki.clicks(card, "Start")
    await aki.sees("this is job 1", 90)
    return card.channel


async def test_a_mention_is_answered_and_other_talk_is_left_alone(bot: Bot, aki: Person, general: Channel) -> None:
    await aki.says(general, "tune it, everybody!")
    await aki.sees_nothing(1.5)
    await aki.says(general, "@Onsa help")
    answer = await aki.sees("You can simply say it", 90)
    assert not answer.pings


async def test_a_direct_message_needs_no_mention_and_is_answered_in_its_language(
    bot: Bot, standin: Standin, guild: Guild
) -> None:
    yuki = Person(standin, "yuki", "ja")
    standin.join(guild, yuki.user)
    await yuki.says(yuki.dm(), "ヘルプ")
    await yuki.sees("ふだんの言葉で", 90, channel=yuki.dm())


async def test_a_plan_gets_a_thread_and_nothing_is_queued_before_start(
    bot: Bot, aki: Person, house: House, general: Channel, guild: Guild
) -> None:
    card = await planned(aki, house, general)
    assert card.channel.is_thread
    assert card.channel.parent is general
    assert await house.store.jobs(f"guild-{guild.id}") == []
    await aki.clicks(card, "Start")
    await aki.clicks(card, "Start") if "Start" in card.labels else None
    await aki.sees("this is job 1", 90)
    assert [job.number for job in await house.store.jobs(f"guild-{guild.id}")] == [1]


async def test_the_live_card_follows_the_job_and_the_report_comes_once_with_a_line_in_the_channel(
    bot: Bot, aki: Person, house: House, general: Channel, guild: Guild
) -> None:
    thread = await started(aki, house, general)
    team = f"guild-{guild.id}"
    await aki.sees("Job 1: waiting", 90, channel=thread)
    job = await house.begin(team)
    await house.run_trial(job, 0, 1.5)
    live = await aki.sees("1 of 2 done", 90, channel=thread)
    await house.run_trial(job, 1, 1.2)
    await house.finish(job)
    report = await aki.sees(REPORT, 90, channel=thread)
    line = await aki.sees("Job 1 is done", 90, channel=general)
    assert f"<#{thread.id}>" in line.text
    assert "Chat with it" in report.labels
    await eventually(lambda: "Job 1: finished" in live.text)
    await aki.sees_nothing(4)
    assert "Stop" not in live.labels
    assert "Job 1: finished" in live.text
    assert sum(bool(REPORT.search(message.text)) for message in aki.visible()) == 1


async def test_a_job_that_ended_while_the_bot_was_away_is_reported_when_it_is_back_and_once(
    bot: Bot, aki: Person, house: House, general: Channel, guild: Guild
) -> None:
    thread = await started(aki, house, general)
    await bot.kill()
    await house.done(f"guild-{guild.id}")
    await bot.start()
    await aki.sees(REPORT, 90, channel=thread)
    await aki.sees("Job 1 is done", 90, channel=general)
    await bot.stop()
    await bot.start()
    await aki.sees_nothing(4)


async def test_buttons_of_a_process_that_is_gone_still_work(
    bot: Bot, aki: Person, house: House, general: Channel, guild: Guild
) -> None:
    card = await planned(aki, house, general)
    await bot.kill()
    await bot.start()
    await aki.clicks(card, "Start")
    await aki.sees("this is job 1", 90)
    too_old = await aki.sends_component(card, "f:halt:0123456789ab")
    assert too_old.acked.is_set()
    await aki.sends_component(card, "o:nonsense:1")
    await aki.sees("The time of that button is over", 90)


async def test_a_job_is_paused_and_goes_on_from_its_card_also_after_a_restart(
    bot: Bot, standin: Standin, aki: Person, house: House, general: Channel, guild: Guild
) -> None:
    bo = Person(standin, "bo")
    standin.join(guild, bo.user)
    stoppers = standin.role(guild, "stoppers")
    await house.store.prefer(f"guild-{guild.id}", None, "roles:stop", str(stoppers.id))
    thread = await started(aki, house, general)
    card = await aki.sees(has("Pause"), 90, channel=thread)
    await bo.clicks(card, "Pause")
    await bo.sees("your own jobs", 90, channel=thread)
    await bot.kill()
    await bot.start()
    await aki.clicks(card, "Pause")
    await eventually(lambda: "Go on" in card.labels)
    (job,) = await house.store.jobs(f"guild-{guild.id}")
    assert job.state == "paused"
    await bot.kill()
    await bot.start()
    await aki.clicks(card, "Go on")
    await aki.sees(lambda message: "Pause" in message.labels and message is not card, 90, channel=thread)
    await eventually(lambda: card.labels == [])
    (job,) = await house.store.jobs(f"guild-{guild.id}")
    assert job.state == "queued"


async def test_a_changed_plan_takes_the_old_cards_buttons(
    bot: Bot, aki: Person, house: House, general: Channel
) -> None:
    card = await planned(aki, house, general)
    form = await aki.clicks(card, "Change")
    await aki.submits(form, {"trials": "7"})
    newer = await aki.sees(lambda message: "7, as many side by side" in message.text, 90)
    assert "Start" in newer.labels
    await eventually(lambda: "Start" not in card.labels)


async def test_the_report_goes_to_the_channel_when_somebody_deleted_the_thread(
    bot: Bot, standin: Standin, aki: Person, house: House, general: Channel, guild: Guild
) -> None:
    thread = await started(aki, house, general)
    standin.remove_channel(thread)
    await house.done(f"guild-{guild.id}")
    await aki.sees(REPORT, 90, channel=general)


async def test_the_report_goes_to_its_person_when_the_bot_was_removed_from_the_team(
    bot: Bot, standin: Standin, aki: Person, house: House, general: Channel, guild: Guild
) -> None:
    await started(aki, house, general)
    other = standin.guild("Elsewhere", owner=aki.user)
    standin.remove_bot(guild)
    await house.done(f"guild-{guild.id}")
    await aki.sees(REPORT, 90, channel=aki.dm())
    assert other.has(standin.bot)


async def test_an_event_that_is_delivered_twice_is_answered_once(
    bot: Bot, standin: Standin, aki: Person, general: Channel
) -> None:
    standin.gateway.deliver_twice("MESSAGE_CREATE")
    await aki.says(general, "@Onsa status")
    first = await aki.sees("There is no job yet", 90)
    await aki.sees_nothing(2)
    assert first.channel is general


async def test_an_error_of_ours_tells_a_reference_number(
    bot: Bot, standin: Standin, aki: Person, house: House, general: Channel
) -> None:
    card = await planned(aki, house, general)
    await aki.sends_component(card, "o:extend:not-a-number")
    await aki.sees(re.compile(r"reference [0-9a-f]{8}"), 90)
