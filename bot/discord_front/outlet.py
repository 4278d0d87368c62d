"""Sends posts to one place in Discord. What cannot be sent is logged and told where it still can; nothing pings."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Any

import aiohttp
import discord

from bot.discord_front.buttons import view_of
from bot.discord_front.markup import PAGE, unlinked
from bot.discord_front.render import Post
from bot.replies import Button

_LOG = logging.getLogger("onsa.discord")

NOBODY = discord.AllowedMentions.none()
TROUBLE = (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError)
_ROOM_FOR_LINKS = 100
WAITS_S = (1.0, 3.0, 8.0)
"""Before a message is sent again that Discord could not take."""
_DEAD_TOKEN = frozenset({10015, 10062, 50027})
"""Unknown webhook, unknown interaction, invalid webhook token: the interaction's fifteen minutes are over."""


def parts_of(post: Post) -> dict[str, Any]:
    """Promises the arguments of discord.py's `send` for `post`."""
    parts: dict[str, Any] = {"allowed_mentions": NOBODY}
    if post.content:
        parts["content"] = post.content
    if post.embeds:
        parts["embeds"] = list(post.embeds)
    else:
        parts["suppress_embeds"] = True  # no previews of links; it would hide embeds of our own
    view = view_of(post.buttons)
    if view is not None:
        parts["view"] = view
    return parts


def files_of(post: Post) -> list[discord.File]:
    """Opens the post's pictures. Blocks: call it in a thread. A picture that is gone is left out."""
    files = []
    for picture in post.pictures:
        try:
            files.append(discord.File(picture.path, description=picture.alt[:1024]))
        except OSError:
            _LOG.warning("picture %s cannot be read", picture.path)
    return files


class ChannelOutlet:
    """Ordinary messages to a channel, a thread or a direct conversation."""

    def __init__(self, channel: discord.abc.Messageable, reply_to: discord.Message | None = None) -> None:
        self.channel = channel
        self.page = PAGE
        self._reply_to = reply_to
        self.failure: Exception | None = None
        """The last refusal, for whoever wants to tell the person elsewhere."""

    def shown(self, content: str) -> str:
        return content

    @property
    def is_hidden(self) -> bool:
        """True where only the person reads what is sent."""
        return False

    async def send_file(self, content: str, file: discord.File) -> None:
        """Raises one of TROUBLE."""
        await self.channel.send(content, file=file, allowed_mentions=NOBODY)

    async def send(self, post: Post, nonce: str | None = None) -> discord.Message | None:
        """Promises the sent message, or None when Discord refused it; the reason is logged and kept."""
        try:
            return await send(self.channel, post, nonce=nonce, reply_to=self._take_reply())
        except TROUBLE as error:
            self.failure = error
            _LOG.warning("a message could not be sent: %r", error)
            return None

    async def edit(self, message: discord.Message, content: str, buttons: Sequence[Button]) -> None:
        """Raises discord.HTTPException; NotFound when somebody took the message away."""
        await message.edit(content=content, view=view_of(buttons), allowed_mentions=NOBODY)

    def _take_reply(self) -> discord.Message | None:
        reply, self._reply_to = self._reply_to, None
        return reply


class InteractionOutlet:
    """Answers an interaction that was deferred: first its own message, then more beside it; ordinary messages, and
    ordinary edits of those that stand, when the interaction's time is over."""

    def __init__(self, interaction: discord.Interaction[Any], *, hidden: bool) -> None:
        self.page = PAGE - _ROOM_FOR_LINKS
        self._interaction = interaction
        self._hidden = hidden
        self._is_first = True
        self._is_over = False
        self.failure: Exception | None = None

    @property
    def channel(self) -> discord.PartialMessageable:
        return channel_of(self._interaction)

    @property
    def is_hidden(self) -> bool:
        """True where only the person reads what is sent."""
        return self._hidden

    async def send_file(self, content: str, file: discord.File) -> None:
        """Beside the answer, for the same readers; directly to the person when the interaction's time is over. Raises
        one of TROUBLE."""
        if not self._hidden:
            await self.channel.send(content, file=file, allowed_mentions=NOBODY)
        elif self._is_over or self._interaction.is_expired():
            await self._interaction.user.send(content, file=file, allowed_mentions=NOBODY)
        else:
            await self._interaction.followup.send(content, file=file, allowed_mentions=NOBODY, ephemeral=True,
                                                  wait=True)

    def shown(self, content: str) -> str:
        """An interaction's own message cannot be told to open no previews: its links are marked instead."""
        marked = unlinked(content)
        return marked if len(marked) <= PAGE else content

    async def send(self, post: Post, nonce: str | None = None) -> discord.Message | None:
        """Promises the sent message, or None when Discord refused it."""
        try:
            return await self._send(post, nonce)
        except TROUBLE as error:
            self.failure = error
            _LOG.warning("an interaction could not be answered: %r", error)
            return None

    async def edit(self, message: discord.Message, content: str, buttons: Sequence[Button]) -> None:
        """Raises discord.HTTPException; NotFound when somebody took the message away."""
        if not self._is_over:
            try:
                await message.edit(content=content, view=view_of(buttons), allowed_mentions=NOBODY)
                return
            except discord.HTTPException as error:
                if error.code not in _DEAD_TOKEN:
                    raise
                self._is_over = True
        place = self.channel.get_partial_message(message.id)
        await place.edit(content=content, view=view_of(buttons), allowed_mentions=NOBODY)

    async def _send(self, post: Post, nonce: str | None) -> discord.Message:
        """By the interaction while it lives. Our clock may be wrong about that: Discord has the last word."""
        if not self._hidden and (self._is_over or self._interaction.is_expired()):
            return await send(self.channel, post, nonce=nonce)
        try:
            return await self._answer(post)
        except discord.HTTPException as error:
            if self._hidden or error.code not in _DEAD_TOKEN:
                raise
            self._is_over = True
            return await send(self.channel, post, nonce=nonce)

    async def _answer(self, post: Post) -> discord.Message:
        parts = parts_of(post)
        is_first, self._is_first = self._is_first, False
        files = await asyncio.to_thread(files_of, post) if post.pictures else []
        if is_first:
            parts.pop("suppress_embeds", None)
            if post.content:
                parts["content"] = self.shown(post.content)
            return await self._interaction.edit_original_response(**parts, attachments=files)
        if files:
            parts["files"] = files
        return await self._interaction.followup.send(**parts, ephemeral=self._hidden, wait=True)


Outlet = ChannelOutlet | InteractionOutlet


async def send(
    channel: discord.abc.Messageable,
    post: Post,
    *,
    nonce: str | None = None,
    reply_to: discord.Message | discord.PartialMessage | None = None,
) -> discord.Message:
    """Promises the sent message, tried again while Discord is busy or away. The same nonce sends nothing twice.

    Raises discord.HTTPException for a refusal, and the last trouble when Discord stays away.
    """
    parts = parts_of(post)
    parts["nonce"] = nonce or secrets.token_hex(12)
    if reply_to is not None:
        parts["reference"] = reply_to.to_reference(fail_if_not_exists=False)
        parts["mention_author"] = False
    for wait_s in (*WAITS_S, None):
        if post.pictures:
            parts["files"] = await asyncio.to_thread(files_of, post)
        try:
            return await channel.send(**parts)
        except TROUBLE as error:
            if wait_s is None or (isinstance(error, discord.HTTPException) and is_refusal(error)):
                raise
            _LOG.info("sending again in %.0f s: %r", wait_s, error)
            await asyncio.sleep(wait_s)
    raise AssertionError("the last attempt returns or raises")


def is_refusal(error: discord.HTTPException) -> bool:
    """True when asking again would change nothing: no right, gone, locked. False when Discord is busy or down."""
    return 400 <= error.status < 500 and error.status != 429


def channel_of(interaction: discord.Interaction[Any]) -> discord.PartialMessageable:
    """Promises the interaction's channel, from its id alone: it need not be in the cache."""
    client: discord.Client = interaction.client
    channel_id = interaction.channel_id
    assert channel_id is not None
    return client.get_partial_messageable(channel_id, guild_id=interaction.guild_id)
