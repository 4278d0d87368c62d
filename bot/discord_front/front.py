"""What every part of the Discord front needs, and one turn of the desk shown in Discord."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import discord

from bot.desk.context import Services
from bot.desk.door import Desk
from bot.discord_front import chains, streaming
from bot.discord_front.buttons import front_button
from bot.discord_front.outlet import TROUBLE, ChannelOutlet, Outlet
from bot.discord_front.render import Post, posts_of
from bot.discord_front.taken import Taken
from bot.language.parser import parse
from bot.phrases import Language, say
from bot.replies import Button, Reply, Stream, Text
from bot.settings import BotSettings
from bot.utterance import Utterance
from tuner.store import Store

_LOG = logging.getLogger("onsa.discord")

TYPING_AFTER_S = 0.8
TYPING_LASTS_S = 8.0
"""Discord shows it for ten seconds."""
CARD_LIVES_S = 30 * 24 * 3600.0
_REMEMBERED = 4096


@dataclass(slots=True)
class Seen:
    """Ids of messages and interactions that were taken up, so that one delivered twice is answered once."""

    ids: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def is_new(self, snowflake: int) -> bool:
        if snowflake in self.ids:
            return False
        self.ids[snowflake] = None
        if len(self.ids) > _REMEMBERED:
            self.ids.popitem(last=False)
        return True


@asynccontextmanager
async def typing(outlet: Outlet) -> AsyncIterator[None]:
    """Shows that Onsa writes while an answer takes longer than a moment. An interaction shows that by itself."""

    async def keep() -> None:
        await asyncio.sleep(TYPING_AFTER_S)
        with suppress(*TROUBLE):
            while True:
                await outlet.channel.typing()
                await asyncio.sleep(TYPING_LASTS_S)

    task = asyncio.create_task(keep()) if isinstance(outlet, ChannelOutlet) else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass(slots=True, kw_only=True)
class Front:
    """One for the process. Knows the desk; the client knows Discord."""

    desk: Desk
    services: Services
    settings: BotSettings
    noticed: Callable[[str, str], None]
    """Called with team and channel after a turn in which a job may have been queued."""
    seen: Seen = field(default_factory=Seen)
    halts: streaming.Halts = field(default_factory=streaming.Halts)
    taken: Taken = field(init=False)
    _locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def __post_init__(self) -> None:
        self.taken = Taken(store=self.services.store, clock=self.services.clock)

    @property
    def store(self) -> Store:
        return self.services.store

    @asynccontextmanager
    async def turn_of(self, utterance: Utterance) -> AsyncIterator[None]:
        """One utterance of a dialogue at a time: a message that comes while another is answered waits its turn."""
        key = (utterance.dialogue or utterance.person, f"{utterance.team}/{utterance.channel}")
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            yield

    async def answer(self, utterance: Utterance, outlet: Outlet) -> list[Reply]:
        """Hands the utterance to the desk and shows what it says. Promises the replies, streams read to their end."""
        shown: list[Reply] = []
        language = utterance.language or parse(utterance.text).utterance_language
        async with typing(outlet), self.turn_of(utterance), aclosing(self.desk.answer(utterance)) as replies:
            async for reply in replies:
                shown.append(reply)
                await self._show(reply, outlet, language, utterance)
        self.noticed(utterance.team, utterance.channel)
        return shown

    async def quietly(self, utterance: Utterance) -> None:
        """Lets the desk take note of something whose answer the front gives in its own way."""
        async with self.turn_of(utterance), aclosing(self.desk.answer(utterance)) as replies:
            async for _ in replies:
                pass

    async def _show(self, reply: Reply, outlet: Outlet, language: Language, utterance: Utterance) -> None:
        if isinstance(reply, Stream):
            with self.halts.writing() as begun:
                answered = await streaming.show(reply, outlet, language, self.halts, begun)
                await chains.keep(self.store, utterance, reply, answered)
            return
        shown = _with_upload(reply, language) if isinstance(reply, Text) else reply
        for post in posts_of(shown):
            message = await outlet.send(post)
            if message is not None and any(button.action.startswith("start:") for button in post.buttons):
                await self._retire_older_card(utterance, message)

    async def _retire_older_card(self, utterance: Utterance, message: discord.Message) -> None:
        """A changed plan takes the buttons of the card before it, so that nobody starts the old one by mistake."""
        place = f"card:{utterance.team}/{utterance.channel}"
        speaker = utterance.dialogue or utterance.person
        known = await self.store.dialogue(speaker, place)
        await self.store.keep_dialogue(speaker, place, {"message": message.id}, CARD_LIVES_S)
        if known is not None:
            older = message.channel.get_partial_message(known["message"])  # type: ignore[union-attr]
            with suppress(*TROUBLE):
                await older.edit(view=None)

    def mistake(self, language: Language) -> Post:
        """Call it while an exception is handled: logs it and promises the sentence with the reference number."""
        reference = uuid.uuid4().hex[:8]
        _LOG.exception("unhandled, reference %s", reference)
        return Post(content=say("replies.desk.our_mistake", language, {"reference": reference}))


def _with_upload(reply: Text, language: Language) -> Text:
    """Where a file is asked for, a button opens the form that takes one."""
    if not any(button.action.startswith("sample:") for button in reply.buttons):
        return reply
    upload: Button = front_button("upload", say("discord.front.upload_label", language), "primary")
    return Text(text=reply.text, buttons=(upload, *reply.buttons))
