"""One forward pass for many answers: their tokens in one stream, each through its own checkpoint.

The packed layer of training wants the tokens of one adapter beside each other; keys and values lie in rows of their
own order. The stream follows the adapters, and attention finds each row's token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from tuner.chat.asks import Texts
from tuner.chat.engine.adapters import Adapters
from tuner.chat.engine.cache import Cache, Slab
from tuner.chat.engine.norms import short_norms
from tuner.chat.engine.products import Part, Products
from tuner.chat.engine.sampling import Choice
from tuner.chat.engine.side import NOBODY, Owner
from tuner.train.packed.cached import Chunk, Held, Row, cached_attention
from tuner.train.packed.spans import make_spans
from tuner.train.packed.stack import Shape


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Tokens:
    """One answer's tokens, and where their keys and values are. Implements `Holder`."""

    ids: list[int]
    """Prompt and answer."""
    owner: Owner = NOBODY
    held: int = 0
    prompt_store: torch.Tensor | None = None
    slab: Slab | None = None
    row: int = -1


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
class Writing(Tokens):
    """An answer with all that it takes to go on. Implements `Generation`."""

    base: Any
    """The PackedBase that it belongs to."""
    reader: Texts
    choice: Choice

    def ends(self, token: int) -> bool:
        return token in self.base.ends

    def close(self) -> None:
        self.base.leave(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The next piece of an answer's prompt."""

    of: Tokens
    tokens: int

    @property
    def is_last(self) -> bool:
        return self.of.held + self.tokens == len(self.of.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How a stream is laid out; the same from step to step while the same people write."""

    writers: tuple[Tokens, ...]
    """In the order of the rows of their keys and values."""
    places: list[int]
    """Of each writer's token in the stream."""
    starts: list[int]
    """Of each piece of a prompt."""
    tokens: int
    due: torch.Tensor
    """(due,) int64: tokens whose successors are wanted."""
    parts: tuple[Part, ...]
    rows: tuple[tuple[Slab, torch.Tensor | None, torch.Tensor], ...]
    """Each slab with its tokens of the stream, in the order of its rows, and 0, 1, 2, ..."""

    def fits(self, writers: Sequence[Tokens]) -> bool:
        """False when somebody joined, left or moved."""
        return self.writers == tuple(writers) and all(len(slab.holders) == len(rows) for slab, _, rows in self.rows)


class Stream:
    """The model is changed while this lives: its layers and its attention look at the stream at hand."""

    def __init__(self, model: Any, shapes: Sequence[Shape], device: torch.device, cache: Cache,
                 adapter_bytes: int) -> None:
        self._model, self._device, self._cache = model, device, cache
        self._changes = ExitStack()
        self._changes.enter_context(cached_attention(model))
        self._changes.enter_context(short_norms(model))
        self._products = Products(model, shapes, device, self._parts)
        self._changes.callback(self._products.close)
        self.adapters = Adapters(
            self._products.families, budget_bytes=adapter_bytes, device=device, dtype=model.dtype)
        self._plan: _Plan | None = None

    def close(self) -> None:
        """The model is as it was loaded again."""
        self._changes.close()

    def writers(self) -> list[Tokens]:
        """In the order of the rows of their keys and values."""
        return [holder for slab in self._cache.in_use() for holder in slab.holders if isinstance(holder, Tokens)]

    def run(self, readings: Sequence[Reading]) -> torch.Tensor:
        """Promises logits, (due, vocabulary): of every writer, then of every prompt that is read to its end."""
        writers = self.writers()
        if self.adapters.use([*(one.owner for one in writers), *(reading.of.owner for reading in readings)]):
            self._plan = None
            self._products.use(self.adapters.side.layers)
        plan = self._plan
        if plan is None or readings or plan.starts or not plan.fits(writers):
            plan = self._plan = self._laid_out(writers, readings)
        ids, at = [0] * plan.tokens, [0] * plan.tokens
        for one, place in zip(writers, plan.places, strict=True):
            ids[place], at[place] = one.ids[one.held], one.held
        chunks = []
        for reading, start in zip(readings, plan.starts, strict=True):
            own, end = reading.of, start + reading.tokens
            assert own.prompt_store is not None, "a prompt that is read has a store"
            ids[start:end] = own.ids[own.held : own.held + reading.tokens]
            at[start:end] = range(own.held, own.held + reading.tokens)
            chunks.append(Chunk(start=start, end=end, store=own.prompt_store, held=own.held))
        both = torch.tensor([ids, at], device=self._device)
        out = self._model(input_ids=both[:1], position_ids=both[1:], use_cache=False, logits_to_keep=plan.due,
                          held=Held(rows=_rows(plan, both[1]), chunks=tuple(chunks)))
        logits: torch.Tensor = out.logits[0]
        return logits

    def _parts(self) -> Sequence[Part]:
        """For the packed layer."""
        assert self._plan is not None, "layers are used by a plan only"
        return self._plan.parts

    def _laid_out(self, writers: Sequence[Tokens], readings: Sequence[Reading]) -> _Plan:
        pieces = [*((one.owner, 1) for one in writers), *((one.of.owner, one.tokens) for one in readings)]
        slots = {owner: slot for slot, owner in enumerate(self.adapters.side.owners)}
        is_cpu = self._device.type == "cpu"  # there a batched product of a token each is best, without the prompts

        def order(index: int) -> tuple[bool, bool, int]:
            owner = pieces[index][0]
            return owner == NOBODY, is_cpu and index >= len(writers), slots.get(owner, 0)

        begins, parts, end = [0] * len(pieces), list[Part](), 0
        for (is_nobodys, _), group in groupby(sorted(range(len(pieces)), key=order), lambda index: order(index)[:2]):
            first, sizes = end, Counter[int]()
            for index in group:
                begins[index], end = end, end + pieces[index][1]
                sizes[order(index)[2]] += pieces[index][1]
            if not is_nobodys:
                parts.append(self._part(slice(first, end), sizes))
        places, starts = begins[: len(writers)], begins[len(writers) :]
        due = [*places, *(start + reading.tokens - 1 for start, reading in zip(starts, readings, strict=True)
                          if reading.is_last)]
        rows, first = [], 0
        for slab in self._cache.in_use():
            own = places[first : first + len(slab.holders)]
            is_all = own == list(range(end))
            rows.append((slab, None if is_all else self._tensor(own), torch.arange(len(own), device=self._device)))
            first += len(own)
        return _Plan(writers=tuple(writers), places=places, starts=starts, tokens=end, due=self._tensor(due),
                     parts=tuple(parts), rows=tuple(rows))

    def _part(self, tokens: slice, sizes: Mapping[int, int]) -> Part:
        """`sizes`: by the adapter's place, how many tokens."""
        side, own = self.adapters.side, slice(min(sizes), max(sizes) + 1)
        return Part(tokens=tokens, adapters=own, spans=make_spans(
            [sizes.get(slot, 0) for slot in range(own.start, own.stop)], side.ranks[own], side.scales[own],
            self._device, self._model.dtype))

    def _tensor(self, values: list[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.long, device=self._device)


def _rows(plan: _Plan, at: torch.Tensor) -> tuple[Row, ...]:
    """`at`: (tokens,), each token's place in its own conversation."""
    found = []
    for slab, tokens, rows in plan.rows:
        held = [holder.held for holder in slab.holders]
        longest = max(held) + 1
        found.append(Row(
            tokens=tokens, store=slab.store[:, :, :, :, :longest], rows=rows, is_even=min(held) + 1 == longest,
            at=at if tokens is None else at.index_select(0, tokens)))
    return tuple(found)


def keep(writers: Sequence[Tokens], readings: Sequence[Reading]) -> None:
    """Counts what a forward pass has kept."""
    for one in writers:
        one.held += 1
    for reading in readings:
        reading.of.held += reading.tokens
