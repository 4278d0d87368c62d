"""One base model answering many requests at once, each through its own checkpoint: the torch side of a step.

A step is one forward pass over one stream of tokens: first a token of each answer that is being written, then pieces
of prompts. Whoever comes is in the next step, whoever leaves is out of it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch

from tuner.chat.asks import Ask, ModelRef, Prompt
from tuner.chat.engine.adapters import Adapters
from tuner.chat.engine.cache import Cache, Geometry, Slab
from tuner.chat.engine.readers import Reader, end_tokens, penalty_of
from tuner.chat.engine.sampling import Choice, choose
from tuner.evaluate.base import Base
from tuner.train.packed.cached import Chunk, Held, Row, cached_attention
from tuner.train.packed.layers import CannotPackError, plain_head, tunable
from tuner.train.packed.rows import NOBODY, Desk, Owner, Piece, row_routed, strangers

log = logging.getLogger(__name__)

PROMPT_TOKENS = 512
"""Of prompts in one step, at most."""
PROMPTS_AT_ONCE = 4
STALL_S = 0.1
"""How much longer others may wait for their next token because of a prompt."""
_LEAST_TOKENS = 16


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Writing:
    """One answer. Implements `Generation` and `Holder`."""

    base: PackedBase
    reader: Reader
    ids: list[int]
    """Prompt and answer."""
    choice: Choice
    owner: Owner = NOBODY
    held: int = 0
    prompt_store: torch.Tensor | None = None
    slab: Slab | None = None
    row: int = -1

    def ends(self, token: int) -> bool:
        return token in self.base.ends

    def close(self) -> None:
        self.base.leave(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The next piece of an answer's prompt."""

    writing: Writing
    tokens: int

    @property
    def is_last(self) -> bool:
        return self.writing.held + self.tokens == len(self.writing.ids)


@dataclass(slots=True, kw_only=True)
class _Order:
    """What stays the same from step to step until somebody joins or leaves."""

    writers: tuple[Writing, ...] = ()
    strange: Mapping[int, torch.Tensor | None] = field(default_factory=dict)
    rows: Mapping[int, torch.Tensor] = field(default_factory=dict)
    """By capacity: 0, 1, 2, ..."""


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
        self.adapters = Adapters(shapes, budget_bytes=adapter_bytes, device=base.device, dtype=base.model.dtype)
        self.cache = Cache(geometry, budget_bytes=cache_bytes, device=base.device, dtype=base.model.dtype)
        self.open: list[Writing] = []
        """In the order in which they came: when memory is short the last ones wait."""
        self._unread: deque[Writing] = deque()
        self._order = _Order()
        self._desk = Desk()
        self._token_s = 0.0
        """Seconds that a prompt's token takes, as seen of late."""
        with torch.inference_mode():
            expected = [self.model(input_ids=torch.tensor([line], device=self.device)).logits[0] for line in _PROBES]
        self._changed = ExitStack()
        self._changed.enter_context(row_routed(self.model, [shape.name for shape in shapes], self._desk))
        self._changed.enter_context(cached_attention(self.model))
        try:
            with torch.inference_mode():
                self._refuse_other_numbers(expected)
        except BaseException:
            self.close()
            raise

    @property
    def is_held(self) -> bool:
        return bool(self.open)

    def close(self) -> None:
        """The model is as it was loaded again."""
        self._changed.close()

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
                self._put_off(writing)
                self._unread.remove(writing)
                self.adapters.let_go(writing.owner)

    def step(self) -> list[tuple[Writing, int | Exception]]:
        """See `Models.step`."""
        with torch.inference_mode():
            began = self._clock()
            self._make_room()
            readings = self._readings()
            try:
                found = self._advance(readings)
            except torch.OutOfMemoryError:
                return self._relieve()
        if readings:
            took = (self._clock() - began) / sum(reading.tokens for reading in readings)
            self._token_s += (took - self._token_s) * (0.3 if self._token_s else 1.0)
        return found

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

    def _readings(self) -> list[_Reading]:
        """Pieces of the first prompts in line, as many tokens as the others can bear to wait for."""
        left = PROMPT_TOKENS
        if self._token_s:
            stall_s = STALL_S if self.cache.slabs else 4 * STALL_S
            left = max(_LEAST_TOKENS, min(left, int(stall_s / self._token_s)))
        found: list[_Reading] = []
        for writing in self._unread:
            if not left or len(found) == PROMPTS_AT_ONCE:
                break
            if writing.prompt_store is None and not self.cache.open_prompt(writing, len(writing.ids)):
                break
            tokens = min(left, len(writing.ids) - writing.held)
            found.append(_Reading(writing=writing, tokens=tokens))
            left -= tokens
        return found

    def _advance(self, readings: Sequence[_Reading]) -> list[tuple[Writing, int | Exception]]:
        """One forward pass; those who are due get their next token."""
        writers = self._writers()
        if not writers and not readings:
            return []
        logits = self._forward(writers, readings)
        due = [*writers, *(reading.writing for reading in readings if reading.is_last)]
        tokens = choose(logits, [writing.choice for writing in due])
        _keep(writers, readings)
        found: list[tuple[Writing, int | Exception]] = []
        for writing, token in zip(due, tokens, strict=True):
            if token is None:
                found.append((writing, FloatingPointError("a model's largest logit must be finite")))
                continue
            writing.ids.append(token)
            found.append((writing, token))
            if writing.prompt_store is not None:
                self._unread.remove(writing)
                self._settle(writing)
        return found

    def _writers(self) -> list[Writing]:
        """In the order of the rows of their keys and values."""
        return [holder for slab in self.cache.in_use() for holder in slab.holders if isinstance(holder, Writing)]

    def _forward(self, writers: Sequence[Writing], readings: Sequence[_Reading]) -> torch.Tensor:
        """Promises logits, (due, vocabulary): of every writer, then of every prompt that is read to its end."""
        self._arrange(writers, readings)
        ids = [writing.ids[writing.held] for writing in writers]
        at = [writing.held for writing in writers]
        due = list(range(len(ids)))
        chunks, pieces = [], []
        for reading in readings:
            own, start, end = reading.writing, reading.writing.held, reading.writing.held + reading.tokens
            assert own.prompt_store is not None, "a prompt that is read has a store"
            chunks.append(Chunk(start=len(ids), end=len(ids) + reading.tokens, store=own.prompt_store, held=start))
            pieces.append(Piece(owner=own.owner, start=len(ids), end=len(ids) + reading.tokens))
            ids += own.ids[start:end]
            at += range(start, end)
            if reading.is_last:
                due.append(len(ids) - 1)
        both = torch.tensor([ids, at], device=self.device)
        self._desk.pieces = [piece for piece in pieces if piece.owner != NOBODY]
        out = self.model(
            input_ids=both[:1], position_ids=both[1:], use_cache=False,
            logits_to_keep=torch.tensor(due, dtype=torch.long, device=self.device),
            held=Held(rows=self._rows(both[1]), chunks=tuple(chunks)))
        logits: torch.Tensor = out.logits[0]
        return logits

    def _arrange(self, writers: Sequence[Writing], readings: Sequence[_Reading]) -> None:
        """Puts the adapters of this step in place; does nothing while the same people write."""
        owners = [writing.owner for writing in writers]
        has_changed = self.adapters.use([*owners, *(reading.writing.owner for reading in readings)])
        if has_changed or self._order.writers != tuple(writers):
            self._order = _Order(
                writers=tuple(writers), strange=strangers(self.adapters.blocks, owners, self.device) if owners else {},
                rows={slab.capacity: torch.arange(len(slab.holders), device=self.device)
                      for slab in self.cache.in_use()})
        self._desk.blocks, self._desk.strange = self.adapters.blocks, self._order.strange
        self._desk.singles = len(writers)

    def _rows(self, at: torch.Tensor) -> tuple[Row, ...]:
        found, start = [], 0
        for slab in self.cache.in_use():
            end = start + len(slab.holders)
            places = [holder.held for holder in slab.holders]
            longest = min(slab.capacity, max(places) + 1)
            found.append(Row(
                start=start, end=end, store=slab.store[:, :, :, :, :longest], rows=self._order.rows[slab.capacity],
                at=at[start:end], is_even=min(places) + 1 == longest))
            start = end
        return tuple(found)

    def _relieve(self) -> list[tuple[Writing, int | Exception]]:
        """The device has no memory left: the later half begins anew later; one alone has to be given up."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        holding = [writing for writing in self.open if writing.slab or writing.prompt_store is not None]
        if len(holding) < 2:
            return [(writing, MemoryError("one answer takes more memory than there is")) for writing in holding]
        log.warning("no memory for %d answers at once; the later half waits", len(holding))
        for writing in reversed(holding[len(holding) // 2 :]):
            self._put_off(writing)
        self.cache.budget_bytes = max(self.cache.used_bytes, self.cache.budget_bytes // 2)
        return []

    def _refuse_other_numbers(self, expected: Sequence[torch.Tensor]) -> None:
        """Reads and writes two short lines in pieces, against the model's own logits."""
        lines = [Writing(base=self, reader=None, ids=list(line), choice=None) for line in _PROBES]  # type: ignore[arg-type]
        try:
            got = self._probed(lines)
        except (ValueError, TypeError, LookupError, RuntimeError, AttributeError) as error:
            raise CannotPackError("numbers", str(error)) from error
        finally:
            for writing in lines:
                self.cache.release(writing)
        tolerance = 1e-3 if self.model.dtype == torch.float32 else 5e-2
        for own, wanted in zip(got, expected, strict=True):
            near = wanted[-len(own):].float()
            if own.shape != near.shape or not (own.float() - near).norm() <= tolerance * near.norm():
                raise CannotPackError("numbers", "the logits in the batch differ from the model's own")

    def _probed(self, lines: Sequence[Writing]) -> list[torch.Tensor]:
        """The logits of each line's last three tokens: the first of a prompt read in two pieces, two of answers."""
        whole = [list(writing.ids) for writing in lines]
        found: list[list[torch.Tensor]] = [[] for _ in lines]
        for place, writing in enumerate(lines):
            writing.ids = whole[place][:-2]
            self.cache.open_prompt(writing, len(writing.ids))
            for tokens in (4, len(writing.ids) - 4):
                reading = _Reading(writing=writing, tokens=tokens)
                logits = self._forward([], [reading])
                _keep([], [reading])
            found[place].append(logits[0])
        for writing in lines:
            self.cache.settle(writing)
        for back in (-1, None):
            for place, writing in enumerate(lines):
                writing.ids = whole[place][:back]
            writers = self._writers()
            for writing, row in zip(writers, self._forward(writers, []), strict=True):
                found[lines.index(writing)].append(row)
            _keep(writers, [])
        self._order = _Order()
        return [torch.stack(own) for own in found]


def _keep(writers: Sequence[Writing], readings: Sequence[_Reading]) -> None:
    """Counts what a forward pass has kept."""
    for writing in writers:
        writing.held += 1
    for reading in readings:
        reading.writing.held += reading.tokens


_PROBES = ([7, 10, 13, 16, 19, 22, 25, 28, 31], [9, 14, 19, 24, 29, 34, 39, 44, 49, 54, 59, 64, 69, 74, 79])
"""Tokens that every vocabulary has."""
