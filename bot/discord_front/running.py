"""Runs one command from a menu: acknowledged within Discord's three seconds, answered by the desk when it is ready."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord

from bot.desk import talk
from bot.discord_front import intake, rooms
from bot.discord_front.outlet import NOBODY, ChannelOutlet, InteractionOutlet, Outlet
from bot.discord_front.places import Room, room_of
from bot.discord_front.presses import spoken
from bot.discord_front.render import Post
from bot.judging.wish import Wish
from bot.language.commands import Command
from bot.language.taking import Taking
from bot.manage.wish import Wish as ManageWish
from bot.phrases import Language, say
from bot.utterance import Utterance

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

_LOG = logging.getLogger("onsa.discord")


async def command(
    interaction: discord.Interaction[OnsaClient],
    made: Command,
    *,
    files: list[discord.Attachment] | None = None,
    hidden: bool = False,
    in_thread: rooms.Kind | None = None,
    compared: Wish | None = None,
    taking: Taking | None = None,
    managed: ManageWish | None = None,
) -> None:
    """Answers `made`, or the wish that stands for it (`compared`, `taking`, `managed`). `hidden`: only the person sees
    it. `in_thread`: a thread of its own where there may be one.
    """
    with interaction.client.busy.turn():
        chosen = {"compared": compared, "taking": taking, "managed": managed}
        await _command(interaction, made, files or [], hidden, in_thread, chosen)


async def _command(
    interaction: discord.Interaction[OnsaClient],
    made: Command,
    files: list[discord.Attachment],
    hidden: bool,
    in_thread: rooms.Kind | None,
    chosen: Mapping[str, Any],
) -> None:
    if not interaction.client.front.seen.is_new(interaction.id) or not await _wait(interaction, hidden):
        return
    utterance = replace(await spoken(interaction, is_private=hidden), command=made, **chosen)
    outlet: Outlet = InteractionOutlet(interaction, hidden=hidden)
    attachments = await intake.files_of(files, outlet, utterance.language or "en")
    if files and not attachments:
        return
    utterance = replace(utterance, attachments=attachments)
    room = await _room(interaction, in_thread if not attachments else "job", utterance)
    is_new = room is not None and str(room.thread) != utterance.channel
    if room is not None and is_new:
        text = say(f"discord.front.goes_on_{room.kind}", utterance.language or "en")
        await outlet.send(Post(content=f"{text} → <#{room.thread}>"))
        outlet = ChannelOutlet(interaction.client.get_partial_messageable(room.thread, guild_id=room.guild))
        utterance = replace(utterance, channel=str(room.thread), dialogue=room.dialogue)
    await intake.answer(interaction.client, utterance, None, outlet, room)
    if room is not None and room.kind == "chat" and is_new:
        await intake.say_how_to_talk(interaction.client.front, outlet, utterance.language or "en")


async def _wait(interaction: discord.Interaction[OnsaClient], hidden: bool) -> bool:
    """Shows that Onsa thinks. False when the interaction is gone: then nobody waits for an answer."""
    try:
        await interaction.response.defer(ephemeral=hidden, thinking=True)
    except discord.HTTPException as error:
        _LOG.warning("a command could not be acknowledged: %s (%s)", error.status, error.code)
        return False
    return True


async def _room(
    interaction: discord.Interaction[OnsaClient], kind: rooms.Kind | None, utterance: Utterance
) -> Room | None:
    """The thread that this is said in, or one that it opens; none for a conversation with nobody."""
    if interaction.guild_id is None or interaction.channel_id is None:
        return None
    store = interaction.client.front.store
    here = await room_of(store, interaction.channel_id)
    if here is not None and (kind != "chat" or here.kind == "chat"):
        return here
    if kind is None:
        return None
    if kind == "chat" and not (utterance.command and await talk.is_there(store, utterance.team, utterance.command)):
        return None
    language: Language = utterance.language or "en"
    name = say("discord.front.thread_plan" if kind == "job" else "discord.front.thread_chat", language)
    return await rooms.open_beside(store, interaction.channel, kind, name)


async def tune_on(interaction: discord.Interaction[OnsaClient], message: discord.Message) -> None:
    """The menu "Tune on this file" of a message."""
    if not message.attachments:
        await _refuse(interaction, "discord.front.no_file_there")
        return
    await command(interaction, Command(intent="tune", space={}), files=list(message.attachments[:1]), in_thread="job")


async def ask_about(interaction: discord.Interaction[OnsaClient], message: discord.Message) -> None:
    """The menu "Ask the tuned model" of a message: its words are the prompt."""
    prompt = intake.words_of(interaction.client, message)
    if not prompt:
        await _refuse(interaction, "discord.front.no_words_there")
        return
    await command(interaction, Command(intent="chat", prompt=prompt))


async def _refuse(interaction: discord.Interaction[OnsaClient], key: str) -> None:
    language = (await spoken(interaction)).language or "en"
    await interaction.response.send_message(say(key, language), ephemeral=True, allowed_mentions=NOBODY)
