"""Shows an answer while it is being written: edits about once a second, long answers in several messages."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

import discord

from bot.discord_front.buttons import front_button, view_of
from bot.discord_front.markup import answer_text, escape, pages
from bot.discord_front.outlet import NOBODY, Outlet
from bot.discord_front.render import Post
from bot.phrases import Language, say
from bot.replies import Button, Stream

_LOG = logging.getLogger("onsa.discord")

EDIT_S = 1.2


@dataclass(slots=True)
class Halts:
    """Answers under way, so that a Stop button finds the one it belongs to."""

    events: dict[str, asyncio.Event] = field(default_factory=dict)

    def halt(self, name: str) -> bool:
        """Promises True when that answer was still being written, and that it ends now."""
        event = self.events.get(name)
        if event is not None:
            event.set()
        return event is not None


@dataclass(slots=True, kw_only=True)
class _Shown:
    """The messages of one answer, and what stands in each."""

    outlet: Outlet
    header: str
    stop: Button
    thumbs: tuple[Button, ...] = ()
    """Under the last message of a complete answer."""
    messages: list[discord.Message] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)

    async def show(self, text: str, *, is_last: bool, is_complete: bool = False) -> bool:
        """Promises the newest state of the text. False when a person deleted the message: nobody reads it any more."""
        parts = [self.outlet.shown(part) for part in pages(self.header + answer_text(text), self.outlet.page)]
        for at, part in enumerate(parts):
            is_end = at == len(parts) - 1
            buttons = () if not is_end else (self.stop,) if not is_last else self.thumbs if is_complete else ()
            if at == len(self.messages):
                message = await self.outlet.send(Post(content=part, buttons=buttons))
                if message is None:
                    return False
                self.messages.append(message)
                self.contents.append(part)
                continue
            is_old = self.contents[at] != part or (is_last and at == len(self.messages) - 1)
            if is_old and not await self._edit(at, part, buttons):
                return False
        return True

    async def _edit(self, at: int, part: str, buttons: tuple[Button, ...]) -> bool:
        try:
            await self.messages[at].edit(content=part, view=view_of(buttons), allowed_mentions=NOBODY)
        except discord.NotFound:
            return False
        except discord.HTTPException as error:
            _LOG.warning("an answer could not be edited: %s (%s)", error.status, error.code)
            return True  # the next edit shows it
        self.contents[at] = part
        return True


async def show(
    stream: Stream, outlet: Outlet, language: Language, halts: Halts, edit_s: float = EDIT_S
) -> tuple[list[discord.Message], str]:
    """Reads `stream` to its end, or until somebody stops it or deletes the message; then the generation stops too.

    Promises the messages that show the answer, and what was answered.
    """
    name = uuid.uuid4().hex[:12]
    halted = halts.events[name] = asyncio.Event()
    written: list[str] = []
    shown = _Shown(
        outlet=outlet,
        header=f"**{escape(stream.speaker)}**\n",
        stop=front_button(f"halt:{name}", say("discord.front.halt_label", language), "danger"),
        thumbs=stream.buttons,
    )
    reader = asyncio.create_task(_read(stream, written))
    watcher = asyncio.create_task(halted.wait())
    try:
        with suppress(discord.HTTPException):
            await outlet.channel.typing()
        while not reader.done() and not halted.is_set():
            await asyncio.wait((reader, watcher), timeout=edit_s, return_when=asyncio.FIRST_COMPLETED)
            if reader.done() or halted.is_set():
                break
            if written and not await shown.show("".join(written), is_last=False):
                break
    finally:
        halts.events.pop(name, None)
        for task in (reader, watcher):
            task.cancel()
        ended = await asyncio.gather(reader, watcher, return_exceptions=True)
    note = say("discord.front.halted", language) if halted.is_set() else ""
    text = "".join(written) or say("discord.front.no_answer", language)
    is_complete = ended[0] is None and bool(written)
    await shown.show(f"{text}\n{note}" if note else text, is_last=True, is_complete=is_complete)
    if isinstance(ended[0], Exception):
        raise ended[0]
    return shown.messages, "".join(written)


async def _read(stream: Stream, written: list[str]) -> None:
    async for piece in stream.pieces:
        written.append(piece)
