"""A clock that jumps, as after a wrong battery or a late time server: cards go on, deliveries come once, talks live."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import discord
import pytest
import yarl
from bot_process import House, eventually
from standin import Person, Standin
from standin.world import Channel, Message

from bot.desk.context import Services
from bot.desk.door import Desk
from bot.discord_front.client import OnsaClient
from bot.discord_front.front import Front
from bot.settings import BotSettings
from tuner.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DAY_S = 24 * 3600.0
PATIENCE_S = 60.0


class Clock:
    """Time as this machine tells it. It stands still between jumps, as far as waits of seconds go."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 0.5  # every look is a little later, so that what is paced by the clock goes on
        return self.now


async def no_chat() -> None:
    raise AssertionError("nobody chats here")


@contextlib.asynccontextmanager
async def a_bot(standin: Standin, store: Store, clock: Clock) -> AsyncIterator[None]:
    """The bot's own client in this process, because its clock is in our hands."""
    services = Services(store=store, home=store.home, chat=no_chat, clock=clock)  # type: ignore[arg-type]
    settings = BotSettings(_env_file=None, home=store.home)  # type: ignore[call-arg]
    front = Front(desk=Desk(services), services=services, settings=settings, noticed=lambda team, channel: None)
    client = OnsaClient(front)
    gateway = yarl.URL(standin.gateway.address)
    with (
        mock.patch.object(discord.http.Route, "BASE", standin.api),
        mock.patch.object(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway),
    ):
        task = asyncio.create_task(client.start(standin.token))
        try:
            await eventually(lambda: standin.gateway.sessions and standin.commands.puts, PATIENCE_S)
            yield
        finally:
            await client.close()
            await asyncio.wait({task}, timeout=5)


def live_cards(channel: Channel) -> list[Message]:
    return [each for each in channel.shown if "live card" in each.text]


@pytest.mark.parametrize("first_s", [2 * DAY_S, -2 * DAY_S, 40 * 365 * DAY_S], ids=["ahead", "back", "decades"])
async def test_cards_talks_and_deliveries_survive_a_clock_that_jumps_and_jumps_back(
    standin: Standin, tmp_path: Path, first_s: float
) -> None:
    clock = Clock()
    aki = Person(standin, "aki")
    guild = standin.guild("Bicycles", owner=aki.user)
    general, team = standin.general(guild), f"guild-{guild.id}"
    async with await Store.open(tmp_path, clock) as store, a_bot(standin, store, clock):
        house = House(store=store)
        await house.has_data(team, general.id)
        await aki.says(general, "@Onsa tune it with 3 trials")
        await aki.clicks(await aki.sees(lambda message: "Start" in message.labels, PATIENCE_S), "Start")
        await aki.sees("this is job 1", PATIENCE_S)
        job = await house.begin(team)
        await house.run_trial(job, 0, 1.5)
        card = await aki.sees("1 of 3 done", PATIENCE_S)
        thread = card.channel
        clock.now += first_s
        await house.run_trial(job, 1, 1.4)
        await aki.sees("2 of 3 done", PATIENCE_S, channel=thread)
        clock.now -= first_s
        await store.heartbeat(job.id, "w", 1e9)
        await house.run_trial(job, 2, 1.3)
        await aki.sees("All 3 done", PATIENCE_S, channel=thread)
        await eventually(lambda: len(live_cards(thread)) == 1, PATIENCE_S)  # the one that it replaced goes
        clock.now += first_s
        await house.finish(job)
        await aki.sees("Job 1 · report", PATIENCE_S, channel=thread)
        clock.now -= first_s
        await aki.says(thread, "@Onsa how is it going?")
        await aki.sees("Job 1", PATIENCE_S, channel=thread, after=thread.shown[-1])
        assert len([each for each in thread.shown if "· report" in each.text]) == 1
        assert len([each for each in general.shown if "Job 1 is done" in each.text]) == 1
