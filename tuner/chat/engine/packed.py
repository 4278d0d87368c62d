"""One base model answering many requests at once, each through its own checkpoint: who is in which step.

A step is one forward pass: a token of each answer that is being written, and pieces of prompts. Whoever comes is in the
next step, whoever leaves is out of it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

import torch

from tuner.chat.asks import Ask, ModelRef, Prompt
from tuner.chat.engine.cache import Cache, Geometry
from tuner.chat.engine.probe import own_logits, refuse_other_numbers
from tuner.chat.engine.readers import Reader, end_tokens, penalty_of
from tuner.chat.engine.sampling import Choice, choose
from tuner.chat.engine.stream import Reading, Stream, Writing, keep
from tuner.chat.engine.suspects import Suspects
from tuner.evaluate.base import Base
from tuner.train.health import lacks_memory
from tuner.train.packed.layers import plain_head, tunable

log = logging.getLogger(__name__)

PROMPT_TOKENS = 512
"""Of prompts in one step, at most."""
FIRST_TOKENS = 64
"""The same, while it is not known how long a prompt's token takes."""
PROMPTS_AT_ONCE = 4
STALL_S = 0.2
"""How much longer others may wait for their next token because of a prompt; where that takes longer anyway, twice as
long."""
_LEAST_TOKENS = 16
_SPARING_STEPS = 32
"""For so long, once memory was short, nobody's prompt is read beside those who write; else at most one's, slowly."""


class PackedBase:
    """The model is changed while this lives: its layers and its attention look at the requests of the step."""

    def __init__(self, base: Base, geometry: Geometry, *, cache_bytes: int, adapter_bytes: int,
                 clock: Callable[[], float] = time.perf_counter) -> None:
        """Raises CannotPackError when this model's answers have to be written one at a time."""
        plain_head(base.model)
        self.model, self.device = base.model, base.device
        self.ends = end_tokens(base.model, base.tokenizer)
        self._penalty = penalty_of(base.model)
        self._clock = clock
        shapes = tunable(base.model)
        self.cache = Cache(geometry, budget_bytes=cache_bytes, device=base.device, dtype=base.model.dtype)
        self.open: list[Writing] = []
        """In the order in which they came: when memory is short the last ones wait."""
        self._unread: deque[Writing] = deque()
        self._suspects = Suspects[Writing]()
        self._sparing_steps = 0
        self._token_s, self._write_s = 0.0, 0.0
        """Seconds that a prompt's token adds to a step, and those of a step without prompts, as seen of late."""
        expected = own_logits(self.model, self.device)
        self._stream = Stream(self.model, shapes, self.device, self.cache, adapter_bytes)
        self.adapters = self._stream.adapters
        try:
            tolerance = 1e-3 if self.model.dtype == torch.float32 else 5e-2
            refuse_other_numbers(self._stream, self.cache, expected, tolerance)
        except BaseException:
            self.close()
            raise

    @property
    def is_held(self) -> bool:
        return bool(self.open)

    def close(self) -> None:
        """The model is as it was loaded again."""
        self._stream.close()

    def has_room(self, model: ModelRef, prompt: Prompt) -> bool:
        return not self.open or (
            self.adapters.has_room(model.adapter, model.sha256) and self.cache.has_room(len(prompt.ids)))

    def begin(self, ask: Ask, prompt: Prompt, reader: Reader) -> Writing:
        owner = self.adapters.hold(ask.model.adapter, ask.model.sha256)
        choice = Choice(temperature=ask.temperature, top_p=ask.top_p, seed=ask.seed, repetition_penalty=self._penalty,
                        prompt=prompt.ids)
        writing = Writing(base=self, reader=reader, ids=list(prompt.ids), owner=owner, choice=choice)
        self.open.append(writing)
        self._unread.append(writing)
        return writing

    def leave(self, writing: Writing) -> None:
        if writing in self.open:
            with torch.inference_mode():
                self.open.remove(writing)
                self._suspects.clear(writing)
                self._put_off(writing)
                self._unread.remove(writing)
                self.adapters.let_go(writing.owner)

    def step(self) -> list[tuple[Writing, int | Exception]]:
        """See `Models.step`."""
        with torch.inference_mode():
            began, readings = self._clock(), list[Reading]()
            try:
                self._make_room()
                readings = self._readings()
                found = self._advance(readings)
            except Exception as error:
                return self._relieve() if lacks_memory(error) else self._blame(error, readings)
        self._learn(self._clock() - began, sum(reading.tokens for reading in readings))
        return found

    def _learn(self, took_s: float, read: int) -> None:
        """What writing takes by itself is no prompt's: else, where a step is slow, ever shorter pieces would be read.
        At least a quarter is, should the writing have been slow by chance."""
        if read:
            added = max(took_s - self._write_s, took_s / 4) / read
            self._token_s += (added - self._token_s) * (0.3 if self._token_s else 1.0)
        else:
            self._write_s += (took_s - self._write_s) * (0.3 if self._write_s else 1.0)

    def _make_room(self) -> None:
        """Whose row is full moves to a longer one; where memory is short, those who came last begin anew later."""
        for writing in list(self.open):
            if writing.slab is not None and writing.held == writing.slab.capacity:
                self._settle(writing)

    def _settle(self, writing: Writing) -> None:
        while not self.cache.settle(writing):
            last = next(other for other in reversed(self.open) if other.slab or other.prompt_store is not None)
            self._put_off(last)
            if last is writing:
                return

    def _put_off(self, writing: Writing) -> None:
        """Takes an answer's memory; it is read again from the start when there is room."""
        self.cache.release(writing)
        writing.held = 0
        if writing not in self._unread:
            self._unread.appendleft(writing)

    def _readings(self) -> list[Reading]:
        """Pieces of the first prompts in line, as many tokens as the others can bear to wait for."""
        left = min(PROMPT_TOKENS, FIRST_TOKENS)
        if self._token_s:
            stall_s = max(STALL_S, self._write_s) * (1 if self.cache.slabs else 4)
            left = max(_LEAST_TOKENS, min(PROMPT_TOKENS, int(stall_s / self._token_s)))
        most = PROMPTS_AT_ONCE
        if self._sparing_steps:
            self._sparing_steps -= 1
            left, most = (0, 0) if self.cache.slabs else (_LEAST_TOKENS, 1)
        found: list[Reading] = []
        for writing in self._unread:
            if not left or len(found) == most:
                break
            if not self._suspects.may_read(writing):
                continue
            if writing.prompt_store is None and not self.cache.open_prompt(writing, len(writing.ids)):
                break
            tokens = min(left, len(writing.ids) - writing.held)
            found.append(Reading(of=writing, tokens=tokens))
            left -= tokens
        return found

    def _advance(self, readings: Sequence[Reading]) -> list[tuple[Writing, int | Exception]]:
        """One forward pass; those who are due get their next token."""
        writers = self._stream.writers()
        if not writers and not readings:
            return [(writing, MemoryError("there is no room for a single answer")) for writing in self.open[:1]]
        logits = self._stream.run(readings)
        due = [one for one in (*writers, *(reading.of for reading in readings if reading.is_last))
               if isinstance(one, Writing)]
        tokens = choose(logits, [writing.choice for writing in due])
        keep(writers, readings)
        found: list[tuple[Writing, int | Exception]] = []
        for writing, token in zip(due, tokens, strict=True):
            self._suspects.clear(writing)
            if token is None:
                found.append((writing, FloatingPointError("a model's largest logit must be finite")))
                continue
            writing.ids.append(token)
            found.append((writing, token))
            if writing.prompt_store is not None:
                self._seat(writing)
        return found

    def _seat(self, writing: Writing) -> None:
        """Gives a row to an answer whose prompt is read. Where that fails no token of anybody is lost: it is read again
        when there is room."""
        self._unread.remove(writing)
        try:
            self._settle(writing)
        except Exception as error:
            log.warning("an answer got no place and is read again later", exc_info=error)
            self._put_off(writing)

    def _blame(self, error: Exception, readings: Sequence[Reading]) -> list[tuple[Writing, int | Exception]]:
        """A step failed. Its answers are tried in halves until it is known whose fault it was; all others go on."""
        took_part = [one for one in (*self._stream.writers(), *(reading.of for reading in readings))
                     if isinstance(one, Writing)]
        culprit = self._suspects.blame(took_part or self.open)
        if culprit is not None:
            return [(culprit, error)]
        log.warning("a step of %d answers failed; they are tried apart", len(took_part), exc_info=error)
        for writing in reversed(self.open):
            holds_up = writing.prompt_store is not None and not self._suspects.may_read(writing)
            if holds_up or self._suspects.is_apart(writing):
                self._put_off(writing)
        return []

    def _relieve(self) -> list[tuple[Writing, int | Exception]]:
        """The device has no memory left: the later half begins anew later; one alone has to be given up."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        holding = [writing for writing in self.open if writing.slab or writing.prompt_store is not None]
        if len(holding) < 2:
            alone = holding or self.open[:1]
            return [(writing, MemoryError("one answer takes more memory than there is")) for writing in alone]
        log.warning("no memory for %d answers at once; the later half waits", len(holding))
        for writing in reversed(holding[len(holding) // 2 :]):
            self._put_off(writing)
        self.cache.halve()
        self._sparing_steps = _SPARING_STEPS
        return []
