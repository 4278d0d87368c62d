"""The stand-in, driven by a plain discord.py client: login, messages, buttons, menus, modals, threads."""

import asyncio
from collections.abc import AsyncIterator

import discord
import pytest
from client import Plain, running
from standin import Person, Standin, Unanswered
from standin.intents import MESSAGE_CONTENT
from standin.world import Channel


@pytest.fixture
async def bot(standin: Standin, general: Channel, ana: Person) -> AsyncIterator[Plain]:
    async with running(standin) as client:
        yield client


def joined(standin: Standin, channel: Channel, name: str, locale: str = "en-US") -> Person:
    person = Person(standin, name, locale)
    assert channel.guild is not None
    standin.join(channel.guild, person.user)
    return person


async def test_a_client_logs_in_and_finds_its_guild_and_itself(standin: Standin, bot: Plain) -> None:
    assert bot.user is not None
    assert bot.user.id == standin.bot.id
    guild = bot.guilds[0]
    assert guild.me.guild_permissions.send_messages_in_threads
    assert not guild.me.guild_permissions.manage_messages
    assert [each.name for each in guild.text_channels] == ["general"]


async def test_a_wrong_token_is_refused(standin: Standin) -> None:
    with pytest.raises(discord.LoginFailure):
        async with running(standin, token="wrong"):
            pass


async def test_a_mention_carries_content_and_gets_a_reply(bot: Plain, ana: Person, general: Channel) -> None:
    said = await ana.says(general, "@Onsa echo hello")
    reply = await ana.sees("you said: echo hello", channel=general)
    assert reply.reply_to is said
    assert not reply.pings


async def test_content_is_empty_without_the_intent_unless_named_or_in_a_dm(
    bot: Plain, ana: Person, general: Channel,
) -> None:
    await ana.says(general, "a secret")
    await ana.says(ana.dm(), "a whisper")
    await ana.sees("you said: a whisper", channel=ana.dm())
    assert bot.heard == ["", "a whisper"]


async def test_the_content_intent_must_be_switched_on_in_the_portal(standin: Standin, general: Channel) -> None:
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(standin, intents=discord.Intents.all()):
            pass


async def test_with_the_intent_content_arrives() -> None:
    async with Standin(allowed_intents=MESSAGE_CONTENT) as standin:
        general = standin.general(standin.guild("Team", owner=standin.user("Olga")))
        ana = joined(standin, general, "Ana")
        intents = discord.Intents.default()
        intents.message_content = True
        async with running(standin, intents=intents) as bot:
            await ana.says(general, "no secret")
            await bot.until(lambda: bot.heard == ["no secret"])


async def test_a_button_is_clicked_and_its_message_changes(bot: Plain, ana: Person, general: Channel) -> None:
    await ana.says(general, "@Onsa buttons")
    card = await ana.sees(lambda message: "Start" in message.labels)
    use = await ana.clicks(card, "Start")
    assert use.answer == 7
    await ana.sees("started by Ana")
    assert card.labels == []


async def test_an_old_button_reaches_a_new_client_by_its_custom_id(
    standin: Standin, ana: Person, general: Channel,
) -> None:
    async with running(standin):
        await ana.says(general, "@Onsa buttons")
        card = await ana.sees(lambda message: "Start" in message.labels)
    async with running(standin):
        await ana.clicks(card, "Start")
        await ana.sees("started by Ana")


async def test_a_menu_is_chosen_from(bot: Plain, ana: Person, general: Channel) -> None:
    await ana.says(general, "@Onsa buttons")
    card = await ana.sees(lambda message: message.selects)
    use = await ana.chooses(card, "Two")
    answer = await ana.gets(use, "chose 2")
    assert answer.seen_only_by is ana.user


async def test_a_modal_is_opened_filled_in_and_answered(bot: Plain, ana: Person, general: Channel) -> None:
    await ana.says(general, "@Onsa buttons")
    card = await ana.sees(lambda message: "Change" in message.labels)
    opened = await ana.clicks(card, "Change")
    assert opened.modal is not None
    assert opened.modal["title"] == "Settings"
    sent = await ana.submits(opened, {"Rank": "16"})
    await ana.gets(sent, "rank is 16")


async def test_an_ephemeral_answer_is_seen_by_its_person_only(
    standin: Standin, bot: Plain, ana: Person, general: Channel,
) -> None:
    other = joined(standin, general, "Ben")
    use = await ana.uses("/whisper", channel=general, text="pst")
    await ana.gets(use, "pst")
    await ana.sees("pst")
    assert other.visible() == []


async def test_a_slow_answer_is_shown_as_loading_and_then_filled(bot: Plain, ana: Person, general: Channel) -> None:
    use = await ana.uses("/slow", channel=general)
    assert use.answer == 5
    assert use.original is not None
    assert use.original.flags & 128
    answer = await ana.gets(use, "done")
    assert answer is use.original


async def test_autocomplete_offers_localised_names(
    standin: Standin, bot: Plain, ana: Person, general: Channel,
) -> None:
    yuki = joined(standin, general, "Yuki", "ja")
    assert await ana.types("/pick", channel=general, focus="colour", text="bl") == ["blue", "black"]
    assert await yuki.types("/pick", channel=general, focus="colour", text="bl") == ["青", "黒"]


async def test_a_context_menu_command_carries_the_message_with_its_files(
    bot: Plain, ana: Person, general: Channel,
) -> None:
    said = await ana.says(general, "see here", files={"data.csv": "a,b\n1,2\n"})
    use = await ana.uses_on(said, "Measure")
    await ana.gets(use, "data.csv has 8 bytes: see here")


async def test_a_command_takes_a_file(bot: Plain, ana: Person, general: Channel) -> None:
    use = await ana.uses("/size", channel=general, file={"x.txt": "12345"})
    await ana.gets(use, "x.txt has 5 bytes")


async def test_a_silent_application_is_noticed(bot: Plain, ana: Person, general: Channel) -> None:
    with pytest.raises(Unanswered):
        await ana.uses("/silent", channel=general, timeout=0.5)


async def test_a_thread_is_made_from_a_message_and_talked_in(bot: Plain, ana: Person, general: Channel) -> None:
    said = await ana.says(general, "@Onsa thread")
    first = await ana.sees("welcome to the thread")
    thread = first.channel
    assert thread.parent is general
    assert thread.id == said.id
    assert ana.threads(general) == [thread]
    await ana.says(thread, "@Onsa echo inside")
    await ana.sees("you said: echo inside", channel=thread)


async def test_files_and_pictures_are_sent_and_can_be_fetched(bot: Plain, ana: Person, general: Channel) -> None:
    await ana.says(general, "@Onsa files")
    sent = await ana.sees(lambda message: message.attachments)
    picture, text = sent.attachments
    assert picture.is_embedded
    assert sent.embeds[0]["image"]["url"] == picture.url
    assert (text.filename, text.content) == ("notes.txt", b"words")
    message = bot.get_partial_messageable(general.id).get_partial_message(sent.id)
    fetched = await message.fetch()
    assert [each.filename for each in fetched.attachments] == ["notes.txt"]
    assert await fetched.attachments[0].read() == b"words"


async def test_edits_reactions_and_deletions_arrive(bot: Plain, ana: Person, general: Channel) -> None:
    said = await ana.says(general, "@Onsa echo one")
    reply = await ana.sees("you said")
    await ana.reacts(reply, "👍")
    await ana.edits(said, "@Onsa echo two")
    await ana.deletes(said)
    await bot.until(lambda: {"reaction 👍", "edited", "deleted"} <= set(bot.noticed))


async def test_typing_is_heard_both_ways(standin: Standin, bot: Plain, ana: Person, general: Channel) -> None:
    async with bot.get_partial_messageable(general.id).typing():
        await asyncio.sleep(0.05)
    assert standin.journal.of("POST", "/typing$")
    await ana.is_typing(general)
    await bot.until(lambda: "typing" in bot.noticed)
