"""Messages of people: whether Onsa is meant, what was said, which files came along, and in which thread it goes on."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.desk import data, talk
from bot.discord_front import chains, rights, rooms
from bot.discord_front.buttons import front_button
from bot.discord_front.exporting import hand_over
from bot.discord_front.front import Front
from bot.discord_front.markup import escape
from bot.discord_front.outlet import ChannelOutlet, Outlet
from bot.discord_front.places import Room, know_job, language_of, room_of, team_of
from bot.discord_front.render import Post
from bot.language.commands import Command
from bot.language.parser import parse
from bot.manage import names
from bot.phrases import Language, say
from bot.utterance import Attachment, Utterance

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

_LOG = logging.getLogger("onsa.discord")

FILE_BYTES = 32_000_000
DOWNLOAD_S = 120.0
_HINT_LIVES_S = 7 * 24 * 3600.0
_TYPES = (discord.MessageType.default, discord.MessageType.reply)


async def heard(client: OnsaClient, message: discord.Message) -> None:
    """Answers a message when Onsa is meant, once among all processes; stays silent otherwise."""
    front = client.front
    is_a_persons = not message.author.bot and message.webhook_id is None and message.type in _TYPES
    if not is_a_persons or not front.seen.is_new(message.id):
        return
    guild_id = guild_of_message(message)
    team = team_of(guild_id, message.author.id)
    room = await room_of(front.store, message.channel.id) if guild_id is not None else None
    is_meant = guild_id is None or room is not None or _is_mentioned(client, message)
    if not is_meant and not await _listens(front, team, message.channel.id):
        return
    if room is not None and _is_unreadable(message):
        await _hint(front, message, room, team)
        return
    language = parse(words_of(client, message)).utterance_language
    if not await front.taken.claim(message, guild_id, language):
        return
    try:
        await _heard(client, message, team, room, is_meant=is_meant)
    finally:
        if not _is_ending():
            await front.taken.done(message)


def _is_ending() -> bool:
    """True while this task is being cancelled: then the next process tells the person."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _heard(
    client: OnsaClient, message: discord.Message, team: str, room: Room | None, *, is_meant: bool
) -> None:
    front = client.front
    member = rights.member_of(message.author)
    chosen = await chosen_language(front, team, str(message.author.id))
    held = await rights.rights_of(front.store, team, member, front.services.clock())
    chain = await chains.dialogue_of(front.store, front.halts, team, message) if room is None else None
    utterance = Utterance(
        team=team,
        person=str(message.author.id),
        called=message.author.display_name,
        dialogue=room.dialogue if room is not None else chain,
        channel=str(message.channel.id),
        message_id=str(message.id),
        text=words_of(client, message),
        denied=held.denied,
        manages=held.manages,
        limit=held.limit,
        language=chosen,
        addressed=is_meant,
    )
    language = chosen or parse(utterance.text).utterance_language
    outlet = ChannelOutlet(message.channel, reply_to=message)
    attachments = await files_of(list(message.attachments), outlet, language)
    if message.attachments and not attachments and not utterance.text:
        return
    await answer(client, replace(utterance, attachments=attachments), message, outlet, room)


async def answer(
    client: OnsaClient, utterance: Utterance, message: discord.Message | None, outlet: Outlet, room: Room | None
) -> None:
    """Lets the desk answer, in a thread of its own where a job or a conversation begins."""
    front = client.front
    spelled = await names.spelled_out(front.store, utterance.team, utterance.text) if utterance.text else ""
    command = utterance.command or parse(spelled)
    language = utterance.language or command.utterance_language
    opened: Room | None = None
    is_chained = chains.is_chain(utterance.dialogue)
    if message is not None and message.guild is not None and not is_chained and (room is None or room.kind == "job"):
        opened = await _opened(front, utterance, command, message, language, is_in_room=room is not None)
        if opened is not None:
            utterance = replace(utterance, channel=str(opened.thread), dialogue=opened.dialogue)
            outlet = ChannelOutlet(client.get_partial_messageable(opened.thread, guild_id=opened.guild))
            if room is not None:
                await ChannelOutlet(message.channel).send(_link(opened, language))
            room = opened
    if room is not None:
        await know_job(front.store, utterance, room)
    shown = await front.answer(utterance, outlet)
    if opened is not None and opened.kind == "chat":
        await say_how_to_talk(front, outlet, language)
    await hand_over(client, utterance, shown, outlet, language)
    if room is not None and room.kind == "job":
        await data.share(front.store, utterance.team, utterance.channel, str(room.parent))


async def _opened(
    front: Front,
    utterance: Utterance,
    command: Command,
    message: discord.Message,
    language: Language,
    *,
    is_in_room: bool,
) -> Room | None:
    """The thread in which this goes on, or None where it is answered on the spot."""
    if command.intent == "chat" and not command.prompt and not utterance.attachments:
        if not await talk.is_there(front.store, utterance.team, command):
            return None
        name = say("discord.front.thread_chat", language)
        if is_in_room:
            return await rooms.open_beside(front.store, message.channel, "chat", name)
        return await rooms.open_from(front.store, message, "chat", name)
    if not is_in_room and (utterance.attachments or command.intent == "tune"):
        return await rooms.open_from(front.store, message, "job", say("discord.front.thread_plan", language))
    return None


def _link(room: Room, language: Language) -> Post:
    return Post(content=f"{say(f'discord.front.goes_on_{room.kind}', language)} → <#{room.thread}>")


def guild_of_message(message: discord.Message) -> int | None:
    """The server's id, also of one that is not in the cache (an outage): its words are never a private talk."""
    if message.guild is not None:
        return message.guild.id
    return message.channel.guild_id if isinstance(message.channel, discord.PartialMessageable) else None


def words_of(client: discord.Client, message: discord.Message) -> str:
    """Promises what was said, without the mention of Onsa itself."""
    names = [f"<@{client.user.id}>", f"<@!{client.user.id}>"] if client.user is not None else []
    names += [role.mention for role in message.role_mentions if _is_own(client, role)]
    pattern = "|".join(re.escape(name) for name in names)
    return (re.sub(pattern, " ", message.content) if pattern else message.content).strip()


def _is_own(client: discord.Client, role: discord.Role) -> bool:
    return client.user is not None and role.tags is not None and role.tags.bot_id == client.user.id


def _is_mentioned(client: discord.Client, message: discord.Message) -> bool:
    if client.user is None:
        return False
    return any(user.id == client.user.id for user in message.mentions) or any(
        _is_own(client, role) for role in message.role_mentions
    )


def _is_unreadable(message: discord.Message) -> bool:
    """Without the message content intent, words that mention nobody of us arrive empty."""
    return not (message.content or message.attachments or message.embeds or message.stickers or message.poll)


async def _hint(front: Front, message: discord.Message, room: Room, team: str) -> None:
    """Says once a thread and person how to be heard."""
    name = f"hinted:{room.thread}:{message.author.id}"
    if await front.store.dialogue("*", name) is not None:
        return
    await front.store.keep_dialogue("*", name, {"told": True}, _HINT_LIVES_S)
    language = await chosen_language(front, team, str(message.author.id))
    locale = message.guild.preferred_locale if message.guild is not None else None
    language = language or ("ja" if locale is discord.Locale.japanese else "en")
    write = front_button("write", say("discord.front.write_label", language), "primary")
    upload = front_button("upload", say("discord.front.upload_label", language))
    buttons = (write,) if room.kind == "chat" else (write, upload)
    text = say("discord.front.cannot_read", language)
    await ChannelOutlet(message.channel, reply_to=message).send(Post(content=text, buttons=buttons))


async def say_how_to_talk(front: Front, outlet: Outlet, language: Language) -> None:
    """Where ordinary messages arrive empty, a new conversation says how to be heard."""
    if front.settings.discord_message_content:
        return
    write = front_button("write", say("discord.front.write_label", language), "primary")
    await outlet.send(Post(content=say("discord.front.how_to_talk", language), buttons=(write,)))


async def _listens(front: Front, team: str, channel: int) -> bool:
    """True in the channel that an admin chose for free talk, when its words can be read at all."""
    if not front.settings.discord_message_content:
        return False
    return await front.store.preference(team, None, "listens") == str(channel)


async def chosen_language(front: Front, team: str, person: str) -> Language | None:
    """What the person chose, else the team; None: as each message."""
    store = front.store
    chosen = await store.preference(team, person, "language") or await store.preference(team, None, "language")
    return "ja" if chosen == "ja" else "en" if chosen == "en" else None


async def language_for(interaction: discord.Interaction[OnsaClient]) -> Language:
    """The person's choice, the team's, else that of the person's Discord."""
    team = team_of(interaction.guild_id, interaction.user.id)
    chosen = await chosen_language(interaction.client.front, team, str(interaction.user.id))
    return chosen or language_of(interaction.locale)


async def files_of(attachments: list[discord.Attachment], outlet: Outlet, language: Language) -> tuple[Attachment, ...]:
    """Promises the files' bytes. One that is too large, or cannot be fetched, is said and left out."""
    found = []
    for attachment in attachments:
        facts = {"name": attachment.filename, "bytes": attachment.size, "most": FILE_BYTES}
        if attachment.size > FILE_BYTES:
            await outlet.send(Post(content=escape(say("discord.front.file_too_large", language, facts))))
            continue
        try:
            async with asyncio.timeout(DOWNLOAD_S):
                content = await attachment.read()
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
            _LOG.warning("a file could not be fetched: %r", error)
            await outlet.send(Post(content=escape(say("discord.front.file_not_read", language, facts))))
            continue
        found.append(Attachment(name=attachment.filename, content=content))
    return tuple(found)
