"""Opens threads: one for a job, one for talking with a checkpoint. Where no thread can be opened, everything stays."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

import discord

from bot.desk import data
from bot.discord_front.markup import clip
from bot.discord_front.outlet import TROUBLE
from bot.discord_front.places import Room, keep_room, team_of
from tuner.store import Store

_LOG = logging.getLogger("onsa.discord")

_NAME = 90
_RENAME_S = 10.0
_THREAD_IS_THERE = 160004
_ARCHIVED_AFTER_MIN: Literal[10080] = 10080

Kind = Literal["job", "chat"]


def can_hold_threads(channel: object) -> bool:
    return isinstance(channel, discord.TextChannel)


async def open_from(store: Store, message: discord.Message, kind: Kind, name: str) -> Room | None:
    """Promises the thread that hangs on `message`, or None where Discord refuses one (no right, one is there)."""
    if message.guild is None or not can_hold_threads(message.channel):
        return None
    thread: discord.Thread | None
    try:
        thread = await message.create_thread(name=clip(name, _NAME), auto_archive_duration=_ARCHIVED_AFTER_MIN)
    except (*TROUBLE, ValueError) as error:
        thread = await _opened_before(message, error)
        if thread is None:
            _LOG.warning("no thread could be opened: %r", error)
            return None
    return await _keep(store, thread, kind, message.channel.id)


async def _opened_before(message: discord.Message, error: Exception) -> discord.Thread | None:
    """Our thread at the message, when the answer of an earlier attempt was lost on the way; else None."""
    if not isinstance(error, discord.HTTPException) or error.code != _THREAD_IS_THERE or message.guild is None:
        return None
    try:
        found = await message.guild.fetch_channel(message.id)  # a message's thread has its id
    except (*TROUBLE, discord.InvalidData):
        return None
    return found if isinstance(found, discord.Thread) and found.owner_id == message.guild.me.id else None


async def open_beside(store: Store, channel: object, kind: Kind, name: str) -> Room | None:
    """Promises a thread of `channel`, or of the channel that a thread hangs on; None where Discord refuses one."""
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    if not isinstance(channel, discord.TextChannel):
        return None
    try:
        thread = await channel.create_thread(
            name=clip(name, _NAME),
            type=discord.ChannelType.public_thread,
            auto_archive_duration=_ARCHIVED_AFTER_MIN,
        )
    except TROUBLE as error:
        _LOG.warning("no thread could be opened: %r", error)
        return None
    return await _keep(store, thread, kind, channel.id)


async def _keep(store: Store, thread: discord.Thread, kind: Kind, parent: int) -> Room:
    room = Room(thread=thread.id, kind=kind, guild=thread.guild.id, parent=parent)
    await keep_room(store, room)
    await data.share(store, team_of(thread.guild.id, 0), str(parent), str(thread.id))
    return room


async def rename(client: discord.Client, room: Room, name: str) -> None:
    """Gives the thread a better name; it keeps the old one where Discord refuses, or wants us to wait (twice in ten
    minutes is the most that it allows)."""
    thread = client.get_channel(room.thread)
    if not isinstance(thread, discord.Thread) or thread.name == clip(name, _NAME):
        return
    try:
        async with asyncio.timeout(_RENAME_S):
            await thread.edit(name=clip(name, _NAME))
    except TROUBLE as error:
        _LOG.info("a thread could not be renamed: %r", error)
