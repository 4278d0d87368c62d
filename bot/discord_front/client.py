"""The connection to Discord: events in, one catch-all for what goes wrong. What they mean is decided beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from bot.discord_front import forms, intake, judging, presses
from bot.discord_front.alive import beat
from bot.discord_front.busy import Busy
from bot.discord_front.buttons import action_of, front_button
from bot.discord_front.commands import register
from bot.discord_front.front import Front
from bot.discord_front.nightly import nightly
from bot.discord_front.outlet import NOBODY, TROUBLE, ChannelOutlet, channel_of, send
from bot.discord_front.places import language_of, room_of, team_of
from bot.discord_front.render import Post
from bot.discord_front.tolerant import make_tolerant
from bot.discord_front.translate import Words
from bot.discord_front.watching import Watch
from bot.language.parser import parse
from bot.phrases import say

_LOG = logging.getLogger("onsa.discord")

SYNC_SOON_S, SYNC_AGAIN_S = 10.0, 300.0


def intents_for(*, message_content: bool) -> discord.Intents:
    """Promises the least: servers and messages. Words of messages that do not mention Onsa need one more."""
    intents = discord.Intents.none()
    intents.guilds = intents.guild_messages = intents.dm_messages = True
    intents.message_content = message_content
    return intents


class Tree(app_commands.CommandTree["OnsaClient"]):
    async def on_error(
        self, interaction: discord.Interaction[OnsaClient], error: app_commands.AppCommandError, /
    ) -> None:
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        await interaction.client.failed(interaction, cause)


class OnsaClient(discord.Client):
    """Keeps no messages and no members: the store knows what has to be known."""

    def __init__(self, front: Front) -> None:
        super().__init__(
            intents=intents_for(message_content=front.settings.discord_message_content),
            allowed_mentions=NOBODY,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
        )
        make_tolerant(self)
        self.front = front
        self.tree = Tree(self)
        self.watch = Watch(client=self, store=front.store, clock=front.services.clock)
        self.busy = Busy()
        self._tasks: list[asyncio.Task[None]] = []

    async def setup_hook(self) -> None:
        self.front.noticed = self.watch.hint
        await self.tree.set_translator(Words())
        register(self.tree)
        self._tasks = [
            asyncio.create_task(self._sync()),
            asyncio.create_task(self.watch.run()),
            asyncio.create_task(self.front.taken.tell_of_lost(self)),
            asyncio.create_task(beat(self, self.front.services.home)),
            asyncio.create_task(nightly(self, self.front.store, self.front.services.clock)),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.busy.end()
        await super().close()

    async def _sync(self) -> None:
        """Registers the commands; a server that refuses is asked again later, and words work meanwhile."""
        wait_s = SYNC_SOON_S
        while True:
            try:
                await self.tree.sync()
                return
            except TROUBLE as error:
                _LOG.warning("commands could not be registered, trying again in %.0f s: %r", wait_s, error)
                await asyncio.sleep(wait_s)
                wait_s = SYNC_AGAIN_S
            except app_commands.AppCommandError:
                _LOG.exception("commands could not be registered")
                return

    async def on_ready(self) -> None:
        _LOG.info("connected as %s, teams: %d", self.user, len(self.guilds))

    async def on_resumed(self) -> None:
        _LOG.info("connected again; nothing was missed")

    async def on_message(self, message: discord.Message) -> None:
        with self.busy.turn():
            try:
                await intake.heard(self, message)
            except Exception:
                post = self.front.mistake(parse(message.content).utterance_language)
                await ChannelOutlet(message.channel).send(post)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Says hello once, with a button that leads those who manage the server through the settings."""
        team = team_of(guild.id, 0)
        if await self.front.store.preference(team, None, "greeted") == str(guild.id):
            return
        await self.front.store.prefer(team, None, "greeted", str(guild.id))
        channel = guild.system_channel
        language = language_of(guild.preferred_locale)
        if channel is not None:
            begin = front_button("setup:begin", say("discord.setup.begin_label", language), "primary")
            try:
                hello = Post(content=say("discord.front.hello", language), buttons=(begin,))
                await send(channel, hello, nonce=f"hello-{guild.id}")
            except TROUBLE as error:
                _LOG.info("no hello in a new team: %r", error)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        _LOG.info("no longer in a team; its jobs and data stay in the store")

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        self.front.mistake("en")

    async def on_interaction(self, interaction: discord.Interaction[OnsaClient]) -> None:
        """Buttons of any message, however old, and forms that come back; commands find their own way."""
        kinds = (discord.InteractionType.component, discord.InteractionType.modal_submit)
        if interaction.type not in kinds or not self.front.seen.is_new(interaction.id):
            return
        with self.busy.turn():
            try:
                data: Mapping[str, Any] = interaction.data or {}
                door, action = action_of(str(data.get("custom_id", ""))) or ("front", "unknown")
                verb = action.partition(":")[0]
                if interaction.type is not discord.InteractionType.component:
                    await self._sent(interaction, action)
                elif door == "desk" and verb in judging.OURS and interaction.channel_id is not None:
                    await judging.pressed(interaction, verb, action)
                else:
                    await presses.pressed(interaction, door, action)
            except Exception as error:
                await self.failed(interaction, error)

    async def _sent(self, interaction: discord.Interaction[OnsaClient], action: str) -> None:
        verb, _, argument = action.partition(":")
        form = forms.sent(interaction)
        if verb == "change":
            await forms.changed(interaction, argument, form)
        elif verb in judging.FORMS:
            await judging.sent(interaction, verb, argument, form)
        else:
            await self._wrote(interaction, form.texts.get("words", ""), list(form.files))

    async def _wrote(
        self, interaction: discord.Interaction[OnsaClient], text: str, files: list[discord.Attachment]
    ) -> None:
        """Words and files from a form, answered like a message in the same place."""
        if not await presses.acknowledge(interaction):
            return
        utterance = await presses.spoken(interaction, text=text)
        outlet = ChannelOutlet(channel_of(interaction))
        attachments = await intake.files_of(files, outlet, utterance.language or "en")
        if files and not attachments and not text:
            return
        room = None
        if interaction.guild_id is not None and interaction.channel_id is not None:
            room = await room_of(self.front.store, interaction.channel_id)
        await intake.answer(self, replace(utterance, attachments=attachments), None, outlet, room)

    async def failed(self, interaction: discord.Interaction[OnsaClient], error: Exception) -> None:
        """Tells the person the reference number, wherever Discord still lets us."""
        if isinstance(error, discord.HTTPException) and error.code == presses.ALREADY:
            return  # another process of ours answers it
        language = await intake.language_for(interaction)
        try:
            raise error
        except Exception:
            post = self.front.mistake(language)
        try:
            if not interaction.response.is_done():
                await interaction.response.send_message(post.content, ephemeral=True, allowed_mentions=NOBODY)
            elif not interaction.is_expired():
                await interaction.followup.send(post.content, ephemeral=True, allowed_mentions=NOBODY)
            else:
                await send(channel_of(interaction), post)
        except TROUBLE as again:
            _LOG.warning("the reference could not be told: %r", again)
