"""One answer as the event loop reads it, and the bridge between the engine's thread and the loop."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

from tuner.chat.asks import Answered, AskError, Done

log = logging.getLogger(__name__)

Event = Answered | AskError


class Answer:
    """One answer on its way, read on the event loop. Whoever opened it calls `cancel` in the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, counted: dict[Answer, str], person: str) -> None:
        """`counted`: the answers that fill the engine's places and line; this one leaves it with its last word."""
        self.loop = loop
        self._counted = counted
        counted[self] = person
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self.is_cancelled = False

    async def next(self) -> Answered:
        """Promises Begun first, then Pieces, then Done; or raises an AskError, and nothing follows."""
        event = await self._events.get()
        if isinstance(event, AskError):
            raise event
        return event

    def cancel(self) -> None:
        """Stops the generation before its next token and frees its place. Does nothing to an answer that is done."""
        self.is_cancelled = True
        self._counted.pop(self, None)

    def hear(self, event: Event) -> None:
        """For the outbox, on the event loop."""
        if not self.is_cancelled:
            self._events.put_nowait(event)

    def is_over(self) -> None:
        """For the engine's thread, before the last word is heard: whoever hears it may ask again at once."""
        self._counted.pop(self, None)


class Outbox:
    """What the engine's thread has to say, handed to each event loop once a step."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.AbstractEventLoop, list[tuple[Answer, Event]]] = defaultdict(list)

    def put(self, answer: Answer, event: Event) -> None:
        if isinstance(event, Done | AskError):
            answer.is_over()
        self._waiting[answer.loop].append((answer, event))

    def send(self) -> None:
        for loop, events in self._waiting.items():
            try:
                loop.call_soon_threadsafe(_deliver, events)
            except RuntimeError:
                log.debug("an answer was still being written when its event loop closed")
        self._waiting.clear()


def _deliver(events: list[tuple[Answer, Event]]) -> None:
    for answer, event in events:
        answer.hear(event)
