"""Keys and values of the answers under way, within a budget of bytes. Knows no model and no adapter.

A prompt that is being read has a store of its own size. An answer that is being written has a row in a slab: one slab
for each capacity of 128, 256, 512, ... tokens. The rows of a slab in use are always its first ones, so that attention
works on views and copies nothing; who leaves is replaced by the last row. An answer that outgrows its row moves to the
next slab. Rows that nobody uses are zero: nothing of one person's answer is left for the next, and a NaN ends with
its answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch

SMALLEST = 128
"""Tokens of the shortest rows."""


ROWS_OF_ONE = 3
"""An answer that moves from its prompt to a slab, or from slab to slab, takes up to so many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """What a model keeps of each token."""

    layers: int
    heads: int
    """Of keys and values."""
    width: int
    longest: int
    """Tokens of the longest conversation."""

    def token_bytes(self, dtype: torch.dtype) -> int:
        return int(2 * self.layers * self.heads * self.width * dtype.itemsize)


class Holder(Protocol):
    """An answer, as far as its keys and values go."""

    held: int
    """Tokens that are kept."""
    prompt_store: torch.Tensor | None
    """(layers, 2, heads, tokens, width) while the prompt is being read."""
    slab: Slab | None
    row: int


@dataclass(slots=True, eq=False, repr=False)
class Slab:
    capacity: int
    store: torch.Tensor
    """(layers, 2, rows, heads, capacity, width)"""
    holders: list[Holder] = field(default_factory=list)
    """Who has which of the first rows."""

    @property
    def nbytes(self) -> int:
        return int(self.store.nbytes)


class Cache:
    """Keys and values of one model's answers. Never more than `budget_bytes`, except that one answer of `longest`
    tokens always fits."""

    def __init__(self, geometry: Geometry, *, budget_bytes: int, device: torch.device, dtype: torch.dtype) -> None:
        self._shape = (geometry.layers, geometry.heads, geometry.width)
        self._longest = -(-geometry.longest // 16) * 16
        self._device, self._dtype = device, dtype
        self.token_bytes = geometry.token_bytes(dtype)
        self._least_bytes = ROWS_OF_ONE * self.token_bytes * self._longest
        self.budget_bytes = max(budget_bytes, self._least_bytes)
        self.slabs: dict[int, Slab] = {}
        self._prompts = 0

    @property
    def used_bytes(self) -> int:
        return self._prompts + sum(slab.nbytes for slab in self.slabs.values())

    def halve(self) -> None:
        """The device holds less than was thought."""
        self.budget_bytes = max(self.used_bytes, self.budget_bytes // 2, self._least_bytes)

    def has_room(self, tokens: int) -> bool:
        """True when a prompt of so many tokens can be read and answered now."""
        wanted = tokens * self.token_bytes + self._growth(self._capacity(tokens + 1))
        return self.used_bytes + wanted <= self.budget_bytes

    def open_prompt(self, holder: Holder, tokens: int) -> bool:
        """Gives a store for a prompt of so many tokens; False when there is no room."""
        if not self.has_room(tokens):
            return False
        layers, heads, width = self._shape
        holder.prompt_store = torch.zeros(layers, 2, heads, tokens, width, device=self._device, dtype=self._dtype)
        self._prompts += holder.prompt_store.nbytes
        return True

    def settle(self, holder: Holder) -> bool:
        """Moves what a holder has kept, from its prompt or from a row that is full, to a row with room for more.

        False, and nothing has changed, when there is none.
        """
        capacity = self._capacity(holder.held + 1)
        if self._growth(capacity) + self.used_bytes > self.budget_bytes:
            return False
        slab = self._grown(capacity)
        kept = holder.prompt_store
        if kept is None:
            assert holder.slab is not None, "a holder without a prompt has a row"
            kept = holder.slab.store[:, :, holder.row]
        slab.store[:, :, len(slab.holders), :, : holder.held] = kept[:, :, :, : holder.held]
        self.release(holder)
        slab.holders.append(holder)
        holder.slab, holder.row = slab, len(slab.holders) - 1
        return True

    def release(self, holder: Holder) -> None:
        """Takes back whatever the holder has. May be called twice."""
        if holder.prompt_store is not None:
            self._prompts -= holder.prompt_store.nbytes
            holder.prompt_store = None
        slab = holder.slab
        if slab is None:
            return
        last = slab.holders.pop()
        if last is not holder:
            slab.store[:, :, holder.row] = slab.store[:, :, last.row]
            slab.holders[holder.row] = last
        slab.store[:, :, len(slab.holders)] = 0
        if last is not holder:
            last.row = holder.row
        holder.slab, holder.row = None, -1
        if not slab.holders:
            del self.slabs[slab.capacity]
        elif 4 * len(slab.holders) <= slab.store.shape[2]:
            slab.store = slab.store[:, :, : len(slab.holders)].clone()

    def in_use(self) -> list[Slab]:
        """The slabs in which somebody writes, shortest first."""
        return sorted(self.slabs.values(), key=lambda slab: slab.capacity)

    def _capacity(self, tokens: int) -> int:
        capacity = SMALLEST
        while capacity < tokens:
            capacity *= 2
        return max(min(capacity, self._longest), tokens)

    def _growth(self, capacity: int) -> int:
        """Bytes that one more row of this capacity takes at least, while it is being made."""
        slab = self.slabs.get(capacity)
        if slab is None:
            return capacity * self.token_bytes
        if len(slab.holders) < slab.store.shape[2]:
            return 0
        return slab.nbytes + capacity * self.token_bytes

    def _grown(self, capacity: int) -> Slab:
        """Promises a slab with a free row: twice as many rows as before where they fit."""
        slab = self.slabs.get(capacity)
        if slab is not None and len(slab.holders) < slab.store.shape[2]:
            return slab
        rows = 0 if slab is None else slab.store.shape[2]
        fitting = (self.budget_bytes - self.used_bytes) // (capacity * self.token_bytes)
        wanted = max(rows + 1, min(2 * rows, fitting) if rows else min(4, fitting // 4))
        layers, heads, width = self._shape
        store = torch.zeros(layers, 2, wanted, heads, capacity, width, device=self._device, dtype=self._dtype)
        if slab is None:
            slab = self.slabs[capacity] = Slab(capacity, store)
        else:
            store[:, :, :rows] = slab.store
            slab.store = store
        return slab
