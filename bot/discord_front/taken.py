"""Messages that were taken up: one answer to each, whichever process gets it, and a word where one was cut short.

A message is noted before it is answered, and noted as done when the answer stands. What is not done when a process
starts was lost with the process before it: its person is asked to say it again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.discord_front import outlet
from bot.discord_front.places import SHELF
from bot.discord_front.render import Post
from bot.phrases import Language, say
from tuner.store import Store

_LOG = logging.getLogger("onsa.discord")

_PREFIX = "heard:"
LIVES_S = 3600.0
"""Discord repeats an event within minutes."""
ALIVE_S = 15.0
"""So long another process, which is just ending, may still be at work on what it took up."""


@dataclass(slots=True, kw_only=True)
class Taken:
    """One for the process."""

    store: Store
    clock: Callable[[], float]
    process: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    async def claim(self, message: discord.Message, guild: int | None, language: Language) -> bool:
        """Promises True to one process alone; to another one when the first is gone and has not answered."""
        value = {
            "by": self.process,
            "at": self.clock(),
            "channel": message.channel.id,
            "guild": guild,
            "language": language,
        }
        name = f"{_PREFIX}{message.id}"
        if await self.store.claim_dialogue(SHELF, name, value, LIVES_S):
            return True
        known = await self.store.dialogue(SHELF, name)
        if known is None or known.get("done") or known["by"] == self.process or not self._is_left(known):
            return False
        await self.store.keep_dialogue(SHELF, name, value, LIVES_S)
        return True

    async def done(self, message: discord.Message) -> None:
        """The answer stands, or the person knows why there is none."""
        await self.store.keep_dialogue(SHELF, f"{_PREFIX}{message.id}", {"by": self.process, "done": True}, LIVES_S)

    async def tell_of_lost(self, client: discord.Client) -> None:
        """Asks for what the process before this one left without an answer. Call it before messages come in."""
        found = await self.store.dialogues(SHELF, _PREFIX)
        lost = {name: value for name, value in found.items() if not value.get("done")}
        if not lost:
            return
        await asyncio.sleep(ALIVE_S)
        for name, value in lost.items():
            if await self.store.dialogue(SHELF, name) != value:
                continue  # answered after all, or by us
            try:
                await _ask_again(client, int(name.removeprefix(_PREFIX)), value)
            except outlet.TROUBLE as error:
                _LOG.warning("an interrupted answer could not be told: %r", error)
            await self.store.keep_dialogue(SHELF, name, {**value, "done": True}, LIVES_S)

    def _is_left(self, known: Mapping[str, Any]) -> bool:
        return not 0 <= self.clock() - known["at"] < ALIVE_S


async def _ask_again(client: discord.Client, message: int, value: Mapping[str, Any]) -> None:
    place = client.get_partial_messageable(value["channel"], guild_id=value["guild"])
    text = say("discord.front.interrupted", value["language"])
    asked = place.get_partial_message(message)
    await outlet.send(place, Post(content=text), nonce=f"again-{message}", reply_to=asked)
