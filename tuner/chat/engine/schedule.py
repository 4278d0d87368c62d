"""Answers many people in one continuous batch: one thread, one step for all, a bounded and fair line. Knows no HTTP.

The models themselves (torch) live in tuner/chat/engine/bases.py and are made inside the thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable

from tuner.chat.asks import Ask, AskError, Begun, Busy, Done, Failed, FinishReason, Generation, Models, Piece, Prompt
from tuner.chat.engine.answer import Answer, Event, Outbox
from tuner.chat.engine.line import Line, Waiting
from tuner.chat.text import Decoder, StopWatch, decode

log = logging.getLogger(__name__)


class _Writing:
    """An ask from its arrival to its last word, as the thread sees it."""

    def __init__(self, ask: Ask, answer: Answer) -> None:
        self.ask = ask
        self.answer = answer
        self.person = ask.person
        self.prompt = Prompt(ids=(), max_tokens=0)
        self.generation: Generation | None = None
        self.tokens = 0
        self.started_at = 0.0
        self.decoder = Decoder()
        self._watch = StopWatch(ask.stop)

    def take(self, fresh: str, *, is_end: bool) -> tuple[str, FinishReason | None]:
        """Promises the text to send after one more token, and why it was the last one."""
        self.tokens += 1
        text = "" if is_end else self._watch.feed(fresh)
        is_full = self.tokens >= self.prompt.max_tokens
        if is_end or (is_full and not self._watch.has_stopped):
            text += self._watch.rest()
        if is_end or self._watch.has_stopped:
            return text, "stop"
        return text, "length" if is_full else None


class Engine:
    """`places` answers are written at once; `line` more wait, in turn by person; the next is refused, and so is one
    of a person who has half of all places and line already, two at least: a comparison asks for two answers."""

    def __init__(
        self,
        models: Callable[[], Models],
        *,
        places: int = 32,
        line: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts the thread, which calls `models` at once, so that the first question need not wait for it all."""
        self._make_models = models
        self._places = places
        self._line = line
        self._clock = clock
        self._arrivals: queue.SimpleQueue[_Writing | None] = queue.SimpleQueue()
        self._waiting = Line()
        self._active: dict[Generation, _Writing] = {}
        self._outbox = Outbox()
        self._counted: dict[Answer, str] = {}
        self._mean_s = 2.0
        self._is_closing = False
        self.is_ready = False
        """True once the models can be used."""
        self._thread = threading.Thread(target=self._run, name="chat-engine", daemon=True)
        self._thread.start()

    def ask(self, ask: Ask) -> Answer:
        """Promises an answer to read from the running event loop. Never blocks. Raises Busy."""
        counted = list(self._counted.values())
        own, most = counted.count(ask.person), max(2, (self._places + self._line) // 2)
        ahead = max(len(counted) - self._places, 0)
        if len(counted) >= self._places + self._line or own >= most:
            raise Busy(max(1, math.ceil(self._mean_s * (ahead + 1) / self._places)))
        answer = Answer(asyncio.get_running_loop(), self._counted, ask.person)
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
                    self._step(models)
            self._outbox.send()
        for waiting in self._waiting:
            self._end(waiting, Failed("closing"))
        for writing in list(self._active.values()):
            self._end(writing, Failed("closing"))
        self._outbox.send()

    def _take_arrivals(self, models: Models | None) -> bool:
        """Puts whoever came into the line; waits for the first when there is nothing else to do. False: close."""
        while not self._is_closing:
            try:
                writing = self._arrivals.get(block=not self._active and not len(self._waiting))
            except queue.Empty:
                return True
            if writing is not None:
                self._receive(writing, models)
                self._outbox.send()
        return False

    def _receive(self, writing: _Writing, models: Models | None) -> None:
        try:
            if models is None:
                raise RuntimeError("the chat models cannot be used; the log's first lines say why")
            writing.prompt = models.read(writing.ask)
        except Exception as error:
            self._say_last(writing, error)
        else:
            self._waiting.join(writing)
            self._outbox.put(writing.answer, Begun(prompt_tokens=len(writing.prompt.ids)))

    def _admit(self, models: Models) -> None:
        """Fills the free places from the line."""

        def has_room(waiting: Waiting) -> bool:
            assert isinstance(waiting, _Writing)
            return models.has_room(waiting.ask, waiting.prompt)

        while len(self._active) < self._places:
            writing = self._waiting.next(has_room)
            if not isinstance(writing, _Writing):
                return
            try:
                writing.generation = models.begin(writing.ask, writing.prompt)
            except Exception as error:
                self._waiting.leave(writing.person)
                self._say_last(writing, error)
            else:
                writing.started_at = self._clock()
                self._active[writing.generation] = writing

    def _step(self, models: Models) -> None:
        told: list[tuple[_Writing, int]] = []
        for generation, token in models.step():
            if isinstance(token, Exception):
                self._end(self._active[generation], token)
            else:
                told.append((self._active[generation], token))
        fresh = self._texts(told)
        for writing, _ in told:
            is_end = writing not in fresh
            text, reason = writing.take(fresh.get(writing, ""), is_end=is_end)
            if text:
                self._outbox.put(writing.answer, Piece(text=text))
            if reason is not None:
                self._mean_s += 0.2 * (self._clock() - writing.started_at - self._mean_s)
                self._end(writing, Done(reason=reason, tokens=writing.tokens))

    def _texts(self, told: list[tuple[_Writing, int]]) -> dict[_Writing, str]:
        """The text that each token made certain; ends of answers are left out."""
        by_reader: dict[int, list[_Writing]] = defaultdict(list)
        for writing, token in told:
            generation = writing.generation
            assert generation is not None, "a token comes from a generation"
            if not generation.ends(token):
                writing.decoder.push(token)
                by_reader[id(generation.reader)].append(writing)
        found: dict[_Writing, str] = {}
        for writings in by_reader.values():
            generation = writings[0].generation
            assert generation is not None, "a token comes from a generation"
            texts = decode([writing.decoder for writing in writings], generation.reader.texts)
            found.update(zip(writings, texts, strict=True))
        return found

    def _drop_cancelled(self) -> None:
        for waiting in [*self._waiting, *self._active.values()]:
            if isinstance(waiting, _Writing) and waiting.answer.is_cancelled:
                self._end(waiting, None)

    def _end(self, waiting: Waiting, last: Done | Exception | None) -> None:
        """Frees the place, then says the last word."""
        assert isinstance(waiting, _Writing)
        writing = waiting
        generation = writing.generation
        if generation is None:
            self._waiting.drop(writing)
        elif self._active.pop(generation, None) is not None:
            self._waiting.leave(writing.person)
            try:
                generation.close()
            except Exception:
                log.exception("a generation did not close")
        if last is not None:
            self._say_last(writing, last)

    def _say_last(self, writing: _Writing, last: Done | Exception) -> None:
        event: Event
        if isinstance(last, Done | AskError):
            event = last
        else:
            event = Failed(secrets.token_hex(4))
            log.error("answer failed, reference %s", event.reference, exc_info=last)
        self._outbox.put(writing.answer, event)
