"""Shows an answer while it is being written: edits about once a second, long answers in several messages."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import discord

from bot.discord_front.buttons import front_button
from bot.discord_front.markup import answer_text, escape, pages
from bot.discord_front.outlet import TROUBLE, WAITS_S, Outlet, is_refusal
from bot.discord_front.render import Post
from bot.phrases import Language, say
from bot.replies import Button, Stream

_LOG = logging.getLogger("onsa.discord")

EDIT_S = 1.2
LONGEST_S = 1800.0
"""Nobody waits longer for the end of another answer."""


@dataclass(slots=True)
class Halts:
    """Answers under way, so that a Stop button finds the one it belongs to, and a reply waits for its end."""

    events: dict[str, asyncio.Event] = field(default_factory=dict)
    ends: dict[int, asyncio.Event] = field(default_factory=dict)
    """Message -> set when the answer that it shows is over and kept."""

    def halt(self, name: str) -> bool:
        """Promises True when that answer was still being written, and that it ends now."""
        event = self.events.get(name)
        if event is not None:
            event.set()
        return event is not None

    @contextmanager
    def writing(self) -> Iterator[Callable[[int], None]]:
        """One answer, to its end. Promises what to call with each message that shows it."""
        end, begun = asyncio.Event(), []

        def begins(message: int) -> None:
            begun.append(message)
            self.ends[message] = end

        try:
            yield begins
        finally:
            end.set()
            for message in begun:
                del self.ends[message]

    async def wait_for(self, message: int) -> None:
        """Returns at once for a message that shows no answer under way."""
        end = self.ends.get(message)
        if end is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), LONGEST_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer as it stands in Discord."""

    messages: tuple[discord.Message, ...]
    text: str
    is_whole: bool
    """False for one that somebody stopped or took away, or that broke off: nobody may take it for the whole."""


@dataclass(slots=True, kw_only=True)
class _Shown:
    """The messages of one answer, and what stands in each."""

    outlet: Outlet
    header: str
    stop: Button
    begun: Callable[[int], None]
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
                self.begun(message.id)
                self.messages.append(message)
                self.contents.append(part)
                continue
            is_old = self.contents[at] != part or (is_last and at == len(self.messages) - 1)
            if is_old and not await self._edit(at, part, buttons, waits_s=WAITS_S if is_last else ()):
                return False
        return True

    async def _edit(self, at: int, part: str, buttons: tuple[Button, ...], *, waits_s: tuple[float, ...]) -> bool:
        """`waits_s`: before it is tried again; none where the next edit shows it anyhow."""
        for wait_s in (*waits_s, None):
            try:
                await self.outlet.edit(self.messages[at], part, buttons)
            except discord.NotFound:
                return False
            except TROUBLE as error:
                _LOG.warning("an answer could not be edited: %r", error)
                if wait_s is None or (isinstance(error, discord.HTTPException) and is_refusal(error)):
                    return True
                await asyncio.sleep(wait_s)
            else:
                self.contents[at] = part
                return True
        raise AssertionError("the last attempt returns")


async def show(
    stream: Stream,
    outlet: Outlet,
    language: Language,
    halts: Halts,
    begun: Callable[[int], None],
    edit_s: float = EDIT_S,
) -> Answered:
    """Reads `stream` to its end, or until somebody stops it or deletes the message; then the generation stops too.

    Calls `begun` with each message that shows the answer.
    """
    name = uuid.uuid4().hex[:12]
    halted = halts.events[name] = asyncio.Event()
    written: list[str] = []
    shown = _Shown(
        outlet=outlet,
        header=f"**{escape(stream.speaker)}**\n",
        begun=begun,
        stop=front_button(f"halt:{name}", say("discord.front.halt_label", language), "danger"),
        thumbs=stream.buttons,
    )
    reader = asyncio.create_task(_read(stream, written))
    watcher = asyncio.create_task(halted.wait())
    try:
        with suppress(*TROUBLE):
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
    is_whole = ended[0] is None and stream.is_whole()
    await shown.show(f"{text}\n{note}" if note else text, is_last=True, is_complete=is_whole and bool(written))
    if isinstance(ended[0], Exception):
        raise ended[0]
    return Answered(messages=tuple(shown.messages), text="".join(written), is_whole=is_whole)


async def _read(stream: Stream, written: list[str]) -> None:
    async for piece in stream.pieces:
        written.append(piece)
