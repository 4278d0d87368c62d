"""The stand-in's gateway, driven by a plain discord.py client: cuts, resumes, invalid sessions, lost guilds."""

import asyncio

import discord
import pytest
from client import Plain, running
from standin import Person, Standin
from standin.world import Channel

pytestmark = pytest.mark.timeout(60)


async def resumed(bot: Plain, times: int = 1) -> None:
    await bot.until(lambda: bot.noticed.count("resumed") == times, timeout=20)


async def test_what_was_said_while_the_cable_was_cut_is_replayed_once(
    standin: Standin, general: Channel, ana: Person,
) -> None:
    async with running(standin) as bot:
        standin.gateway.cut()
        await ana.says(general, "@Onsa echo missed")
        await resumed(bot)
        await ana.sees("you said: echo missed")
        assert len(bot.heard) == 1
        assert standin.gateway.resumes == 1
        assert bot.noticed.count("ready") == 1


@pytest.mark.parametrize("code", [4000, 1001, 4008])
async def test_a_close_that_may_be_resumed_is_resumed(standin: Standin, general: Channel, code: int) -> None:
    async with running(standin) as bot:
        await standin.gateway.close(code)
        await resumed(bot)
        assert len(standin.portal.identifies) == 1


async def test_a_request_to_reconnect_ends_in_a_resume(standin: Standin, general: Channel, ana: Person) -> None:
    async with running(standin) as bot:
        standin.gateway.ask_to_reconnect()
        await resumed(bot)
        await ana.says(general, "@Onsa echo after")
        await ana.sees("you said: echo after")


async def test_an_invalid_session_leads_to_a_new_one(standin: Standin, general: Channel, ana: Person) -> None:
    async with running(standin) as bot:
        standin.gateway.invalidate()
        await bot.until(lambda: bot.noticed.count("ready") == 2, timeout=20)
        await ana.says(general, "@Onsa echo new")
        await ana.sees("you said: echo new")
        assert len(standin.portal.identifies) == 2


async def test_a_resume_of_a_forgotten_session_is_answered_with_invalid_session(
    standin: Standin, general: Channel,
) -> None:
    async with running(standin) as bot:
        standin.gateway.forget()
        standin.gateway.cut()
        await bot.until(lambda: bot.noticed.count("ready") == 2, timeout=20)
        assert "resumed" not in bot.noticed


async def test_a_fatal_close_ends_the_client(standin: Standin, general: Channel) -> None:
    async def runs_until_closed() -> None:
        async with running(standin) as bot:
            await standin.gateway.close(4004)
            await asyncio.wait_for(bot.ended, 10)

    with pytest.raises(discord.ConnectionClosed) as ended:
        await runs_until_closed()
    assert ended.value.code == 4004


async def test_the_server_may_go_down_and_come_back(standin: Standin, general: Channel, ana: Person) -> None:
    async with running(standin) as bot:
        port = standin.port
        await standin.goes_down()
        await ana.says(general, "@Onsa echo during")
        await asyncio.sleep(0.3)
        await standin.comes_up()
        assert standin.port == port
        await resumed(bot)
        await ana.sees("you said: echo during")


async def test_unanswered_heartbeats_make_the_client_come_again(standin: Standin, general: Channel) -> None:
    standin.gateway.heartbeat_ms = 200
    async with running(standin, heartbeat_timeout=1.0) as bot:
        standin.gateway.answers_heartbeats = False
        await bot.until(lambda: len(standin.gateway.connections) == 0 or standin.gateway.resumes, timeout=20)
        standin.gateway.answers_heartbeats = True
        await resumed(bot)


async def test_a_duplicate_delivery_arrives_twice(standin: Standin, general: Channel, ana: Person) -> None:
    async with running(standin) as bot:
        standin.gateway.deliver_twice("MESSAGE_CREATE")
        await ana.says(general, "@Onsa echo twice")
        await bot.until(lambda: len(bot.heard) == 2)


async def test_a_guild_is_gained_and_lost_while_the_client_runs(standin: Standin, general: Channel) -> None:
    async with running(standin) as bot:
        late = standin.guild("Late", owner=standin.user("Lena"))
        await bot.until(lambda: {each.name for each in bot.guilds} == {"Team", "Late"})
        standin.remove_bot(late)
        await bot.until(lambda: "removed from Late" in bot.noticed)
        with pytest.raises(discord.Forbidden) as refused:
            await bot.get_partial_messageable(standin.general(late).id).send("hello?")
        assert refused.value.code == 50001


async def test_a_deleted_channel_is_gone_with_its_threads(standin: Standin, general: Channel, ana: Person) -> None:
    assert general.guild is not None
    other = standin.channel(general.guild, "other")
    async with running(standin) as bot:
        thread = await ana.starts_thread(other, "talk")
        await bot.until(lambda: bot.get_channel(thread.id) is not None)
        standin.remove_channel(other)
        await bot.until(lambda: bot.get_channel(other.id) is None)
        with pytest.raises(discord.NotFound) as refused:
            await bot.get_partial_messageable(thread.id).send("hello?")
        assert refused.value.code == 10003


async def test_a_hidden_channel_is_heard_of_no_more(standin: Standin, general: Channel, ana: Person) -> None:
    assert general.guild is not None
    secret = standin.channel(general.guild, "secret", hidden_from=[standin.bot])
    async with running(standin) as bot:
        await ana.says(secret, "@Onsa echo here")
        await ana.says(general, "@Onsa echo there")
        await ana.sees("you said: echo there")
        assert len(bot.heard) == 1
        with pytest.raises(discord.Forbidden):
            await bot.get_partial_messageable(secret.id).send("hello?")
