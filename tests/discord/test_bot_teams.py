"""Teams are islands: each door through which another team's things could be seen is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bot_process import Bot, House, running
from standin import Person, Standin
from standin.world import Channel, Guild

from tuner.store import Store

pytestmark = pytest.mark.slow


@dataclass(slots=True, kw_only=True)
class Town:
    """Two teams. The first has data and a finished job; `mallory` sits in the second."""

    bot: Bot
    house: House
    aki: Person
    mallory: Person
    red: Guild
    blue: Guild
    red_room: Channel
    blue_room: Channel


@pytest.fixture
async def town(standin: Standin, tmp_path: Path) -> AsyncIterator[Town]:
    aki, mallory = Person(standin, "aki"), Person(standin, "mallory")
    red, blue = standin.guild("Red", owner=aki.user), standin.guild("Blue", owner=mallory.user)
    red_room, blue_room = standin.general(red), standin.general(blue)
    async with await Store.open(tmp_path) as store, running(standin, tmp_path) as bot:
        house = House(store=store)
        await house.has_data(f"guild-{red.id}", red_room.id, "secret-faq.csv")
        await aki.says(red_room, "@Onsa tune it with 2 trials")
        card = await aki.sees(lambda message: "Start" in message.labels, 90)
        await aki.clicks(card, "Start")
        await aki.sees("this is job 1", 90)
        await house.done(f"guild-{red.id}")
        await aki.sees("report", 90)
        yield Town(bot=bot, house=house, aki=aki, mallory=mallory, red=red, blue=blue, red_room=red_room,
                   blue_room=blue_room)


async def test_no_door_shows_another_teams_data_or_jobs(town: Town, standin: Standin) -> None:
    mallory, room = town.mallory, town.blue_room
    assert await mallory.types("/job", channel=room, focus="job", text="") == []
    assert await mallory.types("/data", channel=room, focus="data", text="secret") == []
    assert await town.aki.types("/data", channel=town.red_room, focus="data", text="secret") == ["secret-faq.csv"]
    for words, options in (("/job", {"job": 1}), ("/jobs", {}), ("/data", {}), ("/best", {"job": 1}),
                           ("/explain", {"job": 1}), ("/export", {"job": 1}), ("/stop", {"job": 1}),
                           ("/data", {"data": "secret-faq.csv"}), ("/chat", {"question": "hello", "job": 1})):
        use = await mallory.uses(words, channel=room, **options)
        answer = await mallory.gets(use, timeout=90)
        assert "of 2" not in answer.text
        assert "150" not in answer.text, (words, answer.text)
    await mallory.says(room, "@Onsa what are the best settings of job 1?")
    answer = await mallory.sees("no job 1", 90)
    for action in ("details:1", "chat:1", "compare:1", "stop:1", "extend:1:5:0", "try:1:0"):
        before = {message.id for message in mallory.visible(room)}
        await mallory.sends_component(answer, f"o:{action}")
        new = await mallory.sees(lambda message: message.id not in before, 90)  # noqa: B023
        assert "150" not in new.text
        assert "Try 0" not in new.text
    (job,) = await town.house.store.jobs(f"guild-{town.red.id}")
    assert job.state == "finished"
    assert await town.house.store.jobs(f"guild-{town.blue.id}") == []


async def test_a_plan_of_another_team_cannot_be_started_by_its_id(town: Town) -> None:
    await town.aki.says(town.red_room, "@Onsa tune it with 4 trials")
    card = await town.aki.sees(lambda message: "4, as many side by side" in message.text and message.labels, 90)
    start = next(button["custom_id"] for button in card.buttons if button["label"] == "Start")
    await town.mallory.says(town.blue_room, "@Onsa status")
    own = await town.mallory.sees("no job yet", 90)
    await town.mallory.sends_component(own, start)
    await town.mallory.sees("no longer here", 90)
    assert len(await town.house.store.jobs(f"guild-{town.red.id}")) == 1
    assert await town.house.store.jobs(f"guild-{town.blue.id}") == []


async def test_only_the_chosen_role_may_start_and_one_may_stop_ones_own(town: Town, standin: Standin) -> None:
    bo = Person(standin, "bo")
    standin.join(town.red, bo.user)
    starters = standin.role(town.red, "starters")
    refused = await bo.uses("/settings", channel=town.red_room, starters=starters)
    assert "Only people who may manage" in (await bo.gets(refused, timeout=90)).text
    changed = await town.aki.uses("/settings", channel=town.red_room, starters=starters)
    assert "starters" in (await town.aki.gets(changed, timeout=90)).text
    await bo.says(town.red_room, "@Onsa tune it with 3 trials")
    card = await bo.sees(lambda message: "3, as many side by side" in message.text and message.labels, 90)
    await bo.clicks(card, "Start")
    await bo.sees("kept for certain people", 90)
    assert len(await town.house.store.jobs(f"guild-{town.red.id}")) == 1
    await town.aki.clicks(card, "Start")
    await town.aki.sees("this is job 2", 90)
