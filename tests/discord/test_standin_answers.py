"""What the stand-in itself answers, held against Discord's own description."""

import discord
import pytest
from client import Plain, running
from standin import Person, Standin, schema
from standin.world import Channel, Guild

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(schema.reason_for_absence() is not None, reason=str(schema.reason_for_absence()))]


async def test_the_answers_agree_with_the_description(standin: Standin) -> None:
    standin.rest.judges_answers = True
    olga = Person(standin, "Olga")
    guild = standin.guild("Team", owner=olga.user)
    general = standin.general(guild)
    async with running(standin) as bot:
        await talked(olga, general)
        await asked(bot, olga, guild, general)
    assert standin.rest.own_faults == []
    answered = {(each.method, each.template) for each in standin.journal.calls if each.status in (200, 201)}
    assert len(answered) >= 18


async def talked(olga: Person, general: Channel) -> None:
    for words in ("buttons", "files", "thread", "echo hello"):
        await olga.says(general, f"@Onsa {words}")
    card = await olga.sees("a card")
    await olga.sees(lambda message: message.attachments)
    await olga.sees("welcome")
    await olga.submits(await olga.clicks(card, "Change"), {"Rank": "4"})
    await olga.chooses(card, "One")
    await olga.clicks(card, "Start")
    await olga.gets(await olga.uses("/slow", channel=general), "done")
    await olga.types("/pick", channel=general, focus="colour")


async def asked(bot: Plain, olga: Person, guild: Guild, general: Channel) -> None:
    known = bot.get_guild(guild.id)
    channel = bot.get_channel(general.id)
    assert known is not None
    assert isinstance(channel, discord.TextChannel)
    assert len([each async for each in channel.history(limit=20)]) >= 8
    thread = await channel.create_thread(name="x", type=discord.ChannelType.public_thread)
    await thread.edit(name="y")
    await (await thread.send("z")).edit(content="q")
    await (await bot.fetch_user(olga.user.id)).create_dm()
    await bot.fetch_guild(guild.id)
    await bot.fetch_channel(general.id)
    await known.fetch_member(olga.user.id)
    await known.fetch_channels()
    await known.fetch_roles()
    await known.active_threads()
    await bot.application_info()
    await bot.tree.fetch_commands()
