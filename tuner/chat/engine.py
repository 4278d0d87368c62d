"""Shares one set of models among many answers: one thread, a bounded line, turns of a few tokens. Knows no HTTP.

The models themselves (torch) live in tuner/chat/bases.py and are made inside the thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable

from tuner.chat.asks import (
    Answered,
    Ask,
    AskError,
    Begun,
    Busy,
    Done,
    Failed,
    FinishReason,
    Generation,
    Models,
    Piece,
    Prompt,
)
from tuner.chat.text import Decoder, StopWatch

log = logging.getLogger(__name__)

TURN_TOKENS = 8
"""Tokens that one answer gets before the next one's turn: few enough that all flow, enough to pay for the switch."""


class Answer:
    """One answer on its way, read on the event loop. Whoever opened it calls `cancel` in the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, counted: set[Answer]) -> None:
        """`counted`: the answers that fill the engine's places and line; this one leaves it with its last word."""
        self._loop = loop
        self._counted = counted
        counted.add(self)
        self._events: asyncio.Queue[Answered | AskError] = asyncio.Queue()
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
        self._counted.discard(self)

    def send(self, event: Answered | AskError) -> None:
        """For the engine's thread."""
        if isinstance(event, Done | AskError):
            self._counted.discard(self)  # before it is heard: whoever hears it may ask again at once
        if not self.is_cancelled:
            try:
                self._loop.call_soon_threadsafe(self._events.put_nowait, event)
            except RuntimeError:
                log.debug("an answer was still being written when its event loop closed")


class _Writing:
    """An ask from its arrival to its last word, as the thread sees it."""

    def __init__(self, ask: Ask, answer: Answer) -> None:
        self.ask = ask
        self.answer = answer
        self.prompt = Prompt(ids=(), max_tokens=0)
        self.generation: Generation | None = None
        self.tokens = 0
        self.started_at = 0.0
        self._watch = StopWatch(ask.stop)
        self._decoder: Decoder | None = None

    def begin(self, generation: Generation, now: float) -> None:
        self.generation = generation
        self.started_at = now
        self._decoder = Decoder(generation.text)

    def turn(self) -> Done | None:
        """Up to TURN_TOKENS pieces of work. Promises Done when the answer is complete."""
        assert self.generation is not None, "a turn comes after begin"
        for _ in range(TURN_TOKENS):
            if self.answer.is_cancelled:
                return None
            token = self.generation.step()
            reason = None if token is None else self._take(self.generation, token)
            if reason is not None:
                return Done(reason=reason, tokens=self.tokens)
        return None

    def _take(self, generation: Generation, token: int) -> FinishReason | None:
        assert self._decoder is not None
        self.tokens += 1
        is_end = generation.ends(token)
        text = "" if is_end else self._watch.feed(self._decoder.feed(token))
        is_full = self.tokens >= self.prompt.max_tokens
        if is_end or (is_full and not self._watch.has_stopped):
            text += self._watch.rest()
        if text:
            self.answer.send(Piece(text=text))
        if is_end or self._watch.has_stopped:
            return "stop"
        return "length" if is_full else None

    def close(self) -> None:
        if self.generation is not None:
            self.generation.close()


class Engine:
    """`places` answers are written in turns; `line` more wait in the order of their arrival; the next is refused."""

    def __init__(
        self,
        models: Callable[[], Models],
        *,
        places: int = 8,
        line: int = 32,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the thread, which calls `models` at once, so that the first question need not wait for it all."""
        self._make_models = models
        self._places = places
        self._line = line
        self._clock = clock
        self._arrivals: queue.SimpleQueue[_Writing | None] = queue.SimpleQueue()
        self._waiting: deque[_Writing] = deque()
        self._active: deque[_Writing] = deque()
        """Whose turn is next stands first."""
        self._counted: set[Answer] = set()
        self._mean_s = 2.0
        self._is_closing = False
        self.is_ready = False
        """True once the models can be used."""
        self._thread = threading.Thread(target=self._run, name="chat-engine", daemon=True)
        self._thread.start()

    def ask(self, ask: Ask) -> Answer:
        """Promises an answer to read from the running event loop. Never blocks. Raises Busy."""
        ahead = len(self._counted) - self._places
        if ahead >= self._line:
            raise Busy(max(1, math.ceil(self._mean_s * (ahead + 1) / self._places)))
        answer = Answer(asyncio.get_running_loop(), self._counted)
        self._arrivals.put(_Writing(ask, answer))
        return answer

    def close(self, timeout_s: float = 2.0) -> bool:
        """Ends every answer and the thread. False when the thread is still inside a step after `timeout_s`. Blocks."""
        self._is_closing = True
        self._arrivals.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        models: Models | None = None
        try:
            models = self._make_models()
            self.is_ready = True
        except Exception:
            log.exception("the chat models cannot be used at all")
        while self._take_arrivals(models):
            self._drop_cancelled()
            if models is not None:
                self._admit(models)
            if self._active:
                self._active.rotate(-1)
                self._turn(self._active[-1])
        for writing in (*self._active, *self._waiting):
            self._leave(writing, Failed("closing"))

    def _take_arrivals(self, models: Models | None) -> bool:
        """Puts whoever came into the line; waits for the first when there is nothing else to do. False: close."""
        while not self._is_closing:
            try:
                writing = self._arrivals.get(block=not self._active and not self._waiting)
            except queue.Empty:
                return True
            if writing is not None:
                self._receive(writing, models)
        return False

    def _receive(self, writing: _Writing, models: Models | None) -> None:
        self._waiting.append(writing)
        try:
            if models is None:
                raise RuntimeError("the chat models cannot be used; the log's first lines say why")
            writing.prompt = models.read(writing.ask)
        except Exception as error:
            self._leave(writing, error)
        else:
            writing.answer.send(Begun(prompt_tokens=len(writing.prompt.ids)))

    def _admit(self, models: Models) -> None:
        """First come, first served; the first in line also waits for room for its weights. Newcomers' turn is next."""
        newcomers: list[_Writing] = []
        while self._waiting and len(self._active) + len(newcomers) < self._places:
            writing = self._waiting[0]
            if not models.has_room(writing.ask.model):
                break
            try:
                writing.begin(models.begin(writing.ask, writing.prompt), self._clock())
            except Exception as error:
                self._leave(writing, error)
            else:
                newcomers.append(self._waiting.popleft())
        self._active.extendleft(reversed(newcomers))

    def _turn(self, writing: _Writing) -> None:
        try:
            done = writing.turn()
        except Exception as error:
            self._leave(writing, error)
            return
        if writing.answer.is_cancelled:
            self._leave(writing, None)
        elif done is not None:
            self._mean_s += 0.2 * (self._clock() - writing.started_at - self._mean_s)
            self._leave(writing, done)

    def _drop_cancelled(self) -> None:
        for writing in (*self._active, *self._waiting):
            if writing.answer.is_cancelled:
                self._leave(writing, None)

    def _leave(self, writing: _Writing, last: Done | Exception | None) -> None:
        """Frees the place, then says the last word."""
        if writing in self._active:
            self._active.remove(writing)
        if writing in self._waiting:
            self._waiting.remove(writing)
        try:
            writing.close()
        except Exception:
            log.exception("a generation did not close")
        if isinstance(last, Exception) and not isinstance(last, AskError):
            reference = secrets.token_hex(4)
            log.error("answer failed, reference %s", reference, exc_info=last)
            last = Failed(reference)
        if last is not None:
            writing.answer.send(last)
